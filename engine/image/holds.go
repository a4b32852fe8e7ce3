package image

import "sync"

// Holds keep things that nothing leads to yet from being swept: a pull's blobs
// before the image has its name. The zero Holds holds nothing.
type Holds struct {
	mu    sync.Mutex
	count map[string]int
}

// Hold holds a thing by its name until it is released as often.
func (h *Holds) Hold(name string) (release func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.count == nil {
		h.count = map[string]int{}
	}
	h.count[name]++
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.count[name]--; h.count[name] <= 0 {
			delete(h.count, name)
		}
	}
}

// IfFree does what must not be done to a thing that somebody holds, or comes to
// hold meanwhile. It reports whether it was done.
func (h *Holds) IfFree(name string, do func() error) (bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.count[name] > 0 {
		return false, nil
	}
	return true, do()
}
