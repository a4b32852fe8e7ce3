package registry

import "fmt"

// helloText is what the container prints: Docker's four steps in this
// project's words, each true of every run.
const helloText = `
Hello from learndocker!
This text was written by a process in a container, on this machine (%s).

For you to read it, four things happened:
 1. The client sent requests to the daemon, over the daemon's socket.
 2. The daemon looked for the image "hello-world" in its store; had it not
    been there, it would have pulled it from a registry first.
 3. The daemon made a container from that image. Its one program, /hello,
    made one system call to write what you are reading.
 4. The daemon passed the container's output on to the client, and the
    client wrote it to your terminal.

To see each of these held still:
 $ learndocker lesson hello-world --step

`

// hello is hello-world: one program that makes two system calls.
func hello(m *machine) recipe {
	said := fmt.Sprintf(helloText, m.arch)
	program := m.executable(printing(said))
	return recipe{
		layers:  []layer{{made: "COPY hello /", files: []file{{name: "hello", mode: 0o755, data: program}}}},
		command: []string{"/hello"},
	}
}

// printing writes the text to standard output and ends with status 0.
func printing(said string) []call {
	return []call{
		{name: "write", args: []value{number(1), text(said), number(len(said))}},
		{name: "exit", args: []value{number(0)}},
	}
}
