package api

// Survey is what a machine offers to the engine. It was found by doing what the
// engine does, not by guessing; nothing of what was made for it is left.
type Survey struct {
	Outside Outside `json:"outside"`
	// Entry is becoming what the daemon would be. Root is that already; an
	// ordinary user becomes root of a user namespace.
	Entry  Trial   `json:"entry"`
	Inside *Inside `json:"inside,omitempty"` // nil where Entry did not work
}

// Trial is one thing that was tried.
type Trial struct {
	OK    bool   `json:"ok"`
	Errno string `json:"errno,omitempty"` // "EPERM", where the kernel refused
	Error string `json:"error,omitempty"` // what refused what, for people
}

// Outside is what whoever types the command can see, before the daemon would
// become root of a user namespace.
type Outside struct {
	System       string            `json:"system"` // GOOS
	Arch         string            `json:"arch"`   // GOARCH
	Kernel       string            `json:"kernel"` // release: uname(2)
	Distribution []string          `json:"distribution"`
	Container    string            `json:"container,omitempty"` // what this machine itself runs in: "docker"
	WSL          bool              `json:"wsl,omitempty"`
	UID          int               `json:"uid"`
	User         string            `json:"user"`
	Sysctls      map[string]string `json:"sysctls"` // those about user namespaces that this kernel has
	UIDHelper    Helper            `json:"newuidmap"`
	GIDHelper    Helper            `json:"newgidmap"`
	SubUIDs      int64             `json:"subuids"` // how many ids /etc/subuid gives the user
	SubGIDs      int64             `json:"subgids"`
	NextSubID    int64             `json:"nextSubid"` // the first that nobody has yet
	Tools        map[string]string `json:"tools"`     // name → path, "" where there is none
}

// Helper is newuidmap(1) or newgidmap(1).
type Helper struct {
	Path string `json:"path,omitempty"`
	// Privileged: it has the set-user-ID bit or file capabilities, without
	// which it can map no more than we can.
	Privileged bool `json:"privileged,omitempty"`
}

// Inside is what the daemon could do.
type Inside struct {
	UserNamespace bool             `json:"userNamespace"` // we are root only in one
	IDs           int64            `json:"ids"`           // how many user ids there are in it
	Nested        Trial            `json:"nested"`        // making a further user namespace
	Namespaces    Trial            `json:"namespaces"`    // those of a container
	Mounts        map[string]Trial `json:"mounts"`        // file system type → mounting one inside them
	Places        []Place          `json:"places"`
	Cgroup        Cgroup           `json:"cgroup"`
	Seccomp       Trial            `json:"seccomp"`
	Network       Network          `json:"network"`
	Fuse          Trial            `json:"fuse"` // opening /dev/fuse
}

// What a place is for.
const (
	PlaceData    = "data root"
	PlaceLessons = "lessons"
	PlaceOther   = "other" // tried where one of the two does not do
)

// Place is a directory that the engine keeps its files in.
type Place struct {
	Use        string   `json:"use"`
	Dir        string   `json:"dir"`
	FileSystem string   `json:"fileSystem"` // "ext4"
	Mount      string   `json:"mount"`      // where that is mounted
	Options    []string `json:"options"`    // of the mount: "ro", "noexec", "nosuid"
	Free       int64    `json:"free"`       // bytes that an ordinary user can have; -1 where it does not count them
	FreeFiles  int64    `json:"freeFiles"`  // -1 likewise
	Write      Trial    `json:"write"`
	Drivers    []Driver `json:"drivers"` // the engine takes the first that works
}

// Driver is a way of stacking layers into one root file system. What was tried:
// to change and to delete files of the layer below, and to run a program.
type Driver struct {
	Name string `json:"name"` // "overlay"
	Trial
}

// Cgroup is what the engine gets of control groups.
type Cgroup struct {
	Version string           `json:"version"` // "v1", "v2"; "" where none is mounted
	Hybrid  bool             `json:"hybrid,omitempty"`
	Create  Trial            `json:"create"` // a group where the engine makes its own
	Limits  map[string]Trial `json:"limits"` // "memory", "cpu", "pids" → setting one
	// Delegated: the group that we are in is ours to divide (cgroup v2).
	Delegated bool `json:"delegated,omitempty"`
}

// Network is what containers can be connected with. It was tried in a network
// namespace of its own.
type Network struct {
	Loopback Trial `json:"loopback"`
	Bridge   Trial `json:"bridge"`
	Veth     Trial `json:"veth"`
}
