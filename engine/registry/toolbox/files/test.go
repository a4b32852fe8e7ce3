package files

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/registry/toolbox/applet"
)

// Test is test(1), and [ with its ] at the end.
func Test(c *applet.Call) error {
	args := c.Args
	if c.Name == "[" {
		if len(args) == 0 || args[len(args)-1] != "]" {
			return applet.Usage("missing ]")
		}
		args = args[:len(args)-1]
	}
	if len(args) == 0 {
		return applet.Status(1)
	}
	t := &condition{words: args}
	holds := t.or()
	if t.err == nil && len(t.words) > 0 {
		t.err = fmt.Errorf("%s: unexpected", t.words[0])
	}
	switch {
	case t.err != nil:
		return fmt.Errorf("%w: %w", applet.ErrUsage, t.err)
	case !holds:
		return applet.Status(1)
	}
	return nil
}

// condition reads words from the left.
type condition struct {
	words []string
	err   error
}

func (t *condition) next() string {
	if len(t.words) == 0 {
		if t.err == nil {
			t.err = fmt.Errorf("argument expected")
		}
		return ""
	}
	word := t.words[0]
	t.words = t.words[1:]
	return word
}

func (t *condition) at(n int) string {
	if n < len(t.words) {
		return t.words[n]
	}
	return ""
}

func (t *condition) or() bool {
	holds := t.and()
	for t.at(0) == "-o" {
		t.next()
		right := t.and()
		holds = holds || right
	}
	return holds
}

func (t *condition) and() bool {
	holds := t.one()
	for t.at(0) == "-a" {
		t.next()
		right := t.one()
		holds = holds && right
	}
	return holds
}

func (t *condition) one() bool {
	switch {
	case len(t.words) >= 3 && isComparison(t.at(1)):
		left, op, right := t.next(), t.next(), t.next()
		return t.compare(left, op, right)
	case t.at(0) == "!" && len(t.words) > 1:
		t.next()
		return !t.one()
	case t.at(0) == "(" && len(t.words) > 2:
		t.next()
		holds := t.or()
		if t.next() != ")" && t.err == nil {
			t.err = fmt.Errorf("missing )")
		}
		return holds
	case len(t.words) >= 2 && len(t.at(0)) == 2 && t.at(0)[0] == '-':
		op, operand := t.next(), t.next()
		return t.unary(op, operand)
	}
	return t.next() != ""
}

func isComparison(op string) bool {
	switch op {
	case "=", "==", "!=", "<", ">", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef":
		return true
	}
	return false
}

func (t *condition) compare(left, op, right string) bool {
	switch op {
	case "=", "==":
		return left == right
	case "!=":
		return left != right
	case "<":
		return left < right
	case ">":
		return left > right
	case "-nt", "-ot", "-ef":
		return related(left, op, right)
	}
	a, b := t.number(left), t.number(right)
	switch op {
	case "-eq":
		return a == b
	case "-ne":
		return a != b
	case "-lt":
		return a < b
	case "-le":
		return a <= b
	case "-gt":
		return a > b
	}
	return a >= b
}

func related(left, op, right string) bool {
	a, errA := os.Stat(left)
	b, errB := os.Stat(right)
	switch {
	case op == "-ef":
		return errA == nil && errB == nil && os.SameFile(a, b)
	case op == "-ot":
		a, b, errA, errB = b, a, errB, errA
	}
	return errA == nil && (errB != nil || a.ModTime().After(b.ModTime()))
}

func (t *condition) number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil && t.err == nil {
		t.err = fmt.Errorf("%s: bad number", text)
	}
	return n
}

func (t *condition) unary(op, operand string) bool {
	switch op {
	case "-n":
		return operand != ""
	case "-z":
		return operand == ""
	case "-t":
		return applet.IsTerminal(applet.FD(t.number(operand)))
	case "-r":
		return unix.Faccessat(unix.AT_FDCWD, operand, unix.R_OK, unix.AT_EACCESS) == nil
	case "-w":
		return unix.Faccessat(unix.AT_FDCWD, operand, unix.W_OK, unix.AT_EACCESS) == nil
	case "-x":
		return unix.Faccessat(unix.AT_FDCWD, operand, unix.X_OK, unix.AT_EACCESS) == nil
	}
	var st unix.Stat_t
	if op == "-h" || op == "-L" {
		return unix.Lstat(operand, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFLNK
	}
	err := unix.Stat(operand, &st)
	kinds := map[string]uint32{"-f": unix.S_IFREG, "-d": unix.S_IFDIR, "-p": unix.S_IFIFO, "-S": unix.S_IFSOCK, "-b": unix.S_IFBLK, "-c": unix.S_IFCHR}
	bits := map[string]uint32{"-u": unix.S_ISUID, "-g": unix.S_ISGID, "-k": unix.S_ISVTX}
	switch {
	case op == "-e":
		return err == nil
	case op == "-s":
		return err == nil && st.Size > 0
	case kinds[op] != 0:
		return err == nil && st.Mode&unix.S_IFMT == kinds[op]
	case bits[op] != 0:
		return err == nil && st.Mode&bits[op] != 0
	}
	if t.err == nil {
		t.err = fmt.Errorf("%s: unknown condition", op)
	}
	return false
}
