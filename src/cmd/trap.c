/* SPDX-License-Identifier: MIT */
/* `.trap`: the registers that a trap handler saved, as the context of r, k and expressions. */
#include "cmd/show.h"
#include "nt/trapframe.h"

static sc_err *run_trap(sc_session *session, const struct sc_args *args) {
    sc_out *out = sc_session_out(session);
    sc_target *target = sc_session_target(session);
    struct nt_trap_frame frame;
    if (!args->v[0].given || args->v[0].num == 0) {
        sc_session_set_regs(session, NULL);
        sc_remark(out, "Resetting default scope");
        return NULL;
    }
    sc_err *err = nt_trap_frame_read(target, args->v[0].num, &frame);
    if (err)
        return err;
    bool x64 = frame.regs.cpu == SC_CPU_X64;
    sc_session_set_regs(session, &frame.regs);
    if (x64) {
        sc_remark(out, "NOTE: The trap frame does not contain all registers.");
        sc_remark(out, "Some register values may be zeroed or incorrect.");
    } else {
        sc_remark(out, "ErrCode = %08x", frame.error_code);
    }
    return sc_show_regs(session, &frame.regs, x64 ? SC_RM_INTEGER : SC_RM_DEFAULT, args->arena);
}

static const struct sc_arg trap_args[] = {
    {SC_ARG_EXPR, "address", NULL, true, "of a trap frame; none: back to the stored registers"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_trap_commands[] = {
    {.name = ".trap",
     .brief = "use the trap frame at an address, or the stored registers again",
     .needs = SC_NEED_TARGET | SC_NEED_KERNEL,
     .args = trap_args,
     .help = "Shows the registers that the trap frame holds and makes them the ones that r, k and "
             "expressions use, until .trap without an address. kv names the trap frames it meets.\n"
             "A trap frame of x64 lacks the registers that functions preserve (rbx, rsi, rdi, r12 "
             "to r15): they are shown as zero. `k` and then `.frame /r` finds those that functions "
             "saved.",
     .sample = ".trap",
     .run = run_trap},
    {.name = NULL},
};
