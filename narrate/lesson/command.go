package lesson

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// commands are docker's commands that a lesson may run. Docker's others manage
// the client itself (context, plugin, login) or reach for files of whoever runs
// the lesson (cp, save, load, export, import, build); learndocker's own, under
// whose name a lesson's docker runs, are no docker commands at all.
var commands = strings.Fields(`attach commit create diff events exec history images info inspect kill logs
	pause port ps pull push rename restart rm rmi run search start stats stop tag top unpause update version wait
	container image network system volume`)

// passedOn are the commands whose last words are the container's own.
var passedOn = []string{"create", "exec", "run"}

// inside are the words of a group that a lesson may not say, for the same
// reasons: docker container cp, docker image build.
var inside = strings.Fields("build cp export import load save dial-stdio")

// field is a field of a command: {{ container.id }}.
var field = regexp.MustCompile(`\{\{.*?\}\}`)

// CheckCommand refuses what a lesson must not run on the machine of whoever
// plays it: anything but docker, options before docker's command, commands that
// are not about containers and images, and the choice of another daemon than the
// lesson's own, or of a file.
func CheckCommand(words []string) error {
	if len(words) == 0 || words[0] != "docker" {
		return errors.New("a lesson runs docker commands: docker run …")
	}
	if len(words) == 1 {
		return errors.New("docker: which command? docker run …")
	}
	command := words[1]
	if strings.HasPrefix(command, "-") {
		return fmt.Errorf("option %s before the command: a lesson has a daemon of its own", command)
	}
	if !slices.Contains(commands, command) {
		return fmt.Errorf("docker %s is no command for a lesson%s", command, didYouMean(command, commands))
	}
	if command == "volume" && slices.ContainsFunc(words[2:], func(w string) bool { return isOption(w) && !strings.HasPrefix(w, "--") && strings.Contains(w, "o") }) {
		return errors.New("docker volume: a lesson gives no options to a volume's driver: they may lead to files of the host")
	}
	if len(words) > 2 && slices.Contains([]string{"container", "image", "system"}, command) {
		if slices.Contains(inside, words[2]) {
			return fmt.Errorf("docker %s %s is no command for a lesson", command, words[2])
		}
		if command == "container" && slices.Contains(passedOn, words[2]) {
			return checkOptions(words[3:], true)
		}
	}
	return checkOptions(words[2:], slices.Contains(passedOn, command))
}

// forbidden are options that lead to another daemon, or to files of the host.
var forbidden = []string{"--host", "--data-root", "--config", "--context", "--env-file", "--cidfile", "--iidfile", "--opt", "--label-file", "--tls", "--tlscacert", "--tlscert", "--tlskey", "--tlsverify"}

// checkOptions looks for options that are not a lesson's. Where a container's
// own words follow they are its own: from the second of two words on of which
// neither is an option, for only the first can be an option's value.
func checkOptions(words []string, passedOn bool) error {
	for i, w := range words {
		if passedOn && i > 0 && !isOption(w) && !isOption(words[i-1]) || w == "--" {
			return nil
		}
		for _, f := range forbidden {
			if name, _, _ := strings.Cut(w, "="); name == f {
				return fmt.Errorf("option %s: a lesson has a daemon of its own, and no business with files of the host", w)
			}
		}
		if passedOn && reachesHost(w, words[i+1:]) {
			return fmt.Errorf("option %s: a lesson has no business with files of the host; a volume has a name: -v NAME:/place", w)
		}
		// Short options may stand together: -dH is -d -H.
		if isOption(w) && !strings.HasPrefix(w, "--") && strings.Contains(w, "H") {
			return fmt.Errorf("option %s: a lesson has a daemon of its own; a value that has an H in it stands apart from its option", w)
		}
	}
	return nil
}

// reachesHost reports whether an option would mount a directory of the host.
func reachesHost(option string, rest []string) bool {
	name, value, joined := strings.Cut(option, "=")
	if !joined && len(rest) > 0 {
		value = rest[0]
	}
	switch {
	case name == "--volume":
		return isPathOfHost(value)
	case name == "--mount":
		return !isOwnMount(value)
	case strings.HasPrefix(option, "-") && !strings.HasPrefix(option, "--"):
		// Short options may stand together, the value too: -dv/etc:/x.
		if _, after, has := strings.Cut(option, "v"); has && after != "" {
			return isPathOfHost(strings.TrimPrefix(after, "="))
		} else if has && len(rest) > 0 {
			return isPathOfHost(rest[0])
		}
	}
	return false
}

// isPathOfHost: what -v mounts is a path of the host where it is not a name. A
// path by itself is a place in the container.
func isPathOfHost(value string) bool {
	source, _, both := strings.Cut(value, ":")
	return both && strings.Trim(source, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != ""
}

// isOwnMount allows a volume by its name and a tmpfs, without options of a driver.
func isOwnMount(value string) bool {
	for field := range strings.SplitSeq(value, ",") {
		name, v, _ := strings.Cut(field, "=")
		switch name {
		case "type":
			if v != "volume" && v != "tmpfs" {
				return false
			}
		case "source", "src":
			if isPathOfHost(v + ":") {
				return false
			}
		case "target", "dst", "destination", "readonly", "ro", "volume-nocopy", "volume-label", "tmpfs-size", "tmpfs-mode":
		default:
			return false
		}
	}
	return true
}

func isOption(word string) bool { return strings.HasPrefix(word, "-") && word != "-" }
