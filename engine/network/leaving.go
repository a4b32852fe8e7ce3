//go:build linux

package network

import (
	"slices"
	"sync"
)

// leaving are interfaces that are being taken away, by their names and addresses.
// For that the kernel waits tens of milliseconds until nobody on any processor can
// still see them (synchronize_net); only who makes one anew has to wait for it.
type leaving struct {
	mu   sync.Mutex
	gone map[string]chan struct{} // name or address → closed when it has gone
	all  sync.WaitGroup
}

// begin takes something away in the background.
func (l *leaving) begin(remove func(), names ...string) {
	gone := make(chan struct{})
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone == nil {
		l.gone = map[string]chan struct{}{}
	}
	for _, name := range names {
		l.gone[name] = gone
	}
	l.all.Go(func() {
		remove()
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, name := range names {
			if l.gone[name] == gone {
				delete(l.gone, name)
			}
		}
		close(gone)
	})
}

// has reports whether something of that name is on its way.
func (l *leaving) has(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.gone[name] != nil
}

// await waits until nothing of these names is there any more.
func (l *leaving) await(names ...string) {
	l.mu.Lock()
	var waits []chan struct{}
	for _, name := range names {
		if gone := l.gone[name]; gone != nil && !slices.Contains(waits, gone) {
			waits = append(waits, gone)
		}
	}
	l.mu.Unlock()
	for _, gone := range waits {
		<-gone
	}
}
