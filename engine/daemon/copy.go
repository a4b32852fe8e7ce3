//go:build linux

package daemon

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/learndocker/learndocker/engine/files"
)

// pathStat is the header in which a file is described.
const pathStat = "X-Docker-Container-Path-Stat"

func (x *exchange) path() (string, error) {
	if p := x.r.URL.Query().Get("path"); p != "" {
		return p, nil
	}
	return "", badRequest{errors.New("bad parameter: missing the path")}
}

func (x *exchange) describe(s files.Stat) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	x.w.Header().Set(pathStat, base64.StdEncoding.EncodeToString(text))
	return nil
}

func statPath(x *exchange) error {
	c, err := x.container()
	if err != nil {
		return err
	}
	name, err := x.path()
	if err != nil {
		return err
	}
	s, err := x.StatPath(c, name)
	if err != nil {
		return err
	}
	if err := x.describe(s); err != nil {
		return err
	}
	return x.json(http.StatusOK, nil)
}

func copyFrom(x *exchange) error {
	if x.r.Method == http.MethodHead {
		return statPath(x)
	}
	c, err := x.container()
	if err != nil {
		return err
	}
	name, err := x.path()
	if err != nil {
		return err
	}
	begun := false
	err = x.CopyFrom(c, name, func(s files.Stat) error {
		if err := x.describe(s); err != nil {
			return err
		}
		begun = true
		return x.streamOf("application/x-tar")
	}, x.w)
	if err != nil && begun {
		panic(http.ErrAbortHandler) // the client must not take what it has for all
	}
	return err
}

func copyTo(x *exchange) error {
	c, err := x.container()
	if err != nil {
		return err
	}
	name, err := x.path()
	if err != nil {
		return err
	}
	query := x.r.URL.Query()
	o := files.Options{KeepKind: isTrue(query.Get("noOverwriteDirNonDir"))}
	if err := x.CopyTo(c, name, x.bodyStream(), o); err != nil {
		return err
	}
	return x.json(http.StatusOK, nil)
}
