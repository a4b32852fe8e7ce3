//go:build !amd64 && !arm64 && !386

package registry

// toolboxPacked is empty: this architecture has no toolbox.
const toolboxPacked = ""
