#!/bin/sh
# docker run hello-world: the same container by hand, without any engine.
#
# learndocker version wrote this from a run (Linux kernel on amd64, cgroup v1 hybrid).
#
#   sudo sh hello-world.sh                                  run it, on the same machine
#   sudo LOOK='ls -l /proc/$PID/ns' sh hello-world.sh       and look, while its process is held before it becomes the program
#
# Debian has all that it uses in util-linux, iproute2, hostname, tar, grep, findutils and coreutils.
# One wall is missing: the seccomp filter. It is a program for the kernel, and no standard tool compiles and loads one.
# The engine does that between dropping capabilities and execve (seccomp(2)).
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

ID=0001000100010001000100010001000100010001000100010001000100010001
W=$(mktemp -d)
later "rm -rf --one-file-system '$W'"

# --- layer.unpack: The archive becomes a directory
# sha256:e2cb630dac9a8078050cea43650da937eef7aaf338f44bc0a3afc817fe08aac2, as the registry keeps it.
mkdir "$W/layer1"
base64 -d <<'END' | tar -xz -C "$W/layer1"
H4sIAAAJbogC/+xTTW4TSxCu5Cmb2bx3hO9FSAHJMeNgYxQilA1RkFjmAh1P2dNKT/fQVRPHK8Q5WHGLiAW5EIdA3UOQnTUg
RfK3mOqun+6vvuqp2blAfxZlWZbTySTbsiwf2tF4OqbR5Gg6mpTlOPlH5dF0QijpL6ATNZHK8nc0ud7cI8HHt+/Pdnd26B67
9IbS7oZOiYh+fjdxSq/oviLZvQfRdXvyD21Y+o+IiOj80/e0vNshom9f6JS+ft4luk3bf/fuiIhuT/K6OE8vFPMYGjg20Vdh
dsXx/+KitgLlG8XSCJbRqrLH5QoGbQwzFoH1MJgFr8Z6jgMED01VjZnV1jOemqZ6OX42LIqzELEKHTQgsqlgdYB56GLK9wtB
bdqWPVfHBUZDXNSMmbPsFZI+kT90LCqpXGtGZbgJfoBwzXHNcSCQRF6HBY76U/oAXAhXXGEe+nTbmAVjP/+bh8sQXbWferEq
EA2RX6POHOGDFgBwyZxa48iD5F6GzlWozTWj7ZzjnJsVNIi8sKJxhbmNkpi82GDSmIrXRevLtDbasxrinQqC5yTyIppmgOeZ
5yATyeUpKitRbjAzziVV0ngYy3RMktlEzjpbvxgWGG8waI0IV1mHXywOBKHTttM8wl7kfgADGJ+T8/W9D8sYlFPPGtJ1Ecqx
sd64YVFcBAgz2MxqhHmqFEbNroKode64wJP1dwbHIsFjbRY4PBTltihoiy222OIR48cA9brmsgAKAAA=
END
LOWER="$W/layer1"

# --- container.create: The container is created
# The three files of /etc that are the container's own.
printf '%s\n' 000100010001 > "$W/hostname"
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

# --- overlay.mount: Layers are stacked into a root directory
mkdir "$W/upper" "$W/work" "$W/merged"
mount -t overlay -o "lowerdir=$LOWER,upperdir=$W/upper,workdir=$W/work" overlay "$W/merged"
later "umount -l '$W/merged'"
ROOT=$W/merged

# --- cgroup.create: A control group is made
GROUPS_MADE=
for group in \
	/sys/fs/cgroup/memory/learndocker/$ID \
	/sys/fs/cgroup/cpu/learndocker/$ID \
	/sys/fs/cgroup/cpuacct/learndocker/$ID \
	/sys/fs/cgroup/cpuset/learndocker/$ID \
	/sys/fs/cgroup/blkio/learndocker/$ID \
	/sys/fs/cgroup/pids/learndocker/$ID \
	/sys/fs/cgroup/devices/learndocker/$ID \
	/sys/fs/cgroup/freezer/learndocker/$ID
do
	parent=$(dirname "$group")
	[ -d "$(dirname "$parent")" ] || die "$(dirname "$parent") is not there: the run was on a machine with cgroup v1"
	mkdir -p "$parent"
	mkdir "$group" 2>/dev/null || { mkdir -p "$parent" && mkdir "$group"; } # an engine that ends removes an empty parent
	# A group of processors takes no process before it has some, and memory.
	for file in cpuset.cpus cpuset.mems; do
		[ ! -e "$group/$file" ] || for each in "$parent" "$group"; do
			[ -s "$each/$file" ] && [ -n "$(cat "$each/$file")" ] || cat "$(dirname "$each")/$file" > "$each/$file"
		done
	done
	# The kernel lets go of a group a moment after its last process.
	later "for i in 1 2 3 4 5 6 7 8 9; do rmdir '$group' 2>/dev/null && break; sleep 0.1; done; rmdir '$parent' 2>/dev/null"
	GROUPS_MADE="$GROUPS_MADE $group"
done
# device list
echo a > /sys/fs/cgroup/devices/learndocker/$ID/devices.deny
for rule in 'c *:* m' 'b *:* m' 'c 1:3 rwm' 'c 1:5 rwm' 'c 1:7 rwm' 'c 1:8 rwm' 'c 1:9 rwm' 'c 5:0 rwm' 'c 5:1 rwm' 'c 5:2 rwm' 'c 136:* rwm'
do
	echo "$rule" > /sys/fs/cgroup/devices/learndocker/$ID/devices.allow
done

# --- namespace.create: A process is born behind walls
# A shell in new namespaces enters the group, takes a cgroup namespace that
# begins there, gives up what the program may not do, and waits. From here on
# it needs nothing any more but to read one line and to become the program.
cat > "$W/init" <<'END'
set -eu
for group; do echo 0 > "$group/tasks"; done # 0 is whoever writes it
exec unshare --cgroup \
	setpriv --bounding-set=-all,+chown,+dac_override,+fsetid,+fowner,+mknod,+net_raw,+setgid,+setuid,+setfcap,+setpcap,+net_bind_service,+sys_chroot,+kill,+audit_write \
		--inh-caps=-all --ambient-caps=-all --reuid=0 --regid=0 --clear-groups --pdeathsig=KILL \
	env -i \
		PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		HOSTNAME=000100010001 \
		HOME=/ \
	/bin/sh -c 'echo ready >&4; read -r go <&3; cd "$1"; shift; unset PWD OLDPWD go; exec "$@" 3<&- 4<&-' \
	sh / /hello
END
mkfifo "$W/go" "$W/ready"
exec 3<>"$W/go" 4<>"$W/ready"
cd /
# shellcheck disable=SC2086 # a list of words
unshare --mount --propagation private --uts --ipc --net --pid --fork --kill-child \
	sh "$W/init" $GROUPS_MADE &
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

# --- network.attach: A cable into the room
nsenter -t "$PID" --net ip link set lo up
net=0 # the first that no other bridge has
while [ -e /sys/class/net/learndocker$net ] || ip -4 route show | grep -q '^172.30\.'$net'\.'; do net=$((net + 1)); done
BRIDGE=learndocker$net
ADDRESS=172.30.$net.2
ip link add "$BRIDGE" type bridge
later "ip link del $BRIDGE"
ip addr add 172.30.$net.1/24 dev "$BRIDGE"
ip link set "$BRIDGE" up
ip link add veth_1 master "$BRIDGE" up type veth peer name eth0 \
	address "$(printf '02:42:ac:1e:%02x:02' $net)" netns "$PID"
nsenter -t "$PID" --net ip addr add "$ADDRESS/24" dev eth0
nsenter -t "$PID" --net ip link set eth0 up
nsenter -t "$PID" --net ip route add default via 172.30.$net.1
printf '%s\t%s\n' "$ADDRESS" 000100010001 >> "$W/hosts"

# --- rootfs.mounts: The room is furnished
borrow() { # a file of the host's, to be seen inside
	inside mkdir -p "$(dirname "$ROOT$2")"
	inside test -e "$ROOT$2" || if [ -d "$1" ]; then inside mkdir "$ROOT$2"; else inside touch "$ROOT$2"; fi
	inside mount --rbind "$1" "$ROOT$2"
}
place() { # a file system of its own: place TARGET TYPE OPTIONS SOURCE
	inside mkdir -p "$ROOT$1"
	inside mount -t "$2" -o "$3" "$4" "$ROOT$1"
}
place /proc proc nosuid,noexec,nodev proc
place /dev tmpfs nosuid,strictatime,mode=755,size=65536k tmpfs
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
place /dev/pts devpts nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5 devpts
place /sys sysfs nosuid,noexec,nodev,ro sysfs
place /sys/fs/cgroup tmpfs nosuid,noexec,nodev,mode=755 tmpfs
for controller in memory cpu cpuacct cpuset blkio pids devices freezer; do
	place /sys/fs/cgroup/$controller cgroup ro,nosuid,noexec,nodev,$controller cgroup
done
inside mount -o remount,bind,ro,nosuid,noexec,nodev "$ROOT"/sys/fs/cgroup
place /dev/mqueue mqueue nosuid,noexec,nodev mqueue
place /dev/shm tmpfs nosuid,noexec,nodev,mode=1777,size=67108864 shm
borrow "$W/resolv.conf" /etc/resolv.conf
borrow "$W/hostname" /etc/hostname
borrow "$W/hosts" /etc/hosts
inside hostname 000100010001

# --- rootfs.pivot: The host's files disappear
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
for path in /proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger; do keep "$path"; done
for path in /proc/acpi /proc/asound /proc/interrupts /proc/kcore /proc/keys /proc/latency_stats /proc/sched_debug /proc/scsi /proc/timer_list /proc/timer_stats /sys/devices/virtual/powercap /sys/firmware; do cover "$path"; done
for path in /sys/devices/system/cpu/cpu[0-9]*/thermal_throttle; do cover "$path"; done
# The stack of layers becomes the root of the namespace; the waiting shell, and
# whoever else has the old root for its own, is moved with it. The old root is
# on top of the new one then, and is taken off by a process that came with a
# root of its own: there is no umount inside.
# shellcheck disable=SC2016 # "$1" is the inner shell's
inside sh -c 'cd "$1" && pivot_root . .' sh "$ROOT"
nsenter -t "$PID" --mount --root=/ --wd="/proc/$PID/root" umount -l .

# --- process.exec: The last step of init
if [ -n "${LOOK:-}" ]; then sh -c "$LOOK" 3<&- 4<&-; fi
kill $WATCHER 2>/dev/null || :
echo go >&3
status=0
wait $KEEPER || status=$?
exit $status
