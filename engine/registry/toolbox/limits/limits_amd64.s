#include "textflag.h"

// func prlimit(limit *[2]uint64)
TEXT ·prlimit(SB), NOSPLIT, $0-8
	MOVQ $0, DI
	MOVQ $7, SI
	MOVQ $0, DX
	MOVQ limit+0(FP), R10
	MOVQ $302, AX
	SYSCALL
	RET
