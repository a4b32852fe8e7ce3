package narrate

import (
	"io"
	"os"
	"testing"
	"time"
)

// TestTapKnowsWhatIsOnItsWay: what is written and not read yet, and what is read
// and not told yet, must not be missed at a stop.
func TestTapKnowsWhatIsOnItsWay(t *testing.T) {
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	tap := &tap{pipe: out}
	tap.waiting.Store(true) // its reader is on its way into the kernel
	if _, err := io.WriteString(in, "line"); err != nil {
		t.Fatal(err)
	}
	if tap.dry() {
		t.Error("dry, with a line in the pipe")
	}
	if _, err := tap.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	if tap.dry() {
		t.Error("dry, with a line that is read and not told")
	}
	ended := make(chan error)
	go func() {
		_, err := tap.Read(make([]byte, 10))
		ended <- err
	}()
	for end := time.Now().Add(time.Minute); !tap.dry(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not dry, with an empty pipe and a reader that waits")
		}
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != io.EOF || !tap.dry() {
		t.Errorf("at the end: %v, dry %v", err, tap.dry())
	}
}
