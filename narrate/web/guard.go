package web

import (
	"crypto/subtle"
	"embed"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
)

//go:embed page
var pageFiles embed.FS

// Files are the page: what a browser is sent, and what a site is made of.
func Files() fs.FS {
	sub, err := fs.Sub(pageFiles, "page")
	if err != nil {
		panic(err) // the directory is embedded three lines above
	}
	return sub
}

func pages() http.Handler { return http.FileServerFS(Files()) }

// policy lets the page load its own files and nothing else, and lets nobody
// frame it. See the W3C's Content Security Policy.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// guarded refuses requests that other sites have had a browser make: by a name
// that they point at us (the Host header), or from their own pages (Origin).
func guarded(names func(host string) bool, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", policy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Cache-Control", "no-cache")
		if !names(r.Host) {
			http.Error(w, "this server is not known by that name", http.StatusMisdirectedRequest)
			return
		}
		if origin := r.Header.Get("Origin"); origin != "" && origin != "http://"+r.Host {
			http.Error(w, "only the page itself may ask", http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// hosts tells the names by which a server may be asked for: addresses, which no
// other site can take, "localhost", and the name in the join address. The port
// may be another one, of a tunnel.
func hosts(join string) func(host string) bool {
	named := ""
	if u, err := url.Parse(join); err == nil {
		named = u.Hostname()
	}
	return func(host string) bool {
		name, _, err := net.SplitHostPort(host)
		if err != nil {
			name = strings.Trim(host, "[]")
		}
		return net.ParseIP(name) != nil || name == "localhost" || named != "" && name == named
	}
}

// withToken lets those pass who show the token.
func (s *Server) withToken(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		shown, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if subtle.ConstantTimeCompare([]byte(shown), []byte(s.token)) != 1 {
			http.Error(w, "open the page by the whole address that learndocker has printed", http.StatusUnauthorized)
			return
		}
		h(w, r)
	}
}
