//go:build linux

package container

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestSealed: the copy of the program from which containers' init runs cannot be
// changed, not by its descriptor, nor by opening it anew as a container's root
// could through /proc (CVE-2019-5736).
func TestSealed(t *testing.T) {
	f, err := Sealed()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte("x"), 0); !errors.Is(err, unix.EPERM) {
		t.Errorf("written: %v", err)
	}
	for _, size := range []int64{0, 1 << 30} {
		if err := f.Truncate(size); !errors.Is(err, unix.EPERM) {
			t.Errorf("made %d bytes long: %v", size, err)
		}
	}
	again, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), os.O_RDWR, 0)
	if err == nil {
		defer again.Close()
		if _, err := again.WriteAt([]byte("x"), 0); !errors.Is(err, unix.EPERM) {
			t.Errorf("opened anew and written: %v", err)
		}
	}
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_SEAL); !errors.Is(err, unix.EPERM) {
		t.Errorf("seals can be changed: %v", err)
	}
}
