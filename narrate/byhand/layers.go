package byhand

import (
	"bytes"
	"encoding/base64"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/learndocker/learndocker/engine/stage"
)

// maxEmbedded bounds the layers that a script carries itself, in bytes of all
// together: beyond it is no text any more. A larger image comes from the
// engine's store or from a directory that the reader names.
const maxEmbedded = 64 << 10

// Layer is one layer that the script carries.
type Layer struct {
	N      int
	Digest string
	Tar    string // options of tar(1) that unpack it
	Marks  bool   // deletes files of the layers below, by marks among its files
	Base64 string // in lines
}

// Layers are those that the script carries, the lowest first; none where it
// cannot carry all.
func (s *story) Layers() []Layer {
	var list []Layer
	total := 0
	for i := len(s.overlay.Lower) - 1; i >= 0; i-- {
		unpacked, known := s.unpacked[s.overlay.Lower[i]]
		data := s.blobs[unpacked.Digest]
		total += len(data)
		if !known || data == nil || total > maxEmbedded || covers(unpacked.First) || unpacked.Entries > len(unpacked.First) {
			return nil
		}
		list = append(list, Layer{N: len(list) + 1, Digest: unpacked.Digest, Tar: tarOptions(data), Marks: hides(unpacked.First), Base64: wrapped(data)})
	}
	return list
}

// Stack are the directories to stack, topmost first, as lowerdir wants them.
func (s *story) Stack() string {
	var dirs []string
	for n := len(s.Layers()); n > 0; n-- {
		dirs = append(dirs, "$W/layer"+strconv.Itoa(n))
	}
	return strings.Join(dirs, ":")
}

// Store are the directories in which the engine has the layers unpacked,
// topmost first.
func (s *story) Store() []string { return s.overlay.Lower }

// Image is the name that was asked for.
func (s *story) Image() string { return s.created.Image }

func tarOptions(data []byte) string {
	switch {
	case bytes.HasPrefix(data, []byte{0x1f, 0x8b}):
		return "-xz"
	case bytes.HasPrefix(data, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return "--zstd -x"
	}
	return "-x"
}

const base64Width = 96

func wrapped(data []byte) string {
	text := base64.StdEncoding.EncodeToString(data)
	var lines []string
	for len(text) > base64Width {
		lines, text = append(lines, text[:base64Width]), text[base64Width:]
	}
	return strings.Join(append(lines, text), "\n")
}

// mark begins the name of a file by which a layer deletes another; covering is
// that of one by which it hides all that a directory held before.
const (
	mark     = ".wh."
	covering = ".wh..wh."
)

// hides reports whether a layer deletes files of those below it: tar(1) unpacks
// the marks for that as files, of which the script makes what overlayfs
// understands.
func hides(entries []stage.Entry) bool {
	return slices.ContainsFunc(entries, func(e stage.Entry) bool {
		return e.Type == "whiteout" || strings.HasPrefix(path.Base(e.Name), mark)
	})
}

// covers reports whether a layer hides what a directory held before: that is an
// extended attribute, which no tool that is everywhere can set.
func covers(entries []stage.Entry) bool {
	return slices.ContainsFunc(entries, func(e stage.Entry) bool {
		return e.Type == "opaque" || strings.HasPrefix(path.Base(e.Name), covering)
	})
}
