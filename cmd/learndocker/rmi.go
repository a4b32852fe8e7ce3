package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/engine/client"
)

func newRmi(s *settings) *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use:   "rmi [OPTIONS] IMAGE [IMAGE...]",
		Short: "Remove images",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return s.each(args, func(cl *client.Client, name string) error {
				done, err := cl.RemoveImage(c.Context(), name, force)
				for _, d := range done {
					if d.Untagged != "" {
						fmt.Println("Untagged:", d.Untagged)
					}
					if d.Deleted != "" {
						fmt.Println("Deleted:", d.Deleted)
					}
				}
				return err
			})
		},
	}
	c.Flags().BoolVarP(&force, "force", "f", false, "remove it in spite of stopped containers")
	return c
}
