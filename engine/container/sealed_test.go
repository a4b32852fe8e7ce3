//go:build linux

package container

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestSealed: what containers' init runs from cannot be changed, not by its
// descriptor, nor by opening it anew as a container's root could through /proc
// (CVE-2019-5736).
func TestSealed(t *testing.T) {
	own, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	for name, sealed := range map[string]func(*os.File) (*os.File, error){"mounted read-only": mountedReadOnly, "copied": copied} {
		t.Run(name, func(t *testing.T) {
			f, err := sealed(own)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.WriteAt([]byte("x"), 0); err == nil {
				t.Error("written")
			}
			for _, size := range []int64{0, 1 << 30} {
				if err := f.Truncate(size); err == nil {
					t.Errorf("made %d bytes long", size)
				}
			}
			path := fmt.Sprintf("/proc/self/fd/%d", f.Fd())
			for _, flags := range []int{os.O_RDWR, os.O_WRONLY | os.O_APPEND, os.O_WRONLY | os.O_TRUNC} {
				again, err := os.OpenFile(path, flags, 0)
				if err != nil {
					continue
				}
				if _, err := again.Write([]byte("x")); err == nil {
					t.Errorf("opened anew, with %x, and written", flags)
				}
				again.Close()
			}
			if err := os.Chmod(path, 0o777); name == "mounted read-only" && !errors.Is(err, unix.EROFS) {
				t.Errorf("its mode can be changed: %v", err)
			}
			if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_SEAL); name == "copied" && !errors.Is(err, unix.EPERM) {
				t.Errorf("seals can be changed: %v", err)
			}
		})
	}
}
