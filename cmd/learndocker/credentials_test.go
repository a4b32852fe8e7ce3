//go:build linux

package main

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// privateRegistry is a registry that wants a password, with the busybox image.
func privateRegistry(t *testing.T, user, password string) (image string) {
	t.Helper()
	inner := registry.New(registry.Logger(discardLogger))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, p, ok := r.BasicAuth(); !ok || u != user || p != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="private"`)
			http.Error(w, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`, http.StatusUnauthorized)
			return
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	image = strings.TrimPrefix(server.URL, "http://") + "/bb:latest"
	tag, err := name.NewTag(image)
	if err != nil {
		t.Fatal(err)
	}
	err = remote.Write(tag, busyboxImage(t), remote.WithAuth(&authn.Basic{Username: user, Password: password}))
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// TestCredentials pulls from a private registry: the client takes the password
// from the user's docker config file, and a watcher is not shown it.
func TestCredentials(t *testing.T) {
	needRoot(t)
	image := privateRegistry(t, "ada", "s3cret")
	d := startDaemon(t)
	t.Cleanup(d.end)
	host, _, _ := strings.Cut(image, "/")
	for _, c := range []struct {
		name, auth string
		status     int
		want       string
	}{
		{"none", "", 1, "no basic auth credentials"},
		{"wrong", base64.StdEncoding.EncodeToString([]byte("ada:wrong")), 1, "pull access denied"},
		{"right", base64.StdEncoding.EncodeToString([]byte("ada:s3cret")), 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			config := `{"auths":{"` + host + `":{"auth":"` + c.auth + `"}}}`
			if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(program(t), "pull", "-q", image)
			cmd.Env = append(os.Environ(), "DOCKER_HOST="+d.host, "DOCKER_CONFIG="+dir)
			o := finish(t, cmd)
			if o.status != c.status || !strings.Contains(o.stderr, c.want) {
				t.Errorf("status %d, stderr %q; want %d, %q", o.status, o.stderr, c.status, c.want)
			}
			if strings.Contains(o.stderr+o.stdout, "s3cret") {
				t.Error("the password is shown")
			}
		})
	}
}
