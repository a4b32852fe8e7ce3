//go:build linux

package daemon

import (
	"maps"
	"net/http"
	"testing"
)

// TestCredentialsAreHidden: a lesson is recorded and published; what a client
// shows to a registry is not in it. The docker command sends "{}" where it has
// none.
func TestCredentialsAreHidden(t *testing.T) {
	got := headers(http.Header{
		"X-Registry-Auth": {"eyJwYXNzd29yZCI6InNlY3JldCJ9"}, "Authorization": {"Basic c2VjcmV0"},
		"User-Agent": {"docker"}, "Accept": {"a", "b"},
	})
	want := map[string]string{
		"X-Registry-Auth": "(hidden)", "Authorization": "(hidden)", "User-Agent": "docker", "Accept": "a, b",
	}
	if !maps.Equal(got, want) {
		t.Errorf("shown: %v, want %v", got, want)
	}
	if got := headers(http.Header{"X-Registry-Auth": {"e30="}})["X-Registry-Auth"]; got != "e30=" {
		t.Errorf("that there are no credentials is shown as %q", got)
	}
}
