#include "textflag.h"

// func prlimit(limit *[2]uint64)
TEXT ·prlimit(SB), NOSPLIT, $0-4
	MOVL $0, BX
	MOVL $7, CX
	MOVL $0, DX
	MOVL limit+0(FP), SI
	MOVL $340, AX
	INT  $0x80
	RET
