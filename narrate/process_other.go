//go:build !linux

package narrate

import (
	"os"
	"syscall"
	"time"
)

func ownGroup() *syscall.SysProcAttr { return nil }

func terminate(p *os.Process) error { return p.Kill() }

func kill(p *os.Process) error { return p.Kill() }

func awaitGroup(*os.Process, time.Duration) {}
