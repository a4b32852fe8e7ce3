//go:build linux

package probe

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

func TestOwnProcess(t *testing.T) {
	snap := Take(Subject{PID: os.Getpid(), Roles: map[string]int{"daemon": os.Getpid(), "client": 1 << 30}})
	if snap.Status["Pid"] != strconv.Itoa(os.Getpid()) {
		t.Errorf("status %v", snap.Status)
	}
	if len(snap.Namespaces) < 7 {
		t.Errorf("namespaces %v", snap.Namespaces)
	}
	for _, n := range snap.Namespaces {
		if n.Inode == 0 || n.Inode != n.Host {
			t.Errorf("%s: %d, host %d", n.Type, n.Inode, n.Host)
		}
	}
	if len(snap.Processes) != 1 || snap.Processes[0].Role != "daemon" || snap.Processes[0].Parent != os.Getppid() {
		t.Errorf("processes %v: one that is not there is not shown", snap.Processes)
	}
	if len(snap.Mounts) == 0 || !slices.Contains(snap.Interfaces, "lo") {
		t.Errorf("%d mounts, interfaces %v", len(snap.Mounts), snap.Interfaces)
	}
}

// TestWhoseNamespace: the host's are the observer's own, whatever the daemon
// lives in; what is the daemon's alone is told apart.
func TestWhoseNamespace(t *testing.T) {
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		t.Fatal("unshare is missing: apt-get install util-linux")
	}
	daemon := exec.Command(unshare, "-rm", "sh", "-c", `unshare -u sh -c 'echo $$; read end <&3' & echo here; read end <&3`)
	hold, end, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer end.Close()
	daemon.Stdin, daemon.ExtraFiles = hold, []*os.File{hold}
	out, err := daemon.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { end.Close(); hold.Close(); _ = daemon.Wait() }()
	container := 0
	for lines := bufio.NewScanner(out); container == 0 && lines.Scan(); {
		container, _ = strconv.Atoi(lines.Text()) // the other line is no number
	}
	want := map[string]string{"user": "daemon", "mnt": "daemon", "uts": "", "net": "host", "pid": "host"}
	for _, n := range Take(Subject{PID: container, DaemonPID: daemon.Process.Pid}).Namespaces {
		if of, ok := want[n.Type]; ok && n.Of() != of {
			t.Errorf("%s: of %q, want %q: %+v", n.Type, n.Of(), of, n)
		}
		if n.Host != Inode("/proc/self/ns/"+n.Type) {
			t.Errorf("%s: %d is not this process's", n.Type, n.Host)
		}
		delete(want, n.Type)
	}
	if len(want) > 0 {
		t.Errorf("not seen: %v", want)
	}
}

func TestGoneProcess(t *testing.T) {
	if snap := Take(Subject{PID: 1 << 30}); len(snap.Status) != 0 || len(snap.Namespaces) != 0 || snap.Root != "" {
		t.Errorf("of a process that is not there: %+v", snap)
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte("abc")); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"plain": "abc", "packed": packed.String()} {
		if err := os.WriteFile(path(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("nowhere", path("link")); err != nil {
		t.Fatal(err)
	}
	const abc = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" // FIPS 180-2, appendix B.1
	for what, got := range map[string]string{
		"the text's": DigestOf([]byte("abc")), "the file's": Digest(path("plain")), "the archive's": DigestInside(path("packed")), "uncompressed": DigestInside(path("plain")),
	} {
		if got != abc {
			t.Errorf("%s digest is %q", what, got)
		}
	}
	if Digest(path("packed")) != DigestOf(packed.Bytes()) {
		t.Error("a compressed file's digest is that of its bytes")
	}
	for _, name := range []string{"none", "link", ".", "../../../../../../../dev/zero"} {
		if Digest(path(name)) != "" || DigestInside(path(name)) != "" || Text(path(name)) != "" {
			t.Errorf("%s is no regular file, and was read", name)
		}
	}
	for name, want := range map[string]string{"plain": "file", ".": "directory", "link": "link", "none": ""} {
		if got := Kind(path(name)); got != want || Exists(path(name)) != (want != "") {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if err := os.WriteFile(path("other"), []byte("abd"), 0o600); err != nil {
		t.Fatal(err)
	}
	if !Same(path("plain"), path("plain")) || Same(path("plain"), path("other")) || Same(path("plain"), path("packed")) || Same(path("none"), path("none")) {
		t.Error("files are not told apart by their bytes")
	}
	if Kind("/dev/null") != "character device" {
		t.Error("/dev/null is no character device")
	}
	if got := Tree(dir); !slices.Equal(got, []string{"/link", "/other", "/packed", "/plain"}) {
		t.Errorf("the tree is %v", got)
	}
	if HasMount(os.Getpid(), dir) || !HasMount(os.Getpid(), "/") {
		t.Error("mounts are not told from directories")
	}
}

func TestUserNamespace(t *testing.T) {
	if InUserNamespace(os.Getpid()) || InUserNamespace(0) {
		t.Error("the machine's own user namespace is taken for another")
	}
	other := exec.Command("unshare", "-Ur", "cat")
	in, err := other.StdinPipe()
	out, outErr := other.StdoutPipe()
	if err := errors.Join(err, outErr, other.Start()); err != nil {
		t.Fatal(err)
	}
	defer other.Wait()
	defer in.Close()
	if _, err := in.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil { // cat runs: the map is written
		t.Fatal(err)
	}
	if !InUserNamespace(other.Process.Pid) {
		t.Error("a process in a user namespace of its own is taken for one of the machine's")
	}
}
