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
		if !known || data == nil || total > maxEmbedded || hides(unpacked.First) || unpacked.Entries > len(unpacked.First) {
			return nil
		}
		list = append(list, Layer{N: len(list) + 1, Digest: unpacked.Digest, Tar: tarOptions(data), Base64: wrapped(data)})
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

// hides reports whether a layer hides files of those below it: tar(1) unpacks
// the marks for that as files, which overlayfs does not understand.
func hides(entries []stage.Entry) bool {
	return slices.ContainsFunc(entries, func(e stage.Entry) bool {
		return e.Type == "whiteout" || strings.HasPrefix(path.Base(e.Name), ".wh.")
	})
}
