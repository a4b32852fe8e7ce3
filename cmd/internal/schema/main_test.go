package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	validator "github.com/santhosh-tekuri/jsonschema/v6"
)

const published = "docs/recording.schema.json"

// TestMain goes to the repository's root: the types' comments are read from
// their source.
func TestMain(m *testing.M) {
	if err := os.Chdir("../../.."); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func TestSchemaIsCurrent(t *testing.T) {
	want, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(published)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s does not describe the types as they are; run: make generate", published)
	}
}

func compile(t *testing.T) *validator.Schema {
	t.Helper()
	s, err := validator.NewCompiler().Compile(published)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func validate(t *testing.T, s *validator.Schema, line string) error {
	t.Helper()
	v, err := validator.UnmarshalJSON(strings.NewReader(line))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(v)
}

func TestBundledRecordingsAreValid(t *testing.T) {
	schema := compile(t)
	files, err := filepath.Glob("lessons/recordings/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatal("no recordings", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
			if err := validate(t, schema, line); err != nil {
				t.Errorf("%s, line %d: %v", file, i+1, err)
			}
		}
	}
}

// TestSchemaRefuses what replay would not read, or would read wrongly.
func TestSchemaRefuses(t *testing.T) {
	schema := compile(t)
	const rest = `"n":1,"of":1,"at":"2026-11-22T00:00:00Z","edge":{},"title":"t","prose":"","probe":` +
		`{"pid":1,"status":{},"namespaces":[],"uidMap":"","gidMap":"","root":"","cwd":"","cmdline":[],"mounts":[],"interfaces":[],"cgroup":[],"processes":[],"children":[],"store":[]}`
	fact := func(stage, fact string) string {
		return `{"kind":"stop","point":{"seq":1,"pid":2,"stage":"` + stage + `","fact":` + fact + `},` + rest + `}`
	}
	const joined = `{"pid":1,"files":["x"],"host":1,"inode":2}`
	if err := validate(t, schema, fact("cgroup.join", joined)); err != nil {
		t.Fatalf("a good step is refused: %v", err)
	}
	for name, line := range map[string]string{
		"a fact of another stage": fact("image.tag", joined),
		"an unknown stage":        fact("image.dance", joined),
		"a number as text":        fact("cgroup.join", strings.Replace(joined, `"inode":2`, `"inode":"2"`, 1)),
		"a step without a kind":   "{" + rest + "}",
		"an empty line's object":  `{}`,
	} {
		if validate(t, schema, line) == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
