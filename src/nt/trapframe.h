/* SPDX-License-Identifier: MIT */
/*
 * Trap frames: the registers that a trap handler of the kernel saved on the stack.
 *
 *   KTRAP_FRAME x64     0x190: +30 Rax Rcx Rdx R8 R9 R10 R11, +140 Rbx, +148 Rdi, +150 Rsi,
 *                       +158 Rbp, +160 ErrorCode, +168 Rip, +170 SegCs, +178 EFlags, +180 Rsp,
 *                       +188 SegSs
 *   KTRAP_FRAME x86     0x8c: +30 Gs, Es, Ds, +3c Edx Ecx Eax, +50 Fs, +54 Edi Esi Ebx Ebp,
 *                       +10 TempSegCs, TempEsp, +64 ErrCode, +68 Eip, SegCs, EFlags, +74
 * HardwareEsp, +78 HardwareSegSs
 *
 * They are those of the kernels' public symbols, the same from Vista on (x64) and from XP on (x86).
 * An x86 frame of a fault in kernel mode has no HardwareEsp: the stack pointer was where that field
 * would be; one whose stack pointer was edited since has an empty SegCs (mask 0xfff8), and code
 * selector and stack pointer in TempSegCs and TempEsp. Rbx, Rdi and Rsi of an x64 frame are only
 * filled by some of the trap handlers and are not taken. The trap frame of ARM64 is not publicly
 * documented and not read.
 */
#ifndef NT_TRAPFRAME_H
#define NT_TRAPFRAME_H

#include "stopcode/target.h"

struct nt_trap_frame {
    struct sc_regs regs; /* what the frame does not hold is zero */
    uint32_t error_code;
};

/*
 * Reads the frame at ADDR. SC_ERR_UNSUPPORTED: of this CPU none can be read; SC_ERR_MEMORY: the
 * dump lacks it; SC_ERR_ARG: what lies there is none.
 */
sc_err *nt_trap_frame_read(sc_target *target, uint64_t addr, struct nt_trap_frame *ret_frame);

#endif
