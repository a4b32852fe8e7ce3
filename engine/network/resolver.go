//go:build linux

package network

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/learndocker/learndocker/engine/sys"
)

// ResolverAddress is where, in the network namespace of each container on a user's
// network, the daemon answers questions about names, as Docker's does.
const ResolverAddress = "127.0.0.11"

// Bounds on questions and answers.
const (
	maxQuestion  = 4096                  // bytes over UDP; of those that are more the end is lost
	maxMessage   = 64 << 10              // over TCP, whose length has two bytes
	plainAnswer  = 512                   // over UDP, for who has not said that more is welcome: RFC 1035
	maxAsking    = 100                   // questions of one container that are answered at once
	maxStreams   = 16                    // its connections
	streamIdle   = 10 * time.Second      // between questions of a connection
	elsewhere    = 4 * time.Second       // for the answer of one of the host's servers
	lifetime     = 600                   // seconds for which an answer of ours may be kept, Docker's
	maxUpstreams = 3                     // resolv.conf(5), MAXNS
	acceptPause  = 10 * time.Millisecond // after an error that is not the end
)

// resolver answers one container's questions.
type resolver struct {
	networks  *Networks
	container string
	servers   []netip.Addr // asked for what nobody here knows; none are the host's
	packet    *net.UDPConn
	stream    net.Listener
	ctx       context.Context
	cancel    context.CancelFunc
	asking    chan struct{}
	streams   chan struct{}
	at        sync.WaitGroup
}

// answerNames begins to answer the container's questions. The caller holds the
// lock.
func (n *Networks) answerNames(k sys.Kernel, ns *namespace, w Wish) error {
	if n.resolvers[w.Container] != nil {
		return nil
	}
	r := &resolver{networks: n, container: w.Container, servers: w.DNS, asking: make(chan struct{}, maxAsking), streams: make(chan struct{}, maxStreams)}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	var err error
	entered := ns.in(func() { err = r.listen(k) })
	if err = errors.Join(entered, err); err != nil {
		r.cancel()
		return fmt.Errorf("listen for questions about names: %w", err)
	}
	n.resolvers[w.Container] = r
	r.at.Go(r.datagrams)
	r.at.Go(r.connections)
	return nil
}

// listen makes the sockets, which stay in the namespace of the thread.
func (r *resolver) listen(k sys.Kernel) (err error) {
	at := netip.AddrPortFrom(netip.MustParseAddr(ResolverAddress), 53)
	r.packet, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(at))
	k.Did("bind", err, "", "udp4", at.String())
	if err != nil {
		return err
	}
	r.stream, err = net.Listen("tcp4", at.String())
	k.Did("bind", err, "", "tcp4", at.String())
	if err != nil {
		r.packet.Close()
	}
	return err
}

// silence ends a container's resolver.
func (n *Networks) silence(container string) {
	n.mu.Lock()
	r := n.resolvers[container]
	delete(n.resolvers, container)
	n.mu.Unlock()
	if r == nil {
		return
	}
	r.cancel()
	r.packet.Close()
	r.stream.Close()
	r.at.Wait()
}

// datagrams answers what comes over UDP.
func (r *resolver) datagrams() {
	question := make([]byte, maxQuestion)
	for {
		n, from, err := r.packet.ReadFromUDPAddrPort(question)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an ICMP error of an answer that nobody took
		}
		select {
		case r.asking <- struct{}{}:
		default:
			continue // datagrams may be lost
		}
		asked := append([]byte{}, question[:n]...)
		r.at.Go(func() {
			defer func() { <-r.asking }()
			if answer := r.answer(asked, "udp"); answer != nil {
				_, _ = r.packet.WriteToUDPAddrPort(answer, from) // who has gone asks no more
			}
		})
	}
}

// connections answers what comes over TCP.
func (r *resolver) connections() {
	for {
		conn, err := r.stream.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(acceptPause)
			continue
		}
		select {
		case r.streams <- struct{}{}:
		default:
			conn.Close()
			continue
		}
		r.at.Go(func() {
			defer func() { <-r.streams }()
			defer conn.Close()
			end := context.AfterFunc(r.ctx, func() { conn.Close() })
			defer end()
			for r.exchange(conn) == nil {
			}
		})
	}
}

// exchange answers one question of a connection. Each message has its length in
// front: RFC 1035, 4.2.2.
func (r *resolver) exchange(conn net.Conn) error {
	if err := conn.SetDeadline(time.Now().Add(streamIdle)); err != nil {
		return err
	}
	asked, err := readMessage(conn)
	if err != nil {
		return err
	}
	answer := r.answer(asked, "tcp")
	if answer == nil {
		return errors.New("no question")
	}
	return writeMessage(conn, answer)
}

func readMessage(from io.Reader) ([]byte, error) {
	var length uint16
	if err := binary.Read(from, binary.BigEndian, &length); err != nil {
		return nil, err
	}
	message := make([]byte, length)
	_, err := io.ReadFull(from, message)
	return message, err
}

func writeMessage(to io.Writer, message []byte) error {
	if len(message) >= maxMessage {
		return errors.New("the message is too long")
	}
	_, err := to.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(message))), message...))
	return err
}

// answer is nil to what is no question.
func (r *resolver) answer(asked []byte, protocol string) []byte {
	var p dnsmessage.Parser
	header, err := p.Start(asked)
	if err != nil || header.Response {
		return nil
	}
	q, err := p.Question()
	if err != nil {
		return reply(header, nil, dnsmessage.RCodeFormatError)
	}
	found, known := r.networks.find(r.container, q)
	if known {
		return truncated(reply(header, &q, dnsmessage.RCodeSuccess, found...), header, q, protocol)
	}
	if _, outside := r.networks.Way(r.container); outside { // an internal network's names would leak
		if answer := r.askElsewhere(asked, protocol); answer != nil {
			return answer
		}
	}
	return reply(header, &q, dnsmessage.RCodeServerFailure)
}

// truncated tells who asked over UDP to ask again over TCP, where the answer is
// long.
func truncated(answer []byte, header dnsmessage.Header, q dnsmessage.Question, protocol string) []byte {
	if protocol == "tcp" || len(answer) <= plainAnswer {
		return answer
	}
	header.Truncated = true
	return reply(header, &q, dnsmessage.RCodeSuccess)
}

// reply builds an answer to one question; nil where there is no building it.
func reply(asked dnsmessage.Header, q *dnsmessage.Question, code dnsmessage.RCode, found ...dnsmessage.ResourceBody) []byte {
	m := dnsmessage.Message{Header: dnsmessage.Header{
		ID: asked.ID, Response: true, OpCode: asked.OpCode, Truncated: asked.Truncated, RecursionDesired: asked.RecursionDesired, RecursionAvailable: true, RCode: code,
	}}
	if q != nil {
		m.Questions = []dnsmessage.Question{*q}
	}
	for _, body := range found {
		m.Answers = append(m.Answers, dnsmessage.Resource{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET, TTL: lifetime}, Body: body,
		})
	}
	packed, err := m.Pack()
	if err != nil {
		return nil
	}
	return packed
}

// askElsewhere passes a question on to the servers of the host, or those that the
// container was given, and returns the first answer.
func (r *resolver) askElsewhere(asked []byte, protocol string) []byte {
	servers := r.servers
	if len(servers) == 0 {
		servers = hostServers()
	}
	for _, server := range servers[:min(len(servers), maxUpstreams)] {
		if answer, err := ask(r.ctx, protocol, netip.AddrPortFrom(server, 53), asked); err == nil {
			return answer
		}
	}
	return nil
}

// ask asks one server. Of UDP, an answer to another question is not taken.
func ask(ctx context.Context, protocol string, server netip.AddrPort, asked []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, elsewhere)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, protocol, server.String())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	end := context.AfterFunc(ctx, func() { conn.Close() })
	defer end()
	if protocol == "tcp" {
		if err := writeMessage(conn, asked); err != nil {
			return nil, err
		}
		return readMessage(conn)
	}
	if _, err := conn.Write(asked); err != nil {
		return nil, err
	}
	answer := make([]byte, maxMessage)
	for {
		n, err := conn.Read(answer)
		if err != nil {
			return nil, err
		}
		if n >= 2 && answer[0] == asked[0] && answer[1] == asked[1] {
			return answer[:n], nil
		}
	}
}
