//go:build linux

package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	containertypes "github.com/moby/moby/api/types/container"
	networktypes "github.com/moby/moby/api/types/network"

	"github.com/learndocker/learndocker/engine"
)

func createContainer(x *exchange) error {
	var q containertypes.CreateRequest
	if err := x.decode(&q); err != nil {
		return err
	}
	if err := x.decodeMAC(&q); err != nil {
		return err
	}
	warnings := []string{}
	if q.HostConfig != nil {
		warnings = x.Discard(&q.HostConfig.Resources)
	}
	if q.Config != nil && q.Healthcheck != nil && older(versionOf(x.r), "1.44") {
		q.Healthcheck.StartInterval = 0 // nothing that such a client can have meant
	}
	var dated struct{ HostConfig struct{ KernelMemory int64 } }
	if err := x.decode(&dated); err != nil {
		return err
	}
	if dated.HostConfig.KernelMemory != 0 { // which the kernel has given up, too
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

// decodeMAC reads the hardware address of clients before API 1.44, for whom it is the
// container's, not a network's.
func (x *exchange) decodeMAC(q *containertypes.CreateRequest) error {
	var older struct{ MacAddress networktypes.HardwareAddr }
	if err := json.Unmarshal(x.body, &older); err != nil {
		return badRequest{fmt.Errorf("read request: %w", err)}
	}
	if len(older.MacAddress) == 0 {
		return nil
	}
	mode := "default"
	if q.HostConfig != nil && q.HostConfig.NetworkMode != "" {
		mode = string(q.HostConfig.NetworkMode)
	}
	if q.NetworkingConfig == nil {
		q.NetworkingConfig = &networktypes.NetworkingConfig{}
	}
	if q.NetworkingConfig.EndpointsConfig == nil {
		q.NetworkingConfig.EndpointsConfig = map[string]*networktypes.EndpointSettings{}
	}
	all := q.NetworkingConfig.EndpointsConfig
	if all[mode] == nil {
		all[mode] = &networktypes.EndpointSettings{}
	}
	if len(all[mode].MacAddress) == 0 {
		all[mode].MacAddress = older.MacAddress
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
