package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

const root = "../../.."

// TestLayerIsWhatTheSourcesMake builds this machine's program anew. Whoever
// has another compiler has other bytes: then the sources alone are compared.
func TestLayerIsWhatTheSourcesMake(t *testing.T) {
	same, err := verify(root, runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	if !same {
		was, err := committed(root)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("the layer was made with %s, this is %s: its bytes are not compared, its sources are and are the same", was.Go, runtime.Version())
	}
}

// TestStaleLayerIsNoticed: a source that has changed, or a layer, is told by
// name with what is to be done.
func TestStaleLayerIsNoticed(t *testing.T) {
	copied := t.TempDir()
	for _, dir := range []string{sources, artefacts} {
		if err := os.CopyFS(filepath.Join(copied, dir), os.DirFS(filepath.Join(root, dir))); err != nil {
			t.Fatal(err)
		}
	}
	notices := func(what string) {
		t.Helper()
		if _, err := verify(copied, runtime.GOARCH); err == nil || !strings.Contains(err.Error(), "make generate") {
			t.Errorf("%s is not noticed: %v", what, err)
		}
	}
	layer := layerFile(copied, runtime.GOARCH)
	kept, err := os.ReadFile(layer)
	if err != nil {
		t.Fatal(err)
	}
	was, err := committed(copied)
	if err != nil {
		t.Fatal(err)
	}
	if version, err := compiler(); err == nil && version == was.Go {
		if err := os.WriteFile(layer, append(kept, 0), 0o644); err != nil {
			t.Fatal(err)
		}
		notices("a byte more of the layer")
		if err := os.WriteFile(layer, kept, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(copied, sources, "more.go"), []byte("package main\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	notices("a source more")
}
