//go:build linux

package container

import (
	"runtime"
	"sync"
)

// asParent calls fork on the one thread that is the parent of every init, and that
// never ends. Init asks to die with its parent, and the kernel takes for that the
// thread that has made it: prctl(2), PR_SET_PDEATHSIG. Other threads of a program
// in Go may end.
func asParent(fork func()) {
	done := make(chan struct{})
	parent() <- func() {
		defer close(done)
		fork()
	}
	<-done
}

// parent starts the thread, and returns where it takes what is to be called.
var parent = sync.OnceValue(func() chan<- func() {
	calls := make(chan func())
	go func() {
		runtime.LockOSThread()
		for call := range calls { // to the program's end
			call()
		}
	}()
	return calls
})
