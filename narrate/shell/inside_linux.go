package shell

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/learndocker/learndocker/narrate/probe"
	"github.com/learndocker/learndocker/narrate/prose"
)

// Inside opens a shell in the namespaces of process pid: the image's own where
// it has one, otherwise this program's few commands (Peek).
func Inside(pid int, w prose.Words) error {
	nsenter, err := exec.LookPath("nsenter")
	if err != nil {
		return errors.New("nsenter is not installed: apt-get install util-linux")
	}
	args := []string{"--target", strconv.Itoa(pid)}
	for _, ns := range [][2]string{{"user", "--user"}, {"mnt", "--mount"}, {"uts", "--uts"}, {"ipc", "--ipc"}, {"net", "--net"}, {"pid", "--pid"}, {"cgroup", "--cgroup"}} {
		held := probe.Inode(filepath.Join("/proc", strconv.Itoa(pid), "ns", ns[0]))
		if held == 0 {
			return fmt.Errorf("process %d has gone, or is not ours to enter", pid)
		}
		if held != probe.Inode("/proc/self/ns/"+ns[0]) {
			args = append(args, ns[1])
		}
	}
	args = append(args, "--")
	var cmd *exec.Cmd
	if _, err := os.Lstat(fmt.Sprintf("/proc/%d/root/bin/sh", pid)); err == nil {
		cmd = exec.Command(nsenter, append(args, "/bin/sh")...)
		fmt.Println(w.Say("A shell inside the namespaces. exit comes back to the lesson."))
		if sameRoot(pid) {
			fmt.Println(w.Say("Until rootfs.pivot the files, and /proc with them, are still the host's."))
		}
	} else {
		own, err := sealedCopy()
		if err != nil {
			return err
		}
		defer own.Close()
		cmd = exec.Command(nsenter, append(args, "/proc/self/fd/3", "peek")...)
		cmd.ExtraFiles = []*os.File{own}
	}
	return run(cmd, []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"})
}

// sameRoot reports whether the process still has our root directory.
func sameRoot(pid int) bool {
	var own, held unix.Stat_t
	return unix.Stat("/", &own) == nil && unix.Stat(fmt.Sprintf("/proc/%d/root", pid), &held) == nil && own.Dev == held.Dev && own.Ino == held.Ino
}

// sealedCopy is this program in memory: inside, its file is not to be found,
// and what runs there must not be able to write it.
func sealedCopy() (*os.File, error) {
	own, err := os.Open("/proc/self/exe")
	if err != nil {
		return nil, err
	}
	defer own.Close()
	fd, err := unix.MemfdCreate("learndocker", unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("copy own program: %w", err)
	}
	copied := os.NewFile(uintptr(fd), "learndocker")
	if _, err := io.Copy(copied, own); err != nil {
		return nil, errors.Join(err, copied.Close())
	}
	if _, err := unix.FcntlInt(copied.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_WRITE|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL); err != nil {
		return nil, errors.Join(err, copied.Close())
	}
	return copied, nil
}
