// Package process is the toolbox's commands about processes: those that list,
// signal, start and time them, and those that lessons are taught with.
package process

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/learndocker/learndocker/engine/registry/toolbox/applet"
	"github.com/learndocker/learndocker/engine/registry/toolbox/signals"
)

// Commands are this package's.
func Commands() map[string]applet.Func {
	return map[string]applet.Func{
		"ps": ps, "kill": Kill, "sleep": sleep, "true": True, "false": False, "time": timed, "timeout": timeout, "xargs": xargs,
		"greeter": greeter, "deaf": deaf, "orphans": orphans, "stress": stress,
	}
}

// True is true(1).
func True(*applet.Call) error { return nil }

// False is false(1).
func False(*applet.Call) error { return applet.Status(1) }

// sleep takes seconds, 0.5, or 1m, 2h; several add up.
func sleep(c *applet.Call) error {
	if len(c.Args) == 0 {
		return applet.Usage("sleep SECONDS")
	}
	total := time.Duration(0)
	for _, arg := range c.Args {
		d, err := duration(arg)
		if err != nil {
			return err
		}
		total += d
	}
	time.Sleep(total)
	return nil
}

func duration(text string) (time.Duration, error) {
	if text == "inf" || text == "infinity" {
		return 1<<63 - 1, nil
	}
	unit := time.Second
	digits := strings.TrimRight(text, "smhd")
	switch text[len(digits):] {
	case "m":
		unit = time.Minute
	case "h":
		unit = time.Hour
	case "d":
		unit = 24 * time.Hour
	}
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || n < 0 || n > 1e9 {
		return 0, applet.Usage("%q is no time", text)
	}
	return time.Duration(n * float64(unit)), nil
}

// ps lists all processes that /proc shows: its process namespace's.
func ps(c *applet.Call) error {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return err
	}
	var pids []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	fmt.Fprintf(c.Out, "%5s %5s %-8s %-4s %s\n", "PID", "PPID", "USER", "STAT", "COMMAND")
	for _, pid := range pids {
		if line, err := process(pid); err == nil { // else it has ended
			fmt.Fprintln(c.Out, line)
		}
	}
	return nil
}

// process is one line of ps: proc(5).
func process(pid int) (string, error) {
	dir := fmt.Sprintf("/proc/%d", pid)
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return "", err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return "", err
	}
	// The name is in parentheses and may hold any character, these too.
	open, shut := strings.IndexByte(string(stat), '('), strings.LastIndexByte(string(stat), ')')
	fields := strings.Fields(string(stat[shut+1:]))
	if open < 0 || len(fields) < 18 {
		return "", fmt.Errorf("%s/stat is odd", dir)
	}
	command := "[" + string(stat[open+1:shut]) + "]"
	if line, err := os.ReadFile(dir + "/cmdline"); err == nil && len(line) > 0 {
		command = strings.TrimSpace(strings.NewReplacer("\x00", " ", "\n", " ").Replace(string(line)))
	}
	state := fields[0]
	if fields[3] == strconv.Itoa(pid) {
		state += "s" // leads its session
	}
	if fields[17] != "1" {
		state += "l" // has threads
	}
	if fields[5] == fields[2] {
		state += "+" // in the terminal's foreground
	}
	user := applet.NameOf("/etc/passwd", int(info.Sys().(*syscall.Stat_t).Uid))
	return fmt.Sprintf("%5d %5s %-8s %-4s %s", pid, fields[1], user, state, command), nil
}

// Kill is kill(1): kill [-SIGNAL|-s SIGNAL] PID…, kill -l.
func Kill(c *applet.Call) error {
	sig, args := syscall.SIGTERM, c.Args
	if len(args) > 0 && args[0] == "-l" {
		return listSignals(c, args[1:])
	}
	if len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' && args[0] != "--" {
		name := args[0][1:]
		args = args[1:]
		if name == "s" || name == "n" {
			if len(args) == 0 {
				return applet.Usage("kill [-SIGNAL] PID…")
			}
			name, args = args[0], args[1:]
		}
		var err error
		if sig, err = signals.Parse(name); err != nil {
			return err
		}
	}
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		return applet.Usage("kill [-SIGNAL] PID…")
	}
	return c.Each(args, func(text string) error {
		pid, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("%s: no process number", text)
		}
		if err := syscall.Kill(pid, sig); err != nil {
			return &fs.PathError{Op: "kill", Path: "can't kill pid " + text, Err: err}
		}
		return nil
	})
}

func listSignals(c *applet.Call, wanted []string) error {
	if len(wanted) == 0 {
		for sig := syscall.Signal(1); sig < 32; sig++ {
			fmt.Fprintf(c.Out, "%2d %s\n", int(sig), signals.Name(sig))
		}
		return nil
	}
	return c.Each(wanted, func(text string) error {
		if n, err := strconv.Atoi(text); err == nil && n > 128 {
			text = strconv.Itoa(n - 128) // as a shell tells it in $?
		}
		sig, err := signals.Parse(text)
		if err != nil {
			return err
		}
		said := signals.Name(sig)
		if _, err := strconv.Atoi(text); err != nil {
			said = strconv.Itoa(int(sig))
		}
		_, err = fmt.Fprintln(c.Out, said)
		return err
	})
}

// child prepares a program with this command's own files.
func child(command []string) *exec.Cmd {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd
}

// statusOf is how a child ended, as a shell tells it.
func statusOf(c *applet.Call, name string, err error) error {
	var ended *exec.ExitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &ended):
		if status := ended.Sys().(syscall.WaitStatus); status.Signaled() {
			return applet.Status(128 + int(status.Signal()))
		}
		return applet.Status(ended.ExitCode())
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		c.Warn(&fs.PathError{Op: "exec", Path: name, Err: syscall.ENOENT})
		return applet.Status(127)
	}
	c.Warn(err)
	return applet.Status(126)
}

// timed tells how long a program took, and the CPU time of it and its children.
func timed(c *applet.Call) error {
	f, err := c.Flags("+")
	if err != nil {
		return err
	}
	if len(f.Args) == 0 {
		return applet.Usage("time COMMAND …")
	}
	cmd := child(f.Args)
	start := time.Now()
	err = cmd.Run()
	took := time.Since(start)
	var user, system time.Duration
	if cmd.ProcessState != nil {
		user, system = cmd.ProcessState.UserTime(), cmd.ProcessState.SystemTime()
	}
	for _, row := range []struct {
		name string
		took time.Duration
	}{{"real", took}, {"user", user}, {"sys", system}} {
		fmt.Fprintf(c.Err, "%s\t%dm %.2fs\n", row.name, int(row.took.Minutes()), (row.took % time.Minute).Seconds())
	}
	return statusOf(c, f.Args[0], err)
}

// timeout ends a program after a time: timeout [-s SIGNAL] [-k TIME] TIME
// COMMAND …. The status is then 124, or 137 where it had to be killed.
func timeout(c *applet.Call) error {
	f, err := c.Flags("+s:k:")
	if err != nil {
		return err
	}
	if len(f.Args) < 2 {
		return applet.Usage("timeout [-s SIGNAL] [-k TIME] TIME COMMAND …")
	}
	sig, err := signals.Parse(f.Value("s", "TERM"))
	if err != nil {
		return err
	}
	limit, err := duration(f.Args[0])
	if err != nil {
		return err
	}
	patience, err := duration(f.Value("k", "inf"))
	if err != nil {
		return err
	}
	cmd := child(f.Args[1:])
	if err := cmd.Start(); err != nil {
		return statusOf(c, f.Args[1], err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		return statusOf(c, f.Args[1], err)
	case <-time.After(limit):
	}
	_ = cmd.Process.Signal(sig) // it may have ended just now
	select {
	case <-ended:
		if sig == syscall.SIGKILL {
			return applet.Status(137)
		}
	case <-time.After(patience):
		_ = cmd.Process.Kill()
		<-ended
		return applet.Status(137)
	}
	return applet.Status(124)
}

// xargs makes arguments of its input: xargs [-0] [-n N] [-I TEXT] [-r] [-t] [COMMAND …].
func xargs(c *applet.Call) error {
	f, err := c.Flags("+0n:I:rt")
	if err != nil {
		return err
	}
	data, err := io.ReadAll(c.In)
	if err != nil {
		return err
	}
	most, err := f.Int("n", 1<<14)
	if err != nil || most == 0 {
		return applet.Usage("-n %s", f.Value("n", ""))
	}
	words := wordsOf(string(data), f.Has("0"), f.Has("I"))
	if f.Has("I") {
		most = 1
	}
	command := f.Args
	if len(command) == 0 {
		command = []string{"echo"}
	}
	if len(words) == 0 && (f.Has("r") || f.Has("I")) {
		return nil
	}
	failed := false
	for first := true; first || len(words) > 0; first = false {
		some := words[:min(most, len(words))]
		words = words[len(some):]
		args := append(slices.Clone(command), some...)
		if text := f.Value("I", ""); text != "" {
			args = nil
			for _, a := range command {
				args = append(args, strings.ReplaceAll(a, text, some[0]))
			}
		}
		if f.Has("t") {
			fmt.Fprintln(c.Err, strings.Join(args, " "))
		}
		cmd := child(args)
		cmd.Stdin = nil // the words came from there
		err := statusOf(c, args[0], cmd.Run())
		if errors.Is(err, applet.Status(126)) || errors.Is(err, applet.Status(127)) {
			return err
		}
		failed = failed || err != nil
	}
	if failed {
		return applet.Status(123)
	}
	return nil
}

// wordsOf parts xargs's input: at NUL bytes, at newlines, or at blanks that are
// not quoted.
func wordsOf(data string, zeros, lines bool) []string {
	if zeros || lines {
		separator := map[bool]string{true: "\x00", false: "\n"}[zeros]
		return slices.DeleteFunc(strings.Split(data, separator), func(s string) bool { return s == "" })
	}
	var words []string
	var word strings.Builder
	inWord, quote := false, rune(0)
	escaped := false
	for _, r := range data + "\n" {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case quote == 0 && r == '\\':
			escaped, inWord = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, inWord = r, true
		case strings.ContainsRune(" \t\n", r):
			if inWord {
				words = append(words, word.String())
			}
			word.Reset()
			inWord = false
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	return words
}
