package docker

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/cmd/learndocker/internal/format"
	"github.com/learndocker/learndocker/engine/client"
)

func newEvents(cli *CLI) *cobra.Command {
	var since, until, as string
	var filter filterFlag
	c := &cobra.Command{
		Use:   "events [OPTIONS]",
		Short: "Get real time events from the server",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			t, err := eventTemplate(as)
			if err != nil {
				return &Failure{64, fmt.Errorf("Error parsing format: %w", err)}
			}
			return cli.do(func(cl *client.Client) error {
				err := cl.Events(c.Context(), since, until, filter.value(), func(e client.Event) error {
					if t == nil {
						showEvent(os.Stdout, e)
						return nil
					}
					err := t.Execute(os.Stdout, e)
					fmt.Fprintln(os.Stdout)
					return err
				})
				if errors.Is(err, io.EOF) {
					return nil
				}
				return err
			})
		},
	}
	s := c.Flags()
	s.StringVar(&since, "since", "", "Show all events created since timestamp")
	s.StringVar(&until, "until", "", "Stream events until this timestamp")
	s.VarP(&filter, "filter", "f", "Filter output based on conditions provided")
	s.StringVar(&as, "format", "", "Format output using a custom template: 'json', or a Go template")
	return c
}

// eventTemplate reads a format and tries it: better now than at the first event.
func eventTemplate(as string) (*template.Template, error) {
	switch as {
	case "":
		return nil, nil
	case format.JSON:
		as = "{{json .}}"
	}
	t, err := format.Template(as)
	if err != nil {
		return nil, err
	}
	return t, t.Execute(io.Discard, client.Event{})
}

const nineDigits = "2006-01-02T15:04:05.000000000Z07:00"

func showEvent(w io.Writer, e client.Event) {
	switch {
	case e.TimeNano != 0:
		fmt.Fprint(w, time.Unix(0, e.TimeNano).Format(nineDigits), " ")
	case e.Time != 0:
		fmt.Fprint(w, time.Unix(e.Time, 0).Format(nineDigits), " ")
	}
	fmt.Fprintf(w, "%s %s %s", e.Type, e.Action, e.Actor.ID)
	var list []string
	for _, k := range slices.Sorted(maps.Keys(e.Actor.Attributes)) {
		list = append(list, k+"="+e.Actor.Attributes[k])
	}
	if len(list) > 0 {
		fmt.Fprintf(w, " (%s)", strings.Join(list, ", "))
	}
	fmt.Fprintln(w)
}
