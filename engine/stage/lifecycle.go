package stage

// ExecCreated: a further program is to run in a container; no process of it
// exists.
type ExecCreated struct {
	ID        string   `json:"id"`
	Container string   `json:"container"`
	Init      int      `json:"init"` // the container's first process
	Args      []string `json:"args"`
	User      string   `json:"user,omitempty"`
	Terminal  bool     `json:"terminal"`
}

// Entered: a process of the exec's exists in the container's namespaces, and
// waits. It is no child of the container's first process.
type Entered struct {
	ID         string      `json:"id"`
	Container  string      `json:"container"`
	PID        int         `json:"pid"`
	Parent     int         `json:"parent"` // the daemon
	Init       int         `json:"init"`   // whose namespaces they are
	Flags      []string    `json:"flags"`  // given to setns(2)
	Namespaces []Namespace `json:"namespaces"`
}

// ExecJoined: the process is in the container's control group.
type ExecJoined struct {
	ID        string   `json:"id"`
	Container string   `json:"container"`
	PID       int      `json:"pid"`
	Writes    []Write  `json:"writes"`
	Members   []int    `json:"members"` // who is in the group now
	Dirs      []string `json:"dirs"`
}

// ExecExited: the exec's program has ended and waits, a zombie, to be reaped.
// The container runs on.
type ExecExited struct {
	ID        string `json:"id"`
	Container string `json:"container"`
	PID       int    `json:"pid"`
	Init      int    `json:"init"`
	Status    int    `json:"status"`
	Signal    string `json:"signal,omitempty"`
}

// Signaled: a signal has been sent to a container's first process. What becomes
// of it is the kernel's and the program's matter: signal(7), and for the first
// process of a namespace pid_namespaces(7).
type Signaled struct {
	Container string `json:"container"`
	PID       int    `json:"pid"`
	Signal    string `json:"signal"` // "SIGTERM"
	Number    int    `json:"number"`
	Caught    bool   `json:"caught"`  // the program had a handler for it: SigCgt
	Ignored   bool   `json:"ignored"` // SigIgn
	Mask      string `json:"mask"`    // SigCgt, 16 hex digits, as /proc/PID/status had it
}

// Stopped: a container was asked to end, and has ended.
type Stopped struct {
	Container string `json:"container"`
	PID       int    `json:"pid"`
	Signal    string `json:"signal"`
	Seconds   int    `json:"seconds"` // of patience; below 0 without end
	Killed    bool   `json:"killed"`  // it did not end in time: SIGKILL
	WaitedMS  int64  `json:"waitedMS"`
	Status    int    `json:"status"`
}

// Paused: every process of a container stands still, by the freezer.
type Paused struct {
	Container string  `json:"container"`
	PID       int     `json:"pid"`
	Writes    []Write `json:"writes"`
	Processes []int   `json:"processes"`
}

// Unpaused: the processes go on.
type Unpaused struct {
	Container string  `json:"container"`
	PID       int     `json:"pid"`
	Writes    []Write `json:"writes"`
	Processes []int   `json:"processes"`
}

// Updated: the limits of a container are others now.
type Updated struct {
	Container string  `json:"container"`
	PID       int     `json:"pid"` // 0 where it does not run: the limits are for its next start
	Writes    []Write `json:"writes"`
}

// Renamed: a container has another name; its id is what it was.
type Renamed struct {
	Container string `json:"container"`
	Old       string `json:"old"`
	Name      string `json:"name"`
}

func (ExecCreated) Stage() Name { return ExecCreate }
func (Entered) Stage() Name     { return ExecSetns }
func (ExecJoined) Stage() Name  { return ExecCgroup }
func (ExecExited) Stage() Name  { return ExecExit }
func (Signaled) Stage() Name    { return ProcessSignal }
func (Stopped) Stage() Name     { return ContainerStop }
func (Paused) Stage() Name      { return ContainerPause }
func (Unpaused) Stage() Name    { return ContainerUnpause }
func (Updated) Stage() Name     { return ContainerUpdate }
func (Renamed) Stage() Name     { return ContainerRename }
