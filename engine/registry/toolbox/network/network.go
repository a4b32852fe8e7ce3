// Package network is the toolbox's commands for the network: what there is
// (ip), and who answers (ping, nc, nslookup, wget), and one who does (httpd).
package network

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/learndocker/learndocker/engine/registry/toolbox/applet"
)

// Commands are this package's.
func Commands() map[string]applet.Func {
	return map[string]applet.Func{"ip": ip, "ping": ping, "nc": nc, "nslookup": nslookup, "wget": wget, "httpd": httpd}
}

// reason is what hinders a connection, without what the library says around it.
func reason(err error) error {
	var errno syscall.Errno
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return fmt.Errorf("bad address '%s'", dns.Name)
	case errors.As(err, &errno):
		return errors.New(applet.Message(errno))
	}
	var timed net.Error
	if errors.As(err, &timed) && timed.Timeout() {
		return errors.New("timed out")
	}
	return err
}

// nc connects to HOST PORT, or waits for one who does: nc -l -p PORT. Both
// directions are copied until both are at their ends. -z only tries.
func nc(c *applet.Call) error {
	f, err := c.Flags("lp:zvw:nku")
	if err != nil {
		return err
	}
	kind := "tcp"
	if f.Has("u") {
		kind = "udp"
	}
	if f.Has("l") {
		port := f.Value("p", strings.Join(f.Args, ""))
		if port == "" || kind == "udp" {
			return applet.Usage("nc -l -p PORT, over TCP")
		}
		return accept(c, port, f.Has("k"))
	}
	if len(f.Args) != 2 {
		return applet.Usage("nc [-z] [-v] [-w SECONDS] [-u] HOST PORT, or nc -l -p PORT")
	}
	patience, err := f.Int("w", 60)
	if err != nil {
		return err
	}
	conn, err := net.DialTimeout(kind, net.JoinHostPort(f.Args[0], f.Args[1]), time.Duration(patience)*time.Second)
	if err != nil {
		return fmt.Errorf("%s:%s: %w", f.Args[0], f.Args[1], reason(err))
	}
	if f.Has("v", "z") {
		fmt.Fprintf(c.Err, "%s (%s) open\n", f.Args[0], conn.RemoteAddr())
	}
	if f.Has("z") {
		return conn.Close()
	}
	return both(c, conn)
}

func accept(c *applet.Call, port string, again bool) error {
	l, err := net.Listen("tcp", ":"+port)
	if err != nil {
		return reason(err)
	}
	defer l.Close()
	for {
		conn, err := l.Accept()
		if err != nil {
			return reason(err)
		}
		if err := both(c, conn); err != nil || !again {
			return err
		}
	}
}

// both copies in both directions. The command's end of input is handed on. The
// other side's ends the connection, when all has been sent that is not typed.
func both(c *applet.Call, conn net.Conn) error {
	var sent sync.WaitGroup
	sent.Go(func() {
		_, _ = io.Copy(conn, struct{ io.Reader }{c.In}) // the other side may have gone
		if half, ok := conn.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
	})
	_, err := io.Copy(c.Out, conn)
	if !applet.IsTerminal(c.In) {
		sent.Wait()
	}
	return errors.Join(err, conn.Close())
}

// nslookup asks for a name's addresses, in the way that all programs here do.
func nslookup(c *applet.Call) error {
	if len(c.Args) != 1 {
		return applet.Usage("nslookup NAME")
	}
	if data, err := os.ReadFile("/etc/resolv.conf"); err == nil {
		for line := range strings.Lines(string(data)) {
			if fields := strings.Fields(line); len(fields) == 2 && fields[0] == "nameserver" {
				fmt.Fprintf(c.Out, "Server:\t\t%s\n", fields[1])
				break
			}
		}
	}
	addresses, err := net.LookupHost(c.Args[0])
	if err != nil {
		return reason(err)
	}
	fmt.Fprintf(c.Out, "\nName:\t%s\n", c.Args[0])
	for _, a := range addresses {
		fmt.Fprintf(c.Out, "Address: %s\n", a)
	}
	return nil
}
