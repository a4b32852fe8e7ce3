package wire

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/learndocker/learndocker/engine/stage"
)

// pair returns a holder and the other end of its conversation.
func pair(t *testing.T) (*Holder, *Conn, net.Conn) {
	t.Helper()
	held, other := net.Pipe()
	t.Cleanup(func() { held.Close(); other.Close() })
	return NewHolder(NewConn(held, nil)), NewConn(other, nil), other
}

func TestHolderWaitsForTheWord(t *testing.T) {
	h, watcher, _ := pair(t)
	done := make(chan error, 1)
	go func() { done <- h.At(context.Background(), stage.Point{Fact: stage.Lookup{Asked: "x"}}) }()
	p, err := watcher.Receive()
	if err != nil || p.Point == nil || p.Point.Seq != 1 {
		t.Fatalf("received %+v, %v", p, err)
	}
	select {
	case err := <-done:
		t.Fatalf("went on by itself: %v", err)
	default:
	}
	if err := watcher.Send(Packet{Go: true}); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestAbortAndLeaving(t *testing.T) {
	for name, end := range map[string]func(*Conn, net.Conn) error{
		"abort":  func(c *Conn, _ net.Conn) error { return c.Send(Packet{Abort: "enough"}) },
		"leaves": func(_ *Conn, n net.Conn) error { return n.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			h, watcher, conn := pair(t)
			done := make(chan error, 1)
			go func() { done <- h.At(context.Background(), stage.Point{Fact: stage.Lookup{}}) }()
			if _, err := watcher.Receive(); err != nil {
				t.Fatal(err)
			}
			if err := end(watcher, conn); err != nil {
				t.Fatal(err)
			}
			if err := <-done; !errors.Is(err, ErrAborted) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestLetGo: a watcher that leaves in peace aborts nothing, neither what it holds
// nor what comes after.
func TestLetGo(t *testing.T) {
	h, watcher, conn := pair(t)
	done := make(chan error, 2)
	for range 2 {
		go func() { done <- h.At(context.Background(), stage.Point{Fact: stage.Lookup{}}) }()
	}
	if _, err := watcher.Receive(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(watcher.Send(Packet{Free: true}), conn.Close()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Errorf("what was held: %v", err)
		}
	}
	<-h.Gone()
	if err := h.At(context.Background(), stage.Point{Fact: stage.Lookup{}}); err != nil {
		t.Errorf("what comes after: %v", err)
	}
}

func TestPointsQueueUp(t *testing.T) {
	h, watcher, _ := pair(t)
	var group sync.WaitGroup
	for range 10 {
		group.Go(func() {
			if err := h.At(context.Background(), stage.Point{Fact: stage.Lookup{}}); err != nil {
				t.Error(err)
			}
		})
	}
	for want := uint64(1); want <= 10; want++ {
		p, err := watcher.Receive()
		if err != nil || p.Point.Seq != want {
			t.Fatalf("received %+v, %v; want point %d", p, err, want)
		}
		if err := watcher.Send(Packet{Go: true}); err != nil {
			t.Fatal(err)
		}
	}
	group.Wait()
}

func TestPacketsAreBounded(t *testing.T) {
	endless := NewConn(struct {
		io.Reader
		io.Writer
	}{strings.NewReader(strings.Repeat("x", MaxPacket+2)), io.Discard}, nil)
	if _, err := endless.Receive(); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("an endless line: %v", err)
	}
	if err := endless.Send(Packet{Abort: strings.Repeat("x", MaxPacket)}); err == nil {
		t.Error("sent more than a packet holds")
	}
}

func FuzzReceive(f *testing.F) {
	f.Add([]byte(`{"go":true}` + "\n"))
	f.Add([]byte(`{"point":{"seq":1,"pid":2,"stage":"image.lookup","fact":{}}}` + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := NewConn(struct {
			io.Reader
			io.Writer
		}{bytes.NewReader(data), io.Discard}, nil)
		for {
			if _, err := c.Receive(); err != nil {
				return
			}
		}
	})
}
