package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/cmd/learndocker/internal/tree"
	"github.com/learndocker/learndocker/engine/client"
)

// cpFlags are those of cp.
type cpFlags struct{ follow, owners, quiet bool }

func newCp(cli *CLI) *cobra.Command {
	var f cpFlags
	c := &cobra.Command{
		Use:   "cp [OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n\tlearndocker cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
		Short: "Copy files/folders between a container and the local filesystem",
		Long: `Copy files/folders between a container and the local filesystem

Use '-' as the source to read a tar archive from stdin
and extract it to a directory destination in a container.
Use '-' as the destination to stream a tar archive of a
container source to stdout.`,
		Args: exactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if args[0] == "" {
				return errors.New("source can not be empty")
			}
			if args[1] == "" {
				return errors.New("destination can not be empty")
			}
			if !c.Flags().Changed("quiet") {
				f.quiet = !cli.streams().OutIsTerminal()
			}
			return cli.do(func(cl *client.Client) error { return cp(c.Context(), cl, f, args[0], args[1]) })
		},
	}
	c.Flags().BoolVarP(&f.follow, "follow-link", "L", false, "Always follow symbol link in SRC_PATH")
	c.Flags().BoolVarP(&f.owners, "archive", "a", false, "Archive mode (copy all uid/gid information)")
	c.Flags().BoolVarP(&f.quiet, "quiet", "q", false, "Suppress progress output during copy. Progress output is automatically suppressed if no terminal is attached")
	return c
}

func cp(ctx context.Context, cl *client.Client, f cpFlags, from, to string) error {
	source, sourcePath := partPlace(from)
	target, targetPath := partPlace(to)
	switch {
	case source != "" && target != "":
		return errors.New("copying between containers is not supported")
	case source != "":
		return copyOut(ctx, cl, f, source, sourcePath, targetPath)
	case target != "":
		return copyIn(ctx, cl, f, sourcePath, target, targetPath)
	}
	return errors.New("must specify at least one container source")
}

// partPlace parts CONTAINER:PATH. A path that begins as one has no container.
func partPlace(place string) (container, inside string) {
	if filepath.IsAbs(place) || strings.HasPrefix(place, string(os.PathSeparator)) {
		return "", place
	}
	container, inside, ok := strings.Cut(place, ":")
	if !ok || strings.HasPrefix(container, ".") {
		return "", place
	}
	return container, inside
}

// local makes a path absolute and keeps how it ends: /. and / say that it is a
// directory.
func local(given string) (string, error) {
	abs, err := filepath.Abs(given)
	if err != nil {
		return "", err
	}
	separator := string(filepath.Separator)
	if filepath.Base(given) == "." && filepath.Base(abs) != "." {
		return strings.TrimSuffix(abs, separator) + separator + ".", nil
	}
	if strings.HasSuffix(given, separator) && !strings.HasSuffix(abs, separator) {
		abs += separator
	}
	return abs, nil
}

// saysDirectory reports whether a path can only be a directory's.
func saysDirectory(p string) bool { return strings.HasSuffix(p, "/") || path.Base(p) == "." }

// spot is where a copy goes: a path, and what is there.
type spot struct {
	path          string
	exists, isDir bool
}

// place is the directory that an archive is unpacked in, and the name that the
// source gets there, "" for its own.
func (s spot) place(sourceIsDir bool) (dir, name string, err error) {
	switch {
	case s.exists && s.isDir:
		return s.path, "", nil
	case s.exists && sourceIsDir:
		return "", "", errors.New("cannot copy directory")
	case !s.exists && !sourceIsDir && saysDirectory(s.path):
		return "", "", errors.New("no such directory")
	}
	return tree.Dir(s.path), tree.Base(s.path), nil
}

func copyIn(ctx context.Context, cl *client.Client, f cpFlags, from, container, to string) error {
	target, err := inside(ctx, cl, container, to)
	if err != nil {
		return err
	}
	if from == "-" {
		if !target.isDir {
			return fmt.Errorf("destination \"%s:%s\" must be a directory", container, to)
		}
		return cl.CopyTo(ctx, container, target.path, os.Stdin, f.owners)
	}
	root, name, isDir, err := ownSource(from, f.follow)
	if err != nil {
		return err
	}
	dir, renamed, err := target.place(isDir)
	if err != nil {
		return err
	}
	if renamed != "" {
		name = renamed
	}
	archive, w := io.Pipe()
	go func() { w.CloseWithError(tree.Pack(w, root, name)) }()
	defer archive.Close()
	counted := &counter{r: archive}
	err = cl.CopyTo(ctx, container, dir, counted, f.owners)
	if !f.quiet {
		fmt.Fprintln(os.Stderr, "Successfully copied", size(counted.n), "to", container+":"+target.path)
	}
	return err
}

// inside looks at a path in a container. A link is followed once, as docker
// does; one that leads nowhere becomes what it leads to.
func inside(ctx context.Context, cl *client.Client, container, at string) (spot, error) {
	s := spot{path: at}
	stat, err := cl.StatPath(ctx, container, at)
	if err == nil && stat.Mode&fs.ModeSymlink != 0 {
		s.path = stat.LinkTarget
		if !path.IsAbs(s.path) {
			s.path = path.Join(tree.Dir(at), s.path)
		}
		stat, err = cl.StatPath(ctx, container, s.path)
	}
	if stat.Mode&(fs.ModeDevice|fs.ModeIrregular) != 0 {
		return s, fmt.Errorf(`destination "%s:%s" must be a directory or a regular file: %w`, container, at, special(stat.Mode))
	}
	if err == nil {
		s.exists, s.isDir = true, stat.Mode.IsDir()
	}
	var answer *client.Error
	if err != nil && !errors.As(err, &answer) {
		return s, err // the daemon is not there; that the path is not is no error
	}
	return s, nil
}

func special(mode fs.FileMode) error {
	if mode&fs.ModeDevice != 0 {
		return errors.New("got a device")
	}
	return errors.New("got an irregular file")
}

// ownSource finds what is to be copied of the user's own files, and its name.
func ownSource(from string, follow bool) (root, name string, isDir bool, err error) {
	abs, err := local(from)
	if err != nil {
		return "", "", false, err
	}
	slashed := filepath.ToSlash(abs)
	root = filepath.Clean(abs)
	if follow || saysDirectory(slashed) {
		root, err = filepath.EvalSymlinks(root)
	}
	if err != nil {
		return "", "", false, err
	}
	info, err := os.Lstat(root)
	if err != nil {
		return "", "", false, err
	}
	if saysDirectory(slashed) && !info.IsDir() {
		return "", "", false, &fs.PathError{Op: "lstat", Path: abs, Err: errNotDirectory}
	}
	return root, tree.Base(slashed), info.IsDir(), nil
}

var errNotDirectory = errors.New("not a directory")

func copyOut(ctx context.Context, cl *client.Client, f cpFlags, container, from, to string) error {
	target := spot{path: to}
	if to != "-" {
		abs, err := local(to)
		if err != nil {
			return err
		}
		if err := checkOutput(abs); err != nil {
			return err
		}
		target.path = filepath.ToSlash(abs)
	}
	name := tree.Base(from)
	if f.follow {
		from = followed(ctx, cl, container, from)
	}
	archive, stat, err := cl.CopyFrom(ctx, container, from)
	if err != nil {
		return err
	}
	defer archive.Close()
	if to == "-" {
		_, err := io.Copy(os.Stdout, archive)
		return err
	}
	if target, err = onDisk(target); err != nil {
		return err
	}
	dir, renamed, err := target.place(stat.Mode.IsDir())
	if err != nil {
		return err
	}
	if renamed == "" && name != tree.Base(from) { // by the link's name, not by what it leads to
		renamed = name
	}
	counted := &counter{r: archive}
	err = tree.Unpack(counted, filepath.FromSlash(dir), tree.Base(from), renamed)
	if !f.quiet {
		fmt.Fprintln(os.Stderr, "Successfully copied", size(counted.n), "to", filepath.FromSlash(to))
	}
	return err
}

// followed is what a link in a container leads to; what is no link stays.
func followed(ctx context.Context, cl *client.Client, container, from string) string {
	stat, err := cl.StatPath(ctx, container, from)
	if err != nil || stat.Mode&fs.ModeSymlink == 0 {
		return from // that it is not there will be said
	}
	to := stat.LinkTarget
	if !path.IsAbs(to) {
		to = path.Join(tree.Dir(from), to)
	}
	return to
}

// checkOutput fails where nothing can be written: better before than after the
// daemon has packed it all.
func checkOutput(abs string) error {
	dir := filepath.Dir(filepath.Clean(abs))
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("invalid output path: directory %q does not exist", dir)
	}
	info, err := os.Stat(abs)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode()&(fs.ModeDevice|fs.ModeIrregular) != 0 {
		return fmt.Errorf("invalid output path: %q must be a directory or a regular file: %w", abs, special(info.Mode()))
	}
	return nil
}

// onDisk looks at a path of the user's own, through links.
func onDisk(s spot) (spot, error) {
	if real, err := filepath.EvalSymlinks(filepath.FromSlash(s.path)); err == nil {
		info, err := os.Lstat(real)
		if err != nil {
			return s, err
		}
		return spot{filepath.ToSlash(real), true, info.IsDir()}, nil
	}
	if to, err := os.Readlink(filepath.FromSlash(s.path)); err == nil { // it leads to what is not there yet
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(filepath.FromSlash(s.path)), to)
		}
		s.path = filepath.ToSlash(to)
	}
	return s, nil
}

// counter counts what is read.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
