//go:build 386

package network

// seconds is struct timeval's field.
func seconds(n int) int32 { return int32(n) }
