//go:build linux

package engine

import (
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
)

// changeable are the instructions of a Dockerfile that change no file: what
// docker commit and docker import take as --change.
var changeable = []string{"cmd", "entrypoint", "healthcheck", "env", "expose", "label", "onbuild", "stopsignal", "user", "volume", "workdir"}

// applyChanges changes an image's settings by instructions.
func applyChanges(config *dockerspec.DockerOCIImageConfig, changes []string) error {
	if len(changes) == 0 {
		return nil
	}
	parsed, err := parser.Parse(strings.NewReader(strings.Join(changes, "\n")))
	if err != nil {
		return errorOf(ErrInvalid, "%s", err)
	}
	for _, node := range parsed.AST.Children {
		if !slices.Contains(changeable, strings.ToLower(node.Value)) {
			return errorOf(ErrInvalid, "%s is not a valid change command", strings.ToLower(node.Value))
		}
		command, err := instructions.ParseCommand(node)
		if err != nil {
			return errorOf(ErrInvalid, "%s", err)
		}
		if words, ok := command.(instructions.SupportsSingleWordExpansion); ok {
			lex, env := shell.NewLex(parsed.EscapeToken), shell.EnvsFromSlice(config.Env)
			err := words.Expand(func(word string) (string, error) {
				said, _, err := lex.ProcessWord(word, env)
				return said, err
			})
			if err != nil {
				return errorOf(ErrInvalid, "%s", err)
			}
		}
		if err := applyChange(config, command); err != nil {
			return err
		}
	}
	return nil
}

func applyChange(config *dockerspec.DockerOCIImageConfig, command instructions.Command) error {
	switch c := command.(type) {
	case *instructions.CmdCommand:
		config.Cmd = withShell(c.ShellDependantCmdLine, config.Shell)
	case *instructions.EntrypointCommand:
		config.Entrypoint = withShell(c.ShellDependantCmdLine, config.Shell)
	case *instructions.HealthCheckCommand:
		config.Healthcheck = c.Health
	case *instructions.EnvCommand:
		for _, pair := range c.Env {
			config.Env = setEnv(config.Env, pair.Key, pair.Value)
		}
	case *instructions.ExposeCommand:
		return expose(config, c.Ports)
	case *instructions.LabelCommand:
		for _, pair := range c.Labels {
			set(&config.Labels, pair.Key, pair.Value)
		}
	case *instructions.OnbuildCommand:
		config.OnBuild = append(config.OnBuild, c.Expression)
	case *instructions.StopSignalCommand:
		config.StopSignal = c.Signal
	case *instructions.UserCommand:
		config.User = c.User
	case *instructions.VolumeCommand:
		for _, v := range c.Volumes {
			set(&config.Volumes, v, struct{}{})
		}
	case *instructions.WorkdirCommand:
		config.WorkingDir = c.Path
	}
	return nil
}

func withShell(line instructions.ShellDependantCmdLine, shell []string) []string {
	if !line.PrependShell {
		return line.CmdLine
	}
	if len(shell) == 0 {
		shell = []string{"/bin/sh", "-c"}
	}
	return append(slices.Clone(shell), strings.Join(line.CmdLine, " "))
}

func setEnv(env []string, name, value string) []string {
	env = slices.Clone(env)
	at := slices.IndexFunc(env, func(e string) bool { return strings.HasPrefix(e, name+"=") })
	if at < 0 {
		return append(env, name+"="+value)
	}
	env[at] = name + "=" + value
	return env
}

func expose(config *dockerspec.DockerOCIImageConfig, ports []string) error {
	for _, p := range ports {
		number, protocol, named := strings.Cut(p, "/")
		if !named {
			protocol = "tcp"
		}
		if strings.Trim(number, "0123456789-") != "" || number == "" || !slices.Contains([]string{"tcp", "udp", "sctp"}, protocol) {
			return errorOf(ErrInvalid, "invalid containerPort: %s", p)
		}
		set(&config.ExposedPorts, number+"/"+protocol, struct{}{})
	}
	return nil
}

func set[V any](m *map[string]V, key string, value V) {
	all := map[string]V{}
	for k, v := range *m {
		all[k] = v
	}
	all[key] = value
	*m = all
}
