package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"github.com/learndocker/learndocker/narrate"
	"github.com/learndocker/learndocker/narrate/web"
)

// webFlags say who sees the session in a browser.
type webFlags struct {
	page     string // address; "" for no page
	share    string
	open     bool
	language string // in which the page is shown unless its reader has chosen; "" for the browser's
	join     string // what students open, once it is known
	unopened error  // why the browser did not open
}

func (f *webFlags) declare(flags *pflag.FlagSet) {
	flags.StringVar(&f.page, "web", "", "show the page too, at `ADDRESS` on loopback")
	flags.Lookup("web").NoOptDefVal = "127.0.0.1:0"
	flags.BoolVar(&f.open, "open", false, "open the page in the browser")
	flags.StringVar(&f.share, "share", "", "let a class follow at `ADDRESS`, as in :8080")
}

func (f *webFlags) wanted() bool { return f.page != "" || f.share != "" || f.open }

// typer is a source whose client reads what is typed.
type typer interface {
	Type(text string, end bool) error
}

// serve shows the session to browsers until ctx ends. The address is what the
// teacher opens; the channel tells the server's end.
func (f *webFlags) serve(ctx context.Context, s *narrate.Session, source narrate.Source) (address string, ended <-chan error, err error) {
	words, err := fixedWords()
	if err != nil {
		return "", nil, err
	}
	lead, follow, join, err := f.listen()
	if err != nil {
		return "", nil, err
	}
	if f.join = join; join != "" {
		fmt.Fprintln(os.Stderr, "The class:", join)
	}
	o := web.Options{Join: join, Words: words, Language: f.language}
	if t, ok := source.(typer); ok {
		o.Type = t.Type
	}
	server := web.New(s, o)
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, lead, follow) }()
	address = server.Address(lead)
	if f.open {
		if f.unopened = openBrowser(address); f.unopened != nil {
			fmt.Fprintln(os.Stderr, "the browser did not open:", f.unopened)
		}
	}
	return address, done, nil
}

func (f *webFlags) listen() (lead, follow net.Listener, join string, err error) {
	at := f.page
	if at == "" {
		at = "127.0.0.1:0"
	}
	tcp, err := net.ResolveTCPAddr("tcp", at)
	if err != nil {
		return nil, nil, "", fmt.Errorf("--web %s: %w", at, err)
	}
	if !tcp.IP.IsLoopback() {
		return nil, nil, "", fmt.Errorf("--web %s: the page leads the lesson, so it is served on loopback only; a class follows with --share %s", at, at)
	}
	if lead, err = net.ListenTCP("tcp", tcp); err != nil {
		return nil, nil, "", fmt.Errorf("--web %s: %w", at, err)
	}
	if f.share == "" {
		return lead, nil, "", nil
	}
	if follow, err = net.Listen("tcp", f.share); err != nil {
		err = fmt.Errorf("--share %s: %w", f.share, err)
		if _, notPort := strconv.ParseUint(f.share, 10, 16); notPort == nil {
			err = fmt.Errorf("%w: a port alone is written --share :%s", err, f.share)
		}
		return nil, nil, "", errors.Join(err, lead.Close())
	}
	return lead, follow, joinAddress(f.share, follow), nil
}

// joinAddress is what students open: the name or address that was asked for, or
// this machine's first address where all were.
func joinAddress(asked string, l net.Listener) string {
	host, _, _ := net.SplitHostPort(asked)
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = ownAddress()
	}
	return "http://" + net.JoinHostPort(host, strconv.Itoa(l.Addr().(*net.TCPAddr).Port)) + "/"
}

func ownAddress() string {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return "127.0.0.1"
	}
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && n.IP.IsGlobalUnicast() {
			return n.IP.String()
		}
	}
	return "127.0.0.1"
}

// browserPatience is how long a command that opens browsers may take to say that
// there is none. One that stays is the browser itself.
const browserPatience = time.Second

func openBrowser(address string) error {
	line := []string{"xdg-open"}
	switch runtime.GOOS {
	case "darwin":
		line = []string{"open"}
	case "windows":
		line = []string{"rundll32", "url.dll,FileProtocolHandler"}
	}
	cmd := exec.Command(line[0], append(line[1:], address)...)
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			return fmt.Errorf("%s: %w", line[0], err)
		}
	case <-time.After(browserPatience):
	}
	return nil
}
