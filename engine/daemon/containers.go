//go:build linux

package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	containertypes "github.com/moby/moby/api/types/container"

	"github.com/learndocker/learndocker/engine"
)

func createContainer(x *exchange) error {
	var q containertypes.CreateRequest
	if err := x.decode(&q); err != nil {
		return err
	}
	warnings := []string{}
	if q.HostConfig != nil {
		warnings = x.Discard(&q.HostConfig.Resources)
	}
	var older struct{ HostConfig struct{ KernelMemory int64 } }
	if err := x.decode(&older); err != nil {
		return err
	}
	if older.HostConfig.KernelMemory != 0 { // which the kernel has given up, too
		warnings = append(warnings, "Specifying a kernel memory limit is deprecated and will be removed in a future release.")
	}
	query := x.r.URL.Query()
	if err := x.IsFor(q.Config, query.Get("platform")); err != nil {
		return err
	}
	c, err := x.Create(x.r.Context(), strings.TrimPrefix(query.Get("name"), "/"), q)
	if err != nil {
		return err
	}
	err = x.json(http.StatusCreated, containertypes.CreateResponse{ID: c.Snapshot().ID, Warnings: warnings})
	if err != nil { // nobody was told of it
		return errors.Join(err, x.Watched(nil).Remove(context.Background(), c, engine.RemoveOptions{Force: true}))
	}
	return nil
}

func (x *exchange) container() (*engine.Container, error) { return x.Container(x.r.PathValue("id")) }

func isTrue(s string) bool {
	return s != "" && s != "0" && s != "false"
}

// wholeNumber reads a number of the query; one that is not given is the fallback.
func (x *exchange) wholeNumber(name string, fallback int) (int, error) {
	given := x.r.URL.Query().Get(name)
	if given == "" {
		return fallback, nil
	}
	n, err := strconv.ParseInt(given, 10, 32)
	if err != nil {
		return 0, badRequest{fmt.Errorf("%s=%q: want a whole number", name, given)}
	}
	return int(n), nil
}
