package system

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/registry/toolbox/applet"
)

// switches of a terminal that stty shows and sets.
func switches() []struct {
	name string
	bit  uint32
} {
	return []struct {
		name string
		bit  uint32
	}{{"isig", unix.ISIG}, {"icanon", unix.ICANON}, {"iexten", unix.IEXTEN}, {"echo", unix.ECHO}, {"echoe", unix.ECHOE}, {"echok", unix.ECHOK}, {"noflsh", unix.NOFLSH}, {"tostop", unix.TOSTOP}}
}

// stty shows or sets: size, -a, rows N, cols N, [-]echo and the like, raw, sane.
func stty(c *applet.Call) error {
	t, err := unix.IoctlGetTermios(0, unix.TCGETS)
	if err != nil {
		return fmt.Errorf("standard input: %s", applet.Message(err))
	}
	size, err := unix.IoctlGetWinsize(0, unix.TIOCGWINSZ)
	if err != nil {
		return err
	}
	if len(c.Args) == 0 || c.Args[0] == "-a" {
		return showTerminal(c, t, size)
	}
	for i := 0; i < len(c.Args); i++ {
		word := c.Args[i]
		switch {
		case word == "size":
			fmt.Fprintf(c.Out, "%d %d\n", size.Row, size.Col)
		case (word == "rows" || word == "cols" || word == "columns") && i+1 < len(c.Args):
			i++
			n, err := strconv.ParseUint(c.Args[i], 10, 16)
			if err != nil {
				return applet.Usage("%q is no number", c.Args[i])
			}
			if word == "rows" {
				size.Row = uint16(n)
			} else {
				size.Col = uint16(n)
			}
			if err := unix.IoctlSetWinsize(0, unix.TIOCSWINSZ, size); err != nil {
				return err
			}
		default:
			if err := set(t, word); err != nil {
				return err
			}
			if err := unix.IoctlSetTermios(0, unix.TCSETSW, t); err != nil {
				return err
			}
		}
	}
	return nil
}

func set(t *unix.Termios, word string) error {
	switch word {
	case "raw", "-cooked":
		t.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
		t.Oflag &^= unix.OPOST
		t.Lflag &^= unix.ISIG | unix.ICANON
		t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
		return nil
	case "sane", "cooked", "-raw":
		t.Iflag |= unix.BRKINT | unix.ICRNL | unix.IXON
		t.Oflag |= unix.OPOST | unix.ONLCR
		t.Lflag |= unix.ISIG | unix.ICANON | unix.IEXTEN | unix.ECHO | unix.ECHOE | unix.ECHOK
		return nil
	}
	name, off := strings.CutPrefix(word, "-")
	for _, s := range switches() {
		if s.name != name {
			continue
		}
		if t.Lflag |= s.bit; off {
			t.Lflag &^= s.bit
		}
		return nil
	}
	return applet.Usage("%q is not known here", word)
}

func showTerminal(c *applet.Call, t *unix.Termios, size *unix.Winsize) error {
	fmt.Fprintf(c.Out, "rows %d; columns %d;\n", size.Row, size.Col)
	for _, k := range []struct {
		name string
		at   int
	}{{"intr", unix.VINTR}, {"quit", unix.VQUIT}, {"erase", unix.VERASE}, {"kill", unix.VKILL}, {"eof", unix.VEOF}, {"susp", unix.VSUSP}} {
		key := "<undef>"
		if b := t.Cc[k.at]; b == 0x7f {
			key = "^?"
		} else if b > 0 && b < 32 {
			key = "^" + string(rune(b+64))
		}
		fmt.Fprintf(c.Out, "%s = %s; ", k.name, key)
	}
	fmt.Fprintln(c.Out)
	var list []string
	for _, s := range switches() {
		name := s.name
		if t.Lflag&s.bit == 0 {
			name = "-" + name
		}
		list = append(list, name)
	}
	_, err := fmt.Fprintln(c.Out, strings.Join(list, " "))
	return err
}

func tty(c *applet.Call) error {
	if !applet.IsTerminal(c.In) {
		fmt.Fprintln(c.Out, "not a tty")
		return applet.Status(1)
	}
	name, err := os.Readlink("/proc/self/fd/0")
	if err == nil {
		fmt.Fprintln(c.Out, name)
	}
	return err
}

func clearScreen(c *applet.Call) error {
	_, err := io.WriteString(c.Out, "\x1b[H\x1b[J\x1b[3J")
	return err
}
