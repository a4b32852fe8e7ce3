package main

import (
	"encoding/json"
	"os"

	"github.com/fatih/color"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/learndocker/learndocker/narrate/doctor"
)

func newDoctor(s *settings) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Say what this machine can do, and how to mend what it cannot",
		Long: `doctor tries on this machine what the engine does and says what that means for
lessons. What is limited or missing comes with the line that mends it. Nothing
of what it makes is left.

Its exit status:
  0  lessons run live, as root
  2  lessons run live, in a user namespace
  3  lessons do not run live; their recordings play
  1  doctor itself did not come to an end`,
		Example: `  learndocker doctor
  TMPDIR=/var/tmp learndocker doctor        # would lessons run there?
  learndocker doctor --json | jq -r .verdict`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			d, err := examine(c.Context(), s.dataRoot)
			if err != nil {
				return err
			}
			if asJSON {
				err = printJSON(d)
			} else {
				err = d.Text(os.Stdout, tableWidth(), !color.NoColor)
			}
			if err != nil {
				return err
			}
			if status := d.Verdict.Status(); status != 0 {
				return exitError{status: status}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print all that was found, for scripts")
	return c
}

func printJSON(d doctor.Diagnosis) error {
	e := json.NewEncoder(os.Stdout)
	e.SetEscapeHTML(false) // && stays what is pasted
	e.SetIndent("", "  ")
	return e.Encode(d)
}

// tableWidth is the terminal's, within what reads well.
func tableWidth() int {
	width, _, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil {
		return 80
	}
	return min(max(width, 60), 100)
}
