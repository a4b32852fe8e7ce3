package runflags

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"
)

// variable completes NAME from the client's own environment. A name that is
// not there stays, and says that the image's is not wanted.
func variable(value string) (string, error) {
	name, _, given := strings.Cut(value, "=")
	if name == "" {
		return "", errors.New("invalid environment variable: " + value)
	}
	if own, ok := os.LookupEnv(name); !given && ok {
		return name + "=" + own, nil
	}
	return value, nil
}

// NewEnvironment returns a flag of variables: NAME=VALUE, or NAME alone.
func NewEnvironment() List { return List{check: variable} }

// NewLabels returns a flag of labels: NAME=VALUE.
func NewLabels() List { return List{check: label} }

// Environment are the variables of files and then those given.
func Environment(files, given []string) ([]string, error) {
	var all []string
	for _, file := range files {
		lines, err := readPairs(file, os.LookupEnv)
		if err != nil {
			return nil, err
		}
		all = append(all, lines...)
	}
	return append(all, given...), nil
}

// distinct keeps of each variable the last value, at the place of the first.
func distinct(variables []string) []string {
	var kept []string
	at := map[string]int{}
	for _, v := range variables {
		name, _, _ := strings.Cut(v, "=")
		if i, ok := at[name]; ok {
			kept[i] = v
			continue
		}
		at[name] = len(kept)
		kept = append(kept, v)
	}
	return kept
}

// labels are those of files and then those given.
func labels(files, given []string) (map[string]string, error) {
	var all []string
	for _, file := range files {
		lines, err := readPairs(file, nil)
		if err != nil {
			return nil, err
		}
		all = append(all, lines...)
	}
	set := map[string]string{}
	for _, l := range append(all, given...) {
		k, v, _ := strings.Cut(l, "=")
		set[k] = v
	}
	return set, nil
}

// readPairs reads a file of NAME=VALUE, one a line, with empty lines and
// comments between. What has no value gets it from lookup, or is left out.
func readPairs(file string, lookup func(string) (string, bool)) ([]string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pairs, err := parsePairs(data, lookup)
	if err != nil {
		return nil, fmt.Errorf("invalid env file (%s): %w", file, err)
	}
	return pairs, nil
}

func parsePairs(data []byte, lookup func(string) (string, bool)) ([]string, error) {
	var pairs []string
	lines := bufio.NewScanner(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
	for n := 1; lines.Scan(); n++ {
		if !utf8.Valid(lines.Bytes()) {
			return nil, fmt.Errorf("invalid utf8 bytes at line %d: %v", n, lines.Bytes())
		}
		line := strings.TrimLeftFunc(lines.Text(), unicode.IsSpace) // what trails belongs to the value
		if line == "" || line[0] == '#' {
			continue
		}
		name, _, given := strings.Cut(line, "=")
		if name == "" {
			return nil, fmt.Errorf("no variable name on line '%s'", line)
		}
		if strings.ContainsAny(name, " \t") {
			return nil, fmt.Errorf("variable '%s' contains whitespaces", name)
		}
		if given {
			pairs = append(pairs, line)
		} else if lookup != nil {
			if v, ok := lookup(name); ok {
				pairs = append(pairs, name+"="+v)
			}
		}
	}
	return pairs, lines.Err()
}
