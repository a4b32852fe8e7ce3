package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/lessons"
	"github.com/learndocker/learndocker/narrate/site"
)

// siteFlags say what the site is made of and where it goes.
type siteFlags struct {
	recordings []string
	base       string
	serve      string // address; "" where it is written and not served
	force      bool
}

func newSite() *cobra.Command {
	f := &siteFlags{}
	c := &cobra.Command{
		Use:   "site DIR",
		Short: "Make a web site of all lessons from their recordings: plain files for any host",
		Example: `  learndocker site public --base-url https://example.org/docker/
  learndocker site public --recording fedora.jsonl --recording debian.jsonl
  learndocker site --serve`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case f.serve != "" && len(args) > 0:
				return fmt.Errorf("%s: --serve=%s writes no directory; leave out one of the two", args[0], f.serve)
			case f.serve != "":
				return f.look(c.Context())
			case len(args) == 0:
				return errors.New("name the directory for the site, or look at it first:  learndocker site --serve")
			}
			return f.write(args[0])
		},
	}
	flags := c.Flags()
	flags.StringArrayVar(&f.recordings, "recording", nil, "add the recording in `FILE`; several of one lesson can be compared")
	flags.StringVar(&f.base, "base-url", "", "`URL` that the site will have; feeds, sitemap and pictures for links need it")
	flags.StringVar(&f.serve, "serve", "", "build it in a temporary directory and serve it at `ADDRESS` on loopback, to look at")
	flags.Lookup("serve").NoOptDefVal = "127.0.0.1:0"
	flags.BoolVar(&f.force, "force", false, "write into a directory that holds something else; what is in it stays, but for files of the same names")
	return c
}

func (f *siteFlags) write(dir string) error {
	base, err := f.address()
	if err != nil {
		return err
	}
	files, err := f.build(base)
	if err != nil {
		return err
	}
	if err := files.Write(dir, f.force); err != nil {
		if errors.Is(err, site.ErrForeign) {
			return fmt.Errorf("%w; name another directory, or say --force", err)
		}
		return err
	}
	fmt.Printf("%s: %d files; any web server can serve them\n", dir, len(files))
	if base == nil {
		fmt.Fprintln(os.Stderr, "Without --base-url there are no feed.xml, sitemap.xml, robots.txt, 404.html and no pictures for links: they have to say where the site is.")
	}
	return nil
}

func (f *siteFlags) address() (*url.URL, error) {
	if f.base == "" {
		return nil, nil
	}
	base, err := site.ParseBase(f.base)
	if err != nil {
		return nil, fmt.Errorf("--base-url: %w", err)
	}
	return base, nil
}

func (f *siteFlags) build(base *url.URL) (site.Files, error) {
	sources, err := bundledRecordings()
	if err != nil {
		return nil, err
	}
	for _, name := range f.recordings {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("--recording %s: %w", name, errors.Unwrap(err))
		}
		sources = append(sources, site.Source{Name: name, Data: data})
	}
	words, err := fixedWords()
	if err != nil {
		return nil, err
	}
	return site.Build(sources, site.Options{Base: base, Words: words})
}

// bundledRecordings are those of all lessons, the one called like its lesson
// before others of it.
func bundledRecordings() ([]site.Source, error) {
	names, err := lessonNames()
	if err != nil {
		return nil, err
	}
	var sources []site.Source
	for _, lesson := range names {
		others, err := fs.Glob(lessons.Files, "recordings/"+lesson+".*.jsonl")
		if err != nil {
			return nil, err
		}
		for _, file := range append([]string{"recordings/" + lesson + ".jsonl"}, others...) {
			data, err := fs.ReadFile(lessons.Files, file)
			if errors.Is(err, fs.ErrNotExist) {
				continue // a lesson that has not been recorded
			}
			if err != nil {
				return nil, err
			}
			sources = append(sources, site.Source{Name: path.Base(file), Data: data})
		}
	}
	return sources, nil
}

// look serves the site until the program is told to end.
func (f *siteFlags) look(ctx context.Context) (err error) {
	at, err := net.ResolveTCPAddr("tcp", f.serve)
	if err != nil {
		return fmt.Errorf("--serve=%s: %w", f.serve, err)
	}
	if !at.IP.IsLoopback() {
		return fmt.Errorf("--serve=%s: this is for looking at it, on loopback; a web server serves the directory that  learndocker site DIR  makes", f.serve)
	}
	listener, err := net.ListenTCP("tcp", at)
	if err != nil {
		return fmt.Errorf("--serve=%s: %w", f.serve, err)
	}
	defer listener.Close()
	base, err := f.address()
	if err != nil {
		return err
	}
	if base == nil {
		base = &url.URL{Scheme: "http", Host: listener.Addr().String(), Path: "/"}
	}
	files, err := f.build(base)
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "learndocker-site-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	dir := filepath.Join(tmp, "site")
	if err := files.Write(dir, false); err != nil {
		return err
	}
	fmt.Println("http://" + listener.Addr().String() + "/")
	server := &http.Server{Handler: withNotFound(dir), ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return server.Close()
	}
}

// withNotFound serves the directory as web hosts do, with its own page for what
// is not there.
func withNotFound(dir string) http.Handler {
	files := http.FileServer(http.Dir(dir))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		clean := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(clean))); err == nil {
			files.ServeHTTP(w, r)
			return
		}
		page, err := os.ReadFile(filepath.Join(dir, "404.html"))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write(page)
	})
}
