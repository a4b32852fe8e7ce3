//go:build linux

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// The image that is pulled: as many layers, of about so many compressed bytes.
const (
	bigLayers = 4
	bigLayer  = 25 << 20
)

// serveBig serves an image of about 100 MB on loopback, prints its name when it is
// there, and stays until it is told to end.
func serveBig(ctx context.Context) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: registry.New(registry.Logger(log.New(io.Discard, "", 0)))}
	go func() {
		<-ctx.Done()
		_ = server.Close() // it ends anyway
	}()
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	image := listener.Addr().String() + "/big:latest"
	if err := pushBig(image); err != nil {
		return err
	}
	fmt.Println(image)
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func pushBig(image string) error {
	ref, err := name.ParseReference(image)
	if err != nil {
		return err
	}
	built := empty.Image
	for n := range bigLayers {
		data, err := bigArchive(uint64(n))
		if err != nil {
			return err
		}
		layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil })
		if err != nil {
			return err
		}
		if built, err = mutate.AppendLayers(built, layer); err != nil {
			return err
		}
	}
	return remote.Write(ref, built)
}

// bigArchive is a layer of some thousand files, the same each time, that
// compresses about as well as programs do.
func bigArchive(seed uint64) ([]byte, error) {
	random := rand.New(rand.NewPCG(seed, 0))
	words := make([][]byte, 4096)
	for i := range words {
		words[i] = make([]byte, 3+random.IntN(9))
		for j := range words[i] {
			words[i][j] = byte(random.Uint32())
		}
	}
	var packed bytes.Buffer
	zip, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	archive := tar.NewWriter(zip)
	var body bytes.Buffer
	for i := 0; packed.Len() < bigLayer; i++ {
		body.Reset()
		for size := 1 + random.IntN(48<<10); body.Len() < size; {
			body.Write(words[random.IntN(len(words))])
		}
		header := tar.Header{Name: fmt.Sprintf("layer%d/dir%d/file%d", seed, i%64, i), Mode: 0o644, Size: int64(body.Len())}
		if err := archive.WriteHeader(&header); err != nil {
			return nil, err
		}
		if _, err := archive.Write(body.Bytes()); err != nil {
			return nil, err
		}
	}
	err = errors.Join(archive.Close(), zip.Close())
	return packed.Bytes(), err
}
