//go:build linux && !noengine

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/learndocker/learndocker/engine/api"
	"github.com/learndocker/learndocker/engine/rootless"
	"github.com/learndocker/learndocker/engine/survey"
	"github.com/learndocker/learndocker/narrate/doctor"
)

// newSurvey is what doctor runs: it becomes what the daemon would be, tries
// what the daemon does, and prints what it found as JSON.
func newSurvey(s *settings) *cobra.Command {
	var lessons, cgroupParent string
	var within bool
	c := &cobra.Command{
		Use: "survey", Hidden: true, Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if within {
				mounts, err := survey.LookWithin()
				if err != nil {
					return err
				}
				return json.NewEncoder(os.Stdout).Encode(mounts)
			}
			if rootless.Needed() {
				rootless.EnterScope()
				status, err := rootless.Enter(func(delegated string) []string {
					return []string{"survey", "--data-root", s.dataRoot, "--lessons", lessons, "--cgroup-parent", delegated}
				})
				if err != nil {
					return printSurvey(api.Survey{Entry: survey.Try(err)})
				}
				if status != 0 {
					return exitError{status: status}
				}
				return nil
			}
			if err := rootless.Settle(); err != nil {
				return printSurvey(api.Survey{Entry: survey.Try(err)})
			}
			places := []survey.Place{{Use: api.PlaceLessons, Dir: lessons}}
			if s.dataRoot != "" {
				places = append(places, survey.Place{Use: api.PlaceData, Dir: s.dataRoot})
			}
			inside, err := survey.LookInside(survey.Where{Places: places, Others: otherPlaces(), CgroupParent: cgroupParent}, "survey", "--within")
			if err != nil {
				return err
			}
			return printSurvey(api.Survey{Entry: api.Trial{OK: true}, Inside: inside})
		},
	}
	c.Flags().StringVar(&lessons, "lessons", os.TempDir(), "`directory` in which lessons make their own")
	c.Flags().StringVar(&cgroupParent, "cgroup-parent", "", "control `GROUP` that the system has handed to the user")
	c.Flags().BoolVar(&within, "within", false, "try what a container's init does")
	return c
}

// otherPlaces are directories that most machines have on different file systems.
func otherPlaces() []string {
	places := []string{"/var/tmp", "/tmp", "/dev/shm"}
	if home, err := os.UserHomeDir(); err == nil {
		places = append(places, home)
	}
	return places
}

func printSurvey(s api.Survey) error { return json.NewEncoder(os.Stdout).Encode(s) }

// examine surveys this machine. Lessons have data roots of their own: for them
// there is none to look at.
func examine(ctx context.Context, dataRoot string) (doctor.Diagnosis, error) {
	found, err := lookAround(ctx, dataRoot)
	if err != nil {
		return doctor.Diagnosis{}, fmt.Errorf("survey this machine: %w", err)
	}
	return doctor.Diagnose(found, os.Args[0]), nil
}

func lookAround(ctx context.Context, dataRoot string) (api.Survey, error) {
	outside, err := survey.LookOutside("/")
	if err != nil {
		return api.Survey{}, err
	}
	if dataRoot != "" {
		if dataRoot, err = filepath.Abs(dataRoot); err != nil {
			return api.Survey{}, err
		}
	}
	program, err := os.Executable()
	if err != nil {
		return api.Survey{}, err
	}
	var out, said bytes.Buffer
	cmd := exec.CommandContext(ctx, program, "survey", "--data-root", dataRoot, "--lessons", os.TempDir())
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return api.Survey{}, fmt.Errorf("%w: %s", err, bytes.TrimSpace(said.Bytes()))
	}
	found := api.Survey{}
	if err := json.Unmarshal(out.Bytes(), &found); err != nil {
		return api.Survey{}, errors.Join(err, errors.New(out.String()))
	}
	found.Outside = outside
	return found, nil
}
