// Package registry is the bundled registry: an OCI distribution server on
// loopback that stands in for Docker Hub, as a mirror does, and serves the
// images that learndocker makes itself.
package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	server "github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Registry is a running server.
type Registry struct {
	http *http.Server
	addr string
}

// Start serves the bundled images on a free loopback port.
func Start(ctx context.Context) (*Registry, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the bundled registry: %w", err)
	}
	filled := make(chan struct{})
	handler := server.New(server.Logger(log.New(io.Discard, "", 0)), server.WithBlobHandler(newBlobs()))
	r := &Registry{addr: listener.Addr().String(), http: &http.Server{
		Handler:           sealedAfter(filled, handler),
		ReadHeaderTimeout: 10 * time.Second,
	}}
	go func() {
		if err := r.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Printf("bundled registry: %v", err)
		}
	}()
	if err := r.fill(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("fill the bundled registry: %w", err), r.Close())
	}
	close(filled)
	return r, nil
}

// sealedAfter lets nobody write once the images are in: any process of the
// machine can reach a loopback port.
func sealedAfter(filled <-chan struct{}, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		select {
		case <-filled:
			if q.Method != http.MethodGet && q.Method != http.MethodHead {
				http.Error(w, `{"errors":[{"code":"DENIED","message":"the bundled registry is read-only"}]}`, http.StatusForbidden)
				return
			}
		default:
		}
		next.ServeHTTP(w, q)
	})
}

func (r *Registry) fill(ctx context.Context) error {
	z, err := newCompressor()
	if err != nil {
		return err
	}
	for _, image := range bundled() {
		index, err := multiPlatform(image.of, z)
		if err != nil {
			return fmt.Errorf("make %s: %w", image.name, err)
		}
		if list, err := index.IndexManifest(); err != nil || len(list.Manifests) == 0 {
			continue // not there for this machine
		}
		ref, err := name.NewTag(r.addr + "/library/" + image.name + ":latest")
		if err != nil {
			return err
		}
		if err := remote.WriteIndex(ref, index, remote.WithContext(ctx)); err != nil {
			return err
		}
	}
	return nil
}

// Addr is the server's host and port.
func (r *Registry) Addr() string { return r.addr }

// Close stops the server.
func (r *Registry) Close() error { return r.http.Close() }
