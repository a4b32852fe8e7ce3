//go:build linux

package container

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// ConsolePair makes the socket over which init sends the terminal.
func ConsolePair() (ours, theirs *os.File, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make console's socket: %w", err)
	}
	return os.NewFile(uintptr(pair[0]), "console"), os.NewFile(uintptr(pair[1]), "console"), nil
}

// ReceiveTerminal waits for the terminal: SCM_RIGHTS in unix(7).
func ReceiveTerminal(socket *os.File) (*os.File, error) {
	name, rights := make([]byte, 64), make([]byte, unix.CmsgSpace(4))
	for {
		_, n, _, _, err := unix.Recvmsg(int(socket.Fd()), name, rights, unix.MSG_CMSG_CLOEXEC)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("receive terminal: %w", err)
		}
		messages, err := unix.ParseSocketControlMessage(rights[:n])
		if err != nil || len(messages) != 1 {
			return nil, errors.New("receive terminal: init has sent none")
		}
		fds, err := unix.ParseUnixRights(&messages[0])
		if err != nil || len(fds) != 1 {
			return nil, errors.New("receive terminal: init has sent none")
		}
		if err := unix.SetNonblock(fds[0], true); err != nil { // so that a reader can be ended
			return nil, err
		}
		return os.NewFile(uintptr(fds[0]), "terminal"), nil
	}
}
