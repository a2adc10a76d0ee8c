/* SPDX-License-Identifier: MIT */
/*
 * What an illegal instruction is. Three things raise that exception: bytes that are no instruction
 * (data was run, or code was overwritten), a sound one that this processor or virtual machine
 * lacks (AVX, for example), and ud2 or its like, which compilers put where a check failed.
 */
#include <string.h>

#include "analyze/user.h"
#include "stopcode/disasm.h"

enum { ILLEGAL_SIGNAL = 4, ILLEGAL_MACH = 2 };

static bool is_illegal(const struct sc_case *c) {
    const struct sc_machine *m = c->machine;
    if (m->windows)
        return c->a->exception.code == 0xc000001d;
    bool mach = strcmp(m->platform, "macOS") == 0 || strcmp(m->platform, "iOS") == 0;
    return c->a->exception.code == (mach ? ILLEGAL_MACH : ILLEGAL_SIGNAL);
}

/* Decodes the instruction; false when there is no disassembler or no bytes. */
static bool decode(struct sc_case *c, struct sc_insn *ret) {
    uint8_t bytes[SC_INSN_BYTES_MAX + 1];
    size_t got = 0;
    sc_disasm *disasm;
    sc_space_read(sc_target_space(c->target), c->fault.ip, bytes, SC_INSN_BYTES_MAX, &got);
    if (!got)
        return false;
    sc_err *err = sc_disasm_create(c->machine->cpu, &disasm);
    if (err) {
        if (sc_err_code(err) == SC_ERR_NOMEM)
            c->nomem = true;
        sc_err_destroy(err);
        return false;
    }
    sc_disasm_decode(disasm, c->fault.ip, bytes, got, ret);
    sc_disasm_destroy(disasm);
    return true;
}

void sc_user_show_code(struct sc_case *c, struct sc_draft *d) {
    struct sc_insn insn;
    uint64_t ip = c->fault.ip;
    if (!is_illegal(c) || ip == SC_UNSET64)
        return;
    if (!decode(c, &insn)) {
        sc_draft_lacked(c, d,
                        "The bytes of the instruction are not in the dump: whether they are "
                        "code, a failed check, or an instruction that the processor lacks.");
        return;
    }
    const char *command = sc_case_text(c, "u %s L1", sc_case_hex(c, ip));
    bool trap = strcmp(insn.mnemonic, "ud2") == 0 || strcmp(insn.mnemonic, "udf") == 0 ||
                strcmp(insn.mnemonic, "ud1") == 0;
    if (!insn.valid)
        sc_draft_show(c, d, ip, command,
                      "The bytes there are no instruction: data was run, or the code was "
                      "overwritten.");
    else if (trap)
        sc_draft_show(c, d, ip, command,
                      "The instruction is %s, which compilers put where a check failed or where "
                      "the program must not come.",
                      insn.mnemonic);
    else
        sc_draft_show(c, d, ip, command,
                      "The bytes there are a sound instruction, %s: one that this processor or "
                      "virtual machine lacks, or that is not allowed here.",
                      insn.mnemonic);
}
