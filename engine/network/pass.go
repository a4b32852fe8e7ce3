//go:build linux

package network

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// passing passes on what comes at one address of the host, until it is closed.
type passing struct {
	from   opened
	to     *target
	ctx    context.Context
	cancel context.CancelFunc
	at     sync.WaitGroup
}

func serve(from opened, to *target) *passing {
	p := &passing{from: from, to: to}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	if from.stream != nil {
		p.at.Go(p.accept)
	} else {
		p.at.Go(p.exchange)
	}
	return p
}

// close ends the listening and what is under way.
func (p *passing) close() {
	p.cancel()
	p.from.close()
	p.at.Wait()
}

// accept takes connections. Of an error that is not the end, such as too many open
// files, it waits a moment.
func (p *passing) accept() {
	for {
		client, err := p.from.stream.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		p.at.Go(func() { p.connect(client.(*net.TCPConn)) })
	}
}

// dialPatience bounds the wait for a container that does not answer.
const dialPatience = 10 * time.Second

// connect joins a client with the container. A container at whose port nobody
// listens ends the connection, as docker-proxy does.
func (p *passing) connect(client *net.TCPConn) {
	defer client.Close()
	ctx, cancel := context.WithTimeout(p.ctx, dialPatience)
	defer cancel()
	conn, err := p.to.dial(ctx)
	if err != nil {
		_ = client.SetLinger(0) // a reset, as the container's kernel would answer
		return
	}
	server := conn.(*net.TCPConn)
	defer server.Close()
	end := context.AfterFunc(p.ctx, func() {
		client.Close()
		server.Close()
	})
	defer end()
	var both sync.WaitGroup
	both.Go(func() { stream(server, client) })
	both.Go(func() { stream(client, server) })
	both.Wait()
}

// stream copies one direction and passes its end on; the other may go on.
func stream(to, from *net.TCPConn) {
	_, err := io.Copy(to, from)
	if err != nil {
		to.Close() // the other side must not take it for all
		return
	}
	_ = to.CloseWrite() // may have gone
}

// Of UDP there are no connections: who has sent something gets the answers for as
// long as something is said.
const (
	idlePatience = 90 * time.Second // docker-proxy's
	maxSenders   = 1024             // each takes a descriptor
	maxDatagram  = 64 << 10
)

// exchange passes datagrams to the container, each sender's by a socket of its own.
func (p *passing) exchange() {
	var mu sync.Mutex
	senders := map[netip.AddrPort]*net.UDPConn{}
	datagram := make([]byte, maxDatagram)
	for {
		n, from, err := p.from.packet.ReadFromUDPAddrPort(datagram)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an ICMP error of an answer that nobody took
		}
		mu.Lock()
		conn, full := senders[from], len(senders) >= maxSenders
		mu.Unlock()
		if conn == nil {
			if full {
				continue // datagrams may be lost
			}
			dialed, err := p.to.dial(p.ctx)
			if err != nil {
				continue
			}
			conn = dialed.(*net.UDPConn)
			mu.Lock()
			senders[from] = conn
			mu.Unlock()
			p.at.Go(func() {
				p.answer(conn, from)
				mu.Lock()
				delete(senders, from)
				mu.Unlock()
			})
		}
		_, _ = conn.Write(datagram[:n])
	}
}

// answer passes the container's datagrams back to one sender.
func (p *passing) answer(conn *net.UDPConn, to netip.AddrPort) {
	defer conn.Close()
	end := context.AfterFunc(p.ctx, func() { conn.Close() })
	defer end()
	datagram := make([]byte, maxDatagram)
	for {
		if err := conn.SetReadDeadline(time.Now().Add(idlePatience)); err != nil {
			return
		}
		n, err := conn.Read(datagram)
		if err != nil {
			return
		}
		if _, err := p.from.packet.WriteToUDPAddrPort(datagram[:n], to); err != nil {
			return
		}
	}
}
