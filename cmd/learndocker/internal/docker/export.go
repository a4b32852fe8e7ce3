package docker

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/engine/client"
)

func newExport(cli *CLI) *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "export [OPTIONS] CONTAINER",
		Short: "Export a container's filesystem as a tar archive",
		Args:  exactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return cli.do(func(cl *client.Client) error {
				return cli.archive(file, "export container", func() (io.ReadCloser, error) { return cl.Export(c.Context(), args[0]) })
			})
		},
	}
	c.Flags().StringVarP(&file, "output", "o", "", "Write to a file, instead of STDOUT")
	return c
}

// archive writes what is read into a file, whole or not at all, or to stdout.
func (cli *CLI) archive(path, what string, open func() (io.ReadCloser, error)) error {
	if path == "" {
		if cli.streams().OutIsTerminal() {
			return errors.New("cowardly refusing to save to a terminal. Use the -o flag or redirect")
		}
		return copyAll(os.Stdout, open)
	}
	if err := writable(path); err != nil {
		return fmt.Errorf("failed to %s: %w", what, err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".tmp-"+filepath.Base(path))
	if err != nil {
		return fmt.Errorf("failed to %s: %w", what, err)
	}
	err = copyAll(f, open)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the error is the cause
	}
	return err
}

func copyAll(w io.Writer, open func() (io.ReadCloser, error)) error {
	r, err := open()
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(w, r)
	return err
}

// writable fails where the path cannot become a file: it is something else, or
// its directory is not there.
func writable(path string) error {
	dir := filepath.Dir(path)
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "stat", Path: dir, Err: syscall.ENOTDIR}
	}
	if err != nil {
		return fmt.Errorf("invalid output path: %w", err)
	}
	info, err = os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("failed to stat output path: %w", err)
	}
	for _, kind := range []struct {
		mode fs.FileMode
		name string
	}{
		{fs.ModeDir, "directory"}, {fs.ModeSymlink, "symbolic link directly"}, {fs.ModeNamedPipe, "named pipe (FIFO)"}, {fs.ModeSocket, "socket"},
		{fs.ModeCharDevice, "character device file"}, {fs.ModeDevice, "block device file"},
	} {
		if info.Mode()&kind.mode != 0 {
			return errors.New("cannot write to a " + kind.name)
		}
	}
	return nil
}
