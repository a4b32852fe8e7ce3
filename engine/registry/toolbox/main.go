// Command toolbox is the userland of the bundled image of that name: one
// program that does what the name says by which it was called.
package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/learndocker/learndocker/engine/registry/toolbox/applet"
	"github.com/learndocker/learndocker/engine/registry/toolbox/files"
	"github.com/learndocker/learndocker/engine/registry/toolbox/limits"
	"github.com/learndocker/learndocker/engine/registry/toolbox/network"
	"github.com/learndocker/learndocker/engine/registry/toolbox/process"
	"github.com/learndocker/learndocker/engine/registry/toolbox/shell"
	"github.com/learndocker/learndocker/engine/registry/toolbox/system"
	"github.com/learndocker/learndocker/engine/registry/toolbox/text"
)

// commands are all, by their names.
func commands() map[string]applet.Func {
	all := map[string]applet.Func{}
	for _, some := range []map[string]applet.Func{text.Commands(), files.Commands(), system.Commands(), process.Commands(), network.Commands()} {
		maps.Copy(all, some)
	}
	all["sh"] = shell.Command(map[string]applet.Func{
		"echo": text.Echo, "printf": text.Printf, "test": files.Test, "[": files.Test, "pwd": files.Pwd,
		"true": process.True, "false": process.False, "kill": process.Kill,
	})
	return all
}

func main() {
	soft, hard := limits.NoFile()
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: soft, Max: hard}); err != nil {
		fmt.Fprintln(os.Stderr, "toolbox:", err)
		os.Exit(126)
	}
	args := os.Args
	name := filepath.Base(args[0])
	all := commands()
	if name == "toolbox" && len(args) > 1 {
		args = args[1:]
		name = args[0]
	}
	if name == "toolbox" || name == "--list" {
		for _, n := range slices.Sorted(maps.Keys(all)) {
			fmt.Println(n)
		}
		return
	}
	if name[0] == '-' {
		name = name[1:] // a login shell
	}
	f, ok := all[name]
	if !ok {
		fmt.Fprintf(os.Stderr, "toolbox: %s: no such command\n", name)
		os.Exit(127)
	}
	os.Exit(applet.Run(f, name, args[1:], 0, 1, 2))
}
