//go:build !386

package network

// seconds is struct timeval's field.
func seconds(n int) int64 { return int64(n) }
