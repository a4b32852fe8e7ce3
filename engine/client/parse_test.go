package client

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func TestTimestamp(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))
	for value, want := range map[string]string{
		"10m": "1767318845", "2013-01-02T13:23:37Z": "1357133017.000000000", "2013-01-02T13:23:37": "1357129417.000000000",
		"2013-01-02T13:23:37.5+01:00": "1357129417.500000000", "2013-01-02": "1357081200.000000000", "2013-01-02T13": "1357128000.000000000",
		"1357129417": "1357129417", "1357129417.25": "1357129417.25", "0": "0",
	} {
		if got, err := Timestamp(value, now); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", value, got, err, want)
		}
	}
	for _, wrong := range []string{"soon", "2013-13-01", "2013-01-02X", "", "1.x"} {
		if got, err := Timestamp(wrong, now); err == nil {
			t.Errorf("%q: %s", wrong, got)
		}
	}
}

func TestOlder(t *testing.T) {
	for pair, want := range map[string]bool{"1.9 1.10": true, "1.41 1.50": true, "1.50 1.50": false, "2.0 1.99": false, "1.50 1.5": false} {
		a, b, _ := strings.Cut(pair, " ")
		if Older(a, b) != want {
			t.Errorf("%s: %v", pair, !want)
		}
	}
	for daemon, want := range map[string]string{"": "1.24", "1.41": "1.41", "1.99": "1.50"} {
		if got := common(daemon); got != want {
			t.Errorf("daemon %q: %s, want %s", daemon, got, want)
		}
	}
}

func TestDetachKeys(t *testing.T) {
	for written, want := range map[string]string{"": "\x10\x11", "ctrl-x,y": "\x18y", "ctrl-@,ctrl-_,DEL,a": "\x00\x1f\x7fa"} {
		if got, err := DetachKeys(written); err != nil || got != want {
			t.Errorf("%q: %q, %v", written, got, err)
		}
	}
	for _, wrong := range []string{"ctrl-", "ctrl-A", "xy", "a,,b"} {
		if _, err := DetachKeys(wrong); err == nil {
			t.Errorf("%q: no error", wrong)
		}
	}
}

func TestDetachReader(t *testing.T) {
	for _, c := range []struct {
		in, out  string
		detached bool
	}{
		{"plain", "plain", false}, {"ab\x10\x11never", "ab", true}, {"\x10a\x10\x10\x11x", "\x10a\x10", true}, {"end\x10", "end\x10", false},
	} {
		for _, in := range []io.Reader{strings.NewReader(c.in), iotest.OneByteReader(strings.NewReader(c.in))} {
			got, err := io.ReadAll(&detachReader{in: in, keys: "\x10\x11"})
			if string(got) != c.out || errors.Is(err, ErrDetached) != c.detached {
				t.Errorf("%q: %q, %v", c.in, got, err)
			}
		}
	}
}
