//go:build linux

package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestCommandsStartOneDaemon lets commands run at once where no daemon listens: one
// is started, and serves them all. They have namespaces of their own, with which
// the daemon goes.
func TestCommandsStartOneDaemon(t *testing.T) {
	needRoot(t)
	dir := shortDir(t)
	const script = `mount -t tmpfs tmpfs /run && ip link set lo up || exit
for i in 1 2 3 4 5 6 7 8; do
	"$0" --data-root "$1/data" run --rm hello-world >"$1/$i.out" 2>"$1/$i.err" && touch "$1/$i.ok" &
done
wait`
	cmd := exec.Command("unshare", "--mount", "--net", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", script, program(t), dir)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + dir}
	if o := finish(t, cmd); o.status != 0 {
		t.Fatalf("%+v", o)
	}
	for i := range 8 {
		name := filepath.Join(dir, fmt.Sprint(i+1))
		if out := readText(t, name+".out"); !strings.Contains(out, "Hello from learndocker!") {
			t.Errorf("command %d: %q %q", i, out, readText(t, name+".err"))
		}
	}
}
