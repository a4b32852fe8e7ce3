package seccomp

import (
	"encoding/binary"
	"testing"

	profiles "github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/net/bpf"
)

// run asks the compiled filter about one call. x/net/bpf's machine reads
// big-endian words, the kernel's the machine's own: the data is laid out so
// that both see the same words.
func run(t *testing.T, f *Filter, arch uint32, nr uint32, args ...uint64) uint32 {
	t.Helper()
	data := make([]byte, 64)
	binary.BigEndian.PutUint32(data[0:], nr)
	binary.BigEndian.PutUint32(data[4:], arch)
	for i, a := range args {
		binary.BigEndian.PutUint32(data[16+8*i:], uint32(a))
		binary.BigEndian.PutUint32(data[20+8*i:], uint32(a>>32))
	}
	instructions, ok := bpf.Disassemble(f.Program)
	if !ok {
		t.Fatal("the program does not disassemble")
	}
	vm, err := bpf.NewVM(instructions)
	if err != nil {
		t.Fatal(err)
	}
	got, err := vm.Run(data)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(got)
}

func dockerDefault(t *testing.T) *specs.LinuxSeccomp {
	t.Helper()
	spec := &specs.Spec{Process: &specs.Process{Capabilities: &specs.LinuxCapabilities{Bounding: []string{"CAP_CHOWN", "CAP_SYS_CHROOT"}}}}
	p, err := profiles.GetDefaultProfile(spec)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestDockerDefaultProfile(t *testing.T) {
	const amd64, i386 = 0xc000003e, 0x40000003
	f, err := compile(dockerDefault(t), "amd64")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what string
		arch uint32
		nr   uint32
		args []uint64
		want uint32
	}{
		{"write", amd64, 1, nil, retAllow},
		{"execve", amd64, 59, nil, retAllow},
		{"chroot, with its capability", amd64, 161, nil, retAllow},
		{"mount", amd64, 165, nil, retErrno | 1},
		{"reboot", amd64, 169, nil, retErrno | 1},
		{"keyctl", amd64, 250, nil, retErrno | 1},
		{"clone of a thread", amd64, 56, []uint64{0x3d0f00}, retAllow},
		{"clone of a user namespace", amd64, 56, []uint64{0x10000000}, retErrno | 1},
		{"clone3", amd64, 435, nil, retErrno | enosys},
		{"socket AF_INET", amd64, 41, []uint64{2}, retAllow},
		{"socket AF_ALG", amd64, 41, []uint64{38}, retErrno | 1},
		{"socket AF_VSOCK", amd64, 41, []uint64{40}, retErrno | 1},
		{"socket with high bits set", amd64, 41, []uint64{38 | 1<<32}, retAllow},
		{"personality 0", amd64, 135, []uint64{0}, retAllow},
		{"personality READ_IMPLIES_EXEC", amd64, 135, []uint64{0x400000}, retErrno | 1},
		{"a call of tomorrow", amd64, 4000, nil, retErrno | enosys},
		{"x32", amd64, 0x40000001, nil, retErrno | enosys},
		{"32-bit write", i386, 4, nil, retAllow},
		{"32-bit mount", i386, 21, nil, retErrno | 1},
		{"a foreign machine", 0x28, 1, nil, retKillProcess},
	} {
		if got := run(t, f, c.arch, c.nr, c.args...); got != c.want {
			t.Errorf("%s: got %#x, want %#x", c.what, got, c.want)
		}
	}
}

func TestCompilesForEveryMachine(t *testing.T) {
	for arch := range runs {
		if _, err := compile(dockerDefault(t), arch); err != nil {
			t.Errorf("%s: %v", arch, err)
		}
	}
}

func TestEveryComparison(t *testing.T) {
	const big = 1<<32 | 5
	for _, c := range []struct {
		op   specs.LinuxSeccompOperator
		arg  uint64
		want bool
	}{
		{specs.OpEqualTo, big, true}, {specs.OpEqualTo, 5, false},
		{specs.OpNotEqual, big, false}, {specs.OpNotEqual, 5, true}, {specs.OpNotEqual, 1<<32 | 6, true},
		{specs.OpGreaterThan, big, false}, {specs.OpGreaterThan, 1<<32 | 6, true}, {specs.OpGreaterThan, 2 << 32, true}, {specs.OpGreaterThan, 9, false},
		{specs.OpGreaterEqual, big, true}, {specs.OpGreaterEqual, 9, false},
		{specs.OpLessThan, big, false}, {specs.OpLessThan, 9, true}, {specs.OpLessThan, 1<<32 | 4, true},
		{specs.OpLessEqual, big, true}, {specs.OpLessEqual, 2 << 32, false},
	} {
		p := &specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: []specs.LinuxSyscall{{
			Names: []string{"write"}, Action: specs.ActAllow,
			Args: []specs.LinuxSeccompArg{{Index: 0, Value: big, Op: c.op}},
		}}}
		f, err := compile(p, "amd64")
		if err != nil {
			t.Fatal(err)
		}
		if got := run(t, f, 0xc000003e, 1, c.arg) == retAllow; got != c.want {
			t.Errorf("%#x %s %#x: allowed %v, want %v", c.arg, c.op, uint64(big), got, c.want)
		}
	}
}
