package docker

import (
	containertypes "github.com/moby/moby/api/types/container"
	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/cmd/learndocker/internal/runflags"
	"github.com/learndocker/learndocker/engine/client"
)

func newExec(cli *CLI) *cobra.Command {
	var q containertypes.ExecCreateRequest
	var interactive, detach bool
	env, files := runflags.NewEnvironment(), runflags.List{}
	c := &cobra.Command{
		Use:   "exec [OPTIONS] CONTAINER COMMAND [ARG...]",
		Short: "Execute a command in a running container",
		Args:  minArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			var err error
			if q.Env, err = runflags.Environment(files.Values, env.Values); err != nil {
				return err
			}
			q.Cmd, q.DetachKeys = args[1:], cli.detachKeys(q.DetachKeys)
			q.AttachStdin, q.AttachStdout, q.AttachStderr = interactive && !detach, !detach, !detach
			return cli.do(func(cl *client.Client) error {
				return ended(cl.Exec(c.Context(), args[0], client.ExecOptions{Request: q, Detach: detach}, cli.streams()))
			})
		},
	}
	s := c.Flags()
	s.SetInterspersed(false)
	declareKeys(c, &q.DetachKeys)
	s.BoolVarP(&interactive, "interactive", "i", false, "Keep STDIN open even if not attached")
	s.BoolVarP(&q.Tty, "tty", "t", false, "Allocate a pseudo-TTY")
	s.BoolVarP(&detach, "detach", "d", false, "Detached mode: run command in the background")
	s.StringVarP(&q.User, "user", "u", "", `Username or UID (format: "<name|uid>[:<group|gid>]")`)
	s.BoolVar(&q.Privileged, "privileged", false, "Give extended privileges to the command")
	s.VarP(&env, "env", "e", "Set environment variables")
	s.Var(&files, "env-file", "Read in a file of environment variables")
	s.StringVarP(&q.WorkingDir, "workdir", "w", "", "Working directory inside the container")
	return c
}
