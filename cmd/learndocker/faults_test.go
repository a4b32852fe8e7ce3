//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestFullDisk runs the lesson on disks that shrink to many sizes when it has
// begun, so that each is full at another stage. Each time the error names the file and what to do, and nothing
// is left on the disk.
func TestFullDisk(t *testing.T) {
	needRoot(t)
	program(t)
	var sizes []int
	for kib := 4; kib <= 96; kib += 4 {
		sizes = append(sizes, kib)
	}
	places := make(chan string, len(sizes))
	manyAtOnce(t, sizes, func(kib int) (string, func(*testing.T)) {
		return fmt.Sprintf("%d KiB", kib), func(t *testing.T) {
			c := newCell(t, asRoot)
			disk := mountDisk(t, c.tmp(), 16<<10)
			c.start(nil, nil, "lesson", "hello-world", "--step")
			c.await(1) // the machine has been looked at, and there was room
			if err := unix.Mount("disk", c.tmp(), "tmpfs", unix.MS_REMOUNT, fmt.Sprintf("size=%dk", kib)); err != nil {
				t.Fatal(err)
			}
			c.stdin.Close()
			if c.finish() == 0 {
				places <- "none"
			} else {
				places <- stageOfError(c)
				c.says(1, `no space left on device|is there room on that disk`, `TMPDIR=DIRECTORY|replay`)
			}
			c.filesLeft()
			disk()
			c.left(true)
		}
	})
	close(places)
	seen := map[string]bool{}
	for p := range places {
		seen[p] = true
	}
	if len(seen) < 5 || !seen["none"] {
		t.Errorf("the disk was full only at %v", seen)
	}
}

var cameTo = regexp.MustCompile(`never came to ([a-z.]+)|(did not start|ended at its start)`)

// stageOfError tells where the lesson was when it failed.
func stageOfError(c *cell) string { return cameTo.FindString(c.stderr.String()) }

// mountDisk puts a disk of that size in the place of a directory until the
// returned function is called.
func mountDisk(t *testing.T, dir string, kib int) (unmount func()) {
	t.Helper()
	if err := unix.Mount("disk", dir, "tmpfs", 0, fmt.Sprintf("size=%dk", kib)); err != nil {
		t.Fatal(err)
	}
	gone := false
	unmount = func() {
		if !gone {
			gone = true
			if err := unix.Unmount(dir, 0); err != nil && err != unix.EINVAL { // the cell's own end did it
				t.Errorf("unmount %s: %v", dir, err)
			}
		}
	}
	t.Cleanup(unmount)
	return unmount
}

// says wants the command to have ended with that status, and its standard error
// to match both: what went wrong, and what to do.
func (c *cell) says(status int, what, next string) {
	c.t.Helper()
	if got := c.keeper.ProcessState.ExitCode(); got != status {
		c.t.Errorf("status %d, want %d", got, status)
	}
	said := c.stderr.String()
	if !regexp.MustCompile(`(?s)learndocker: .*(`+what+`)`).MatchString(said) || !regexp.MustCompile(`(?m)^.*(`+next+`)`).MatchString(said) {
		c.t.Errorf("it should say %s, and then %s; it says\n%s", what, next, said)
	}
}

// TestDaemonOnFullDisk fills the disk of a daemon while it pulls an image with
// a large layer. What was there stays whole, and when there is room again the
// same daemon goes on.
func TestDaemonOnFullDisk(t *testing.T) {
	image := memoryRegistry(t) + "/bb:latest"
	push(t, image, busyboxImage(t))
	for _, kib := range []int{400, 800, 1400, 2000, 2600} {
		t.Run(fmt.Sprintf("%d KiB", kib), func(t *testing.T) {
			c := newCell(t, asRoot)
			disk := mountDisk(t, c.tmp(), kib)
			data, host := filepath.Join(c.tmp(), "data"), "unix://"+filepath.Join(c.home(), "docker.sock")
			c.start(nil, nil, "daemon", "-H", host, "--data-root", data)
			c.ready(host)
			clientCommand(t, host, nil, program(t), "run", "--rm", "hello-world").must(t)
			o := clientCommand(t, host, nil, program(t), "run", "--rm", image, "true")
			if o.status != 0 && !strings.Contains(o.stderr, "no space left on device\n") {
				t.Errorf("status %d: %s", o.status, o.stderr)
			}
			if kib < 2000 && o.status == 0 {
				t.Errorf("the disk of %d KiB was not full", kib)
			}
			checkStore(t, data)
			checkNothingPartial(t, data)
			if err := unix.Mount("disk", c.tmp(), "tmpfs", unix.MS_REMOUNT, "size=16m"); err != nil {
				t.Fatal(err)
			}
			clientCommand(t, host, nil, program(t), "run", "--rm", image, "true").must(t)
			checkStore(t, data)
			c.note()
			if err := syscall.Kill(c.pid, syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if status := c.finish(); status != 0 {
				t.Errorf("status %d: %s", status, c.stderr.String())
			}
			disk()
			c.left(true)
		})
	}
}

// TestFullDiskForFiles: a post or a recording that finds no room is told of, and
// no half of it stays in the place of what was there.
func TestFullDiskForFiles(t *testing.T) {
	for _, flag := range []string{"--transcript", "--record"} {
		t.Run(flag, func(t *testing.T) {
			c := newCell(t, asRoot)
			dir := filepath.Join(c.dir, "disk")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			disk := mountDisk(t, dir, 8)
			file := filepath.Join(dir, "file.jsonl")
			before := "before"
			if flag == "--transcript" { // what is no transcript would not be overwritten anyway
				before = ""
			}
			if err := os.WriteFile(file, []byte(before), 0o644); err != nil {
				t.Fatal(err)
			}
			c.start(nil, nil, "lesson", "hello-world", "--step", flag, file)
			c.stdin.Close()
			c.finish()
			c.says(1, regexp.QuoteMeta("write "+file)+`.*no space left on device`, `another disk`)
			if got := readText(t, file); got != before {
				t.Errorf("the file that was there holds %d bytes", len(got))
			}
			if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
				t.Errorf("beside it: %v, %v", entries, err)
			}
			disk()
			c.left(true)
		})
	}
}

// TestWhereNothingCanBeWritten: directories that are read-only, or somebody
// else's.
func TestWhereNothingCanBeWritten(t *testing.T) {
	for _, f := range []struct {
		name string
		who  identity
		args []string
		what string
		next string
	}{
		{"read-only data root", asRoot, []string{"daemon", "-H", "unix://H/docker.sock", "--data-root", "T/data"}, "T/data: read-only file system", elsewhere},
		{"read-only temporary directory", asRoot, []string{"lesson", "hello-world"}, "T is mounted read-only", "replay hello-world"},
		{"read-only place for a recording", asRoot, []string{"lesson", "hello-world", "--record", "T/x"}, "T/x: .*read-only file system", elsewhere},
		{"read-only place for a post", asRoot, []string{"lesson", "hello-world", "--transcript", "T/x.md"}, "T/x.md: .*read-only file system", ""},
		{"somebody else's temporary directory", ordinaryUser(t, true), []string{"lesson", "hello-world"}, "Nothing can be written to T", "replay hello-world"},
		{"somebody else's data root", ordinaryUser(t, true), []string{"daemon", "-H", "unix://H/docker.sock", "--data-root", "T/data"}, "T/data: permission denied", elsewhere},
	} {
		t.Run(f.name, func(t *testing.T) {
			c := newCell(t, f.who)
			if f.who.uid == 0 {
				mountDisk(t, c.tmp(), 64)
				if err := unix.Mount("disk", c.tmp(), "tmpfs", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
					t.Fatal(err)
				}
			} else if err := os.Chown(c.tmp(), 0, 0); err != nil {
				t.Fatal(err)
			}
			var args, env []string
			for _, a := range f.args {
				args = append(args, strings.NewReplacer("T/", c.tmp()+"/", "H/", c.home()+"/").Replace(a))
			}
			if f.args[0] == "lesson" && f.next != "replay hello-world" { // it is not the lesson that has no place
				env = []string{"TMPDIR=" + c.home()}
			}
			c.start(nil, env, args...)
			c.finish()
			c.says(1, regexp.MustCompile(`\bT\b`).ReplaceAllString(f.what, c.tmp()), f.next)
			c.filesLeft()
		})
	}
}

// TestTooFewFiles allows the lesson, or a daemon, few open files.
func TestTooFewFiles(t *testing.T) {
	needRoot(t)
	program(t)
	limits := []int{5, 6, 7, 8, 9, 10, 12, 16, 20, 24, 32, 48, 63, 64}
	for _, args := range []string{"lesson hello-world --step", "daemon -H unix://$HOME/docker.sock --data-root $TMPDIR/data"} {
		command, _, _ := strings.Cut(args, " ")
		manyAtOnce(t, limits, func(n int) (string, func(*testing.T)) {
			return fmt.Sprintf("%s/%d", command, n), func(t *testing.T) {
				c := newCell(t, asRoot)
				c.run(nil, nil, "sh", "-c", fmt.Sprintf("ulimit -n %d; exec %s %s", n, program(t), args))
				c.stdin.Close()
				if command == "daemon" && n == 64 {
					c.ready("unix://" + filepath.Join(c.home(), "docker.sock"))
					clientCommand(t, "unix://"+filepath.Join(c.home(), "docker.sock"), nil, program(t), "run", "--rm", "hello-world").must(t)
					c.note()
					if err := syscall.Kill(c.pid, syscall.SIGTERM); err != nil {
						t.Fatal(err)
					}
				}
				switch status := c.finish(); {
				case n == 64:
					if status != 0 {
						t.Errorf("status %d: %s", status, c.stderr.String())
					}
				case status == 2: // Go's runtime itself could not start
					if !strings.Contains(c.stderr.String(), "fatal error: runtime") {
						t.Errorf("status 2: %s", c.stderr.String())
					}
				default:
					c.says(1, "too many open files", "ulimit -n 1024")
				}
				c.left(command == "lesson")
			}
		})
	}
}

// TestTooFewProcesses allows the lesson few processes and threads.
func TestTooFewProcesses(t *testing.T) {
	needRoot(t)
	program(t)
	manyAtOnce(t, []int{6, 10, 12, 14, 16, 18, 20, 22, 24, 26, 64}, func(n int) (string, func(*testing.T)) {
		return fmt.Sprint(n), func(t *testing.T) {
			c := newCell(t, asRoot)
			group := pidsGroup(t, filepath.Base(c.dir), 64)
			c.run(nil, nil, "sh", "-c", fmt.Sprintf("echo $$ >%s/cgroup.procs; exec %s lesson hello-world --step", group, program(t)))
			c.await(1) // the machine has been looked at, and it was enough
			if err := os.WriteFile(filepath.Join(group, "pids.max"), fmt.Append(nil, n), 0); err != nil {
				t.Fatal(err)
			}
			c.stdin.Close()
			status := c.finish()
			switch {
			case n == 64 || status == 0: // how many threads Go makes is its own matter
				if status != 0 {
					t.Errorf("status %d: %s", status, c.stderr.String())
				}
			case status == 2: // the narrator itself: as good as killed
				if !strings.Contains(c.stderr.String(), "failed to create new OS thread") {
					t.Errorf("status 2: %s", c.stderr.String())
				}
				if found, _ := filepath.Glob(filepath.Join(c.tmp(), "learndocker-*")); len(found) == 1 {
					nextStart(c)
				}
				c.left(false)
				return
			case strings.Contains(c.stderr.String(), "take apart what the lesson's daemon left"):
				c.says(1, "is kept", "learndocker daemon --data-root "+c.tmp())
				nextStart(c)
				c.left(false)
				return
			default:
				c.says(1, "resource temporarily unavailable|failed to create new OS thread", "Allow more processes")
			}
			c.left(true)
		}
	})
}

// pidsGroup makes a control group that allows n processes and threads.
func pidsGroup(t *testing.T, name string, n int) string {
	t.Helper()
	root := "/sys/fs/cgroup/pids"
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil { // v2
		root = "/sys/fs/cgroup"
		if err := os.WriteFile(root+"/cgroup.subtree_control", []byte("+pids"), 0); err != nil {
			t.Fatal(err)
		}
	}
	group := filepath.Join(root, name)
	if err := os.Mkdir(group, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(group); err != nil {
			t.Error(err)
		}
	})
	if err := os.WriteFile(filepath.Join(group, "pids.max"), fmt.Append(nil, n), 0); err != nil {
		t.Fatal(err)
	}
	return group
}

// TestTerminalGoesAway closes the terminal of a stepped lesson, as a window
// that is closed or a connection that breaks.
func TestTerminalGoesAway(t *testing.T) {
	for _, who := range []identity{asRoot, ordinaryUser(t, true)} {
		for _, presses := range []int{0, 1, 13, 18} {
			t.Run(fmt.Sprintf("%s/%d", who.name, presses), func(t *testing.T) {
				c := newCell(t, who)
				screen, terminal := openPair(t)
				c.start(terminal, []string{"NO_COLOR=1"}, "lesson", "hello-world", "--step")
				terminal.Close()
				var text strings.Builder
				buf := make([]byte, 4096)
				for steps := 0; strings.Count(text.String(), footer) <= presses; {
					n, err := screen.Read(buf)
					if err != nil {
						t.Fatalf("%v after %s", err, text.String())
					}
					text.Write(buf[:n])
					if shown := strings.Count(text.String(), footer); shown > steps && shown <= presses {
						steps = shown
						if _, err := screen.WriteString("n"); err != nil {
							t.Fatal(err)
						}
					}
				}
				c.note()
				screen.Close()
				if status := c.wait(); status == 0 {
					t.Error("the lesson ended as if nothing had been")
				}
				c.left(true)
			})
		}
	}
}

// openTerminal makes a pseudoterminal: pts(4).
func openPair(t *testing.T) (screen, terminal *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { screen.Close() })
	if err := unix.IoctlSetPointerInt(int(screen.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(screen.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(int(screen.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: 120}); err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return screen, terminal
}

// TestReaderGoesAway closes the output after its first line: `| head -1`.
func TestReaderGoesAway(t *testing.T) {
	for _, who := range []identity{asRoot, ordinaryUser(t, true)} {
		t.Run(who.name, func(t *testing.T) {
			c := newCell(t, who)
			c.start(nil, nil, "lesson", "hello-world")
			c.lines.Scan()
			c.stdout.Close()
			if status := c.wait(); status == 0 {
				t.Error("the lesson ended as if nothing had been")
			}
			c.left(true)
		})
	}
}

// TestStandingStill stops each of the lesson's processes for a while. The lesson
// goes on when it does, and ends in order even where it does not.
func TestStandingStill(t *testing.T) {
	needRoot(t)
	program(t)
	type stand struct {
		who    identity
		role   string
		goesOn bool
	}
	var stands []stand
	for _, who := range []identity{asRoot, ordinaryUser(t, true)} {
		stands = append(stands, stand{who, "narrator", true}) // nothing can be asked of it while it stands
		for _, role := range []string{"client", "daemon", "container"} {
			stands = append(stands, stand{who, role, false}, stand{who, role, true})
		}
	}
	manyAtOnce(t, stands, func(s stand) (string, func(*testing.T)) {
		return fmt.Sprintf("%s/%s/goes on %t", s.who.name, s.role, s.goesOn), func(t *testing.T) {
			c := newCell(t, s.who)
			c.start(nil, nil, "lesson", "hello-world", "--step")
			c.press(slices.Repeat([]string{"n"}, 18)...)
			c.await(19)
			c.note()
			pids := c.roles()[s.role]
			c.halt(pids)
			c.stdin.Close() // the lesson may go on to its end
			want := 130
			if s.goesOn {
				want = 0
				for _, pid := range pids {
					if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
						t.Fatal(err)
					}
				}
			} else if err := syscall.Kill(c.pid, syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if status := c.finish(); status != want {
				t.Errorf("status %d, want %d: %s", status, want, c.stderr.String())
			}
			c.left(true)
		}
	})
}

// TestBareEnvironment runs the lesson with nothing set but the temporary
// directory.
func TestBareEnvironment(t *testing.T) {
	for _, who := range []identity{asRoot, ordinaryUser(t, true)} {
		t.Run(who.name, func(t *testing.T) {
			c := newCell(t, who)
			c.run(nil, nil, "env", "-i", "TMPDIR="+c.tmp(), program(t), "lesson", "hello-world", "--step")
			c.stdin.Close()
			if status := c.finish(); status != 0 {
				t.Errorf("status %d: %s", status, c.stderr.String())
			}
			c.left(true)
		})
	}
}

// ready waits until the cell's daemon answers; one that has ended fails the test.
func (c *cell) ready(host string) {
	c.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if exec.Command(program(c.t), "-H", host, "ps").Run() == nil {
			return
		}
		select {
		case <-c.gone:
			c.t.Fatalf("the daemon has ended: %s", c.stderr.String())
		default:
		}
		if time.Now().After(deadline) {
			c.t.Fatal("the daemon does not answer")
		}
	}
}
