package shell

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// maxShown bounds what cat prints of a file, in bytes.
const maxShown = 64 << 10

// commands are those of Peek.
const commands = "ls [DIR]   cat FILE   cd DIR   pwd   ps   id   hostname   mounts   exit"

// Peek is a shell of a few commands for images that have none. It reads
// commands from in, several of a line parted by semicolons, until their end or
// exit.
func Peek(in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	for {
		dir, err := os.Getwd()
		if err != nil {
			dir = "?"
		}
		fmt.Fprintf(out, "inside:%s# ", dir)
		if !lines.Scan() {
			fmt.Fprintln(out)
			return lines.Err()
		}
		for text := range strings.SplitSeq(lines.Text(), ";") {
			words := strings.Fields(text)
			if len(words) == 0 {
				continue
			}
			if words[0] == "exit" || words[0] == "quit" || words[0] == "q" {
				return nil
			}
			if err := command(words, out); err != nil {
				fmt.Fprintln(out, err)
			}
		}
	}
}

func command(words []string, out io.Writer) error {
	argument := "."
	if len(words) > 1 {
		argument = words[len(words)-1]
	}
	switch words[0] {
	case "ls":
		return list(argument, out)
	case "cat":
		return show(argument, out)
	case "cd":
		return os.Chdir(argument)
	case "pwd":
		dir, err := os.Getwd()
		fmt.Fprintln(out, dir)
		return err
	case "ps":
		return processes(out)
	case "id":
		fmt.Fprintf(out, "uid=%d gid=%d\n", os.Getuid(), os.Getgid())
	case "hostname":
		return show("/proc/sys/kernel/hostname", out)
	case "mounts":
		return show("/proc/self/mounts", out)
	default:
		return fmt.Errorf("%s: not one of the commands here, which are: %s", words[0], commands)
	}
	return nil
}

func list(dir string, out io.Writer) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			continue // gone meanwhile
		}
		fmt.Fprintf(out, "%s %8d %s\n", info.Mode(), info.Size(), e.Name())
	}
	return nil
}

func show(name string, out io.Writer) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(out, io.LimitReader(f, maxShown))
	return err
}

func processes(out io.Writer) error {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return err
	}
	var pids []int
	for _, d := range dirs {
		if pid, err := strconv.Atoi(filepath.Base(d)); err == nil {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	fmt.Fprintln(out, "  PID NAME")
	for _, pid := range pids {
		name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		if err == nil {
			fmt.Fprintf(out, "%5d %s\n", pid, strings.TrimSpace(string(name)))
		}
	}
	return nil
}
