package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/learndocker/learndocker/narrate"
	"github.com/learndocker/learndocker/narrate/transcript"
)

// transcriptFlags say what is written down, how, and where.
type transcriptFlags struct {
	file    string
	format  string
	cast    int
	options transcript.Options
	chosen  transcript.Format
}

func (f *transcriptFlags) declare(flags *pflag.FlagSet) {
	flags.StringVar(&f.file, "transcript", "", "write the run to `FILE`: .md .html .svg .cast .pdf .jsonl .sh")
	flags.StringVar(&f.format, "format", "", "of the transcript, where its name does not tell: md, html, svg, cast, cast3, pdf, jsonl, sh")
	flags.IntVar(&f.cast, "cast-version", 2, "of an asciicast: 2 or 3")
	flags.StringVar(&f.options.FrontMatter, "front-matter", "none", "head of a Markdown transcript: jekyll, hexo, hugo, none")
	flags.StringVar(&f.options.Pictures, "pictures", "", "`ADDRESS` under which a site will have a post's pictures; without it, beside the post")
	flags.StringVar(&f.options.Detail, "detail", "normal", "how much the transcript tells: brief, normal, full")
	flags.StringVar(&f.options.Only, "only", "", "write down this `STEP[:PANEL]` alone: 14, 14:namespaces, 14:picture")
	flags.BoolVar(&f.options.Stable, "stable", false, "in the transcript, name by kind what differs from run to run")
	flags.BoolVar(&f.options.Redact, "redact", false, "in the transcript, hide the names of machine, user, home and private registries")
}

// check finds what is wrong before a lesson is run for it; last is the number of
// the last stop, 0 where nobody knows.
func (f *transcriptFlags) check(last int) error {
	if f.file == "" {
		return f.checkUnused()
	}
	if f.cast != 2 && f.cast != 3 {
		return fmt.Errorf("--cast-version %d: want 2 or 3", f.cast)
	}
	var err error
	if f.chosen, err = transcript.Choose(f.format, f.file); err != nil {
		return fmt.Errorf("--transcript: %w; --format names one", err)
	}
	if f.cast == 3 && f.chosen.Name == "cast" {
		f.chosen, err = transcript.Choose("cast3", f.file)
	}
	if err := errors.Join(err, f.chosen.Ready()); err != nil {
		return err
	}
	if err := errors.Join(f.options.Check(f.chosen), f.options.CheckOnly(last)); err != nil {
		return fmt.Errorf("--%w", err)
	}
	if err := f.mayReplace(); err != nil {
		return err
	}
	return canWrite(f.file)
}

// checkUnused refuses flags that mean nothing without a transcript: whoever
// gives --redact relies on it.
func (f *transcriptFlags) checkUnused() error {
	if err := f.options.Check(transcript.Format{}); err != nil {
		return fmt.Errorf("--%w", err)
	}
	for flag, given := range map[string]bool{"format": f.format != "", "only": f.options.Only != "", "redact": f.options.Redact} {
		if given {
			return fmt.Errorf("--%s is for a transcript: --transcript FILE names it; a recording is FILE.jsonl", flag)
		}
	}
	return nil
}

// mayReplace refuses to overwrite what is no transcript of the same format, and
// pictures that are none of ours.
func (f *transcriptFlags) mayReplace() error {
	if f.chosen.Name == "md" {
		if err := mayPut(transcript.PicturesDir(f.file)); err != nil {
			return err
		}
	}
	info, err := os.Stat(f.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("--transcript: %w", err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("--transcript %s: it is there and is no file", f.file)
	}
	contents, err := os.ReadFile(f.file)
	if err != nil {
		return fmt.Errorf("--transcript: %w", err)
	}
	if !f.chosen.MayReplace(contents) {
		return fmt.Errorf("--transcript %s: the file is there and is no %s transcript of learndocker's; remove it or choose another name", f.file, f.chosen.Name)
	}
	return nil
}

// mayPut refuses a directory of pictures that has pictures of somebody else's.
func mayPut(dir string) error {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("--transcript: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("--transcript: %s is there, where the pictures' directory is to be", dir)
	}
	svg, err := transcript.Choose("svg", "")
	if err != nil {
		return err
	}
	pictures, err := filepath.Glob(filepath.Join(dir, "*.svg"))
	if err != nil {
		return err
	}
	for _, name := range pictures {
		if contents, err := os.ReadFile(name); err != nil || !svg.MayReplace(contents) {
			return fmt.Errorf("--transcript: %s is no picture of learndocker's, and the post's pictures go there; choose another name for the post", name)
		}
	}
	return nil
}

// writeSeen writes a session's transcript where one is asked for and there is
// something to write.
func (f *transcriptFlags) writeSeen(s *narrate.Session, words wording) error {
	if f.file == "" || len(s.Seen()) == 0 {
		return nil
	}
	return f.write(s.Header(), s.Seen(), words)
}

// write writes the files: those beside the transcript first, so that it names
// none that is not there.
func (f *transcriptFlags) write(h narrate.Header, steps []*narrate.Step, words wording) error {
	o := f.options
	o.Name, o.Language, o.Words = filepath.Base(f.file), words.language, words.fixed
	if o.Redact {
		o.Secrets = ownNames()
	}
	files, err := transcript.Files(f.chosen, h, steps, o)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "writing", f.file)
	for i, file := range slices.Backward(files) {
		name := f.file
		if i > 0 {
			name = filepath.Join(filepath.Dir(f.file), filepath.FromSlash(file.Name))
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				return fmt.Errorf("write pictures: %w", err)
			}
		}
		if err := writeWhole(name, func(w io.Writer) error {
			_, err := w.Write(file.Data)
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// ownNames are the names by which this machine and its user are known.
func ownNames() []string {
	var list []string
	add := func(name string) {
		if !slices.Contains([]string{"", "root", "localhost", "docker", "learndocker", "user"}, name) {
			list = append(list, name)
		}
	}
	if host, err := os.Hostname(); err == nil {
		add(host)
		short, _, _ := strings.Cut(host, ".")
		add(short)
	}
	if me, err := user.Current(); err == nil {
		add(me.Username)
		add(me.Name)
	}
	if id, err := os.ReadFile("/etc/machine-id"); err == nil {
		add(strings.TrimSpace(string(id)))
	}
	return list
}
