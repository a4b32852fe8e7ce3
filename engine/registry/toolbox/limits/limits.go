// Package limits undoes what the Go runtime does to the limit of open files: it
// raises the soft one to the hard one, and ulimit would tell that. Package
// syscall does it as it is initialised, so this one imports nothing, is
// initialised before, and has to make its one system call by itself.
package limits

// noFile is struct rlimit64 as the program was given it: soft, hard.
var noFile = read()

func read() (limit [2]uint64) {
	prlimit(&limit)
	return limit
}

// prlimit is prlimit64(0, RLIMIT_NOFILE, NULL, limit).
//
//go:noescape
func prlimit(limit *[2]uint64)

// NoFile is how many files the program may have open: the soft limit, the hard.
func NoFile() (soft, hard uint64) { return noFile[0], noFile[1] }
