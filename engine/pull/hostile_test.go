package pull

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/learndocker/learndocker/engine/image"
)

// from is a source of the image at a server.
func from(t *testing.T, address string) *Source {
	t.Helper()
	name, err := image.ParseName(address + "/x/y")
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSource(name, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// TestStall reads a blob of a registry that stops in the middle of it and keeps
// the connection: the reading ends by itself, or at the end of its context.
func TestStall(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/v2/" {
			return
		}
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, "half") // its reader gives up, and is the test's to see
		_ = http.NewResponseController(w).Flush()
		<-q.Context().Done()
	}))
	defer server.Close()
	blob := v1.Descriptor{Digest: digest.FromString("x"), Size: 1000}
	for name, end := range map[string]struct {
		patience time.Duration
		want     string
	}{"by itself": {50 * time.Millisecond, "sent nothing for 50ms"}, "at its context's end": {time.Hour, context.Canceled.Error()}} {
		t.Run(name, func(t *testing.T) {
			s := from(t, strings.TrimPrefix(server.URL, "http://"))
			s.log.patience = end.patience
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			body, err := s.Blob(ctx, blob)
			if err != nil {
				t.Fatal(err)
			}
			defer body.Close()
			if _, err := io.ReadFull(body, make([]byte, 4)); err != nil {
				t.Fatal(err)
			}
			if end.patience == time.Hour {
				cancel()
			}
			if _, err := io.ReadAll(body); err == nil || !strings.Contains(err.Error(), end.want) {
				t.Errorf("error %v, want %q", err, end.want)
			}
		})
	}
}

// endless yields the same bytes for ever.
type endless struct{ line []byte }

func (e endless) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		n += copy(p[n:], e.line)
	}
	return n, nil
}

// TestEndlessHeaders asks a server whose header never ends.
func TestEndlessHeaders(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // the test has ended
			}
			go func() {
				defer conn.Close()
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
				_, _ = io.Copy(conn, endless{[]byte("X-Again: and again\r\n")}) // until the other end has had enough
			}()
		}
	}()
	_, err = from(t, listener.Addr().String()).Resolve(t.Context(), "")
	if err == nil || !strings.Contains(err.Error(), "header") {
		t.Errorf("error %v, want one about the header", err)
	}
}

// TestHangingUp: a registry that takes the request and hangs up.
func TestHangingUp(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer server.Close()
	_, err := from(t, strings.TrimPrefix(server.URL, "http://")).Resolve(t.Context(), "")
	if err == nil || !errors.Is(err, io.EOF) {
		t.Errorf("error %v, want %v", err, io.EOF)
	}
}

// TestEndlessAnswers: whatever a registry answers without an end is read to a
// bound only: manifests, errors, tokens.
func TestEndlessAnswers(t *testing.T) {
	for name, answer := range map[string]func(w http.ResponseWriter, q *http.Request){
		"manifest": func(w http.ResponseWriter, q *http.Request) {
			w.Header().Set("Content-Type", v1.MediaTypeImageManifest)
			_, _ = io.Copy(w, endless{[]byte(" ")})
		},
		"error": func(w http.ResponseWriter, q *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.Copy(w, endless{[]byte("sorry ")})
		},
		"token": func(w http.ResponseWriter, q *http.Request) {
			if q.URL.Path == "/token" {
				_, _ = io.Copy(w, endless{[]byte(" ")})
			}
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="s"`, q.Host))
			w.WriteHeader(http.StatusUnauthorized)
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
				if q.URL.Path == "/v2/" && name != "token" {
					return
				}
				answer(w, q)
			}))
			defer server.Close()
			_, err := from(t, strings.TrimPrefix(server.URL, "http://")).Resolve(t.Context(), "")
			if err == nil || len(err.Error()) > 64<<10 {
				t.Errorf("error %.200v", err)
			}
		})
	}
}

// TestForeignLayers: a layer that names other addresses is fetched from the
// registry that was asked, and from nowhere else.
func TestForeignLayers(t *testing.T) {
	asked := 0
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer elsewhere.Close()
	content := []byte("layer")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if strings.Contains(q.URL.Path, "/blobs/") {
			_, _ = w.Write(content)
		}
	}))
	defer server.Close()
	s := from(t, strings.TrimPrefix(server.URL, "http://"))
	body, err := s.Blob(t.Context(), v1.Descriptor{
		MediaType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", Digest: digest.FromBytes(content), Size: 5, URLs: []string{elsewhere.URL},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if got, err := io.ReadAll(body); err != nil || !bytes.Equal(got, content) || asked != 0 {
		t.Errorf("got %q, %v; asked elsewhere %d times", got, err, asked)
	}
}

// FuzzManifest parses whatever comes; what is taken has digests and sizes that
// can be used.
func FuzzManifest(f *testing.F) {
	d := digest.FromString("x")
	f.Add([]byte(fmt.Sprintf(`{"schemaVersion":2,"config":{"digest":%q,"size":3},"layers":[{"digest":%q,"size":9}]}`, d, d)))
	f.Add([]byte(`{"config":{"digest":"sha256:../../x"},"layers":[],"manifests":[]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := ParseManifest(raw)
		if err != nil {
			return
		}
		for _, desc := range append(m.Layers, m.Config) {
			if strings.ContainsAny(desc.Digest.Encoded(), "/.") || desc.Size < 0 || desc.Size > maxBlob {
				t.Errorf("taken: %+v", desc)
			}
		}
	})
}

// TestEndlessTags lists the tags of a registry that has too many pages of them, and
// of one whose pages are empty.
func TestEndlessTags(t *testing.T) {
	for name, c := range map[string]struct {
		tags int // of each page
		want string
	}{"too many": {1000, "more than 10000 tags"}, "empty pages": {0, "an empty page"}} {
		t.Run(name, func(t *testing.T) {
			page := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
				if q.URL.Path == "/v2/" {
					return
				}
				if page++; page < 30 {
					w.Header().Set("Link", fmt.Sprintf(`</v2/x/y/tags/list?page=%d>; rel="next"`, page))
				}
				var tags []string
				for i := range c.tags {
					tags = append(tags, fmt.Sprintf(`"%d-%d"`, page, i))
				}
				_, _ = fmt.Fprintf(w, `{"name":"x/y","tags":[%s]}`, strings.Join(tags, ",")) // its reader is the test's to see
			}))
			defer server.Close()
			s := from(t, strings.TrimPrefix(server.URL, "http://"))
			if tags, err := s.Tags(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%d tags, %v", len(tags), err)
			}
		})
	}
}
