package docker

import (
	"fmt"
	"maps"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"text/tabwriter"
	"text/template"
	"time"

	"github.com/moby/moby/api/types/system"
	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/cmd/learndocker/internal/format"
	"github.com/learndocker/learndocker/engine/api"
	"github.com/learndocker/learndocker/engine/client"
)

const versionTemplate = `{{with .Client -}}
Client:{{if ne .Platform nil}}{{if ne .Platform.Name ""}} {{.Platform.Name}}{{end}}{{end}}
 Version:	{{.Version}}
 API version:	{{.APIVersion}}{{if ne .APIVersion .DefaultAPIVersion}} (downgraded from {{.DefaultAPIVersion}}){{end}}
 Go version:	{{.GoVersion}}
 Git commit:	{{.GitCommit}}
 Built:	{{.BuildTime}}
 OS/Arch:	{{.Os}}/{{.Arch}}
 Context:	{{.Context}}
{{- end}}

{{- if ne .Server nil}}{{with .Server}}

Server:{{if ne .Platform.Name ""}} {{.Platform.Name}}{{end}}
 {{- range $component := .Components}}
 {{$component.Name}}:
  {{- if eq $component.Name "Engine" }}
  Version:	{{.Version}}
  API version:	{{index .Details "ApiVersion"}} (minimum version {{index .Details "MinAPIVersion"}})
  Go version:	{{index .Details "GoVersion"}}
  Git commit:	{{index .Details "GitCommit"}}
  Built:	{{index .Details "BuildTime"}}
  OS/Arch:	{{index .Details "Os"}}/{{index .Details "Arch"}}
  Experimental:	{{index .Details "Experimental"}}
  {{- else }}
  Version:	{{$component.Version}}
  {{- range $key := keys $component.Details}}
  {{$key}}:	{{index $component.Details $key}}
   {{- end}}
  {{- end}}
 {{- end}}
 {{- end}}{{- end}}`

// clientVersion is what the client is.
type clientVersion struct {
	Platform          *system.PlatformInfo `json:"Platform,omitempty"`
	Version           string               `json:"Version,omitempty"`
	APIVersion        string               `json:"ApiVersion,omitempty"`
	DefaultAPIVersion string               `json:"DefaultAPIVersion,omitempty"`
	GitCommit         string               `json:"GitCommit,omitempty"`
	GoVersion         string               `json:"GoVersion,omitempty"`
	Os                string               `json:"Os,omitempty"`
	Arch              string               `json:"Arch,omitempty"`
	BuildTime         string               `json:"BuildTime,omitempty"`
	Context           string               `json:"Context"`
}

func (cli *CLI) clientVersion() clientVersion {
	v := clientVersion{
		Version: cli.Version, DefaultAPIVersion: api.Version, GoVersion: runtime.Version(), Os: runtime.GOOS, Arch: runtime.GOARCH, Context: "default",
	}
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, s := range build.Settings {
			switch s.Key {
			case "vcs.revision":
				v.GitCommit = s.Value[:min(len(s.Value), 7)]
			case "vcs.time":
				v.BuildTime = readable(s.Value)
			}
		}
	}
	return v
}

// readable is a time as date(1) writes it, where it is one.
func readable(built string) string {
	if t, err := time.Parse(time.RFC3339Nano, built); err == nil {
		return t.Format(time.ANSIC)
	}
	return built
}

type versions struct {
	Client clientVersion
	Server *system.VersionResponse
}

func newVersion(cli *CLI) *cobra.Command {
	var as string
	c := &cobra.Command{
		Use:   "version [OPTIONS]",
		Short: "Show the Docker version information",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			t, err := versionFormat(as)
			if err != nil {
				return &Failure{64, fmt.Errorf("template parsing error: %w", err)}
			}
			v := versions{Client: cli.clientVersion()}
			asked := cli.do(func(cl *client.Client) error {
				v.Client.APIVersion = api.Version
				agreed, err := cl.Version(c.Context())
				if err != nil {
					return err
				}
				v.Client.APIVersion = agreed
				v.Server, err = serverVersion(c, cl)
				return err
			})
			table := tabwriter.NewWriter(os.Stdout, 20, 1, 1, ' ', 0)
			err = t.Execute(table, v)
			fmt.Fprintln(table)
			_ = table.Flush() // to a closed pipe
			if asked != nil {
				return asked
			}
			return err
		},
	}
	declareInspectFormat(c, &as)
	return c
}

func versionFormat(as string) (*template.Template, error) {
	switch as {
	case "":
		as = versionTemplate
	case format.JSON:
		as = "{{json .}}"
	}
	t, err := format.Template("")
	if err != nil {
		return nil, err
	}
	keys := func(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
	return t.Funcs(template.FuncMap{"keys": keys}).Parse(as)
}

// serverVersion is the daemon's answer, in which the engine is one component
// for sure: daemons of long ago name none.
func serverVersion(c *cobra.Command, cl *client.Client) (*system.VersionResponse, error) {
	v, err := cl.DaemonVersion(c.Context())
	if err != nil {
		return nil, err
	}
	for _, component := range v.Components {
		if component.Name != "Engine" {
			continue
		}
		if built, ok := component.Details["BuildTime"]; ok {
			component.Details["BuildTime"] = readable(built)
		}
		return &v, nil
	}
	v.Components = append(v.Components, system.ComponentVersion{Name: "Engine", Version: v.Version, Details: map[string]string{
		"ApiVersion": v.APIVersion, "MinAPIVersion": v.MinAPIVersion, "GitCommit": v.GitCommit, "GoVersion": v.GoVersion,
		"Os": v.Os, "Arch": v.Arch, "BuildTime": readable(v.BuildTime), "Experimental": strconv.FormatBool(v.Experimental),
	}})
	return &v, nil
}
