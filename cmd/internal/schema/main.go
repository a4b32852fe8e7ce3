// Schema writes the JSON Schema of recordings, from the Go types that are
// written: go generate ./narrate calls it.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"reflect"

	"github.com/invopop/jsonschema"

	"github.com/learndocker/learndocker/engine/stage"
	"github.com/learndocker/learndocker/narrate"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: schema FILE")
		os.Exit(2)
	}
	text, err := Schema()
	if err == nil {
		err = os.WriteFile(os.Args[1], text, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "schema:", err)
		os.Exit(1)
	}
}

// Schema is the schema of one line of a recording.
func Schema() ([]byte, error) {
	r := &jsonschema.Reflector{Anonymous: true, Mapper: point, Namer: qualified, AllowAdditionalProperties: true}
	if err := r.AddGoComments("github.com/learndocker/learndocker", ".", jsonschema.WithFullComment()); err != nil {
		return nil, err
	}
	definitions := jsonschema.Definitions{}
	define := func(v any) *jsonschema.Schema {
		s := r.Reflect(v)
		for name, d := range s.Definitions {
			definitions[name] = d
		}
		return &jsonschema.Schema{Ref: s.Ref}
	}
	header, step := define(narrate.Header{}), define(narrate.Step{})
	var points []*jsonschema.Schema
	for _, name := range stage.Names() {
		zero, err := stage.Decode(name, []byte("{}"))
		if err != nil {
			return nil, err
		}
		points = append(points, pointAt(name, define(zero)))
	}
	define(stage.Act{})
	definitions["stage.Point"] = &jsonschema.Schema{Description: "One stop of the engine, or a point that it passed. The stage says of which kind the fact is.", OneOf: points}
	for _, d := range definitions {
		relax(d)
	}
	text, err := json.MarshalIndent(&jsonschema.Schema{
		Version:     jsonschema.Version,
		Title:       "learndocker recording",
		Description: "One line of a recording (JSON Lines). The first line is the header, each further line a step.",
		OneOf:       []*jsonschema.Schema{header, step},
		Definitions: definitions,
	}, "", "  ")
	return append(text, '\n'), err
}

// qualified keeps types of one name in two packages apart: stage.Mount, probe.Mount.
func qualified(t reflect.Type) string {
	if t.Name() == "" || t.PkgPath() == "" {
		return "" // a list, a map: has no definition
	}
	return path.Base(t.PkgPath()) + "." + t.Name()
}

// point: points are written with their stage's name, which no reflection sees.
func point(t reflect.Type) *jsonschema.Schema {
	if t == reflect.TypeFor[stage.Point]() {
		return &jsonschema.Schema{Ref: "#/$defs/stage.Point"}
	}
	return nil
}

func pointAt(name stage.Name, fact *jsonschema.Schema) *jsonschema.Schema {
	p := jsonschema.NewProperties()
	p.Set("seq", &jsonschema.Schema{Type: "integer", Minimum: json.Number("0")})
	p.Set("pid", &jsonschema.Schema{Type: "integer", Description: "the held process, as the host numbers it"})
	p.Set("stage", &jsonschema.Schema{Const: string(name)})
	p.Set("fact", fact)
	p.Set("acts", &jsonschema.Schema{Type: "array", Items: &jsonschema.Schema{Ref: "#/$defs/stage.Act"}})
	p.Set("lost", &jsonschema.Schema{Type: "integer", Description: "acts that were counted but not kept"})
	return &jsonschema.Schema{Type: "object", Properties: p, Required: []string{"seq", "pid", "stage", "fact"}, Title: string(name)}
}

// relax allows null where Go writes a list or a map that is nil.
func relax(s *jsonschema.Schema) {
	if s.Properties == nil {
		return
	}
	for pair := s.Properties.Oldest(); pair != nil; pair = pair.Next() {
		p := pair.Value
		if (p.Type == "array" || p.Type == "object") && p.Ref == "" {
			pair.Value = &jsonschema.Schema{Description: p.Description, OneOf: []*jsonschema.Schema{p, {Type: "null"}}}
			p.Description = ""
		}
	}
}
