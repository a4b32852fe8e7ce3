package applet

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// entry finds a line of /etc/passwd or /etc/group by one of its fields.
func entry(file string, field int, value string) []string {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(data)) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) > 3 && fields[field] == value {
			return fields
		}
	}
	return nil
}

// ID is the number of a user or group, which may be given as one.
func ID(file, name string) (int, error) {
	if fields := entry(file, 0, name); fields != nil {
		return strconv.Atoi(fields[2])
	}
	n, err := strconv.Atoi(name)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%s: not in %s", name, file)
	}
	return n, nil
}

// NameOf is the name of a user or group, or the number where it has none.
func NameOf(file string, id int) string {
	if fields := entry(file, 2, strconv.Itoa(id)); fields != nil {
		return fields[0]
	}
	return strconv.Itoa(id)
}

// User is the entry of a user: name, password, uid, gid, comment, home, shell.
func User(uid int) []string { return entry("/etc/passwd", 2, strconv.Itoa(uid)) }

// GroupOf is the group's number that a user belongs to first, 0 for none.
func GroupOf(uid int) int {
	fields := User(uid)
	if fields == nil {
		return 0
	}
	gid, err := strconv.Atoi(fields[3])
	if err != nil {
		return 0
	}
	return gid
}
