package shell

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/registry/toolbox/signals"
)

// trap has the action run when the signal comes: "" ignores it, "-" takes the
// trap away. EXIT, or 0, is the shell's end.
func (s *Shell) trap(name, action string) error {
	if name == "0" || name == "EXIT" {
		if s.traps["EXIT"] = action; action == "-" {
			delete(s.traps, "EXIT")
		}
		return nil
	}
	sig, err := signals.Parse(name)
	if err != nil {
		return err
	}
	if sig == syscall.SIGKILL || sig == syscall.SIGSTOP || sig == 0 {
		return fmt.Errorf("%s: cannot be trapped", name)
	}
	name = signals.Name(sig)
	s.traps[name] = action
	switch action {
	case "-":
		delete(s.traps, name)
		return signals.Default(sig)
	case "":
		return signals.Ignore(sig)
	}
	return signals.Catch(s.caught, sig)
}

// runTraps runs the actions of signals that have come.
func (s *Shell) runTraps() {
	for {
		select {
		case sig := <-s.caught:
			s.runTrap(sig)
		default:
			return
		}
	}
}

func (s *Shell) runTrap(sig os.Signal) {
	action, ok := s.traps[signals.Name(sig.(syscall.Signal))]
	if !ok {
		if sig == syscall.SIGINT && s.options['i'] {
			s.say("\n")
			s.status = 130
			s.flow = flow{kind: returns, n: 130} // back to the prompt
		}
		return
	}
	status := s.status
	s.eval(action)
	if s.flow.kind != exits {
		s.status = status
	}
}

// waitInterruptibly waits for a child, or for a trapped signal, whose number it
// returns. The kernel's own wait is not interrupted here: the Go runtime has
// its calls restarted.
func (s *Shell) waitInterruptibly() (syscall.Signal, error) {
	if len(s.traps) == 0 && s.control == nil {
		return 0, s.reap(0)
	}
	changed := make(chan error, 1)
	go func() {
		flags := unix.WEXITED | unix.WNOWAIT
		changed <- unix.Waitid(unix.P_ALL, 0, nil, flags, nil)
	}()
	select {
	case err := <-changed:
		if err != nil {
			return 0, err
		}
		return 0, s.reap(syscall.WNOHANG)
	case sig := <-s.caught:
		s.runTrap(sig)
		return sig.(syscall.Signal), nil
	}
}

// showTraps lists them so that they can be typed again.
func (s *Shell) showTraps() string {
	var lines []string
	for name, action := range s.traps {
		lines = append(lines, "trap -- '"+strings.ReplaceAll(action, "'", `'\''`)+"' "+name+"\n")
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}
