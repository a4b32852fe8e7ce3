package registry

// The guest book as its first layer has it, and as the third changes it.
const (
	emptyBook = "The guest book of this image\n" +
		"============================\n"
	openBook = "The guest book of this image\n" +
		"============================\n" +
		"Whoever stays, signs below.\n"
)

const draft = "To do: say who may sign.\n"

// guestbook is an image of four layers, one that begins, one that adds, one
// that changes and one that deletes. Its two programs need no library:
//
//	/read  writes /book to its output and ends
//	/sign  appends the container's host name to /book, does as /read does, and stays
//
// So a change of the book, by a layer or by a container, is seen in what a
// container prints.
func guestbook(m *machine) recipe {
	return recipe{
		layers: []layer{
			{made: "COPY read book draft /", files: []file{{name: "read", mode: 0o755, data: m.executable(append(readBook(), call{name: "exit", args: []value{number(0)}}))}, {name: "book", mode: 0o644, data: []byte(emptyBook)}, {name: "draft", mode: 0o644, data: []byte(draft)}}},
			{made: "COPY sign /", files: []file{{name: "sign", mode: 0o755, data: m.executable(append(signBook(), stay()))}}},
			{made: "COPY book /", files: []file{{name: "book", mode: 0o644, data: []byte(openBook)}}},
			{made: "RUN rm /draft", files: []file{{name: ".wh.draft", mode: 0o644}}},
		},
		command: []string{"/read"},
	}
}

// Numbers of fcntl.h and utsname.h that are the same on every architecture.
const (
	atCWD      = -100
	readOnly   = 0
	appendOnly = 0o1 | 0o2000 // O_WRONLY|O_APPEND
	nodeName   = 65           // offset of the host name in struct utsname
	shortID    = 12           // bytes of a container's host name, unless it was given another
)

// readBook copies the book to the output.
func readBook() []call {
	return []call{
		{name: "openat", args: []value{number(atCWD), path("/book"), number(readOnly)}, keep: true, must: true},
		{name: "read", args: []value{result(), buffer(0), number(bufferSize)}, keep: true, must: true},
		{name: "write", args: []value{number(1), buffer(0), result()}, must: true},
	}
}

// signBook adds a line and reads the book.
func signBook() []call {
	sign := []call{
		{name: "uname", args: []value{buffer(0)}, must: true},
		{name: "openat", args: []value{number(atCWD), path("/book"), number(appendOnly)}, keep: true, must: true},
		{name: "write", args: []value{result(), buffer(nodeName), number(shortID)}, must: true},
		{name: "write", args: []value{result(), text("\n"), number(1)}, must: true},
	}
	return append(sign, readBook()...)
}

// stay waits for nothing: ppoll(2) of no descriptors and with no time limit.
func stay() call {
	return call{name: "ppoll", args: []value{number(0), number(0), number(0), number(0)}, ever: true}
}
