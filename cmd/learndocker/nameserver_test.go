//go:build linux

package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sys/unix"
)

// nameServer answers every question with 192.0.2.33, at an address of this
// machine's loopback.
func nameServer(t *testing.T) string {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.77.0.1:53")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		buf := make([]byte, 4096)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil {
				continue
			}
			m.Response, m.Additionals = true, nil
			if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
				m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 1}, Body: &dnsmessage.AResource{A: [4]byte{192, 0, 2, 33}}}}
			}
			if packed, err := m.Pack(); err == nil {
				_, _ = conn.WriteTo(packed, from) // who has gone asks no more
			}
		}
	}()
	return "127.77.0.1"
}

func (b *bench) pidOf(t *testing.T, container string) int {
	t.Helper()
	pid, err := strconv.Atoi(strings.TrimSpace(b.run("inspect", "-f", "{{.State.Pid}}", container).must(t).stdout))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// askNames asks the resolver in a process's network namespace twice over one
// connection, as who has got an answer that is cut short does.
func askNames(t *testing.T, pid int, name string) (addresses []string) {
	t.Helper()
	ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	var conn net.Conn
	dialed := make(chan error)
	go func() {
		runtime.LockOSThread() // and no unlocking: the thread ends in the namespace
		err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET)
		if err == nil {
			conn, err = net.Dial("tcp", "127.0.0.11:53")
		}
		dialed <- err
	}()
	if err := <-dialed; err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	question := dnsmessage.Message{Header: dnsmessage.Header{ID: 1}, Questions: []dnsmessage.Question{
		{Name: dnsmessage.MustNewName(name), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET},
	}}
	for range 2 {
		asked, err := question.Pack()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(asked))), asked...)); err != nil {
			t.Fatal(err)
		}
		var length uint16
		if err := binary.Read(conn, binary.BigEndian, &length); err != nil {
			t.Fatal(err)
		}
		answer := make([]byte, length)
		if _, err := io.ReadFull(conn, answer); err != nil {
			t.Fatal(err)
		}
		var m dnsmessage.Message
		if err := m.Unpack(answer); err != nil {
			t.Fatal(err)
		}
		for _, a := range m.Answers {
			addresses = append(addresses, netip.AddrFrom4(a.Body.(*dnsmessage.AResource).A).String())
		}
	}
	return addresses
}
