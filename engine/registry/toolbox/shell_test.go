package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestShell(t *testing.T) {
	try(t, []example{
		{"exit 7", "", "", "", 7},
		{"f() { return 3; }; f; echo $?; f || echo or; ! f; echo $?", "", "3\nor\n0\n", "", 0},
		{"nosuch; echo $?; ./nosuch; echo $?; /; echo $?", "", "127\n127\n126\n", "sh: nosuch: not found\nsh: ./nosuch: not found\nsh: /: Permission denied\n", 0},
		{"if false; then echo 1; elif true; then echo 2; else echo 3; fi; if false; then :; fi; echo $?", "", "2\n0\n", "", 0},
		{"for i in 1 2 3; do [ $i = 2 ] && continue; echo $i; done; n=0; until [ $n = 2 ]; do n=$((n+1)); done; echo $n", "", "1\n3\n2\n", "", 0},
		{"for x in a b; do for y in 1 2; do [ $y = 2 ] && continue 2; echo $x$y; done; done; while :; do while :; do break 2; done; done; echo out", "", "a1\nb1\nout\n", "", 0},
		{"case foo.txt in *.c) echo c;; *.txt|x) echo txt;; esac; case '*' in '*') echo star;; esac", "", "txt\nstar\n", "", 0},
		{"x='a  b'; echo $x; echo \"$x\"; set -- $x; echo $#; set -- \"$x\"; echo $#; for w; do echo \"<$w>\"; done; shift; echo $#", "", "a b\na  b\n2\n1\n<a  b>\n0\n", "", 0},
		{"echo ${u:-default} ${u:=set} $u ${u:+more} ${#u}; f=a/b.c; echo ${f%.*} ${f##*/}; echo ${nope?gone}; echo never", "", "default set set more 3\na/b b.c\n", "sh: nope: gone\n", 2},
		{"echo $((1+2*3)) $((7/2)) $((5%3)) $((1<2)); n=4; n=$((n+1)); echo $n", "", "7 3 2 1\n5\n", "", 0},
		{"x=1; (x=2; echo $x; exit 5); echo $x $?; { x=3; }; echo $x; y=$(echo deep $(echo er)); echo $y", "", "2\n1 5\n3\ndeep er\n", "", 0},
		{"! (exit 3); echo $?; ! (:) | (:); echo $?; ! (exit 3) & wait $!; echo $?; (! (:)); echo $?; x=$(! (exit 2)); echo $?", "", "0\n1\n0\n1\n0\n", "", 0},
		{"x=$(exit 4); echo $?; x=1; echo $?", "", "4\n0\n", "", 0},
		{"f() { local v=in; echo $v $1; w=changed; }; v=out; f arg; echo $v $w; f | cat; (f sub)", "", "in arg\nout changed\nin\nin sub\n", "", 0},
		{"cat <<E; cat <<'E'; cat <<-E\n$((1+1)) `echo x`\nE\n$HOME\nE\n\ttab\nE", "", "2 x\n$HOME\ntab\n", "", 0},
		{"echo one >f; echo two >>f; cat <f; echo err >&2; { echo o; echo e >&2; } 2>&1 | sort; cat <nowhere; echo $?", "", "one\ntwo\ne\no\n1\n", "err\nsh: can't open nowhere: No such file or directory\n", 0},
		{"exec 3>f; echo three >&3; exec 3>&-; cat f; echo x 3>&1 >&3; echo no >&9; exec 4<f; read l <&4; echo $l", "", "three\nx\nthree\n", "sh: 9: Bad file descriptor\n", 0},
		{"mkfifo p; cat p & exec 3>p; echo x >&3; exec 3>&-; wait; echo y | { exec 5<&0 </dev/null; cat; cat <&5; }; exec >f; echo in; cat f >&2", "", "x\ny\n", "in\n", 0},
		{"sh -c 'echo $0 $1' name arg; sh -c 'exit 6'; echo $?; sh -c 'kill -9 $$'; echo $?; sh -c 'kill -TERM $$'; echo $?", "", "name arg\n6\n137\n143\n", "Killed\nTerminated\n", 0},
		{"false | true; echo $?; true | false; echo $?; set -o pipefail; false | true; echo $?", "", "0\n1\n1\n", "", 0},
		{"set -e; false || true; if false; then :; fi; ! true; false && true; echo still; (exit 3); echo never", "", "still\n", "", 3},
		{"set -u; echo ${x-ok}; echo $x; echo never", "", "ok\n", "sh: x: unbound variable\n", 2},
		{"set -x; x=1; echo \"a b\" $x", "", "a b 1\n", "+ x=1\n+ echo 'a b' 1\n", 0},
		{"A=1 env | grep '^A='; A=2; env | grep '^A='; export A; env | grep '^A='; readonly R=1; R=2; echo never", "", "A=1\nA=2\n", "sh: R: is read only\n", 2},
		{"sleep 100 & kill $!; wait $!; echo $?; (exit 3) & wait $!; echo $?; wait; echo $?", "", "143\n3\n0\n", "", 0},
		{"trap 'echo bye' EXIT; trap 'echo usr1' USR1; kill -USR1 $$; echo after; exit 2", "", "usr1\nafter\nbye\n", "", 2},
		{"trap 'echo term; exit 9' TERM; { sleep 0.2; kill -TERM $$; } & while :; do sleep 0.1; done", "", "term\n", "", 9},
		{"trap 'echo woken' USR1; sleep 100 & p=$!; { sleep 0.2; kill -USR1 $$; } & wait $p; echo $?; kill $p", "", "woken\n138\n", "", 0},
		{"trap '' TERM; kill -TERM $$; echo alive; trap - TERM; kill -TERM $$; echo never", "", "alive\n", "", -1},
		{"(echo $$; sh -c 'echo $PPID'; echo) | { read a; read b; [ $a = $$ ] && [ $b != $$ ] && echo subshell; }", "", "subshell\n", "", 0},
		{"printf 'a b c\\nd' | { read x y; echo \"$x|$y\"; read z; echo \"$? $z\"; }; echo 'a\\b' | { read -r l; echo \"$l\"; }", "", "a|b c\n1 d\na\\b\n", "", 0},
		{"eval 'echo ev $((1+1))'; echo 'echo sourced $1; return 4' >s; . ./s; echo $?; command -v echo; type nosuch; echo $?", "", "ev 2\nsourced\n4\necho\n127\n", "sh: nosuch: not found\n", 0},
		{"ulimit -Sn 70; sh -c 'ulimit -n; [ $(ulimit -Hn) -gt 70 ] && echo more'; umask 077; umask; touch f; stat -c %a f; ulimit -n 64; ulimit -n; sh -c 'ulimit -n'; mkdir d; cd d; cd ..; cd -  >/dev/null; basename $PWD; cd /nowhere; echo $?", "", "70\nmore\n0077\n600\n64\n64\nd\n1\n", "sh: cd: can't cd to /nowhere: No such file or directory\n", 0},
		{"touch b.x a.x; echo *.x; echo '*.x' *.none; set -f; echo *.x", "", "a.x b.x\n*.x *.none\n*.x\n", "", 0},
		{"exec echo replaced; echo never", "", "replaced\n", "", 0},
		{"echo a; if", "", "", "sh: syntax error: line 1: `if` must be followed by a statement list\n", 2},
		{"a() { echo fn; }; a & wait; jobs; echo 'echo script $1' >s; chmod +x s; ./s 5", "", "fn\nscript 5\n", "", 0},
		{"sh -s arg", "read line\nthis is data\necho \"$line $1\"\nfor i in 1 2\ndo echo $i\ndone\nexit 4\n", "this is data arg\n1\n2\n", "", 4},
	})
}

// TestShellIsAProcess: what /proc shows of a shell is what it says.
func TestShellIsAProcess(t *testing.T) {
	p := build(t)
	dir := t.TempDir()
	if got := p.sh(t, `cd "$1"; readlink /proc/$$/cwd; trap : TERM; readlink /proc/self/cwd`, "", dir).stdout; got != dir+"\n"+dir+"\n" {
		t.Errorf("cd goes to %q, want %s", got, dir)
	}
	got := p.sh(t, `( cd /; readlink /proc/self/cwd; : ); readlink /proc/$$/cwd; cat /proc/$$/comm; (cat /proc/self/status; :) | grep -c ^Pid`, "")
	if lines := strings.Split(got.stdout, "\n"); len(lines) != 5 || lines[0] != "/" || lines[1] == "/" || lines[2] != "sh" || lines[3] != "1" {
		t.Errorf("%+v", got)
	}
	ignored := ignoredHere(t) // under nohup, for one, a program ignores more
	for script, want := range map[string]string{
		"grep -E '^Sig(Cgt|Ign)' /proc/$$/status; :":                         fmt.Sprintf("SigIgn:\t%016x\nSigCgt:\t0000000000000000\n", ignored),
		"trap : TERM; trap '' USR1; grep -E '^Sig(Cgt|Ign)' /proc/$$/status": fmt.Sprintf("SigIgn:\t%016x\nSigCgt:\t0000000000004000\n", ignored|1<<(syscall.SIGUSR1-1)),
		"grep -E '^SigCgt' /proc/self/status":                                "SigCgt:\t0000000000000000\n",
	} {
		if got := p.sh(t, script, "").stdout; got != want {
			t.Errorf("%s: %q, want %q", script, got, want)
		}
	}
}

// ignoredHere are the signals that the tests' own process ignores, and that its
// children begin with.
func ignoredHere(t *testing.T) uint64 {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "\nSigIgn:\t")
	mask, err := strconv.ParseUint(rest[:min(16, len(rest))], 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return mask
}

// TestWithoutProc: in a root directory of its own, without /proc, subshells
// find their program all the same.
func TestWithoutProc(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("this test changes root directories: run it as root")
	}
	p := build(t)
	out, err := exec.Command(filepath.Join(p.bin, "chroot"), p.bin, "/sh", "-c", "PATH=/; (x=1; echo sub $x); echo $(pwd)").CombinedOutput()
	if err != nil || string(out) != "sub 1\n/\n" {
		t.Errorf("%q %v", out, err)
	}
}

// TestLessons are the commands made for lessons about processes.
func TestLessons(t *testing.T) {
	p := build(t)
	for name, want := range map[string]struct{ caught, said, status string }{
		"greeter": {"0000000000004002", "got SIGTERM, bye\n", "0"}, // SIGINT, too
		"deaf":    {"0000000000000000", "", "143"},
	} {
		script := name + ` >out & p=$!; until [ -s out ]; do sleep 0.02; done; grep SigCgt /proc/$p/status; kill $p; wait $p; s=$?; sed "s/pid $p/pid N/" out; echo $s`
		if got, want := p.sh(t, script, "").stdout, "SigCgt:\t"+want.caught+"\ntick 1 (pid N)\n"+want.said+want.status+"\n"; got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	got := p.sh(t, `stress --procs 2 --cpu 1 --memory 3m --seconds 100 >out & p=$!; until [ $(wc -l <out) = 2 ]; do sleep 0.02; done
		for c in $(sed -n 's/.*: //p' out); do grep -E '^(PPid|Threads):' /proc/$c/status; done | sed "s/$p/N/" | sort | uniq -c | tr -s ' '; grep VmRSS /proc/$p/status; tail -n 1 out; kill $p; wait $p; echo $?`, "")
	lines := strings.Split(got.stdout, "\n")
	if len(lines) != 6 || lines[0] != " 3 PPid:\tN" || lines[1] != " 3 Threads:\t1" || lines[3] != "3.0MB taken and written to" || lines[4] != "143" {
		t.Errorf("%+v", got)
	}
	if kb, err := strconv.Atoi(strings.Fields(lines[2])[1]); err != nil || kb < 3072 {
		t.Errorf("stress holds %s, want 3 MB and more", lines[2])
	}
	if got := p.sh(t, "stress --memory 3x; stress", ""); got.status != 2 || !strings.Contains(got.stderr, `"3x" is no size`) {
		t.Errorf("%+v", got)
	}
}

func TestProcesses(t *testing.T) {
	try(t, []example{
		{"timeout 0.1 sleep 100; echo $?; timeout 10 sh -c 'exit 3'; echo $?; timeout -s KILL 0.1 sleep 100; echo $?; timeout 1 nosuch; echo $?", "", "124\n3\n137\n127\n", "timeout: nosuch: No such file or directory\n", 0},
		{"timeout -k 0.1 0.1 sh -c 'trap \"\" TERM; while :; do sleep 0.05; done'; echo $?", "", "137\n", "", 0},
		{"kill -l TERM; kill -l 9; kill -l 143; kill -x 1; kill 999999999", "", "15\nKILL\nTERM\n", "kill: x: unknown signal\nkill: can't kill pid 999999999: No such process\n", 1},
		{"ps | grep -c '[s]h -c ps .*status'; ps | sed -n 1p | tr -s ' '; sleep bad # status", "", "1\n PID PPID USER STAT COMMAND\n", "sleep: usage: \"bad\" is no time\n", 2},
		{"env -i A=1 $(which env); env -u HOME A=2 sh -c 'echo $A ${HOME-none}'; env nosuch; echo $?; printenv HOME; printenv NONE", "", "A=1\n2 none\n127\n/root\n", "env: nosuch: No such file or directory\n", 1},
		{"time true 2>&1 | cut -f1", "", "real\nuser\nsys\n", "", 0},
		{"date -u -d @0; date -u -d @86399 '+%Y-%m-%d %H:%M:%S %j'; date -d x; echo $?", "", "Thu Jan  1 00:00:00 UTC 1970\n1970-01-01 23:59:59 001\n2\n", "date: usage: \"x\" is not @SECONDS\n", 0},
		{"stty; tty; clear | od -A n -c; toolbox nosuch; echo $?; toolbox echo works", "", "not a tty\n 033   [   H 033   [   J 033   [   3   J\n127\nworks\n", "stty: standard input: Inappropriate ioctl for device\ntoolbox: nosuch: no such command\n", 0},
		{"ls -x; ls --nope; head -n", "", "", "ls: usage: unknown option -x\nls: usage: unknown option --nope\nhead: usage: -n wants a value\n", 2},
		{"unshare nosuch; echo $?; chroot /nowhere true", "", "127\n", "unshare: nosuch: No such file or directory\nchroot: cannot change root directory to /nowhere: No such file or directory\n", 1},
	})
}

func TestNetwork(t *testing.T) {
	try(t, []example{
		{`echo '<p>hi' >index.html; mkdir d; echo sub >d/f.txt; ln -s /etc/passwd d/out; httpd -p 127.0.0.1:PORT1 -h . >log & p=$!
		until nc -z 127.0.0.1 PORT1 2>/dev/null; do sleep 0.02; done
		wget -qO- http://127.0.0.1:PORT1/; wget -O got 127.0.0.1:PORT1/d/f.txt; cat got; wget -S -qO- 127.0.0.1:PORT1/d/f.txt 2>&1 | grep -c '200 OK'
		wget 127.0.0.1:PORT1/none; echo $?; wget 127.0.0.1:PORT1/d/out; wget 127.0.0.1:PORT1/../../etc/passwd; kill $p; wait $p; grep -c GET log; wget 127.0.0.1:PORT1`, "",
			"<p>hi\nsub\n1\n1\n6\n", "wget: server returned error: HTTP/1.0 404 Not Found\nwget: server returned error: HTTP/1.0 404 Not Found\nwget: server returned error: HTTP/1.0 404 Not Found\nwget: can't connect to remote host (127.0.0.1:PORT1): Connection refused\n", 1},
		{"echo from server | nc -l -p PORT2 >got & p=$!; until echo from client | nc 127.0.0.1 PORT2 2>/dev/null; do sleep 0.02; done; wait $p; cat got; nc 127.0.0.1 PORT2", "", "from server\nfrom client\n", "nc: 127.0.0.1:PORT2: Connection refused\n", 1},
		{"ip -4 addr show lo | grep inet; ip link show nosuch; ip addr add x; ip route >/dev/null && echo ok", "", "    inet 127.0.0.1/8 scope host lo\nok\n", "ip: can't find device 'nosuch'\nip: usage: ip shows only: nothing can be changed with it\n", 0},
	})
}
