package docker

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// writeHelp explains a command in docker's manner.
func writeHelp(w io.Writer, c *cobra.Command) {
	about := c.Long
	if about == "" {
		about = c.Short
	}
	if c.HasSubCommands() {
		fmt.Fprintf(w, "Usage:  %s COMMAND\n\n%s\n\nCommands:\n", c.CommandPath(), about)
		for _, inner := range c.Commands() {
			if inner.IsAvailableCommand() {
				fmt.Fprintf(w, "  %-*s %s\n", max(inner.NamePadding(), 11), inner.Name(), inner.Short)
			}
		}
		fmt.Fprintf(w, "\nRun '%s COMMAND --help' for more information on a command.\n", c.CommandPath())
		return
	}
	fmt.Fprintf(w, "Usage:  %s\n\n%s\n", c.UseLine(), about)
	options := pflag.NewFlagSet("", pflag.ContinueOnError)
	c.NonInheritedFlags().VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" {
			options.AddFlag(f)
		}
	})
	if usages := options.FlagUsages(); usages != "" {
		fmt.Fprintf(w, "\nOptions:\n%s", strings.TrimRight(usages, " "))
	}
}

// Unknown is the error of a command that there is not.
func Unknown(c *cobra.Command, args []string) error {
	text := fmt.Sprintf("%s: unknown command: %[1]s %s", c.Root().Name(), args[0])
	if like := c.SuggestionsFor(args[0]); len(like) > 0 {
		text += "\n\nDid you mean this?\n\t" + strings.Join(like, "\n\t")
	}
	return &Failure{1, fmt.Errorf("%s\n\nRun '%s --help' for more information", text, c.Root().Name())}
}
