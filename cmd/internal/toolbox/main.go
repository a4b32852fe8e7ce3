// Toolbox builds the program of the bundled image toolbox for each
// architecture, and packs it as the layers that engine/registry embeds: go
// generate ./engine/registry calls it.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/learndocker/learndocker/engine/registry"
)

const (
	sources   = "engine/registry/toolbox" // a module of its own: its dependencies are not the engine's
	artefacts = "engine/registry/image"
	record    = artefacts + "/toolbox.json"
)

// architectures are those that the engine has images for.
var architectures = [...]string{"amd64", "arm64", "386"}

func main() {
	if err := generate("."); err != nil {
		fmt.Fprintln(os.Stderr, "toolbox:", err)
		os.Exit(1)
	}
}

// generate builds all of it below the repository's root.
func generate(root string) error {
	made := registry.ToolboxRecord{Layers: map[string]registry.PackedToolbox{}}
	var err error
	if made.Go, err = compiler(); err != nil {
		return err
	}
	if made.Sources, err = digestOf(filepath.Join(root, sources)); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(root, artefacts), 0o755); err != nil {
		return err
	}
	for _, arch := range architectures {
		packed, known, err := layerFor(root, arch)
		if err != nil {
			return fmt.Errorf("for %s: %w", arch, err)
		}
		made.Layers[arch] = known
		if err := os.WriteFile(layerFile(root, arch), packed, 0o644); err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(made, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(root, record), append(text, '\n'), 0o644)
}

func layerFile(root, arch string) string {
	return filepath.Join(root, artefacts, "toolbox-"+arch+".tar.gz")
}

// compiler is the version of Go: its bytes are in everything that it builds.
func compiler() (string, error) {
	out, err := exec.Command("go", "env", "GOVERSION").Output()
	return strings.TrimSpace(string(out)), err
}

// layerFor builds the program for one architecture and packs it.
func layerFor(root, arch string) ([]byte, registry.PackedToolbox, error) {
	program, err := build(root, arch)
	if err != nil {
		return nil, registry.PackedToolbox{}, err
	}
	names, err := commands(root)
	if err != nil {
		return nil, registry.PackedToolbox{}, err
	}
	return registry.PackToolbox(program, names)
}

// build is reproducible: no paths, no build ID, no version control in it, and
// nothing of the environment's that would choose other instructions. The
// runtime is told to send itself no signals, which a program without handlers
// could not take.
func build(root, arch string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "toolbox-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "toolbox")
	cmd := exec.Command("go", "build", "-C", filepath.Join(root, sources), "-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w -buildid= -X runtime.godebugDefault=asyncpreemptoff=1", "-o", program, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOAMD64=v1", "GOARM64=v8.0", "GO386=sse2", "GOFLAGS=", "GOEXPERIMENT=", "GOWORK=off")
	if said, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w\n%s", err, said)
	}
	return os.ReadFile(program)
}

// commands are the names by which the program is called, as it tells them.
func commands(root string) ([]string, error) {
	cmd := exec.Command("go", "run", "-C", filepath.Join(root, sources), ".", "--list")
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("list the commands: %w", err)
	}
	return strings.Fields(string(out)), nil
}

// digestOf is the digest of all that the program is built from, whatever the
// compiler.
func digestOf(dir string) (digest.Digest, error) {
	all := digest.SHA256.Digester()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !isSource(d.Name()) {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		fmt.Fprintf(all.Hash(), "%s %d\n%s", filepath.ToSlash(name), len(text), text)
		return err
	})
	return all.Digest(), err
}

func isSource(name string) bool {
	return strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") || strings.HasSuffix(name, ".s") || name == "go.mod" || name == "go.sum"
}

// committed reads what is there.
func committed(root string) (registry.ToolboxRecord, error) {
	var r registry.ToolboxRecord
	data, err := os.ReadFile(filepath.Join(root, record))
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(data, &r)
}

// errStale is what is to be made anew.
var errStale = errors.New("is not what the sources make: run make generate, and write the digests that go test ./engine/registry tells into its table")

// verify holds the committed layer of an architecture against the sources. Bytes
// can be compared only where the compiler is the one that made them; same tells
// whether they were.
func verify(root, arch string) (same bool, err error) {
	was, err := committed(root)
	if err != nil {
		return false, err
	}
	now, err := digestOf(filepath.Join(root, sources))
	if err != nil {
		return false, err
	}
	if now != was.Sources {
		return false, fmt.Errorf("%s (sources %s, recorded %s) %w", layerFile(root, arch), now, was.Sources, errStale)
	}
	version, err := compiler()
	if err != nil || version != was.Go {
		return false, err
	}
	packed, known, err := layerFor(root, arch)
	if err != nil {
		return false, err
	}
	kept, err := os.ReadFile(layerFile(root, arch))
	if err != nil {
		return false, err
	}
	if known != was.Layers[arch] || !bytes.Equal(packed, kept) {
		return false, fmt.Errorf("%s (built %s, recorded %s) %w", layerFile(root, arch), known.DiffID, was.Layers[arch].DiffID, errStale)
	}
	return true, nil
}
