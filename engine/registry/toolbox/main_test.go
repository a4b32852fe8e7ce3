package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// place is a directory in which the toolbox is all that there is to call.
type place struct{ bin string }

// built makes the program once, and its links.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "toolbox-test-")
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-ldflags", "-X runtime.godebugDefault=asyncpreemptoff=1", "-o", filepath.Join(dir, "toolbox"), ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		return dir, fmt.Errorf("go build: %w\n%s", err, said)
	}
	for name := range commands() {
		if err := os.Symlink("toolbox", filepath.Join(dir, name)); err != nil {
			return dir, err
		}
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	status := m.Run()
	if dir, _ := built(); dir != "" {
		os.RemoveAll(dir)
	}
	os.Exit(status)
}

func build(t *testing.T) place {
	t.Helper()
	dir, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return place{dir}
}

// outcome is how a script ended.
type outcome struct {
	stdout, stderr string
	status         int
}

// sh runs a script in a directory of its own.
func (p place) sh(t *testing.T, script, stdin string, args ...string) outcome {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(p.bin, "sh"), append([]string{"-c", script, "sh"}, args...)...)
	cmd.Dir = t.TempDir()
	cmd.Env = []string{"PATH=" + p.bin, "HOME=/root", "TZ=UTC"}
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	return outcome{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// freePort is one that nobody listened on just now.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

type example struct {
	script, stdin, stdout, stderr string
	status                        int
}

func try(t *testing.T, examples []example) {
	t.Helper()
	p := build(t)
	for _, e := range examples {
		t.Run(e.script, func(t *testing.T) {
			t.Parallel()
			ports := strings.NewReplacer("PORT1", freePort(t), "PORT2", freePort(t))
			got := p.sh(t, ports.Replace(e.script), e.stdin)
			if want := (outcome{e.stdout, ports.Replace(e.stderr), e.status}); got != want {
				t.Errorf("%+v\nwant %+v", got, want)
			}
		})
	}
}

func TestText(t *testing.T) {
	try(t, []example{
		{"echo -n a b; echo -e 'c\\td\\x41\\0101'; echo '-x'", "", "a bc\tdAA\n-x\n", "", 0},
		{"printf '%s-%03d|%-4s|%x|%c\\n' a 7 b 255 xyz; printf '%s,' 1 2 3; printf '%d\\n' x", "", "a-007|b   |ff|x\n1,2,3,0\n", "printf: x: invalid number\n", 1},
		{"printf '%5.2f%%\\n' 3.14159; printf '%b' 'a\\nb\\n'", "", " 3.14%\na\nb\n", "", 0},
		{"seq 3; seq 2 2 6; seq -s, 3; seq -w 8 10; seq 3 -1 1", "", "1\n2\n3\n2\n4\n6\n1,2,3\n08\n09\n10\n3\n2\n1\n", "", 0},
		{"cat; cat -n", "a\nb\n", "a\nb\n", "", 0},
		{"cat -n", "a\nb\n", "     1\ta\n     2\tb\n", "", 0},
		{"cat nowhere; echo $?", "", "1\n", "cat: nowhere: No such file or directory\n", 0},
		{"head -n 2; head -1", "1\n2\n3\n", "1\n2\n", "", 0},
		{"seq 10 >f; tail -n 2 f; tail -n +9 f; tail -c 3 f; tail -1 f; head -c 4 f", "", "9\n10\n9\n10\n10\n10\n1\n2\n", "", 0},
		{"wc; wc -l", "one two\nthree\n", "      2       3      14\n0\n", "", 0},
		{"seq 3 >f; seq 4 >g; wc -l f g; wc -c <f", "", "3 f\n4 g\n7 total\n6\n", "", 0},
		{"sort; echo $?", "b\na\nc\n", "a\nb\nc\n0\n", "", 0},
		{"sort -rn", "10\n9\n100\n", "100\n10\n9\n", "", 0},
		{"sort -t: -k2 -u", "a:2\nb:1\nc:2\n", "b:1\na:2\n", "", 0},
		{"sort -k2n", "x 10\ny 9\n", "y 9\nx 10\n", "", 0},
		{"uniq -c", "a\na\nb\n", "      2 a\n      1 b\n", "", 0},
		{"uniq -d", "a\na\nb\n", "a\n", "", 0},
		{"cut -d: -f1,3-", "a:b:c:d\nplain\n", "a:c:d\nplain\n", "", 0},
		{"cut -c2-3", "abcd\n", "bc\n", "", 0},
		{"tr a-z A-Z; echo x | tr -d x", "hello\n", "HELLO\n\n", "", 0},
		{"tr -s ' '; echo a1b2 | tr -dc '[:digit:]'; echo a:b | tr : '\\n'", "a   b\n", "a b\n12a\nb\n", "", 0},
		{"tee f g; cat f; echo more | tee -a f >/dev/null; cat f", "in\n", "in\nin\nin\nmore\n", "", 0},
		{"grep b; echo $?; echo x | grep -q y; echo $?", "abc\nxyz\n", "abc\n0\n1\n", "", 0},
		{"grep -vn a; echo A | grep -ic a; echo ab12 | grep -oE '[0-9]+'", "a\nb\n", "2:b\n1\n12\n", "", 0},
		{"grep -F 'a.c'", "a.c\nabc\n", "a.c\n", "", 0},
		{`grep '^\(ab\)\{2\}$'; echo 'a+b' | grep 'a+b'; echo aab | grep -E '^a+b$'`, "abab\nab\n", "abab\na+b\naab\n", "", 0},
		{"mkdir d; echo hit >d/one; echo no >d/two; grep -r hit d; grep -rl hit d; grep -c . d/one d/two", "", "d/one:hit\nd/one\nd/one:1\nd/two:1\n", "", 0},
		{`grep '\(a\)\1'; echo $?`, "", "2\n", "grep: usage: back-references are not supported here\n", 0},
		{"sed 's/a/b/'; echo aaa | sed 's/a/b/g'; echo aaa | sed s/a/b/2", "aa\n", "ba\nbbb\naba\n", "", 0},
		{`sed -n '2p'; seq 5 | sed '2,4d'; seq 3 | sed -n '$p'; seq 3 | sed '/2/!d'; seq 3 | sed 1q`, "a\nb\n", "b\n1\n5\n3\n2\n1\n", "", 0},
		{`echo key=value | sed -E 's|(.*)=(.*)|\2 is &|'; echo a/b | sed 's/\//-/'; echo x | sed 's,x,[&],p'`, "", "value is key=value\na-b\n[x]\n[x]\n", "", 0},
		{"echo old >f; sed -i s/old/new/ f; cat f; sed y/a/b/; echo $?", "", "new\n2\n", "sed: usage: command y is not known here: s, p, d, q and = are\n", 0},
		{"printf abc | md5sum; printf abc | sha1sum; printf abc | sha256sum", "", "900150983cd24fb0d6963f7d28e17f72  -\na9993e364706816aba3e25717850c26c9cd0d89d  -\nba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  -\n", "", 0},
		{"echo x >f; sha256sum f >sums; sha256sum -c sums; echo y >f; sha256sum -c sums; echo $?", "", "f: OK\nf: FAILED\n1\n", "sha256sum: some sums did not match\n", 0},
		{"printf hello | base64; echo aGVsbG8= | base64 -d", "", "aGVsbG8=\nhello", "", 0},
		{"printf 'ab\\n\\001' | hexdump -C; printf 'a\\nb' | od -c; printf AB | od -A n -t x1", "", "00000000  61 62 0a 01                                       |ab..|\n00000004\n0000000   a  \\n   b\n0000003\n 41 42\n", "", 0},
		{"yes | head -n 2; yes ok | head -n 1", "", "y\ny\nok\n", "", 0},
		{"echo a b c | xargs -n 2 echo; printf '%s\\n' x y | xargs -I{} echo '<{}>'; echo \"'a b' c\" | xargs -n1 echo", "", "a b\nc\n<x>\n<y>\na b\nc\n", "", 0},
		{"echo x | xargs false; echo $?; echo x | xargs nosuch; echo $?", "", "123\n127\n", "xargs: nosuch: No such file or directory\n", 0},
	})
}

func TestFiles(t *testing.T) {
	try(t, []example{
		{"mkdir -p a/b/c; touch a/f; ls a; ls -1a a; ls -F a; rmdir a/b; echo $?", "", "b\nf\n.\n..\nb\nf\nb/\nf\n1\n", "rmdir: a/b: Directory not empty\n", 0},
		{"mkdir -m 700 d; stat -c '%a %F %n' d; touch -d @86400 f; stat -c '%Y %s %F' f; ls nowhere", "", "700 directory d\n86400 0 regular empty file\n", "ls: nowhere: No such file or directory\n", 1},
		{"printf 12345678 >f; mkdir d; ln f d/g; du -b f d/g | cut -f1; du -s nowhere", "", "8\n", "du: nowhere: No such file or directory\n", 1},
		{"umask 022; printf 12345 >f; touch -d '2020-05-06 07:08' f; chmod 640 f; ln -s f l; ls -ln f | tr -s ' ' | cut -d' ' -f1,2,5-; ls -l l | cut -d/ -f1 | cut -c1; readlink l", "", "-rw-r----- 1 5 May 6 2020 f\nl\nf\n", "", 0},
		{"umask 027; echo x >f; chmod u+x,g=u,o= f; stat -c %a f; chmod -R a-w .; stat -c %a f; chmod 4711 f; stat -c '%A' f; chmod 1777 .; stat -c %A .; chmod q f", "", "770\n550\n-rws--x--x\ndrwxrwxrwt\n", "chmod: usage: \"q\" is no mode\n", 2},
		{"echo a >f; cp f g; cat g; mkdir d; cp f g d; ls d; cp d e; echo $?; cp -r d e; ls e; cp -a d d2; mv e moved; ls moved; mv f g d; ls", "", "a\nf\ng\n1\nf\ng\nf\ng\nd\nd2\nmoved\n", "cp: d: is a directory: -r copies it\n", 0},
		{"echo a >f; ln f hard; ln -s f soft; readlink soft; stat -c %h f; cp -a soft copied; readlink copied; ln -sf g soft; readlink soft; readlink f; echo $?; cp f f", "", "f\n2\nf\ng\n1\n", "cp: f: is the same file\n", 1},
		{"mkdir -p d/e; touch d/f; rm d; echo $?; rm -r d; ls; rm nowhere; rm -f nowhere; echo $?; rm -r .", "", "1\n0\n", "rm: d: Is a directory\nrm: nowhere: No such file or directory\nrm: .: refused\n", 1},
		{"mkdir -p a/b; ln -s b a/l; cd a/l; test $(realpath .) = $(pwd -P) && echo same; basename /x/y.txt .txt; basename /; dirname /x/y/; dirname y; dirname /", "", "same\ny\n/\n/x\n.\n/\n", "", 0},
		{"mkdir -p t/a t/b; touch t/a/x.c t/b/y.h; find t | sort; find t -name '*.c'; find t -type f ! -name '*.c'; find t -maxdepth 1 -type d | sort; find t -type f -exec basename {} \\; | sort; find t -type f -exec echo {} + | wc -l; find t -name a -prune -o -type f -print; find t -delete; ls", "",
			"t\nt/a\nt/a/x.c\nt/b\nt/b/y.h\nt/a/x.c\nt/b/y.h\nt\nt/a\nt/b\nx.c\ny.h\n1\nt/b/y.h\n", "", 0},
		{"printf 1234567890 >f; find . -size -11c -type f; find . -size +10c -type f; find . -perm 777 -type f; find . -empty; find . -bad", "", "./f\n", "find: usage: -bad wants a value\n", 2},
		{"dd if=/dev/zero of=f bs=1k count=3 2>/dev/null; stat -c %s f; printf abcdef | dd bs=2 skip=1 count=1 status=none; echo; printf XY | dd of=f bs=1 seek=1 conv=notrunc status=none; head -c 4 f | od -A n -c; stat -c %s f; dd count=1 bs=4 if=f of=/dev/null 2>&1 | head -n 2", "", "3072\ncd\n  \\0   X   Y  \\0\n3072\n1+0 records in\n1+0 records out\n", "", 0},
		{"mkfifo p; stat -c %F p; echo through >p & cat p; mknod q p; test -p q && echo fifo", "", "fifo\nthrough\nfifo\n", "", 0},
		{"test -n a -a ! -z b && echo 1; [ 2 -gt 1 ] && echo 2; [ a = b -o 1 -le 1 ] && echo 3; [ -d . ] && [ ! -f . ] && echo 4; [ -e nowhere ]; echo $?; [ a -eq 1 ]; echo $?; [ x; echo $?; test ! x; echo $?; [ '(' a = a ')' ] && echo 5; [ -n ] && echo 6", "", "1\n2\n3\n4\n1\n2\n2\n1\n5\n6\n", "[: usage: a: bad number\n[: usage: missing ]\n", 0},
		{"f=$(mktemp -p .); test -f $f && echo file; d=$(mktemp -d -p .); test -d $d && echo dir; which nosuch; echo $?; basename $(which ls)", "", "file\ndir\n1\nls\n", "", 0},
	})
}
