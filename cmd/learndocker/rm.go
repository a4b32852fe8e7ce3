package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/engine/client"
)

func newRm(s *settings) *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use:   "rm [OPTIONS] CONTAINER [CONTAINER...]",
		Short: "Remove containers",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return s.each(args, func(cl *client.Client, name string) error {
				if err := cl.Remove(c.Context(), name, force); err != nil {
					return err
				}
				fmt.Println(name)
				return nil
			})
		},
	}
	c.Flags().BoolVarP(&force, "force", "f", false, "kill and remove one that runs")
	return c
}

// each does something with each name and goes on past errors.
func (s *settings) each(names []string, do func(*client.Client, string) error) error {
	cl, err := s.client()
	if err != nil {
		return err
	}
	defer cl.Close()
	var errs []error
	for _, n := range names {
		if err := do(cl, n); err != nil {
			errs = append(errs, fromDaemon(err))
		}
	}
	return errors.Join(errs...)
}
