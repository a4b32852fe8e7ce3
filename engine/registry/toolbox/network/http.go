package network

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/learndocker/learndocker/engine/registry/toolbox/applet"
)

// HTTP is spoken here in its version 1.0, by hand: the library for it brings
// TLS along, and would double the toolbox.

const (
	maxHead      = 64 << 10
	maxRedirects = 5
)

// wget fetches an http:// address to standard output, or to a file with -O.
func wget(c *applet.Call) error {
	f, err := c.Flags("qO:T:S", "header:", "post-data:")
	if err != nil {
		return err
	}
	if len(f.Args) != 1 {
		return applet.Usage("wget [-q] [-S] [-O FILE] [-T SECONDS] [--header LINE] [--post-data TEXT] ADDRESS")
	}
	patience, err := f.Int("T", 60)
	if err != nil {
		return err
	}
	w := &getter{call: c, headers: f.All("header"), body: f.Value("post-data", ""), post: f.Has("post-data"), patience: time.Duration(patience) * time.Second, show: f.Has("S")}
	address := f.Args[0]
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	for range maxRedirects {
		next, err := w.get(address, f.Value("O", "-"))
		if err != nil || next == "" {
			return err
		}
		address = next
	}
	return fmt.Errorf("more than %d redirects", maxRedirects)
}

type getter struct {
	call       *applet.Call
	headers    []string
	body       string
	post, show bool
	patience   time.Duration
}

// get fetches one address. next is where the answer sends it.
func (w *getter) get(address, file string) (next string, err error) {
	at, err := url.Parse(address)
	if err != nil || at.Host == "" {
		return "", fmt.Errorf("%s: not an address", address)
	}
	if at.Scheme != "http" {
		return "", fmt.Errorf("%s: only http:// is spoken here", address)
	}
	port := at.Port()
	if port == "" {
		port = "80"
	}
	conn, err := net.DialTimeout("tcp", net.JoinHostPort(at.Hostname(), port), w.patience)
	if err != nil {
		return "", fmt.Errorf("can't connect to remote host (%s): %w", at.Host, reason(err))
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(w.patience)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(conn, w.request(at)); err != nil {
		return "", reason(err)
	}
	r := bufio.NewReader(conn)
	status, headers, err := w.head(r)
	if err != nil {
		return "", err
	}
	if location := headers["location"]; status/100 == 3 && location != "" {
		to, err := at.Parse(location)
		if err != nil {
			return "", err
		}
		return to.String(), nil
	}
	if status/100 != 2 {
		return "", fmt.Errorf("server returned error: %s", headers[""])
	}
	return "", w.save(r, headers, file)
}

func (w *getter) request(at *url.URL) string {
	var b strings.Builder
	method := "GET"
	if w.post {
		method = "POST"
	}
	fmt.Fprintf(&b, "%s %s HTTP/1.0\r\nHost: %s\r\nUser-Agent: wget\r\nConnection: close\r\n", method, at.RequestURI(), at.Host)
	for _, h := range w.headers {
		b.WriteString(h + "\r\n")
	}
	if w.post {
		fmt.Fprintf(&b, "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n", len(w.body))
	}
	b.WriteString("\r\n" + w.body)
	return b.String()
}

// head reads the answer up to its body. The status line has the name "".
func (w *getter) head(r *bufio.Reader) (status int, headers map[string]string, err error) {
	lines, err := headLines(r)
	if err != nil {
		return 0, nil, err
	}
	headers = map[string]string{"": lines[0]}
	for _, line := range lines {
		if w.show {
			fmt.Fprintf(w.call.Err, "  %s\n", line)
		}
		name, value, _ := strings.Cut(line, ":")
		headers[strings.ToLower(name)] = strings.TrimSpace(value)
	}
	words := strings.Fields(lines[0])
	if len(words) < 2 || !strings.HasPrefix(words[0], "HTTP/") {
		return 0, nil, errors.New("the answer is no HTTP")
	}
	status, err = strconv.Atoi(words[1])
	return status, headers, err
}

// headLines reads the lines above a body.
func headLines(r *bufio.Reader) ([]string, error) {
	var lines []string
	for size := 0; size < maxHead; {
		line, err := r.ReadString('\n')
		if err != nil {
			return nil, reason(err)
		}
		size += len(line)
		if line = strings.TrimRight(line, "\r\n"); line == "" && len(lines) > 0 {
			return lines, nil
		}
		lines = append(lines, line)
	}
	return nil, errors.New("the head is too long")
}

func (w *getter) save(r io.Reader, headers map[string]string, file string) error {
	var out io.Writer = w.call.Out
	if file != "-" {
		created, err := os.Create(file)
		if err != nil {
			return err
		}
		defer created.Close()
		out = created
	}
	length, err := strconv.ParseInt(headers["content-length"], 10, 64)
	if err != nil {
		_, err = io.Copy(out, r)
		return err
	}
	if n, err := io.Copy(out, io.LimitReader(r, length)); err != nil || n < length {
		return fmt.Errorf("%d of %d bytes came: %w", n, length, errors.Join(err, io.ErrUnexpectedEOF))
	}
	return nil
}

// httpd serves a directory: httpd [-p PORT] [-h DIRECTORY]. It stays in the
// foreground, and writes a line for each request.
func httpd(c *applet.Call) error {
	f, err := c.Flags("fvp:h:")
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(f.Value("h", "."))
	if err != nil {
		return err
	}
	port := f.Value("p", "80")
	if !strings.Contains(port, ":") {
		port = ":" + port
	}
	l, err := net.Listen("tcp", port)
	if err != nil {
		return fmt.Errorf("port %s: %w", strings.TrimPrefix(port, ":"), reason(err))
	}
	for {
		conn, err := l.Accept()
		if err != nil {
			return reason(err)
		}
		go serve(c, root, conn)
	}
}

// serve answers one request.
func serve(c *applet.Call, root *os.Root, conn net.Conn) {
	defer conn.Close()
	if conn.SetDeadline(time.Now().Add(time.Minute)) != nil {
		return
	}
	lines, err := headLines(bufio.NewReader(conn))
	if err != nil {
		return // who says nothing is answered nothing
	}
	words := strings.Fields(lines[0])
	status, file := "400 Bad Request", (*os.File)(nil)
	if len(words) == 3 && (words[0] == "GET" || words[0] == "HEAD") {
		status, file = wanted(root, words[1])
	}
	// One write: lines of others must not come between.
	fmt.Fprintf(c.Out, "%s \"%s\" %s\n", conn.RemoteAddr(), lines[0], status[:3])
	if file == nil {
		fmt.Fprintf(conn, "HTTP/1.0 %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s\n", status, len(status)+1, status)
		return
	}
	defer file.Close()
	size := int64(0)
	if info, err := file.Stat(); err == nil {
		size = info.Size()
	}
	fmt.Fprintf(conn, "HTTP/1.0 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n", status, contentType(file.Name()), size)
	if words[0] == "GET" {
		_, _ = io.Copy(conn, file) // who goes away has seen enough
	}
}

// wanted opens what a request asks for. The root keeps links from leading out.
func wanted(root *os.Root, target string) (string, *os.File) {
	at, err := url.ParseRequestURI(target)
	if err != nil {
		return "400 Bad Request", nil
	}
	name := strings.TrimPrefix(path.Clean("/"+at.Path), "/")
	if name == "" {
		name = "."
	}
	if info, err := root.Stat(name); err == nil && info.IsDir() {
		name = filepath.Join(name, "index.html")
	}
	file, err := root.Open(name)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return "403 Forbidden", nil
	case err != nil:
		return "404 Not Found", nil
	}
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		file.Close()
		return "403 Forbidden", nil
	}
	return "200 OK", file
}

func contentType(name string) string {
	switch filepath.Ext(name) {
	case ".html", ".htm":
		return "text/html; charset=utf-8"
	case ".css":
		return "text/css"
	case ".js":
		return "text/javascript"
	case ".json":
		return "application/json"
	case ".txt", ".md":
		return "text/plain; charset=utf-8"
	}
	return "application/octet-stream"
}
