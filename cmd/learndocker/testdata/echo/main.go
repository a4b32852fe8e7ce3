// Echo answers at TCP and UDP port 80 with what it was sent. Of TCP it reads all
// before it answers, so that the end of the one direction must come through while
// the other stays open; then it says who asked.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
)

func main() {
	packets, err := net.ListenPacket("udp", ":80")
	if err != nil {
		log.Fatal(err)
	}
	go answerPackets(packets)
	listener, err := net.Listen("tcp", ":80")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("ready")
	for {
		conn, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go answer(conn)
	}
}

func answer(conn net.Conn) {
	defer conn.Close()
	asked, err := io.ReadAll(conn)
	if err != nil {
		log.Print(err)
		return
	}
	host, _, _ := net.SplitHostPort(conn.RemoteAddr().String())
	fmt.Fprintf(conn, "%s %s", asked, host)
}

func answerPackets(packets net.PacketConn) {
	packet := make([]byte, 64<<10)
	for {
		n, from, err := packets.ReadFrom(packet)
		if err != nil {
			log.Fatal(err)
		}
		if _, err := packets.WriteTo(packet[:n], from); err != nil {
			log.Print(err)
		}
	}
}
