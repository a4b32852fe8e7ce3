#!/bin/sh
# {{line .Command}}: the same container by hand, without any engine.
#
# learndocker {{line .Header.Version}} wrote this from a run{{with .Day}} observed on {{.}}{{end}} (Linux {{line .Header.Machine.Kernel}} on {{line .Header.Machine.Arch}}, cgroup {{line .Header.Machine.Cgroup}}).
#
#   sudo sh {{quote (line .File)}}                                  run it, on the same machine
#   sudo LOOK='ls -l /proc/$PID/ns' sh {{quote (line .File)}}       and look, while its process is held before it becomes the program
#
# Debian has all that it uses in util-linux, iproute2, hostname, tar, grep, findutils and coreutils.
{{if .Spec.Linux.Seccomp}}# One wall is missing: the seccomp filter. It is a program for the kernel, and no standard tool compiles and loads one.
# The engine does that between dropping capabilities and execve (seccomp(2)).{{else}}# The engine ran this container without a seccomp filter, and so does this.{{end}}
{{- if .Header.Rootless}}
# The run was an ordinary user's; root does the same here without a user namespace.
{{- end}}
set -eu
umask 022
PATH=/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin

die() { echo "$0: $*" >&2; exit 1; }
[ "$(id -u)" = 0 ] || die "run this as root: it mounts, and makes namespaces"
for tool in unshare nsenter setpriv mount umount pivot_root ip hostname tar base64 find; do
	command -v $tool >/dev/null || die "$tool is missing: apt-get install util-linux iproute2 hostname tar coreutils findutils"
done

# What is made is noted, and unmade in the opposite order, however this ends.
undo=:
later() { undo="$1; $undo"; }
trap 'set +e; eval "$undo"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

{{if .Version}}ID={{.ID}}
{{end}}W=$(mktemp -d)
later "rm -rf --one-file-system '$W'"

# --- {{.Say "layer.unpack"}}
{{- if .Layers}}
{{- range .Layers}}
# {{line .Digest}}, as the registry keeps it.
mkdir "$W/layer{{.N}}"
base64 -d <<'END' | tar {{.Tar}} -C "$W/layer{{.N}}"
{{.Base64}}
END
{{- if .Marks}}
# A layer names what it deletes by a mark, overlayfs by a device of number 0:0.
# shellcheck disable=SC2016 # "$mark" is the inner shell's
find "$W/layer{{.N}}" -name '.wh.*' -exec sh -c 'for mark; do rm "$mark" && mknod "${mark%/*}/${mark##*/.wh.}" c 0 0 || exit; done' sh {} +
{{- end}}
{{- end}}
LOWER="{{.Stack}}"
{{- else}}
# The layers are too large to be carried in a script. They are taken from
# ROOTFS, a directory with the image's files, or from the engine's own store.
IMAGE={{quote .Image}}
LOWER=${ROOTFS:-}
if [ -z "$LOWER" ]; then
	# shellcheck disable=SC2043 # of other images there are more
	for layer in {{quoteAll .Store}}; do # topmost first
		[ -d "$layer" ] || die "the layers of $IMAGE are not there any more. Unpack the image and name the directory, by a daemon that has it (DOCKER_HOST names that of learndocker):
  mkdir rootfs && docker export \$(docker create $IMAGE) | tar -x -C rootfs && sudo ROOTFS=rootfs sh $0"
		LOWER="${LOWER:+$LOWER:}$layer"
	done
fi
{{- end}}

# --- {{.Say "container.create"}}
# The three files of /etc that are the container's own.
printf '%s\n' {{quote .Spec.Hostname}} > "$W/hostname"
cat > "$W/hosts" <<'END'
127.0.0.1	localhost
::1	localhost ip6-localhost ip6-loopback
fe00::0	ip6-localnet
ff00::0	ip6-mcastprefix
ff02::1	ip6-allnodes
ff02::2	ip6-allrouters
END
# The host's name servers, without those on its loopback.
grep -vE '^nameserver[[:space:]]+(127\.|::1)' /etc/resolv.conf > "$W/resolv.conf" || :

# --- {{.Say "overlay.mount"}}
mkdir "$W/upper" "$W/work" "$W/merged"
mount -t overlay -o "lowerdir=$LOWER,upperdir=$W/upper,workdir=$W/work{{if .Volatile}},volatile{{end}}" overlay "$W/merged"
later "umount -l '$W/merged'"
ROOT=$W/merged

# --- {{.Say "cgroup.create"}}
{{- if .Version}}
GROUPS_MADE=
for group in{{range .Groups}} \
	{{.}}{{end}}
do
	parent=$(dirname "$group")
	[ -d "$(dirname "$parent")" ] || die "$(dirname "$parent") is not there: the run was on a machine with cgroup {{.Version}}"
	mkdir -p "$parent"
{{- if eq .Version "v2"}}
	# Each group above hands its controllers down.
	for above in{{range .Handing}} {{quote .}}{{end}}; do
		for controller in cpu memory pids; do
			echo +$controller 2>/dev/null > "$above/cgroup.subtree_control" || : # some may be handed down already
		done
	done
{{- end}}
	mkdir "$group" 2>/dev/null || { mkdir -p "$parent" && mkdir "$group"; } # an engine that ends removes an empty parent
{{- if eq .Version "v1"}}
	# A group of processors takes no process before it has some, and memory.
	for file in cpuset.cpus cpuset.mems; do
		[ ! -e "$group/$file" ] || for each in "$parent" "$group"; do
			[ -s "$each/$file" ] && [ -n "$(cat "$each/$file")" ] || cat "$(dirname "$each")/$file" > "$each/$file"
		done
	done
{{- end}}
	# The kernel lets go of a group a moment after its last process.
	later "for i in 1 2 3 4 5 6 7 8 9; do rmdir '$group' 2>/dev/null && break; sleep 0.1; done; rmdir '$parent' 2>/dev/null"
	GROUPS_MADE="$GROUPS_MADE $group"
done
{{- range .Limits}}
{{- if .First}}
# {{line .Meaning}}{{end}}
{{- if gt (len .Values) 1}}
for rule in {{quoteAll .Values}}
do
	echo "$rule" > {{.File}}
done
{{- else}}
{{- if .Optional}}
echo {{quote (index .Values 0)}} 2>/dev/null > {{.File}} || : # refused in the run too
{{- else}}
echo {{quote (index .Values 0)}} > {{.File}}
{{- end}}{{end}}{{end}}
{{- if eq .Version "v2"}}
# Which devices may be opened is decided by a BPF program on cgroup v2, which
# no standard tool compiles and loads: this wall is missing too.
{{- end}}
{{- else}}
# There was none in the run{{with .Refused}}: {{line .}}{{end}}.
{{- end}}

# --- {{.Say "namespace.create"}}
# A shell in new namespaces enters the group, takes a cgroup namespace that
# begins there, gives up what the program may not do, and waits. From here on
# it needs nothing any more but to read one line and to become the program.
cat > "$W/init" <<'{{.End}}'
set -eu
{{- if eq .Version "v1"}}
for group; do echo 0 > "$group/tasks"; done # 0 is whoever writes it
{{- else if eq .Version "v2"}}
for group; do echo 0 > "$group/cgroup.procs"; done # 0 is whoever writes it
{{- end}}
exec unshare --cgroup \
	setpriv --bounding-set={{quote .Keep}} \
		--inh-caps=-all --ambient-caps=-all --reuid={{.UID}} --regid={{.GID}} --clear-groups{{if .Spec.Process.NoNewPrivileges}} --no-new-privs{{end}} --pdeathsig=KILL \
	env -i{{range .Env}} \
		{{quote .}}{{end}} \
	/bin/sh -c 'echo ready >&4; read -r go <&3; cd "$1"; shift; unset PWD OLDPWD go; exec "$@" 3<&- 4<&-' \
	sh {{quote .Cwd}} {{quoteAll .Args}}
{{.End}}
mkfifo "$W/go" "$W/ready"
exec 3<>"$W/go" 4<>"$W/ready"
cd /
{{if .Version}}# shellcheck disable=SC2086 # a list of words
{{end}}unshare --mount --propagation private --uts --ipc --net --pid --fork --kill-child \
	sh "$W/init"{{if .Version}} $GROUPS_MADE{{end}} &
KEEPER=$!
later "kill -KILL $KEEPER 2>/dev/null"
# It cannot say so if it has failed: look whether it is alive now and then.
{ while kill -0 $KEEPER 2>/dev/null; do sleep 0.2; done; echo failed >&4; } &
WATCHER=$!
later "kill $WATCHER 2>/dev/null"
read -r said <&4
[ "$said" = ready ] || die "the first process has ended early"
PID=$(cat /proc/$KEEPER/task/$KEEPER/children)
PID=${PID% }
export PID

# Everything else is done to it from outside: by processes of the host's that
# enter its namespaces and are in no need of what is inside.
inside() { nsenter -t "$PID" --mount --uts --ipc --net --pid --cgroup "$@"; }

# --- {{.Say "network.attach"}}
nsenter -t "$PID" --net ip link set lo up
{{- with .Network}}
net={{.Third}} # the first that no other bridge has
while [ -e /sys/class/net/{{.Stem}}$net ] || ip -4 route show | grep -q '^{{.Prefix}}\.'$net'\.'; do net=$((net + 1)); done
BRIDGE={{.Stem}}$net
ADDRESS={{.Prefix}}.$net.{{.Host}}
ip link add "$BRIDGE" type bridge
later "ip link del $BRIDGE"
ip addr add {{.Prefix}}.$net.1/{{.Bits}} dev "$BRIDGE"
ip link set "$BRIDGE" up
ip link add {{.Veth}} master "$BRIDGE" up type veth peer name {{.Name}} \
	address "$(printf '02:42:{{.Octets}}:%02x:{{.Last}}' $net)" netns "$PID"
nsenter -t "$PID" --net ip addr add "$ADDRESS/{{.Bits}}" dev {{.Name}}
nsenter -t "$PID" --net ip link set {{.Name}} up
nsenter -t "$PID" --net ip route add default via {{.Prefix}}.$net.1
printf '%s\t%s\n' "$ADDRESS" {{quote $.Spec.Hostname}} >> "$W/hosts"
{{- end}}

# --- {{.Say "rootfs.mounts"}}
borrow() { # a file of the host's, to be seen inside
	inside mkdir -p "$(dirname "$ROOT$2")"
	inside test -e "$ROOT$2" || if [ -d "$1" ]; then inside mkdir "$ROOT$2"; else inside touch "$ROOT$2"; fi
	inside mount --rbind "$1" "$ROOT$2"
}
place() { # a file system of its own: place TARGET TYPE OPTIONS SOURCE
	inside mkdir -p "$ROOT$1"
	inside mount -t "$2" -o "$3" "$4" "$ROOT$1"
}
{{- range .Mounts}}
{{- if .Own}}
borrow "$W/{{.Own}}" {{quote .Target}}
{{- else if eq .Type "bind"}}
borrow {{quote .Source}} {{quote .Target}}
{{- else if eq .Type "cgroup"}}
{{- if eq $.Version "v1"}}
place {{quote .Target}} tmpfs {{quote .Writable}},mode=755 tmpfs
{{- $m := .}}
for controller in {{quoteAll $.Controllers}}; do
	place {{quote .Target}}/$controller cgroup {{quote .Options}},$controller cgroup
done
inside mount -o remount,bind,{{quote .Options}} "$ROOT"{{quote .Target}}
{{- else if eq $.Version "v2"}}
place {{quote .Target}} cgroup2 {{quote .Options}} cgroup
{{- end}}
{{- else}}
place {{quote .Target}} {{quote .Type}} {{quote .Options}} {{quote .Source}}
{{- if eq .Target "/dev"}}
while read -r name major minor; do
	inside mknod -m 0666 "$ROOT/dev/$name" c "$major" "$minor" </dev/null
done <<'END'
null 1 3
zero 1 5
full 1 7
random 1 8
urandom 1 9
tty 5 0
END
inside ln -s /proc/self/fd "$ROOT/dev/fd"
inside ln -s /proc/self/fd/0 "$ROOT/dev/stdin"
inside ln -s /proc/self/fd/1 "$ROOT/dev/stdout"
inside ln -s /proc/self/fd/2 "$ROOT/dev/stderr"
inside ln -s pts/ptmx "$ROOT/dev/ptmx"
{{- end}}
{{- end}}
{{- end}}
inside hostname {{quote .Spec.Hostname}}

# --- {{.Say "rootfs.pivot"}}
# What tells about the whole machine is made read-only or covered. The engine
# does this after the pivot; here it comes before, while the tools are in reach.
keep() {
	inside test -e "$ROOT$1" || return 0
	inside mount --rbind "$ROOT$1" "$ROOT$1"
	inside mount -o remount,bind,ro,nosuid,nodev,noexec "$ROOT$1"
}
cover() {
	if inside test -d "$ROOT$1"; then
		inside mount -t tmpfs -o ro tmpfs "$ROOT$1"
	elif inside test -e "$ROOT$1"; then
		inside mount --bind "$ROOT/dev/null" "$ROOT$1"
	fi
}
{{- with .ReadonlyPaths}}
for path in {{quoteAll .}}; do keep "$path"; done
{{- end}}
{{- with .MaskedPaths}}
for path in {{quoteAll .}}; do cover "$path"; done
{{- end}}
{{- if .MasksProcessors}}
for path in /sys/devices/system/cpu/cpu[0-9]*/thermal_throttle; do cover "$path"; done
{{- end}}
{{- if ne .Cwd "/"}}
inside mkdir -p "$ROOT"{{quote .Cwd}}
{{- end}}
{{- if .Spec.Root.Readonly}}
inside mount -o remount,bind,ro "$ROOT"
{{- end}}
# The stack of layers becomes the root of the namespace; the waiting shell, and
# whoever else has the old root for its own, is moved with it. The old root is
# on top of the new one then, and is taken off by a process that came with a
# root of its own: there is no umount inside.
# shellcheck disable=SC2016 # "$1" is the inner shell's
inside sh -c 'cd "$1" && pivot_root . .' sh "$ROOT"
nsenter -t "$PID" --mount --root=/ --wd="/proc/$PID/root" umount -l .

# --- {{.Say "process.exec"}}
if [ -n "${LOOK:-}" ]; then sh -c "$LOOK" 3<&- 4<&-; fi
kill $WATCHER 2>/dev/null || :
{{- if .Detached}}
echo "$0: the run was detached (-d). Here the program stays in the foreground: ^C ends it, and all that was made" >&2
{{- end}}
echo go >&3
status=0
wait $KEEPER || status=$?
exit $status
