package narrate

import (
	"os"
	"syscall"
)

// ownGroup keeps ^C at the terminal for the narrator: it unwinds the others in
// order. Should the narrator be killed, its children are told to end.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}

func terminate(p *os.Process) error { return p.Signal(syscall.SIGTERM) }
