// Package probe reads, from outside, what the kernel says of a held process:
// its namespaces, ids, capabilities, mounts, cgroup files and relatives, and
// what the files hold that it left. It asks /proc, /sys and the disk only, never
// the engine: its word and the engine's can be held against each other. See
// proc(5).
package probe

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Snapshot is what was read at one stop. What could not be read is empty.
type Snapshot struct {
	PID        int               `json:"pid"`
	Status     map[string]string `json:"status"` // of /proc/PID/status, fields as named there
	Namespaces []Namespace       `json:"namespaces"`
	UIDMap     string            `json:"uidMap"`
	GIDMap     string            `json:"gidMap"`
	Root       string            `json:"root"` // what /proc/PID/root leads to
	Cwd        string            `json:"cwd"`
	Cmdline    []string          `json:"cmdline"`
	Mounts     []Mount           `json:"mounts"`
	Interfaces []string          `json:"interfaces"`
	Listening  []string          `json:"listening,omitempty"` // of the addresses that were asked about: "tcp 0.0.0.0:8080"
	Cgroup     []ControlFile     `json:"cgroup"`
	Processes  []Process         `json:"processes"`
	Children   []int             `json:"children"` // of the held process
	Store      []File            `json:"store"`
}

// Namespace is one of the process's namespaces beside those of the host, that is,
// of the observer, who is in none of the engine's making, and of the daemon, which
// an ordinary user's is: it lives in a user and a mount namespace of its own.
type Namespace struct {
	Type   string `json:"type"`
	Inode  uint64 `json:"inode"`
	Host   uint64 `json:"host"`
	Daemon uint64 `json:"daemon,omitempty"` // 0 where the daemon is not known, or not ours to look at
	// Members are the processes in it, where it is not the host's.
	Members []Member `json:"members,omitempty"`
}

// Member is a process in a namespace.
type Member struct {
	PID  int    `json:"pid"`
	Name string `json:"name"`
}

// Mount is one line of /proc/PID/mountinfo.
type Mount struct {
	Target  string `json:"target"`
	Type    string `json:"type"`
	Source  string `json:"source"`
	Options string `json:"options"`
}

// ControlFile is a file of the process's cgroup and its value now.
type ControlFile struct {
	Path  string `json:"path"`
	Value string `json:"value"`
}

// Process is one process of the story.
type Process struct {
	Role   string `json:"role"` // "client", "daemon", "container"; "container NAME" for another that runs
	PID    int    `json:"pid"`
	Parent int    `json:"parent"`
	Name   string `json:"name"`
	State  string `json:"state"` // "S (sleeping)"
	NSpid  []int  `json:"nspid"` // outermost first
}

// children reads /proc/PID/task/TID/children: each thread has those that it made.
func children(proc string) []int {
	var pids []int
	threads, _ := filepath.Glob(proc + "/task/*/children") // the pattern is right
	for _, file := range threads {
		for _, word := range strings.Fields(read(file)) {
			if pid, err := strconv.Atoi(word); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// File is a file of the image store.
type File struct {
	Path string `json:"path"`
	Size int64  `json:"size"`
}

// Subject says what to look at.
type Subject struct {
	PID       int            // the held process
	Roles     map[string]int // role → pid, of the processes of the story
	Cgroup    []string       // directories of the container's group
	Listening []string       // addresses of the host, such as "tcp 0.0.0.0:8080"
	StoreDir  string
	DaemonPID int // 0 where it is not known
}

// Take reads the snapshot. It never fails: a process that has gone leaves its
// fields empty.
func Take(s Subject) Snapshot {
	proc := filepath.Join("/proc", strconv.Itoa(s.PID))
	snap := Snapshot{PID: s.PID, Status: Status(s.PID)}
	snap.Namespaces = list(NamespacesOf(s.PID, s.DaemonPID))
	fillMembers(snap.Namespaces)
	snap.UIDMap, snap.GIDMap = oneLine(proc+"/uid_map"), oneLine(proc+"/gid_map")
	snap.Root, _ = os.Readlink(proc + "/root") // empty where it may not be read
	snap.Cwd, _ = os.Readlink(proc + "/cwd")
	snap.Cmdline = strings.FieldsFunc(read(proc+"/cmdline"), func(r rune) bool { return r == 0 })
	snap.Mounts = list(mounts(proc))
	snap.Interfaces = list(interfaces(proc))
	snap.Listening = listening("/proc/self", s.Listening)
	snap.Cgroup = list(controlFiles(s.Cgroup))
	snap.Processes = list(processes(s.Roles))
	snap.Children = list(children(proc))
	snap.Store = list(files(s.StoreDir))
	return snap
}

// list makes an empty list of none: pages count what is in it.
func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

const maxRead = 256 << 10

func read(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxRead))
	if err != nil {
		return ""
	}
	return string(data)
}

func oneLine(path string) string { return strings.Join(strings.Fields(read(path)), " ") }

// Status reads the fields of /proc/PID/status that tell who a process is and
// what it may do.
func Status(pid int) map[string]string {
	wanted := []string{
		"Name", "State", "Pid", "PPid", "NSpid", "Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb",
		"NoNewPrivs", "Seccomp", "Seccomp_filters", "Threads", "VmRSS",
	}
	fields := map[string]string{}
	for line := range strings.Lines(read(fmt.Sprintf("/proc/%d/status", pid))) {
		name, value, _ := strings.Cut(line, ":")
		if slices.Contains(wanted, name) {
			fields[name] = strings.Join(strings.Fields(value), " ")
		}
	}
	return fields
}

// Types are the namespaces shown, in the order of namespaces(7)'s table.
var Types = []string{"cgroup", "ipc", "net", "mnt", "pid", "time", "user", "uts"}

// Of reports whose a namespace is besides: "host", "daemon" where it is the
// daemon's and not the host's, or "" where it is neither's.
func (n Namespace) Of() string {
	switch n.Inode {
	case n.Host:
		return "host"
	case n.Daemon:
		return "daemon"
	}
	return ""
}

// NamespacesOf reads a process's namespaces beside the host's and the daemon's;
// none for a process that has gone.
func NamespacesOf(pid, daemon int) []Namespace {
	var all []Namespace
	for _, t := range Types {
		of := func(process string) uint64 { return Inode(filepath.Join("/proc", process, "ns", t)) }
		n := Namespace{Type: t, Inode: of(strconv.Itoa(pid)), Host: of("self")}
		if n.Inode == 0 {
			continue
		}
		if daemon > 0 {
			n.Daemon = of(strconv.Itoa(daemon))
		}
		all = append(all, n)
	}
	return all
}

// maxMembers bounds how many processes are listed of one namespace.
const maxMembers = 40

// fillMembers looks for the processes in those namespaces that are not the
// host's. The kernel keeps no list: every process is asked.
func fillMembers(all []Namespace) {
	own := slices.DeleteFunc(pointers(all), func(n *Namespace) bool { return n.Inode == n.Host })
	if len(own) == 0 {
		return
	}
	entries, _ := os.ReadDir("/proc") // it is there: the links of one process have just been read
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		for _, n := range own {
			if len(n.Members) < maxMembers && Inode(filepath.Join("/proc", e.Name(), "ns", n.Type)) == n.Inode {
				n.Members = append(n.Members, Member{pid, oneLine("/proc/" + e.Name() + "/comm")})
			}
		}
	}
}

func pointers[T any](s []T) []*T {
	p := make([]*T, len(s))
	for i := range s {
		p[i] = &s[i]
	}
	return p
}

// Inode reads a namespace's number from its link, "pid:[4026531836]"; 0 where
// it may not be read.
func Inode(link string) uint64 {
	target, err := os.Readlink(link)
	if err != nil {
		return 0
	}
	_, number, _ := strings.Cut(strings.TrimSuffix(target, "]"), "[")
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// unescape undoes the octal escapes of mountinfo.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

func mounts(proc string) []Mount {
	var list []Mount
	for line := range strings.Lines(read(proc + "/mountinfo")) {
		before, after, ok := strings.Cut(line, " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !ok || len(left) < 6 || len(right) < 3 {
			continue
		}
		list = append(list, Mount{Target: unescape.Replace(left[4]), Type: right[0], Source: unescape.Replace(right[1]), Options: left[5] + "; " + right[2]})
	}
	return list
}

func interfaces(proc string) []string {
	var names []string
	for line := range strings.Lines(read(proc + "/net/dev")) {
		if name, _, ok := strings.Cut(line, ":"); ok {
			names = append(names, strings.TrimSpace(name))
		}
	}
	slices.Sort(names)
	return names
}

// controlled are the files of a group that say what it may use and what it
// uses, v2's names first, then v1's.
var controlled = []string{
	"cgroup.procs", "memory.max", "memory.current", "memory.peak", "cpu.max", "pids.max", "pids.current",
	"memory.limit_in_bytes", "memory.usage_in_bytes", "memory.max_usage_in_bytes", "cpu.cfs_quota_us", "cpu.cfs_period_us",
}

func controlFiles(dirs []string) []ControlFile {
	var list []ControlFile
	for _, dir := range dirs {
		for _, name := range controlled {
			path := filepath.Join(dir, name)
			if _, err := os.Stat(path); err != nil {
				continue
			}
			if name == "cgroup.procs" && slices.ContainsFunc(list, func(c ControlFile) bool { return filepath.Base(c.Path) == name }) {
				continue // the same in each of v1's hierarchies
			}
			list = append(list, ControlFile{path, oneLine(path)})
		}
	}
	return list
}

func processes(roles map[string]int) []Process {
	var list []Process
	for role, pid := range roles {
		status := Status(pid)
		if len(status) == 0 {
			continue
		}
		p := Process{Role: role, PID: pid, Name: status["Name"], State: status["State"]}
		p.Parent, _ = strconv.Atoi(status["PPid"])
		for _, n := range strings.Fields(status["NSpid"]) {
			if id, err := strconv.Atoi(n); err == nil {
				p.NSpid = append(p.NSpid, id)
			}
		}
		list = append(list, p)
	}
	order := []string{"narrator", "client", "daemon", "container"}
	place := func(p Process) int {
		if i := slices.Index(order, p.Role); i >= 0 {
			return i
		}
		return len(order)
	}
	slices.SortFunc(list, func(a, b Process) int { return cmp.Or(place(a)-place(b), cmp.Compare(a.Role, b.Role)) })
	return list
}

// maxFiles bounds how much of a store is listed.
const maxFiles = 60

func files(dir string) []File {
	if dir == "" {
		return nil
	}
	var list []File
	_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || len(list) == maxFiles {
			return nil // what cannot be read is not listed
		}
		info, err := d.Info()
		if err != nil {
			return nil
		}
		name, err := filepath.Rel(dir, path)
		if err == nil && !strings.HasPrefix(name, "ingest/") {
			list = append(list, File{name, info.Size()})
		}
		return nil
	})
	return list
}

// InUserNamespace reports whether a process is in a user namespace other than
// the machine's own, by the map of its ids: user_namespaces(7).
func InUserNamespace(pid int) bool {
	ids := oneLine(fmt.Sprintf("/proc/%d/uid_map", pid))
	return ids != "" && ids != "0 0 4294967295"
}

// Boot is what a recording says of the machine that it was made on.
type Boot struct {
	Kernel string `json:"kernel"`
	Arch   string `json:"arch"`
	Cgroup string `json:"cgroup"` // "v1", "v1 hybrid", "v2"
}

// Machine reads the kernel's release and the cgroup layout.
func Machine(arch string) Boot {
	b := Boot{Kernel: strings.TrimSpace(read("/proc/sys/kernel/osrelease")), Arch: arch}
	var v1, v2 bool
	scanner := bufio.NewScanner(strings.NewReader(read("/proc/self/mountinfo")))
	for scanner.Scan() {
		_, after, _ := strings.Cut(scanner.Text(), " - ")
		v1 = v1 || strings.HasPrefix(after, "cgroup ")
		v2 = v2 || strings.HasPrefix(after, "cgroup2 ")
	}
	switch {
	case v1 && v2:
		b.Cgroup = "v1 hybrid"
	case v1:
		b.Cgroup = "v1"
	case v2:
		b.Cgroup = "v2"
	}
	return b
}
