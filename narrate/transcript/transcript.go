// Package transcript writes a session down for readers who were not there: as
// a post, a page, a picture, a film of the terminal, a handout, a recording,
// or a script that does the same by hand.
//
// It takes steps, live or recorded, and writes them in the language that is
// asked for; what several formats say by themselves is in words.go. Each format
// is in a file of its own and has a line in the table of formats.
package transcript

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/learndocker/learndocker/narrate"
	"github.com/learndocker/learndocker/narrate/prose"
)

// Format is one way to write a session down.
type Format struct {
	Name       string   // as --format takes it
	Extensions []string // of file names, with the dot; the first is the usual one
	About      string   // one line
	write      func(*work) ([]File, error)
	magic      func(head string) bool // whether a file that begins so can be of this format
	marked     bool                   // our files of this format hold the word learndocker
	whole      bool                   // makes no sense of a single step
	polyglot   bool                   // keeps all languages of the steps
}

// formats is the table of all formats. The first that claims an extension is
// the one that a file name alone chooses.
var formats = []Format{
	{Name: "md", Extensions: []string{".md", ".markdown"}, About: "a post for Jekyll, Hexo, Hugo or none of them, with pictures beside it",
		write: markdownFiles, magic: begins("---\n", "# ", "{% raw %}"), marked: true},
	{Name: "html", Extensions: []string{".html", ".htm"}, About: "a page in one file", write: htmlFile, magic: begins("<!doctype html>"), marked: true},
	{Name: "svg", Extensions: []string{".svg"}, About: "a picture of the whole way, of a step or of a panel", write: svgFile, magic: begins("<svg "), marked: true},
	{Name: "cast", Extensions: []string{".cast"}, About: "a film of the terminal, asciicast v2", write: castFile(2), magic: begins(`{"version":`), marked: true},
	{Name: "cast3", About: "a film of the terminal, asciicast v3", write: castFile(3), magic: begins(`{"version":`), marked: true},
	{Name: "pdf", Extensions: []string{".pdf"}, About: "a handout, printed by an installed Chromium", write: pdfFile, magic: begins("%PDF-")},
	{Name: "jsonl", Extensions: []string{".jsonl"}, About: "the recording, which replay plays", write: recordingFile, magic: begins(`{"learndocker-recording":`), marked: true, polyglot: true},
	{Name: "sh", Extensions: []string{".sh"}, About: "a shell script that makes the same container by hand", write: scriptFile, magic: begins("#!/bin/sh"), marked: true, whole: true},
}

// Formats lists all formats.
func Formats() []Format { return slices.Clone(formats) }

// Choose finds the format by name or, where that is "", by the file name's
// extension. A name and an extension that contradict each other are an error.
func Choose(name, file string) (Format, error) {
	byFile, known := byExtension(filepath.Ext(file))
	if name == "" {
		if !known {
			return Format{}, fmt.Errorf("%s: no format is called so; want one of %s", file, strings.Join(extensions(), " "))
		}
		return byFile, nil
	}
	i := slices.IndexFunc(formats, func(f Format) bool { return f.Name == name })
	if i < 0 {
		return Format{}, fmt.Errorf("format %q: want one of %s", name, strings.Join(names(), ", "))
	}
	if f := formats[i]; !known || byFile.Name == name || f.Name == "cast3" && byFile.Name == "cast" {
		return f, nil
	}
	return Format{}, fmt.Errorf("format %s: %s is called as if it were %s", name, file, byFile.Name)
}

func byExtension(extension string) (Format, bool) {
	for _, f := range formats {
		if slices.Contains(f.Extensions, strings.ToLower(extension)) {
			return f, true
		}
	}
	return Format{}, false
}

func names() []string {
	var list []string
	for _, f := range formats {
		list = append(list, f.Name)
	}
	return list
}

func extensions() []string {
	var list []string
	for _, f := range formats {
		list = append(list, f.Extensions...)
	}
	return list
}

// MayReplace reports whether a file with these contents is an earlier
// transcript of this format: anything else is not overwritten.
func (f Format) MayReplace(contents []byte) bool {
	return len(contents) == 0 || f.magic(string(contents[:min(len(contents), 64)])) && (!f.marked || bytes.Contains(contents, []byte("learndocker")))
}

func begins(with ...string) func(string) bool {
	return func(head string) bool {
		return slices.ContainsFunc(with, func(w string) bool { return strings.HasPrefix(head, w) })
	}
}

// Details are how much of a session a document tells.
var Details = []string{"brief", "normal", "full"}

// Options of a transcript. The zero value is a plain document of normal detail.
type Options struct {
	FrontMatter string      // one of FrontMatters; "" is none
	Detail      string      // one of Details; "" is normal
	Only        string      // "STEP" or "STEP:PANEL"; "" for all
	Stable      bool        // name by kind what differs from run to run
	Redact      bool        // hide what tells whose machine it was
	Secrets     []string    // further words to hide: this machine's name, the user's
	Name        string      // of the file that it will be, without directory
	Language    string      // in which it is to be read, as far as the steps are told in it; "" is their own
	Words       prose.Words // the fixed words of that language
	Pictures    string      // where a post's pictures will be found: a path or an address; "" for beside it
}

// Check finds what is wrong with the options before a lesson is run for them.
// Its errors begin with the option's name.
func (o Options) Check(f Format) error {
	if o.FrontMatter != "" && !slices.Contains(FrontMatters, o.FrontMatter) {
		return fmt.Errorf("front-matter %s: want one of %s", o.FrontMatter, strings.Join(FrontMatters, ", "))
	}
	if o.Detail != "" && !slices.Contains(Details, o.Detail) {
		return fmt.Errorf("detail %s: want one of %s", o.Detail, strings.Join(Details, ", "))
	}
	if o.Only != "" && f.whole {
		return fmt.Errorf("only %s: a %s tells the whole way or nothing", o.Only, f.Name)
	}
	_, err := parseOnly(o.Only)
	return err
}

// File is one file of a transcript.
type File struct {
	Name string // relative to the transcript's directory, with slashes
	Data []byte
}

// work is one transcript being written.
type work struct {
	Options
	header narrate.Header
	steps  []*narrate.Step // those to be written
	only   only
	words  prose.Words
}

// Files writes the steps down. The first file is the transcript itself, the
// others belong beside it.
func Files(f Format, h narrate.Header, steps []*narrate.Step, o Options) ([]File, error) {
	if err := o.Check(f); err != nil {
		return nil, err
	}
	if len(steps) == 0 {
		return nil, errors.New("there are no steps to write down")
	}
	w := &work{Options: o, header: h, steps: steps}
	if !f.polyglot {
		w.localize()
	}
	if err := w.disguise(f); err != nil {
		return nil, err
	}
	var err error
	if w.only, err = parseOnly(o.Only); err != nil {
		return nil, err
	}
	if w.steps, err = w.only.pick(w.steps); err != nil {
		return nil, err
	}
	files, err := f.write(w)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", f.Name, err)
	}
	return files, nil
}

// localize puts header, steps and panels into the language. Panels come first
// of all, before anything in them is given another name: their words are found
// by what they say in English.
func (w *work) localize() {
	w.words = w.Words
	language := cmp.Or(w.Language, w.header.Language, prose.Original)
	w.header = w.header.Localized(language)
	w.header.Language = cmp.Or(w.header.Language, prose.Original)
	var steps []*narrate.Step
	for _, s := range w.steps {
		local := *s.Localized(language)
		local.In = nil
		local.Panels = slices.Clone(local.Panels)
		for i, p := range local.Panels {
			local.Panels[i] = p.Localized(w.words)
		}
		steps = append(steps, &local)
	}
	w.steps = steps
}

func (w *work) detail() string {
	if w.Detail == "" {
		return "normal"
	}
	return w.Detail
}

// single is the transcript that is one file.
func (w *work) single(data []byte) []File { return []File{{Name: w.Name, Data: data}} }
