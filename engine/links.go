//go:build linux

package engine

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	containertypes "github.com/moby/moby/api/types/container"
	networktypes "github.com/moby/moby/api/types/network"

	"github.com/learndocker/learndocker/engine/network"
)

// link is another container on the standard network, which has no names: --link
// writes the other's into /etc/hosts, and what it offers into the environment.
type link struct {
	alias, address string
	id, name, own  string // the other's id and name, and the container's own name
	ports          []networktypes.Port
	env            []string
}

// parseLink reads NAME:ALIAS, or NAME for both.
func parseLink(text string) (name, alias string, err error) {
	name, alias, both := strings.Cut(text, ":")
	if !both {
		alias = name
	}
	if name == "" || alias == "" || strings.Contains(alias, ":") {
		return "", "", errorOf(ErrInvalid, "bad format for links: %s", text)
	}
	return strings.TrimPrefix(name, "/"), strings.TrimPrefix(alias, "/"), nil
}

// checkLinks refuses links to what is not there, in Docker's words. On a user's
// network links are names of it.
func (e *Engine) checkLinks(h *containertypes.HostConfig) error {
	switch {
	case len(h.Links) == 0 || h.NetworkMode.IsUserDefined():
		return nil
	case h.NetworkMode.IsHost():
		return errorOf(ErrInvalid, "conflicting options: host type networking can't be used with links. This would result in undefined behavior")
	case h.NetworkMode.IsContainer():
		return errorOf(ErrInvalid, "conflicting options: container type network can't be used with links. This would result in undefined behavior")
	}
	for _, text := range h.Links {
		name, _, err := parseLink(text)
		if err != nil {
			return err
		}
		if _, err := e.Container(name); err != nil {
			return errorOf(ErrInvalid, "could not get container for %s: %s", name, err)
		}
	}
	return nil
}

// Links are the container's links as inspect tells them: the other's name, and the
// alias below the container's own.
func (e *Engine) Links(r Record) []string {
	if r.HostConfig.NetworkMode.IsUserDefined() {
		return nil
	}
	var links []string
	for _, text := range r.HostConfig.Links {
		name, alias, err := parseLink(text)
		if err != nil {
			continue // has been refused
		}
		if other, err := e.Container(name); err == nil {
			name = other.Snapshot().Name
		}
		links = append(links, "/"+name+":/"+r.Name+"/"+alias)
	}
	return links
}

// findLinks finds the containers that are linked, which are to run.
func (r *run) findLinks() ([]link, error) {
	record := r.c.Snapshot()
	if record.HostConfig.NetworkMode.IsUserDefined() {
		return nil, nil
	}
	var links []link
	for _, text := range record.HostConfig.Links {
		name, alias, err := parseLink(text)
		if err != nil {
			return nil, err
		}
		other, err := r.Container(name)
		if err != nil {
			return nil, err
		}
		o := other.Snapshot()
		address, _, _ := strings.Cut(o.Endpoints[network.Bridge].At.Address, "/")
		if !o.State.Running || address == "" {
			return nil, errorOf(ErrInvalid, "Cannot link to a non running container: /%s AS /%s/%s", o.Name, record.Name, alias)
		}
		l := link{alias: alias, address: address, id: o.ID, name: o.Name, own: record.Name, env: o.Config.Env, ports: slices.Collect(maps.Keys(o.Config.ExposedPorts))}
		slices.SortFunc(l.ports, func(a, b networktypes.Port) int {
			return cmp.Or(cmp.Compare(a.Num(), b.Num()), cmp.Compare(string(a.Proto()), string(b.Proto())))
		})
		links = append(links, l)
	}
	return links, nil
}

// linkEnv is what a program learns of the linked containers.
func linkEnv(links []link) (env []string) {
	for _, l := range links {
		prefix := strings.ToUpper(strings.ReplaceAll(l.alias, "-", "_"))
		set := func(name, format string, args ...any) {
			env = append(env, prefix+"_"+name+"="+fmt.Sprintf(format, args...))
		}
		for i, p := range l.ports {
			if i == 0 {
				set("PORT", "%s://%s:%d", p.Proto(), l.address, p.Num())
			}
			port := fmt.Sprintf("PORT_%d_%s", p.Num(), strings.ToUpper(string(p.Proto())))
			set(port, "%s://%s:%d", p.Proto(), l.address, p.Num())
			set(port+"_ADDR", "%s", l.address)
			set(port+"_PORT", "%d", p.Num())
			set(port+"_PROTO", "%s", p.Proto())
		}
		set("NAME", "/%s/%s", l.own, l.alias)
		for _, v := range l.env {
			if name, value, ok := strings.Cut(v, "="); ok && name != "HOME" && name != "PATH" {
				set("ENV_"+name, "%s", value)
			}
		}
	}
	return env
}
