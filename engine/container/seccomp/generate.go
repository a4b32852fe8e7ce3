//go:build ignore

// Generate writes syscalls.tsv: the number of every system call on each
// architecture, from the tables of golang.org/x/sys/unix.
package main

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

var arches = []string{"amd64", "386", "arm64", "arm"}

var constant = regexp.MustCompile(`(?m)^\s*SYS_([A-Z0-9_]+)\s*=\s*(\d+)`)

func main() {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "golang.org/x/sys").Output()
	if err != nil {
		log.Fatal(err)
	}
	numbers := map[string]map[string]string{}
	for _, arch := range arches {
		source, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "unix", "zsysnum_linux_"+arch+".go"))
		if err != nil {
			log.Fatal(err)
		}
		for _, m := range constant.FindAllStringSubmatch(string(source), -1) {
			name := strings.ToLower(m[1])
			if numbers[name] == nil {
				numbers[name] = map[string]string{}
			}
			numbers[name][arch] = m[2]
		}
	}
	var names []string
	for name := range numbers {
		names = append(names, name)
	}
	slices.Sort(names)
	var out bytes.Buffer
	fmt.Fprintf(&out, "name\t%s\n", strings.Join(arches, "\t"))
	for _, name := range names {
		row := []string{name}
		for _, arch := range arches {
			n := numbers[name][arch]
			if n == "" {
				n = "-"
			}
			row = append(row, n)
		}
		fmt.Fprintln(&out, strings.Join(row, "\t"))
	}
	if err := os.WriteFile("syscalls.tsv", out.Bytes(), 0o644); err != nil {
		log.Fatal(err)
	}
}
