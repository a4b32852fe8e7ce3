//go:build linux

package daemon

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/learndocker/learndocker/engine"
	"github.com/learndocker/learndocker/engine/api"
)

// handler routes requests. Paths are served with and without a version.
func (d *Daemon) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+api.WatchPath, d.watch)
	for pattern, f := range map[string]func(*exchange) error{
		"GET /_ping":                     d.ping, // and HEAD
		"GET /version":                   d.versions,
		"GET /info":                      d.info,
		"POST /containers/create":        createContainer,
		"GET /containers/json":           listContainers,
		"GET /containers/{id}/json":      inspectContainer,
		"POST /containers/{id}/attach":   attachContainer,
		"POST /containers/{id}/resize":   resizeContainer,
		"POST /containers/{id}/wait":     waitContainer,
		"POST /containers/{id}/start":    startContainer,
		"POST /containers/{id}/kill":     killContainer,
		"POST /containers/{id}/stop":     stopContainer,
		"POST /containers/{id}/restart":  restartContainer,
		"POST /containers/{id}/pause":    changes(pauseContainer),
		"POST /containers/{id}/unpause":  changes(unpauseContainer),
		"POST /containers/{id}/rename":   changes(renameContainer),
		"POST /containers/{id}/update":   updateContainer,
		"GET /containers/{id}/logs":      containerLogs,
		"GET /containers/{id}/top":       topContainer,
		"GET /containers/{id}/stats":     containerStats,
		"POST /containers/{id}/exec":     createExec,
		"POST /exec/{id}/start":          startExec,
		"POST /exec/{id}/resize":         resizeExec,
		"GET /exec/{id}/json":            inspectExec,
		"POST /containers/prune":         pruneContainers,
		"GET /events":                    watchEvents,
		"DELETE /containers/{id...}":     changes(removeContainer),
		"POST /images/create":            createImage,
		"GET /images/json":               listImages,
		"GET /images/search":             searchImages,
		"GET /images/get":                saveImages,
		"POST /images/load":              loadImages,
		"POST /images/prune":             pruneImages,
		"GET /images/{name...}":          imageRequest, // …/json, …/history, …/get
		"POST /images/{name...}":         imageRequest, // …/tag, …/push
		"DELETE /images/{name...}":       removeImage,
		"POST /commit":                   commitContainer,
		"GET /containers/{id}/changes":   containerChanges,
		"GET /containers/{id}/archive":   copyFrom, // and HEAD
		"PUT /containers/{id}/archive":   copyTo,
		"GET /containers/{id}/export":    exportContainer,
		"POST /auth":                     login,
		"GET /distribution/{name...}":    distribution, // …/json
		"GET /volumes":                   listVolumes,
		"POST /volumes/create":           createVolume,
		"POST /volumes/prune":            pruneVolumes,
		"GET /volumes/{name}":            inspectVolume,
		"DELETE /volumes/{name}":         removeVolume,
		"GET /networks":                  listNetworks,
		"GET /networks/{$}":              listNetworks,
		"GET /networks/{id}":             inspectNetwork,
		"DELETE /networks/{id}":          removeNetwork,
		"POST /networks/create":          createNetwork,
		"POST /networks/prune":           pruneNetworks,
		"POST /networks/{id}/connect":    connectNetwork,
		"POST /networks/{id}/disconnect": disconnectNetwork,
		"POST /build":                    refuseBuild,
		"POST /build/prune":              pruneBuilds,
		"GET /plugins":                   listPlugins,
		"GET /system/df":                 diskUsage,
	} {
		mux.HandleFunc(pattern, d.operation(f))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeError(w, http.StatusNotFound, fmt.Sprintf("%s %s: learndocker's daemon has no such request", r.Method, r.URL.Path))
	})
	return d.versioned(mux)
}

type versionKey struct{}

var versionPrefix = regexp.MustCompile(`^/v(\d+\.\d+)(/.*)$`)

// versioned takes the version off the path and refuses those that are not
// spoken here, in Docker's words.
func (d *Daemon) versioned(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", api.Version)
		w.Header().Set("Ostype", "linux")
		w.Header().Set("Server", "learndocker/"+d.version+" (linux)")
		m := versionPrefix.FindStringSubmatch(r.URL.Path)
		if m == nil {
			next.ServeHTTP(w, r)
			return
		}
		switch {
		case older(m[1], api.MinVersion):
			writeError(w, http.StatusBadRequest, fmt.Sprintf("client version %s is too old. Minimum supported API version is %s, please upgrade your client to a newer version", m[1], api.MinVersion))
			return
		case older(api.Version, m[1]):
			writeError(w, http.StatusBadRequest, fmt.Sprintf("client version %s is too new. Maximum supported API version is %s", m[1], api.Version))
			return
		}
		inner := r.Clone(context.WithValue(r.Context(), versionKey{}, m[1]))
		inner.URL.Path, inner.URL.RawPath = m[2], ""
		next.ServeHTTP(w, inner)
	})
}

func versionOf(r *http.Request) string {
	if v, ok := r.Context().Value(versionKey{}).(string); ok {
		return v
	}
	return api.Version
}

// older compares two versions "1.NN".
func older(a, b string) bool {
	majorA, minorA, _ := strings.Cut(a, ".")
	majorB, minorB, _ := strings.Cut(b, ".")
	if majorA != majorB {
		return number(majorA) < number(majorB)
	}
	return number(minorA) < number(minorB)
}

func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

func (d *Daemon) ping(x *exchange) error {
	h := x.w.Header()
	h.Set("Docker-Experimental", "false")
	h.Set("Builder-Version", "1")
	h.Set("Swarm", "inactive")
	h.Set("Cache-Control", "no-cache, no-store, must-revalidate")
	h.Set("Content-Type", "text/plain; charset=utf-8")
	body := []byte("OK")
	if x.r.Method == http.MethodHead {
		h.Set("Content-Length", "0")
		body = nil
	}
	if err := x.hold(http.StatusOK, body, false); err != nil {
		return err
	}
	x.w.WriteHeader(http.StatusOK)
	_, _ = x.w.Write(body)
	return nil
}

func refuseBuild(*exchange) error {
	return engine.ErrorOf(engine.ErrUnsupported, "learndocker has no builder: build the image with another tool, and bring it here with docker load")
}

// pruneBuilds: there is no builder, and so nothing that it has kept. docker system
// prune asks for it, too.
func pruneBuilds(x *exchange) error {
	return x.json(http.StatusOK, map[string]any{"CachesDeleted": []string{}, "SpaceReclaimed": 0})
}

// listPlugins: the engine takes none. Clients ask for the list all the same.
func listPlugins(x *exchange) error { return x.json(http.StatusOK, []struct{}{}) }
