//go:build linux

package layer

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Pack writes what a container has changed as a layer's archive: what is new and
// what is changed, whole; an empty file for what is deleted, another in a
// directory that hides what is below it. See the OCI image specification,
// layer.md. It returns the number of entries.
func (s *Store) Pack(out io.Writer, w Written, changes []Change) (entries int, err error) {
	t, err := openTree(w.Dir)
	if err != nil {
		return 0, fmt.Errorf("pack layer: %w", err)
	}
	defer t.close()
	p := packer{tree: t, archive: tar.NewWriter(out), links: map[inode]string{}}
	for _, c := range changes {
		if c.covered {
			continue
		}
		if err := p.change(c); err != nil {
			return p.entries, fmt.Errorf("pack layer: %s: %w", c.Path, err)
		}
	}
	return p.entries, p.archive.Close()
}

// Archive writes a whole directory as an archive: docker export.
func Archive(out io.Writer, dir string) error {
	t, err := openTree(dir)
	if err != nil {
		return fmt.Errorf("archive %s: %w", dir, err)
	}
	defer t.close()
	p := packer{tree: t, archive: tar.NewWriter(out), links: map[inode]string{}}
	if err := p.all("."); err != nil {
		return fmt.Errorf("archive %s: %w", dir, err)
	}
	return p.archive.Close()
}

// ArchiveAs writes a file, or a directory with all that is in it, as an archive in
// which it has another name: docker cp. It lies in dir, whatever others do to paths
// meanwhile; "." is dir itself.
func ArchiveAs(out io.Writer, dir *os.File, name, as string) error {
	p := packer{tree: tree{dir}, archive: tar.NewWriter(out), links: map[inode]string{}, as: func(n string) string { return path.Join(as, strings.TrimPrefix(n, name)) }}
	if as == "." { // what is in a directory, without its name
		p.as = func(n string) string { return "./" + strings.TrimPrefix(n, ".") }
	}
	isDir, err := p.nodeAt(name)
	if err == nil && isDir {
		err = p.all(name)
	}
	if err != nil {
		return fmt.Errorf("archive %s: %w", as, err)
	}
	return p.archive.Close()
}

// rootName names the one id that has the same name everywhere.
func rootName(id int) string {
	if id == 0 {
		return "root"
	}
	return ""
}

type inode struct{ device, number uint64 }

// packer writes files of one tree into one archive.
type packer struct {
	tree    tree
	archive *tar.Writer
	links   map[inode]string    // names of files that have several
	as      func(string) string // names in the archive, where they are others; nil where not
	entries int
}

func (p *packer) change(c Change) error {
	name := strings.TrimPrefix(c.Path, "/")
	if c.Kind == Deleted {
		return p.mark(path.Join(path.Dir(name), whiteoutPrefix+path.Base(name)))
	}
	if strings.HasPrefix(path.Base(name), whiteoutPrefix) {
		return errors.New("a layer cannot hold a file of that name: it would delete another")
	}
	err := p.node(name)
	if isGone(err) {
		return nil
	}
	if err != nil || !c.opaque {
		return err
	}
	return p.mark(path.Join(name, opaqueMarker))
}

func (p *packer) mark(name string) error {
	p.entries++
	return p.archive.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Format: tar.FormatPAX, ModTime: time.Unix(0, 0)})
}

// all writes what is in a directory.
func (p *packer) all(dir string) error {
	names, err := p.tree.names(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		name = path.Join(dir, name)
		isDir, err := p.nodeAt(name)
		if err == nil && isDir {
			err = p.all(name)
		}
		if err != nil && !isGone(err) {
			return err
		}
	}
	return nil
}

// isGone: what was there a moment ago was removed, or something else is in its
// place or in that of a directory above it.
func isGone(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) || errors.Is(err, unix.EXDEV)
}

func (p *packer) node(name string) error {
	_, err := p.nodeAt(name)
	return err
}

// nodeAt writes one file of any kind, without what is in a directory.
func (p *packer) nodeAt(name string) (isDir bool, err error) {
	n, err := p.tree.node(name)
	if err != nil {
		return false, err
	}
	defer n.Close()
	h, err := header(name, n)
	if h == nil || err != nil {
		return false, err
	}
	if p.as != nil {
		h.Name = p.as(name)
		if n.isDir() {
			h.Name = strings.TrimSuffix(h.Name, "/") + "/"
		}
		h.Uname, h.Gname = rootName(h.Uid), rootName(h.Gid)
	}
	if !n.isDir() && n.st.Nlink > 1 {
		id := inode{n.st.Dev, n.st.Ino}
		if first, seen := p.links[id]; seen {
			h.Typeflag, h.Linkname, h.Size, h.PAXRecords = tar.TypeLink, first, 0, nil
		} else {
			p.links[id] = h.Name
		}
	}
	p.entries++
	if h.Typeflag != tar.TypeReg {
		return n.isDir(), p.archive.WriteHeader(h)
	}
	return false, p.file(n, h)
}

// file writes a regular file. One that grows meanwhile is cut, one that shrinks
// is filled up: its size was written before it.
func (p *packer) file(n node, h *tar.Header) error {
	f, err := p.tree.content(n)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := p.archive.WriteHeader(h); err != nil {
		return err
	}
	written, err := io.Copy(p.archive, io.LimitReader(f, h.Size))
	if err != nil {
		return err
	}
	_, err = io.CopyN(p.archive, zeros{}, h.Size-written)
	return err
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return copy(b, make([]byte, len(b))), nil }

// header describes a file as an archive does; nil for what archives have no word
// for: sockets.
func header(name string, n node) (*tar.Header, error) {
	seconds, _ := n.st.Mtim.Unix() // of 32 bits on some machines
	h := &tar.Header{
		Name: name, Mode: int64(n.st.Mode & 0o7777), Uid: int(n.st.Uid), Gid: int(n.st.Gid), Format: tar.FormatPAX,
		// Whole seconds, as Docker: what a file system keeps beyond them differs.
		ModTime: time.Unix(seconds, 0), PAXRecords: records(n),
	}
	var err error
	switch n.kind() {
	case unix.S_IFREG:
		h.Typeflag, h.Size = tar.TypeReg, n.st.Size
	case unix.S_IFDIR:
		h.Typeflag, h.Name = tar.TypeDir, name+"/"
	case unix.S_IFLNK:
		h.Typeflag, h.PAXRecords = tar.TypeSymlink, nil
		h.Linkname, err = n.readlink()
	case unix.S_IFIFO:
		h.Typeflag = tar.TypeFifo
	case unix.S_IFCHR, unix.S_IFBLK:
		h.Typeflag = tar.TypeChar
		if n.kind() == unix.S_IFBLK {
			h.Typeflag = tar.TypeBlock
		}
		h.Devmajor, h.Devminor = int64(unix.Major(n.st.Rdev)), int64(unix.Minor(n.st.Rdev))
	default:
		return nil, nil
	}
	return h, err
}

// records are the extended attributes that belong to the file and not to the
// machine: capabilities and the users' own, without those of overlayfs.
func records(n node) map[string]string {
	var all map[string]string
	for _, name := range n.attributes() {
		own := name == "security.capability" || strings.HasPrefix(name, "user.") && !strings.HasPrefix(name, "user.overlay.") && !strings.HasPrefix(name, "user.fuseoverlayfs.")
		if !own {
			continue
		}
		if all == nil {
			all = map[string]string{}
		}
		all[xattrRecord+name] = n.attribute(name)
	}
	return all
}
