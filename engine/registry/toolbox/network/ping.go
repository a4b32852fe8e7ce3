package network

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/engine/registry/toolbox/applet"
	"github.com/learndocker/learndocker/engine/registry/toolbox/signals"
)

// pinger sends ICMP echo requests: RFC 792.
type pinger struct {
	socket         int
	raw            bool // the kernel hands the IP header over, and others' answers
	to             net.IP
	id             uint16
	sent, received int
}

const echoSize = 56 // bytes of data, as everybody's

func ping(c *applet.Call) error {
	f, err := c.Flags("c:W:i:n4")
	if err != nil {
		return err
	}
	if len(f.Args) != 1 {
		return applet.Usage("ping [-c COUNT] [-W SECONDS] [-i SECONDS] HOST")
	}
	count, err := f.Int("c", 0)
	if err != nil {
		return err
	}
	patience, err := f.Int("W", 10)
	if err != nil {
		return err
	}
	interval, err := strconv.ParseFloat(f.Value("i", "1"), 64)
	if err != nil || interval < 0 {
		return applet.Usage("%q is no number", f.Value("i", ""))
	}
	address, err := net.ResolveIPAddr("ip4", f.Args[0])
	if err != nil {
		return reason(err)
	}
	p := &pinger{to: address.IP.To4(), id: uint16(os.Getpid())}
	if err := p.open(patience); err != nil {
		return err
	}
	defer unix.Close(p.socket)
	told := make(chan os.Signal, 1)
	if err := signals.Catch(told, syscall.SIGINT); err != nil {
		return err
	}
	fmt.Fprintf(c.Out, "PING %s (%s): %d data bytes\n", f.Args[0], p.to, echoSize)
	for n := 0; count == 0 || n < count; n++ {
		if err := p.once(c, uint16(n)); err != nil {
			return err
		}
		if n+1 == count {
			break
		}
		select {
		case <-told:
			return p.summary(c, f.Args[0])
		case <-time.After(time.Duration(interval * float64(time.Second))):
		}
	}
	return p.summary(c, f.Args[0])
}

// open makes a raw socket, which wants CAP_NET_RAW, or one that the kernel lets
// groups have: net.ipv4.ping_group_range.
func (p *pinger) open(patience int) error {
	var err error
	p.raw = true
	p.socket, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMP)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		p.raw = false
		p.socket, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMP)
	}
	if err != nil {
		return fmt.Errorf("make a socket: %s (CAP_NET_RAW is wanted)", applet.Message(err))
	}
	return unix.SetsockoptTimeval(p.socket, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: seconds(patience)})
}

// once sends a request and waits for its answer.
func (p *pinger) once(c *applet.Call, sequence uint16) error {
	packet := make([]byte, 8+echoSize)
	packet[0] = 8 // echo
	binary.BigEndian.PutUint16(packet[4:], p.id)
	binary.BigEndian.PutUint16(packet[6:], sequence)
	binary.BigEndian.PutUint16(packet[2:], checksum(packet))
	start := time.Now()
	if err := unix.Sendto(p.socket, packet, 0, &unix.SockaddrInet4{Addr: [4]byte(p.to)}); err != nil {
		return fmt.Errorf("send: %s", applet.Message(err))
	}
	p.sent++
	buf := make([]byte, 1500)
	for {
		n, from, err := unix.Recvfrom(p.socket, buf, 0)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			return nil // no answer came in time
		case err != nil:
			return fmt.Errorf("receive: %s", applet.Message(err))
		}
		answer, ttl := buf[:n], ""
		if p.raw && n > 20 {
			ttl = fmt.Sprintf(" ttl=%d", buf[8])
			answer = buf[int(buf[0]&15)*4 : n]
		}
		if len(answer) < 8 || answer[0] != 0 || binary.BigEndian.Uint16(answer[6:]) != sequence || p.raw && binary.BigEndian.Uint16(answer[4:]) != p.id {
			continue // somebody else's
		}
		p.received++
		who := p.to.String()
		if a, ok := from.(*unix.SockaddrInet4); ok {
			who = net.IP(a.Addr[:]).String()
		}
		_, err = fmt.Fprintf(c.Out, "%d bytes from %s: seq=%d%s time=%.3f ms\n", len(answer), who, sequence, ttl, float64(time.Since(start).Microseconds())/1000)
		return err
	}
}

func checksum(packet []byte) uint16 {
	sum := uint32(0)
	for i := 0; i+1 < len(packet); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(packet[i:]))
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

func (p *pinger) summary(c *applet.Call, host string) error {
	lost := 0
	if p.sent > 0 {
		lost = (p.sent - p.received) * 100 / p.sent
	}
	fmt.Fprintf(c.Out, "\n--- %s ping statistics ---\n%d packets transmitted, %d packets received, %d%% packet loss\n", host, p.sent, p.received, lost)
	if p.received == 0 {
		return applet.Status(1)
	}
	return nil
}
