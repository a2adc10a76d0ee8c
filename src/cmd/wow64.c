/* SPDX-License-Identifier: MIT */
/*
 * The 32-bit side of processes on 64-bit systems: `.effmach`, `!wow64exts.sw`, `!wow64exts.k`.
 *
 *     0:000> !wow64exts.k
 *     Walking 64bit Stack...
 *     Child-SP          RetAddr           Call Site
 *     00000000`0016e028 00000000`7473c25b ntdll!ZwCreateFile
 *
 *     Walking 32bit Stack...
 *     ChildEBP RetAddr
 *     0028f86c 769fc76b ntdll32!NtCreateFile+0x12
 *
 * While the effective machine is x86, registers are those of the 32-bit side, pointers have four
 * bytes, and `k` walks its stack. It stays so until another thread or process is chosen.
 */
#include "cmd/wow64.h"

#include <inttypes.h>
#include <string.h>

#include "base/utf.h"
#include "cmd/kernel.h"
#include "cmd/session_impl.h"
#include "nt/current.h"
#include "unwind/wow64.h"

enum sc_cpu sc_session_cpu(const sc_session *s) {
    if (s->effmach != SC_CPU_UNKNOWN)
        return s->effmach;
    return s->target ? sc_target_machine(s->target)->cpu : SC_CPU_UNKNOWN;
}

sc_err *sc_session_teb64(sc_session *s, uint64_t *ret) {
    enum sc_cpu now = s->effmach;
    *ret = 0;
    s->effmach = SC_CPU_UNKNOWN;
    sc_err *err = sc_session_pseudo_get(s, "$teb", ret);
    s->effmach = now;
    return err;
}

/* Why a thread whose 64-bit TEB is at TEB has no 32-bit side. */
static sc_err *no_narrow_side(sc_session *s, uint64_t teb) {
    if (sc_target_machine(s->target)->cpu != SC_CPU_X64)
        return sc_errf(SC_ERR_NOT_FOUND,
                       "only systems of x64 have a 32-bit side that is known here");
    if (!teb)
        return sc_errf(SC_ERR_NOT_FOUND,
                       "the thread has no 32-bit side: it has no _TEB, it runs in the kernel "
                       "alone");
    return sc_errf(SC_ERR_NOT_FOUND,
                   "the thread has no 32-bit side, or the dump does not hold its _TEBs: the 64-bit "
                   "one is at %016" PRIx64,
                   teb);
}

sc_err *sc_session_wow_regs(sc_session *s, const struct sc_regs *native, struct sc_regs *ret) {
    uint64_t teb;
    bool found = false;
    sc_err *err = sc_session_teb64(s, &teb);
    if (!err)
        err = sc_wow64_regs(s->target, native, teb, ret, &found);
    if (!err && !found)
        err = no_narrow_side(s, teb);
    return err;
}

sc_err *sc_session_teb32(sc_session *s, uint64_t *ret) {
    uint64_t teb;
    sc_err *err = sc_session_teb64(s, &teb);
    if (!err && !(*ret = sc_wow64_teb32(s->target, teb)))
        err = no_narrow_side(s, teb);
    return err;
}

/* ---- .effmach ---- */

struct machine {
    const char *name, *about;
};
static const struct sc_field machine_fields[] = {SC_FIELD(struct machine, name, SC_F_STR),
                                                 SC_FIELD(struct machine, about, SC_F_STR),
                                                 SC_FIELD_END};
static const struct sc_rectype machine_type = {"effective_machine", sizeof(struct machine),
                                               machine_fields};

static void machine_text(sc_out *out, const void *record, void *ctx) {
    const struct machine *r = record;
    (void)ctx;
    sc_printf(out, "Effective machine: %s\n", r->about);
}

static const char *about(enum sc_cpu cpu) {
    switch (cpu) {
    case SC_CPU_X86: return "x86 compatible (x86)";
    case SC_CPU_X64: return "x64 (AMD64)";
    case SC_CPU_ARM64: return "ARM 64-bit (AArch64)";
    case SC_CPU_ARM: return "ARM Thumb-2 (ARM)";
    default: return sc_cpu_name(cpu);
    }
}

/* The native registers of the thread that `.thread` set; *RET_FOUND false: none is set. */
static sc_err *chosen_regs(sc_session *s, struct sc_regs *ret, bool *ret_found) {
    struct nt nt;
    struct nt_thread t;
    sc_unwinder *unwinder;
    bool saved;
    *ret_found = false;
    if (!s->implicit_thread)
        return NULL;
    sc_err *err = sc_session_nt(s, &nt);
    if (!err)
        err = nt_thread_read(&nt, s->implicit_thread, &t);
    if (!err)
        err = sc_session_unwinder(s, &unwinder);
    if (!err)
        err = nt_thread_regs(&nt, &t, unwinder, ret, &saved);
    *ret_found = !err;
    return err;
}

/* x86 on a 64-bit system, or the system's own again; contexts are the other's. */
static sc_err *set_machine(sc_session *s, enum sc_cpu cpu) {
    enum sc_cpu native = sc_target_machine(s->target)->cpu;
    if (cpu == native && s->effmach != SC_CPU_UNKNOWN) {
        struct sc_regs regs;
        bool found;
        sc_err *err = chosen_regs(s, &regs, &found);
        if (err)
            return err;
        sc_session_set_regs(s, found ? &regs : NULL);
        s->effmach = SC_CPU_UNKNOWN;
    }
    if (cpu == native)
        return NULL;
    if (cpu != SC_CPU_X86 || native != SC_CPU_X64)
        return sc_errf(SC_ERR_NOT_FOUND, "a system of %s does not run code of %s here",
                       sc_cpu_name(native), sc_cpu_name(cpu));
    sc_session_set_regs(s, NULL);
    s->effmach = cpu;
    return NULL;
}

static sc_err *run_effmach(sc_session *s, const struct sc_args *args) {
    static const struct {
        const char *word;
        enum sc_cpu cpu;
    } words[] = {{"x86", SC_CPU_X86},
                 {"amd64", SC_CPU_X64},
                 {"x64", SC_CPU_X64},
                 {"arm64", SC_CPU_ARM64},
                 {"arm", SC_CPU_ARM}};
    const char *word = args->v[0].given ? args->v[0].text : NULL;
    enum sc_cpu cpu = SC_CPU_UNKNOWN;
    for (size_t i = 0; word && i < sizeof words / sizeof *words; i++)
        if (!sc_strcasecmp(word, words[i].word))
            cpu = words[i].cpu;
    if (word && (!strcmp(word, ".") || !strcmp(word, "#")))
        cpu = sc_target_machine(s->target)->cpu;
    if (word && cpu == SC_CPU_UNKNOWN)
        return sc_errf(SC_ERR_ARG, ".effmach: \"%.20s\" is none of x86, amd64, arm64, . and #",
                       word);
    sc_err *err = word ? set_machine(s, cpu) : NULL;
    if (err)
        return sc_err_prefix(err, ".effmach");
    cpu = sc_session_cpu(s);
    const struct machine r = {sc_cpu_name(cpu), about(cpu)};
    sc_record(s->out, &machine_type, &r, machine_text, NULL);
    return NULL;
}

/* ---- !wow64exts ---- */

static sc_err *run_sw(sc_session *s, const struct sc_args *args) {
    (void)args;
    bool narrow = s->effmach == SC_CPU_X86;
    if (sc_target_machine(s->target)->cpu != SC_CPU_X64)
        return sc_errf(SC_ERR_NOT_FOUND, "!wow64exts.sw: only systems of x64 have a 32-bit side "
                                         "that is known here");
    sc_err *err = set_machine(s, narrow ? sc_target_machine(s->target)->cpu : SC_CPU_X86);
    if (err)
        return sc_err_prefix(err, "!wow64exts.sw");
    sc_puts(s->out, narrow ? "Switched to 64bit mode\n" : "Switched to 32bit mode\n");
    return NULL;
}

static sc_err *show_side(sc_session *s, const struct sc_regs *regs, uint32_t count,
                         sc_arena *arena) {
    static const struct sc_kform form = {.child = true};
    struct sc_walked walked = {.first = 0};
    sc_err *err = sc_walk_regs(s, regs, count, &walked);
    if (!err)
        err = sc_show_stack(s, &walked, &form, arena);
    sc_stack_deinit(&walked.stack);
    return err;
}

sc_err *sc_session_native_regs(sc_session *s, struct sc_regs *ret) {
    enum sc_cpu now = s->effmach;
    bool found = false, narrow = s->context.has_regs && s->context.regs.cpu == SC_CPU_X86;
    sc_err *err = narrow ? chosen_regs(s, ret, &found) : NULL;
    if (err || found)
        return err;
    if (narrow)
        return sc_target_regs(s->target, s->current, ret);
    s->effmach = SC_CPU_UNKNOWN;
    err = sc_session_base_regs(s, ret);
    s->effmach = now;
    return err;
}

sc_err *sc_session_visit_wow(sc_session *s, struct sc_visit *ret) {
    enum sc_cpu now = s->effmach;
    sc_err *err = sc_session_visit_owner(s, 0, ret);
    s->effmach = now; /* another process would reset it */
    return err;
}

static sc_err *show_sides(sc_session *s, uint64_t count, sc_arena *arena) {
    struct sc_regs native, narrow;
    sc_err *err = sc_session_native_regs(s, &native);
    if (err)
        return err;
    sc_puts(s->out, "Walking 64bit Stack...\n");
    err = show_side(s, &native, (uint32_t)count, arena);
    if (!err)
        err = sc_session_wow_regs(s, &native, &narrow);
    if (err)
        return err;
    sc_puts(s->out, "\nWalking 32bit Stack...\n");
    return show_side(s, &narrow, (uint32_t)count, arena);
}

static sc_err *run_wow_k(sc_session *s, const struct sc_args *args) {
    struct sc_visit visit;
    uint64_t count = args->v[0].given ? args->v[0].num : sc_session_kframes(s);
    if (!count || count > SC_KFRAMES_MAX)
        return sc_errf(SC_ERR_ARG, "!wow64exts.k: 1 to %d frames", SC_KFRAMES_MAX);
    if (sc_target_machine(s->target)->cpu != SC_CPU_X64)
        return sc_err_prefix(no_narrow_side(s, 0), "!wow64exts.k");
    sc_err *err = sc_session_visit_wow(s, &visit);
    if (!err)
        err = show_sides(s, count, args->arena);
    return sc_session_return(s, &visit, err);
}

static const struct sc_arg effmach_args[] = {
    {SC_ARG_WORD, "machine", NULL, true, "x86, amd64, arm64; . and #: the system's own"},
    {SC_ARG_END, NULL, NULL, false, NULL}};
static const struct sc_arg wow_k_args[] = {
    {SC_ARG_EXPR, "count", NULL, true, "how many frames of each stack"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_wow64_commands[] = {
    {.name = ".effmach",
     .brief = "show or choose whose registers, pointers and stacks are shown: x86 or 64-bit",
     .needs = SC_NEED_TARGET,
     .args = effmach_args,
     .help = "x86 on a 64-bit system: the 32-bit side of a WOW64 process, as the thread left it "
             "when it last went over to 64-bit code. It must be the process whose memory is at "
             "hand (.process).",
     .sample = ".effmach",
     .run = run_effmach},
    {.name = "!wow64exts.sw",
     .aliases = "!sw",
     .brief = "change between the 32-bit and the 64-bit side of a process",
     .needs = SC_NEED_TARGET | SC_NEED_WINDOWS,
     .help = "The same as .effmach x86 and .effmach . in turn.",
     .sample = "!wow64exts.sw",
     .run = run_sw},
    {.name = "!wow64exts.k",
     .brief = "show the 64-bit and the 32-bit stack of a thread of a WOW64 process",
     .needs = SC_NEED_TARGET | SC_NEED_WINDOWS,
     .args = wow_k_args,
     .help = "The second one is the 32-bit side, as the thread left it when it last went over to "
             "64-bit code.",
     .sample = "!wow64exts.k",
     .run = run_wow_k},
    {.name = NULL},
};
