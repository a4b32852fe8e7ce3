//go:build linux

package network

import (
	"testing"
	"time"
)

// TestLeaving: what is being taken away can be waited for by any of its names.
func TestLeaving(t *testing.T) {
	var l leaving
	l.await("nothing") // does not wait
	goOn, arrived := make(chan struct{}), make(chan struct{})
	l.begin(func() { <-goOn }, "veth0", "10.0.0.2")
	if !l.has("veth0") || !l.has("10.0.0.2") || l.has("veth1") {
		t.Error("it does not know what is on its way")
	}
	go func() {
		l.await("10.0.0.2", "veth0")
		close(arrived)
	}()
	select {
	case <-arrived:
		t.Error("it did not wait")
	case <-time.After(20 * time.Millisecond):
	}
	close(goOn)
	<-arrived
	l.all.Wait()
	if l.has("veth0") {
		t.Error("it is on its way for ever")
	}
}
