//go:build !purego

#include "textflag.h"

// func maskBlocks(p []byte, key uint64) (seen uint64)
TEXT ·maskBlocks(SB), NOSPLIT, $0-40
	MOVQ       p_base+0(FP), SI
	MOVQ       p_len+8(FP), CX
	MOVQ       key+24(FP), X0
	PUNPCKLQDQ X0, X0
	PXOR       X5, X5
	SHRQ       $6, CX
	JZ         done

loop:
	MOVOU (SI), X1
	MOVOU 16(SI), X2
	MOVOU 32(SI), X3
	MOVOU 48(SI), X4
	PXOR  X0, X1
	PXOR  X0, X2
	PXOR  X0, X3
	PXOR  X0, X4
	MOVOU X1, (SI)
	MOVOU X2, 16(SI)
	MOVOU X3, 32(SI)
	MOVOU X4, 48(SI)
	POR   X2, X1
	POR   X4, X3
	POR   X3, X1
	POR   X1, X5
	ADDQ  $64, SI
	DECQ  CX
	JNZ   loop

done:
	MOVHLPS X5, X6
	POR     X5, X6
	MOVQ    X6, seen+32(FP)
	RET
