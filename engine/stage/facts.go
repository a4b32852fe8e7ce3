package stage

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
)

// The stages, in the order in which `docker run` of a missing image passes them.
const (
	APIRequest      Name = "api.request"
	ImageLookup     Name = "image.lookup"
	APIResponse     Name = "api.response"
	RegistryResolve Name = "registry.resolve"
	RegistryBlob    Name = "registry.blob"
	LayerUnpack     Name = "layer.unpack"
	ImageTag        Name = "image.tag"
	ContainerCreate Name = "container.create"
	OverlayMount    Name = "overlay.mount"
	CgroupCreate    Name = "cgroup.create"
	NamespaceCreate Name = "namespace.create"
	UsernsMap       Name = "userns.map"
	NetworkAttach   Name = "network.attach"
	NetworkPublish  Name = "network.publish"
	CgroupJoin      Name = "cgroup.join"
	RootfsMounts    Name = "rootfs.mounts"
	RootfsPivot     Name = "rootfs.pivot"
	SecurityDrop    Name = "security.drop"
	ProcessExec     Name = "process.exec"
	ProcessExit     Name = "process.exit"
	ContainerRemove Name = "container.remove"
)

// The stages of other commands.
const (
	ExecCreate       Name = "exec.create"
	ExecSetns        Name = "exec.setns"
	ExecCgroup       Name = "exec.cgroup"
	ExecExit         Name = "exec.exit"
	ProcessSignal    Name = "process.signal"
	ContainerStop    Name = "container.stop"
	ContainerPause   Name = "container.pause"
	ContainerUnpause Name = "container.unpause"
	ContainerUpdate  Name = "container.update"
	ContainerRename  Name = "container.rename"
)

// known holds one zero fact for each stage, in order: the one table by which
// facts are decoded and stages are listed.
var known = []Fact{
	Request{}, Lookup{}, Response{}, Resolved{}, Blob{}, Unpacked{}, Tagged{}, Created{},
	Overlay{}, Cgroup{}, Namespaces{}, UserMap{}, Network{}, Published{}, Joined{}, Mounts{}, Pivoted{},
	Dropped{}, Exec{}, Exit{}, Removed{},
	ExecCreated{}, Entered{}, ExecJoined{}, ExecExited{}, Signaled{}, Stopped{}, Paused{}, Unpaused{}, Updated{}, Renamed{},
	VolumeCreated{}, Committed{}, Loaded{}, Imported{}, Saved{}, Pushed{},
}

// Names lists every stage in order.
func Names() []Name {
	names := make([]Name, len(known))
	for i, f := range known {
		names[i] = f.Stage()
	}
	return names
}

// Known reports whether the engine has a stage of that name.
func Known(n Name) bool { return slices.Contains(Names(), n) }

// Decode reads the fact of the named stage from JSON.
func Decode(n Name, data []byte) (Fact, error) {
	for _, f := range known {
		if f.Stage() != n {
			continue
		}
		v := reflect.New(reflect.TypeOf(f))
		if err := json.Unmarshal(data, v.Interface()); err != nil {
			return nil, fmt.Errorf("decode fact of %s: %w", n, err)
		}
		return v.Elem().Interface().(Fact), nil
	}
	return nil, fmt.Errorf("decode fact: unknown stage %q", n)
}

// Request: a client's request has been read; nothing has been done about it.
type Request struct {
	Method  string            `json:"method"`
	Path    string            `json:"path"` // with the query, as it came
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body,omitempty"` // at most 64 KiB of it
	Peer    Peer              `json:"peer"`
	Socket  string            `json:"socket"` // path of the socket it came through
}

// Peer is the process at the other end of a unix socket, as the kernel tells
// it: SO_PEERCRED in socket(7) and unix(7).
type Peer struct {
	PID int `json:"pid"`
	UID int `json:"uid"`
	GID int `json:"gid"`
}

// Response: an answer is about to be sent.
type Response struct {
	Method  string            `json:"method"` // of the request
	Path    string            `json:"path"`
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body,omitempty"`
	Stream  bool              `json:"stream,omitempty"` // the body follows later, piece by piece
}

// Lookup: the daemon has looked for an image in its own store.
type Lookup struct {
	Asked     string `json:"asked"`     // "hello-world"
	Reference string `json:"reference"` // "docker.io/library/hello-world:latest"
	Familiar  string `json:"familiar"`  // "hello-world:latest"
	Found     bool   `json:"found"`
	ID        string `json:"id,omitempty"` // digest of the image's config
	Store     string `json:"store"`        // directory of the OCI image layout
	Images    int    `json:"images"`       // names that the store holds
}

// Exchange is one HTTP request to a registry and its answer.
type Exchange struct {
	Method    string `json:"method"`
	URL       string `json:"url"`
	Accept    string `json:"accept,omitempty"`
	Status    int    `json:"status"`
	MediaType string `json:"mediaType,omitempty"`
	Digest    string `json:"digest,omitempty"` // Docker-Content-Digest
	Bytes     int64  `json:"bytes"`
	RateLimit string `json:"rateLimit,omitempty"` // ratelimit-remaining
}

// Variant is one entry of an image index.
type Variant struct {
	Platform string `json:"platform"` // "linux/amd64"
	Digest   string `json:"digest"`
	Size     int64  `json:"size"`
	Chosen   bool   `json:"chosen"`
}

// Layer is one layer of an image as its manifest lists it.
type Layer struct {
	Digest    string `json:"digest"`
	Size      int64  `json:"size"` // compressed, in bytes
	MediaType string `json:"mediaType"`
}

// Resolved: the registry has turned a name into a manifest for this platform.
type Resolved struct {
	Reference string     `json:"reference"`
	Registry  string     `json:"registry"` // host:port that was asked
	Mirror    bool       `json:"mirror"`   // the bundled registry stands in for Docker Hub
	Platform  string     `json:"platform"`
	Index     string     `json:"index,omitempty"` // digest of the index, if there is one
	Variants  []Variant  `json:"variants,omitempty"`
	Manifest  string     `json:"manifest"` // digest of the platform's manifest
	Config    string     `json:"config"`   // digest of the config
	Layers    []Layer    `json:"layers"`
	Documents []Document `json:"documents"` // index, where there is one, and manifest
	Exchanges []Exchange `json:"exchanges"`
}

// Document is an index or a manifest, byte for byte as it came.
type Document struct {
	Digest    string `json:"digest"` // by which it was asked for, or that came with it
	MediaType string `json:"mediaType"`
	Size      int64  `json:"size"`
	Body      string `json:"body,omitempty"` // none where there are more than MaxDocument bytes
}

// MaxDocument bounds the documents that Resolved carries, each in bytes.
const MaxDocument = 16 << 10

// Blob: a blob has been fetched, verified and stored; or was there already.
type Blob struct {
	Digest    string    `json:"digest"`
	MediaType string    `json:"mediaType"`
	Size      int64     `json:"size"`
	Computed  string    `json:"computed,omitempty"` // sha256 of the bytes that came; none if none did
	Present   bool      `json:"present"`            // was in the store, nothing was fetched
	Path      string    `json:"path"`               // where it is kept
	Exchange  *Exchange `json:"exchange,omitempty"`
}

// Entry is one member of a layer.
type Entry struct {
	Name string `json:"name"`
	Type string `json:"type"` // "file", "dir", "symlink", "hardlink", "whiteout", "char", "block", "fifo"
	Mode string `json:"mode"` // "0755"
	Size int64  `json:"size"`
}

// MaxEntries bounds the entries that Unpacked lists.
const MaxEntries = 40

// Unpacked: a layer's archive has become a directory.
type Unpacked struct {
	Digest  string  `json:"digest"`           // of the compressed blob
	DiffID  string  `json:"diffID"`           // of the tar inside, as the config promises
	Hashed  string  `json:"hashed,omitempty"` // sha256 of the tar that came out; none if it was unpacked before
	Entries int     `json:"entries"`
	First   []Entry `json:"first"` // at most MaxEntries
	Bytes   int64   `json:"bytes"` // of the tar
	Dir     string  `json:"dir"`
	Shared  bool    `json:"shared"` // was unpacked before, for another image
	Number  int     `json:"number"` // of the layer in its image, the lowest is 1
	Changes Changes `json:"changes"`
}

// Changes are what a layer does to the layers below it, by paths from the root.
// Each list is bounded by MaxEntries.
type Changes struct {
	Added   []string `json:"added"`   // no layer below has it
	Changed []string `json:"changed"` // takes the place of what a layer below has
	Deleted []string `json:"deleted"` // whiteouts, and what an opaque directory hides
	More    int      `json:"more"`    // beyond those listed
}

// Tagged: a name points to an image.
type Tagged struct {
	Reference string `json:"reference"`
	Familiar  string `json:"familiar"`
	Digest    string `json:"digest"`
	ID        string `json:"id"`
	Index     string `json:"index"` // path of index.json
	Updated   bool   `json:"updated"`
}

// Created: a container exists as files; no process runs.
type Created struct {
	ID     string          `json:"id"`
	Name   string          `json:"name"`
	Image  string          `json:"image"`
	Dir    string          `json:"dir"`
	Args   []string        `json:"args"`
	Config json.RawMessage `json:"config"` // the OCI config.json, whole
}

// Overlay: the container's root file system is mounted.
type Overlay struct {
	Container string   `json:"container"`
	Lower     []string `json:"lower"` // topmost first
	Upper     string   `json:"upper"` // "" with the driver "copy", as is Work
	Work      string   `json:"work"`
	Merged    string   `json:"merged"`
	Options   string   `json:"options"` // as given to the kernel
	Driver    string   `json:"driver"`  // "overlay", "fuse-overlayfs", "copy"
	// Instead is what the kernel answered where its own overlay could not be had.
	Instead     string `json:"instead,omitempty"`
	CopiedFiles int    `json:"copiedFiles,omitempty"` // with the driver "copy": how many, and their size
	CopiedBytes int64  `json:"copiedBytes,omitempty"`
}

// Write is one value written to a control file.
type Write struct {
	File    string `json:"file"`
	Value   string `json:"value"`
	Error   string `json:"error,omitempty"`
	Meaning string `json:"meaning,omitempty"` // the option it comes from: "--memory"
}

// Cgroup: a control group exists with its limits.
type Cgroup struct {
	Container string   `json:"container"`
	Version   string   `json:"version"` // "v1", "v2"
	Hybrid    bool     `json:"hybrid"`  // v1 controllers beside an empty v2 tree
	Path      string   `json:"path"`    // below each hierarchy's root: /learndocker/<id>
	Dirs      []string `json:"dirs"`    // the directories made
	Writes    []Write  `json:"writes"`  // limits, in order
	Refused   string   `json:"refused,omitempty"`
}

// Namespace is one namespace of the held process beside the daemon's own.
type Namespace struct {
	Type  string `json:"type"`  // "pid"
	Flag  string `json:"flag"`  // "CLONE_NEWPID"
	Inode uint64 `json:"inode"` // of /proc/PID/ns/TYPE
	Host  uint64 `json:"host"`  // of /proc/self/ns/TYPE in the daemon
	New   bool   `json:"new"`
}

// Namespaces: the container's first process exists, in namespaces of its own,
// and waits.
type Namespaces struct {
	Container  string      `json:"container"`
	PID        int         `json:"pid"` // as the host numbers it
	Flags      []string    `json:"flags"`
	Namespaces []Namespace `json:"namespaces"`
}

// Mapping is one line of a uid_map: user_namespaces(7).
type Mapping struct {
	Inside  int64 `json:"inside"`
	Outside int64 `json:"outside"`
	Count   int64 `json:"count"`
}

// UserMap: who the container's root is on the host.
type UserMap struct {
	PID      int       `json:"pid"`
	New      bool      `json:"new"`      // a user namespace of the container's own
	Rootless bool      `json:"rootless"` // the daemon itself is in one
	UIDMap   []Mapping `json:"uidMap"`   // as the kernel shows it
	GIDMap   []Mapping `json:"gidMap"`
}

// Network: the container's network namespace has its interfaces.
type Network struct {
	PID     int    `json:"pid"`
	Mode    string `json:"mode"` // "bridge", "none", "host"
	Bridge  string `json:"bridge,omitempty"`
	Subnet  string `json:"subnet,omitempty"`
	Gateway string `json:"gateway,omitempty"`
	Veth    string `json:"veth,omitempty"` // the end that stays on the host
	Name    string `json:"name,omitempty"` // the other end, inside: "eth0"
	Address string `json:"address,omitempty"`
	MAC     string `json:"mac,omitempty"`
	Refused string `json:"refused,omitempty"` // why there is less than was asked for

	Masquerade bool   `json:"masquerade,omitempty"` // what leaves this machine has its address: a rule of nftables
	NoWayOut   string `json:"noWayOut,omitempty"`   // why there is no such rule, though it was asked for
}

// Published: the daemon answers at ports of the host for the container.
type Published struct {
	Container string          `json:"container"`
	PID       int             `json:"pid"`
	Ports     []PublishedPort `json:"ports"`
}

// PublishedPort is one address at which the host listens.
type PublishedPort struct {
	Protocol string `json:"protocol"` // "tcp", "udp"
	Host     string `json:"host"`     // address and port: "0.0.0.0:8080", "[::]:8080"
	Inside   uint16 `json:"inside"`   // the container's port
	To       string `json:"to"`       // address and port to which it is passed on
	Within   bool   `json:"within"`   // To is of the container's own loopback
}

// Joined: the process has entered its cgroup and a cgroup namespace.
type Joined struct {
	PID   int      `json:"pid"`
	Files []string `json:"files"` // written to: tasks on v1, cgroup.procs on v2
	Host  uint64   `json:"host"`  // cgroup namespace before
	Inode uint64   `json:"inode"` // and after
}

// Mount is one mount inside the container.
type Mount struct {
	Target  string `json:"target"`
	Type    string `json:"type"`
	Source  string `json:"source"`
	Options string `json:"options,omitempty"`
}

// Mounts: everything but the root itself is mounted.
type Mounts struct {
	Root     string   `json:"root"`
	Mounts   []Mount  `json:"mounts"`
	Devices  []string `json:"devices"`
	Hostname string   `json:"hostname"`
}

// Pivoted: the container's root is the process's root; the host's is gone.
type Pivoted struct {
	Old      string   `json:"old"` // where the root was on the host
	CWD      string   `json:"cwd"`
	PID      int      `json:"pid"`      // getpid() of the process itself
	Masked   []string `json:"masked"`   // covered: nothing to see
	Readonly []string `json:"readonly"` // to see, not to change
}

// Dropped: what the process may ask of the kernel is cut down.
type Dropped struct {
	Capabilities []string `json:"capabilities"`
	Mask         string   `json:"mask"` // 16 hex digits, as in /proc/PID/status
	NoNewPrivs   bool     `json:"noNewPrivs"`
	Seccomp      bool     `json:"seccomp"`
	Instructions int      `json:"instructions"` // of the BPF filter
	Allowed      int      `json:"allowed"`      // system calls that it lets pass in some form
	UID          int      `json:"uid"`
	GID          int      `json:"gid"`
}

// Exec: the next system call turns this process into the container's program.
type Exec struct {
	Path string   `json:"path"`
	Argv []string `json:"argv"`
	Env  []string `json:"env"`
	CWD  string   `json:"cwd"`
	UID  int      `json:"uid"`
	GID  int      `json:"gid"`
}

// Exit: the container's first process has ended and waits, a zombie, to be
// reaped.
type Exit struct {
	Container string `json:"container"`
	PID       int    `json:"pid"`
	Status    int    `json:"status"` // as `docker wait` tells it: 128+n for a signal
	Signal    string `json:"signal,omitempty"`
	OOMKilled bool   `json:"oomKilled"`
	UserUS    int64  `json:"userUS"`   // microseconds
	SystemUS  int64  `json:"systemUS"` // microseconds
	MaxRSS    int64  `json:"maxRSS"`   // bytes
	WallUS    int64  `json:"wallUS"`   // from exec to exit, the holding left out
}

// Removed: nothing is left of a container.
type Removed struct {
	Container string   `json:"container"`
	Name      string   `json:"name"`
	Gone      []string `json:"gone"` // paths that were there before and, looked for, are no more
}

func (Request) Stage() Name    { return APIRequest }
func (Lookup) Stage() Name     { return ImageLookup }
func (Response) Stage() Name   { return APIResponse }
func (Resolved) Stage() Name   { return RegistryResolve }
func (Blob) Stage() Name       { return RegistryBlob }
func (Unpacked) Stage() Name   { return LayerUnpack }
func (Tagged) Stage() Name     { return ImageTag }
func (Created) Stage() Name    { return ContainerCreate }
func (Overlay) Stage() Name    { return OverlayMount }
func (Cgroup) Stage() Name     { return CgroupCreate }
func (Namespaces) Stage() Name { return NamespaceCreate }
func (UserMap) Stage() Name    { return UsernsMap }
func (Network) Stage() Name    { return NetworkAttach }
func (Published) Stage() Name  { return NetworkPublish }
func (Joined) Stage() Name     { return CgroupJoin }
func (Mounts) Stage() Name     { return RootfsMounts }
func (Pivoted) Stage() Name    { return RootfsPivot }
func (Dropped) Stage() Name    { return SecurityDrop }
func (Exec) Stage() Name       { return ProcessExec }
func (Exit) Stage() Name       { return ProcessExit }
func (Removed) Stage() Name    { return ContainerRemove }
