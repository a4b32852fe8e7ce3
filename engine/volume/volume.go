//go:build linux

// Package volume keeps volumes: directories that outlive the containers that
// they are mounted in. It is Docker's driver "local": the content is in
// NAME/_data, what is known of it beside that.
package volume

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/learndocker/learndocker/engine/sys"
)

// Driver is the one driver's name.
const Driver = "local"

// AnonymousLabel marks a volume whose name nobody has chosen.
const AnonymousLabel = "com.docker.volume.anonymous"

// Errors that callers tell apart with errors.Is.
var (
	ErrNotFound = errors.New("no such volume")
	ErrInvalid  = errors.New("invalid volume")
)

// invalid is what a user has wrong, in Docker's words.
type invalid string

func (e invalid) Error() string        { return string(e) }
func (e invalid) Is(target error) bool { return target == ErrInvalid }

func invalidf(format string, args ...any) error { return invalid(fmt.Sprintf(format, args...)) }

// Volume is one volume.
type Volume struct {
	Name       string            `json:"name"`
	Mountpoint string            `json:"-"`
	Created    time.Time         `json:"created"`
	Labels     map[string]string `json:"labels"` // nil and empty are told apart, as Docker does
	Options    map[string]string `json:"options"`
}

// Anonymous reports whether nobody has chosen its name.
func (v Volume) Anonymous() bool {
	_, is := v.Labels[AnonymousLabel]
	return is
}

// Source is what is mounted: the volume's own directory, or the one that its
// options name.
func (v Volume) Source() string {
	if device := v.Options["device"]; device != "" && !v.IsTmpfs() {
		return device
	}
	return v.Mountpoint
}

// Store keeps volumes in one directory. Its methods may be called from several
// goroutines.
type Store struct {
	dir     string
	mu      sync.Mutex
	mounted mounted
}

const (
	content = "_data"
	record  = "volume.json"
)

// Open opens the store in dir. What was not made whole goes.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return nil, fmt.Errorf("make volume store: %w", err)
	}
	s := &Store{dir: dir, mounted: mounted{}}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read volume store: %w", err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if err := s.unmountAll(names); err != nil {
		return nil, err
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if _, err := os.Stat(filepath.Join(path, record)); errors.Is(err, fs.ErrNotExist) && !hasContent(path) {
			if err := os.RemoveAll(path); err != nil {
				return nil, fmt.Errorf("clear unfinished volume: %w", err)
			}
		}
	}
	return s, nil
}

// hasContent: what somebody may miss is never cleared away.
func hasContent(path string) bool {
	entries, err := os.ReadDir(filepath.Join(path, content))
	return err == nil && len(entries) > 0
}

var validName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)

// CheckName refuses what is no volume's name, in Docker's words.
func CheckName(name string) error {
	if len(name) == 1 {
		return invalidf("volume name is too short, names should be at least two alphanumeric characters")
	}
	if len(name) > 255 || !validName.MatchString(name) {
		return invalidf("%q includes invalid characters for a local volume name, only %q are allowed. If you intended to pass a host directory, use absolute path", name, "[a-zA-Z0-9][a-zA-Z0-9_.-]")
	}
	return nil
}

// checkOptions refuses options that would be dropped silently.
func checkOptions(o map[string]string) error {
	for name := range o {
		if name != "type" && name != "device" && name != "o" {
			return invalidf("invalid option: %q", name)
		}
	}
	if len(o) == 0 {
		return nil
	}
	if o["type"] == "tmpfs" {
		if o["device"] == "" {
			return invalidf("missing required option: %q", "device")
		}
		return nil // of the others the kernel judges
	}
	if kind := o["type"]; kind != "none" && kind != "bind" {
		return invalidf("the volume option type=%s is not supported by learndocker's engine, only type=tmpfs, and type=none with o=bind", kind)
	}
	if o["o"] != "bind" {
		return invalidf("the volume option o=%s is not supported by learndocker's engine, only o=bind", o["o"])
	}
	if o["device"] == "" {
		return invalidf("missing device in volume options")
	}
	if !filepath.IsAbs(o["device"]) {
		return invalidf("the volume option device=%s is not an absolute path", o["device"])
	}
	return nil
}

// Create makes a volume, or finds the one that has the name already.
func (s *Store) Create(k sys.Kernel, v Volume) (made Volume, created bool, err error) {
	if err := CheckName(v.Name); err != nil {
		return v, false, err
	}
	if err := checkOptions(v.Options); err != nil {
		return v, false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if had, err := s.read(v.Name); err == nil {
		return had, false, nil
	}
	v.Mountpoint, v.Created = s.mountpoint(v.Name), time.Now().UTC()
	dir := filepath.Dir(v.Mountpoint)
	if err := k.MkdirAll(dir, 0o701); err != nil {
		return v, false, fmt.Errorf("make volume: %w", err)
	}
	if err := k.MkdirAll(v.Mountpoint, 0o755); err != nil {
		return v, false, errors.Join(fmt.Errorf("make volume: %w", err), os.RemoveAll(dir))
	}
	if err := writeRecord(filepath.Join(dir, record), v); err != nil {
		return v, false, errors.Join(fmt.Errorf("make volume: %w", err), os.RemoveAll(dir))
	}
	return v, true, nil
}

func (s *Store) mountpoint(name string) string { return filepath.Join(s.dir, name, content) }

// writeRecord puts the record in place whole, for it says that the volume is.
func writeRecord(path string, v Volume) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(data, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

func (s *Store) read(name string) (Volume, error) {
	v := Volume{Name: name, Mountpoint: s.mountpoint(name)}
	if CheckName(name) != nil {
		return v, ErrNotFound
	}
	data, err := os.ReadFile(filepath.Join(s.dir, name, record))
	if errors.Is(err, fs.ErrNotExist) {
		info, err := os.Stat(v.Mountpoint)
		if err != nil {
			return v, ErrNotFound
		}
		v.Created = info.ModTime() // its record was lost, its content was not
		return v, nil
	}
	if err != nil {
		return v, fmt.Errorf("read volume %s: %w", name, err)
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return v, fmt.Errorf("read volume %s: %w", name, err)
	}
	v.Name = name
	return v, nil
}

// Get finds a volume by its name.
func (s *Store) Get(name string) (Volume, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.read(name)
}

// List returns all volumes by their names. One whose record is damaged is listed
// without what it says.
func (s *Store) List() ([]Volume, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("list volumes: %w", err)
	}
	var list []Volume
	for _, e := range entries {
		v, err := s.read(e.Name())
		if errors.Is(err, ErrNotFound) {
			continue
		}
		list = append(list, v)
	}
	slices.SortFunc(list, func(a, b Volume) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// Remove removes a volume with all that is in it. A directory that its options
// name is not the volume's, and stays.
func (s *Store) Remove(k sys.Kernel, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.read(name); errors.Is(err, ErrNotFound) {
		return err
	}
	dir := filepath.Join(s.dir, name)
	err := os.RemoveAll(dir)
	k.Did("unlinkat", err, "rm -r "+dir, sys.Quote(dir), "AT_REMOVEDIR")
	if err != nil {
		return fmt.Errorf("remove volume %s: %w", name, err)
	}
	return nil
}
