package runflags

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/blkiodev"
	containertypes "github.com/moby/moby/api/types/container"
)

// device parts DEVICE:VALUE of the flags that bound devices.
func device(value string) (path, rest string, err error) {
	path, rest, ok := strings.Cut(value, ":")
	if !ok || path == "" {
		return "", "", fmt.Errorf("bad format: %s", value)
	}
	if !strings.HasPrefix(path, "/dev/") {
		return "", "", fmt.Errorf("bad format for device path: %s", value)
	}
	return path, rest, nil
}

// rates is a flag of rates of devices; bytes are written with units.
type rates struct {
	list  []*blkiodev.ThrottleDevice
	bytes bool
}

func (r *rates) String() string { return fmt.Sprint(r.list) }

// Type is what the flag's help calls a value.
func (*rates) Type() string { return "list" }

// Set takes one more device.
func (r *rates) Set(value string) error {
	path, rate, err := device(value)
	if err != nil {
		return err
	}
	var n uint64
	if r.bytes {
		var signed int64
		signed, err = units.RAMInBytes(rate)
		if err != nil || signed < 0 {
			return fmt.Errorf("invalid rate for device: %s. The correct format is <device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb", value)
		}
		n = uint64(signed)
	} else if n, err = strconv.ParseUint(rate, 10, 64); err != nil {
		return fmt.Errorf("invalid rate for device: %s. The correct format is <device-path>:<number>. Number must be a positive integer", value)
	}
	r.list = append(r.list, &blkiodev.ThrottleDevice{Path: path, Rate: n})
	return nil
}

// weights is a flag of the weights of devices.
type weights struct{ list []*blkiodev.WeightDevice }

func (w *weights) String() string { return fmt.Sprint(w.list) }

// Type is what the flag's help calls a value.
func (*weights) Type() string { return "list" }

// Set takes one more device.
func (w *weights) Set(value string) error {
	path, weight, err := device(value)
	if err != nil {
		return err
	}
	n, err := strconv.ParseUint(weight, 10, 16)
	if err != nil || n > 0 && (n < 10 || n > 1000) {
		return fmt.Errorf("invalid weight for device: %s", value)
	}
	w.list = append(w.list, &blkiodev.WeightDevice{Path: path, Weight: uint16(n)})
	return nil
}

// devices parts the values of --device: HOST[:CONTAINER][:PERMISSIONS], and
// names of a CDI device, VENDOR/CLASS=NAME.
func devices(values []string, daemonOS string) (mappings []containertypes.DeviceMapping, cdi []string, err error) {
	mappings = []containertypes.DeviceMapping{}
	for _, v := range values {
		if isCDI(v) {
			cdi = append(cdi, v)
			continue
		}
		if daemonOS == "windows" {
			mappings = append(mappings, containertypes.DeviceMapping{PathOnHost: v})
			continue
		}
		m, err := linuxDevice(v)
		if err != nil {
			return nil, nil, err
		}
		mappings = append(mappings, m)
	}
	return mappings, cdi, nil
}

func linuxDevice(value string) (containertypes.DeviceMapping, error) {
	parts := strings.Split(value, ":")
	m := containertypes.DeviceMapping{PathOnHost: parts[0], PathInContainer: parts[0], CgroupPermissions: "rwm"}
	if len(parts) > 3 || parts[0] == "" {
		return m, fmt.Errorf("bad format for path: %s", value)
	}
	if len(parts) == 3 {
		if !isDeviceMode(parts[2]) {
			return m, fmt.Errorf("bad mode specified: %s", parts[2])
		}
		m.PathInContainer, m.CgroupPermissions = parts[1], parts[2]
	} else if len(parts) == 2 && isDeviceMode(parts[1]) {
		m.CgroupPermissions = parts[1]
	} else if len(parts) == 2 {
		m.PathInContainer = path.Clean(parts[1])
	}
	if len(parts) == 1 || len(parts) == 2 && isDeviceMode(parts[1]) {
		m.PathOnHost = path.Clean(parts[0])
		m.PathInContainer = m.PathOnHost
	}
	if !path.IsAbs(m.PathInContainer) {
		return m, fmt.Errorf("%s is not an absolute path", m.PathInContainer)
	}
	return m, nil
}

// isDeviceMode reports whether it is made of r, w and m, each once at most.
func isDeviceMode(mode string) bool {
	for i, c := range mode {
		if !strings.ContainsRune("rwm", c) || strings.ContainsRune(mode[:i], c) {
			return false
		}
	}
	return mode != ""
}

// isCDI reports whether it is the name of a device of the Container Device
// Interface.
func isCDI(name string) bool {
	kind, device, ok := strings.Cut(name, "=")
	vendor, class, slash := strings.Cut(kind, "/")
	return ok && slash && vendor != "" && class != "" && device != "" && isLetter(rune(vendor[0])) && isLetter(rune(class[0]))
}
