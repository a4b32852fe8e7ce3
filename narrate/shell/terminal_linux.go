package shell

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// takeTerminal makes this process's group the terminal's foreground again. A
// shell in another PID namespace cannot give it back: it cannot name our group.
func takeTerminal() {
	signal.Ignore(unix.SIGTTOU) // a background process that does this is stopped otherwise: tcsetpgrp(3)
	defer signal.Reset(unix.SIGTTOU)
	_ = unix.IoctlSetPointerInt(int(os.Stdin.Fd()), unix.TIOCSPGRP, unix.Getpgrp()) // no terminal, nothing to take
}
