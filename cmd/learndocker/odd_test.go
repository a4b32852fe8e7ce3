//go:build linux

package main

import (
	"fmt"
	"strings"
	"testing"

	ggcr "github.com/google/go-containerregistry/pkg/v1"
)

// TestOddImages runs images whose settings or files nobody meant honestly. Each
// runs as its settings say, or ends with words that name what is wrong; and the
// daemon serves on.
func TestOddImages(t *testing.T) {
	b := newBench(t)
	long := strings.Repeat("x", 1<<20)
	who := []string{"sh", "-c", "id -u; id -g"}
	passwd := func(lines string) []entry { return []entry{{name: "etc/passwd", mode: 0o644, body: lines}} }
	var many strings.Builder
	for i := range 47 << 20 / 32 {
		fmt.Fprintf(&many, "user%07d:x:%d:%d::/:/bin/sh\n", i, 2000+i%1000, 1)
	}
	for _, c := range []struct {
		name   string
		config ggcr.Config
		layer  []entry
		stdout string
		stderr string // part of it; "" is none
		status int
	}{
		{"/etc/passwd of 47 MB", ggcr.Config{Cmd: who}, passwd("root:x:0:0::/root:/bin/sh\n" + many.String()), "0\n0\n", "", 0},
		{"a user at the end of 47 MB", ggcr.Config{Cmd: who, User: "user1000000"}, passwd(many.String()), "", "unable to find user user1000000", 125},
		{"/etc/passwd of one endless line", ggcr.Config{Cmd: who}, passwd(strings.Repeat("x", 47<<20)), "", "token too long", 125},
		{"/etc/passwd of rubbish", ggcr.Config{Cmd: who, User: "eve"}, passwd("\x00\xff:::::\nada\nada:x:y:z\n::::\n"), "", "unable to find user eve", 125},
		{"a number that is a name of root's (CVE-2026-46680)", ggcr.Config{Cmd: who, User: "1000"}, passwd("1000:x:0:0::/:/bin/sh\n"), "1000\n0\n", "", 0},
		{"a group's number that is a name of root's", ggcr.Config{Cmd: who, User: "5:1000"}, []entry{{name: "etc/group", mode: 0o644, body: "1000:x:0:\n"}}, "5\n1000\n", "", 0},
		{"a number with an entry of its own", ggcr.Config{Cmd: who, User: "1000"}, passwd("ada:x:1000:7::/:/bin/sh\n"), "1000\n7\n", "", 0},
		{"a user beyond all numbers", ggcr.Config{Cmd: who, User: "4294967296"}, nil, "", "uids and gids must be in range", 125},
		{"a user that is root after 32 bits", ggcr.Config{Cmd: who, User: "18446744073709551616"}, nil, "", "uids and gids must be in range", 125},
		{"a user below nothing", ggcr.Config{Cmd: who, User: "-1"}, nil, "", "uids and gids must be in range", 125},
		{"a user of many parts", ggcr.Config{Cmd: who, User: "0:0:0:0"}, nil, "", "unable to find group 0:0:0", 125},
		{"a user with a line's end", ggcr.Config{Cmd: who, User: "ada\nroot"}, nil, "", "unable to find user ada\nroot: no matching entries in passwd file", 125},

		{"a working directory that is not absolute", ggcr.Config{Cmd: who, WorkingDir: "tmp"}, nil, "", "needs to be an absolute path", 125},
		{"a working directory longer than a path", ggcr.Config{Cmd: who, WorkingDir: strings.Repeat("/d", 5000)}, nil, "", "file name too long", 125},
		{"a working directory with a NUL", ggcr.Config{Cmd: who, WorkingDir: "/a\x00b"}, nil, "", "invalid argument", 125},
		{"a working directory that is a file", ggcr.Config{Cmd: who, WorkingDir: "/etc/passwd"}, nil, "", "Cannot mkdir: /etc/passwd is not a directory", 125},
		{"no command", ggcr.Config{}, nil, "", "no command specified", 125},
		{"a command without a name", ggcr.Config{Cmd: []string{""}}, nil, "", `exec: ""`, 127},
		{"a command with a NUL", ggcr.Config{Cmd: []string{"echo", "a\x00b"}}, nil, "", "invalid argument", 125},
		{"a command that is a directory", ggcr.Config{Cmd: []string{"/etc"}}, nil, "", "is a directory", 126},
		{"an argument of a megabyte", ggcr.Config{Cmd: []string{"echo", long}}, nil, "", "argument list too long", 125},
		{"a variable of a megabyte", ggcr.Config{Cmd: who, Env: []string{searchPath, "A=" + long}}, nil, "", "argument list too long", 125},
		{"a variable without a name", ggcr.Config{Cmd: []string{"sh", "-c", "echo $A"}, Env: []string{searchPath, "=x", "A=1", "A=2", "noequals", ""}}, nil, "2\n", "", 0},
		{"a variable with a NUL", ggcr.Config{Cmd: who, Env: []string{searchPath, "A=a\x00b"}}, nil, "", "invalid argument", 125},
		{"a PATH of rubbish", ggcr.Config{Cmd: []string{"true"}, Env: []string{"PATH=::\x01:../../..:/no/such"}}, nil, "", "executable file not found", 127},
		{"labels without end", ggcr.Config{Cmd: who, Labels: map[string]string{"a": long, "": "", long[:1000]: "\x1b[2J"}}, nil, "0\n0\n", "", 0},
		{"a program cut short", ggcr.Config{Cmd: []string{"/x"}}, []entry{{name: "x", body: "\x7fELF\x02\x01\x01"}}, "", "exec format error", 126},
		{"an interpreter that is not there", ggcr.Config{Cmd: []string{"/x"}}, []entry{{name: "x", body: "#!/no/such\n"}}, "", "no such file", 127},
		{"a program that is its own interpreter", ggcr.Config{Cmd: []string{"/x"}}, []entry{{name: "x", body: "#!/x\n"}}, "", "exec", 125},
		{"a program that is the engine's (CVE-2019-5736)", ggcr.Config{Cmd: []string{"/proc/self/exe", "daemon"}}, nil, "", "it is the engine's own program", 126},
		{"an interpreter that is the engine's (CVE-2019-5736)", ggcr.Config{Cmd: []string{"/x"}}, []entry{{name: "x", body: "#!/proc/self/exe\n"}}, "", "", -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			layers := busyboxLayers(t)[:1]
			if c.layer != nil {
				layers = append(layers, layerOf(t, c.layer...))
			}
			if c.config.Env == nil {
				c.config.Env = []string{searchPath}
			}
			image := b.registry + "/odd:latest"
			push(t, image, imageOf(t, c.config, layers...))
			clientCommand(t, b.host, nil, program(t), "pull", "-q", image).must(t)
			o := clientCommand(t, b.host, nil, program(t), "run", "--rm", image)
			if c.status < 0 { // whatever it does, it is not the engine
				if o.status == 0 || o.stdout != "" {
					t.Errorf("%+v", o)
				}
			} else if o.status != c.status || o.stdout != c.stdout || !strings.Contains(o.stderr, c.stderr) || (c.stderr == "" && o.stderr != "") {
				t.Errorf("status %d, stdout %.300q, stderr %.600q\nwant %d, %q, %q", o.status, o.stdout, o.stderr, c.status, c.stdout, c.stderr)
			}
			if len(o.stderr) > 64<<10 {
				t.Errorf("the error has %d bytes", len(o.stderr))
			}
			clientCommand(t, b.host, nil, program(t), "rmi", "-f", image).must(t)
		})
	}
	clientCommand(t, b.host, nil, program(t), "run", "--rm", b.image, "true").must(t)
}
