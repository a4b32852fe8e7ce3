//go:build linux

package pid1

import (
	"syscall"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// idmapAttr is a child that is traced, so that it stands still at its execve, in
// a user namespace with these maps.
func idmapAttr(uids, gids []specs.LinuxIDMapping) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWUSER, Ptrace: true, Pdeathsig: syscall.SIGKILL,
		UidMappings: Mappings(uids), GidMappings: Mappings(gids), GidMappingsEnableSetgroups: true,
	}
}

// Mappings are an OCI map as the system call's attributes have it.
func Mappings(list []specs.LinuxIDMapping) []syscall.SysProcIDMap {
	var maps []syscall.SysProcIDMap
	for _, m := range list {
		maps = append(maps, syscall.SysProcIDMap{ContainerID: int(m.ContainerID), HostID: int(m.HostID), Size: int(m.Size)})
	}
	return maps
}
