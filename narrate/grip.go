package narrate

import (
	"context"
	"fmt"
	"io"

	"github.com/learndocker/learndocker/engine/client"
	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/engine/stage/wire"
)

// grip is the narrator's hold on a daemon: the connection over which points
// come and the word to go on is given.
type grip struct {
	conn   *wire.Conn
	daemon int // its pid; 0 where it is not on this machine
	closer io.Closer
	points chan stage.Point
	gone   chan error // why no more points come
	held   bool       // a point has come and has not been released
}

// take asks the daemon to be shown its stops. From then on it is held at each.
func take(ctx context.Context, c *client.Client) (*grip, error) {
	conn, buffered, err := c.Watch(ctx)
	if err != nil {
		return nil, err
	}
	g := &grip{conn: wire.NewConn(conn, buffered), daemon: peer(conn), closer: conn, points: make(chan stage.Point), gone: make(chan error, 1)}
	go g.listen()
	return g, nil
}

func (g *grip) listen() {
	for {
		p, err := g.conn.Receive()
		if err != nil {
			g.gone <- err
			return
		}
		if p.Point != nil {
			g.points <- *p.Point
		}
	}
}

// release lets the daemon go on, if it is held.
func (g *grip) release() error {
	if !g.held {
		return nil
	}
	g.held = false
	if err := g.conn.Send(wire.Packet{Go: true}); err != nil {
		return fmt.Errorf("let the engine go on: %w", err)
	}
	return nil
}

// free lets everything that is held go on, now and from now on, and leaves.
func (g *grip) free() error {
	_ = g.conn.Send(wire.Packet{Free: true}) // to a daemon that has ended there is nothing to say
	return g.loose()
}

// loose leaves the daemon; what it holds at that moment is aborted.
func (g *grip) loose() error {
	err := g.closer.Close()
	go func() { // let listen end
		for range g.points {
		}
	}()
	return err
}
