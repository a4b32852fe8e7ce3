//go:build linux

package daemon

import (
	"net/http/httptest"
	"strings"
	"testing"
)

// TestPasswordIsHidden: whoever watches sees that somebody logs in, not with what.
func TestPasswordIsHidden(t *testing.T) {
	body := `{"username":"ada","password":"s3cret"}`
	x := &exchange{r: httptest.NewRequest("POST", "/auth", nil), body: []byte(body)}
	if got := x.shownBody(); strings.Contains(got, "s3cret") {
		t.Errorf("shown: %s", got)
	}
	x.r = httptest.NewRequest("POST", "/containers/create", nil)
	if got := x.shownBody(); got != body {
		t.Errorf("shown: %s", got)
	}
}
