package system

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/learndocker/learndocker/engine/registry/toolbox/applet"
)

// capNames are the capabilities by their bits: linux/capability.h.
const capNames = "chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable " +
	"net_bind_service net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace " +
	"sys_pacct sys_admin sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write " +
	"audit_control setfcap mac_override mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore"

// caps spells the capabilities of a process out: caps [PID], its own by default.
func caps(c *applet.Call) error {
	pid := "self"
	if len(c.Args) > 0 {
		pid = c.Args[0]
	}
	data, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":\t")
		switch name {
		case "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb":
			set, err := strconv.ParseUint(value, 16, 64)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.Out, "%s %s %s\n", name, value, spelled(set))
		case "NoNewPrivs", "Seccomp":
			fmt.Fprintf(c.Out, "%s %s\n", name, value)
		}
	}
	return nil
}

func spelled(set uint64) string {
	var list []string
	for bit, name := range strings.Fields(capNames) {
		if set&(1<<bit) != 0 {
			list = append(list, name)
		}
		set &^= 1 << bit
	}
	for bit := range 64 {
		if set&(1<<bit) != 0 {
			list = append(list, strconv.Itoa(bit)) // newer than this list
		}
	}
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ",")
}
