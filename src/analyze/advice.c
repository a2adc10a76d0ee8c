/* SPDX-License-Identifier: MIT */
/*
 * Lines about modules and about what to do next. Driver Verifier's flags are those of Microsoft's
 * page on its command line: 1 special pool, 2 force IRQL checking, 8 pool tracking, 10 I/O
 * verification, 80 DMA checking. CrashDumpEnabled is 1 complete, 2 kernel, 3 small, 7 automatic.
 */
#include "analyze/advice.h"

#include <string.h>

#include "base/time.h"
#include "base/utf.h"
#include "stopcode/pe.h"

enum { YEAR_1993 = 725846400 /* seconds since 1970: the first Windows NT */ };

struct sc_blame sc_case_blame(const struct sc_case *c) {
    if (!c->a->has_bugcheck)
        return (struct sc_blame){.why = ""};
    uint64_t args[4];
    for (unsigned i = 0; i < 4; i++)
        args[i] = c->a->arg[i].value;
    return sc_blame_of(sc_plain_code(c->a->code), args);
}

/* The parts of sc_stack_is_silent(). */
static bool is_noticed(const struct sc_case *c) {
    enum sc_worth worth = sc_case_blame(c).worth;
    return worth == SC_WORTH_NOTICED || worth == SC_WORTH_OWNER || worth == SC_WORTH_HANDED;
}

static bool only_noticed(const struct sc_case *c) {
    const struct sc_culprit *k = c->culprit;
    bool sampled = sc_case_blame(c).worth == SC_WORTH_SAMPLED;
    bool inbox = k->found && sc_case_driver(k->module).kind != NT_DRIVER_VENDOR;
    return inbox && (sampled || (is_noticed(c) && k->link != SC_LINK_OWN));
}

/*
 * What failed cannot be the culprit's: a phrase that says why; NULL: it may be. It asked the pool
 * for memory, and unless that very call was refused the pool's code met what others did; damage was
 * noticed two steps away from it, or in a request that somebody had made before; or it gave nothing
 * back to what was damaged, as far as names tell.
 */
static const char *passed_by(const struct sc_case *c) {
    const struct sc_culprit *k = c->culprit;
    enum sc_worth worth = sc_case_blame(c).worth;
    bool refused = worth == SC_WORTH_CALLER || k->inner;
    if (!k->found || k->link == SC_LINK_OWN)
        return NULL;
    if (k->asks && !refused)
        return "asked for memory";
    if (is_noticed(c) && k->link == SC_LINK_SENT)
        return "had handed a request on";
    if (is_noticed(c) && k->late)
        return "was there when the kernel ended a request that somebody had made before";
    return worth == SC_WORTH_HANDED && !k->frees && k->link == SC_LINK_CALLED
               ? "called the kernel, which met damage of its own"
               : NULL;
}

static bool only_waits(const struct sc_case *c) {
    const struct sc_culprit *k = c->culprit;
    return k->found && k->waits && k->link != SC_LINK_OWN &&
           sc_case_blame(c).worth != SC_WORTH_CALLER;
}

bool sc_stack_is_silent(const struct sc_case *c) {
    return sc_case_blame(c).worth == SC_WORTH_NONE || only_noticed(c) || passed_by(c) ||
           only_waits(c);
}

/*
 * Reproducible builds have a hash there. Windows' own images are such builds since Windows 10. Of
 * drivers that no table knows nobody can say whose they are: a date that is possible is taken.
 */
const char *sc_case_built(struct sc_case *c, const struct sc_module *module) {
    uint64_t time = sc_time_from_unix(module->timestamp);
    struct nt_driver driver = sc_case_driver(module);
    bool hash = driver.kind != NT_DRIVER_VENDOR && c->machine->build >= 10240;
    if (module->timestamp < YEAR_1993 || hash || !c->machine->time || time > c->machine->time)
        return NULL;
    struct sc_tm tm = sc_time_split(time, 0);
    return sc_case_text(c, "%04d-%02d-%02d", (int)tm.year, tm.month, tm.day);
}

/* The dump's record has it, of processes; else the image does, if its pages can be had. */
static bool find_version(struct sc_case *c, const struct sc_module *m, struct sc_version *ret) {
    sc_pe *pe;
    if (m->version.present) {
        *ret = m->version;
        return true;
    }
    sc_err *err = sc_pe_open_memory(sc_target_space(c->target), m->base, m->image, &pe);
    if (!err) {
        bool same = sc_pe_headers(pe)->image_size == m->size;
        err = same ? sc_pe_version(pe, ret) : sc_errf(SC_ERR_NOT_FOUND, "another image");
        sc_pe_close(pe);
    }
    if (err && sc_err_code(err) == SC_ERR_NOMEM)
        c->nomem = true;
    bool found = !err && ret->present;
    sc_err_destroy(err);
    return found;
}

static const char *version_of(struct sc_case *c, const struct sc_module *m) {
    struct sc_version version = {0};
    if (!find_version(c, m, &version))
        return NULL;
    const uint16_t *v = version.file;
    return sc_case_text(c, "version %u.%u.%u.%u", v[0], v[1], v[2], v[3]);
}

void sc_show_module(struct sc_case *c, struct sc_draft *d, const struct sc_module *m) {
    struct nt_driver driver = sc_case_driver(m);
    const char *version = version_of(c, m), *built = sc_case_built(c, m);
    if (!version && !built)
        return;
    sc_draft_show(c, d, m->base, sc_case_lmvm(c, m), "%s%s%s: %s%s%s%s.", sc_case_name(c, m->image),
                  driver.vendor[0] ? " of " : "", driver.vendor, version ? version : "",
                  version && built ? ", " : "", built ? "time stamp of " : "", built ? built : "");
}

/* "verifier /flags 0x9 /driver baddrv.sys" */
static const char *verifier_command(struct sc_case *c, const char *image) {
    struct sc_blame b = sc_case_blame(c);
    if (!b.verifier)
        return sc_case_text(c, "verifier /standard /driver %s", image);
    return sc_case_text(c, "verifier /flags 0x%x /driver %s", b.verifier, image);
}

/* What those flags look for. */
static const char *verifier_purpose(const struct sc_case *c) {
    switch (sc_case_blame(c).verifier) {
    case 0x1: return "special pool";
    case 0x3: return "special pool and IRQL checking";
    case 0x9: return "special pool and pool tracking";
    case 0x10: return "I/O verification";
    case 0x80: return "DMA checking";
    case 0x2: return "IRQL checking";
    default: return "the standard checks";
    }
}

static bool is_dpc_watchdog(const struct sc_case *c) {
    return c->a->has_bugcheck && sc_plain_code(c->a->code) == 0x133;
}

void sc_advise_module(struct sc_case *c, struct sc_draft *d, const struct sc_module *m) {
    struct nt_driver driver = sc_case_driver(m);
    bool vendor = driver.kind == NT_DRIVER_VENDOR;
    const char *image = sc_case_name(c, m->image);
    sc_draft_next(c, d,
                  vendor ? "%s: its version and date; is there a newer one from its maker?"
                         : "%s: its version and date; are Windows and the firmware up to date?",
                  sc_case_lmvm(c, m));
    if (!c->machine->kernel)
        return;
    if (is_dpc_watchdog(c))
        sc_draft_next(c, d,
                      "A trace of how long DPCs and interrupts take: wpr -start GeneralProfile, "
                      "then wpr -stop trace.etl.");
    else if (sc_case_blame(c).verified)
        sc_draft_next(c, d, "Driver Verifier is on already; verifier /reset ends it afterwards.");
    else if (driver.kind == NT_DRIVER_FRAMEWORK)
        sc_draft_next(c, d, "Driver Verifier on the third-party drivers that use %s.", image);
    else
        sc_draft_next(c, d,
                      "%s: Driver Verifier with %s, to stop it nearer to its mistake next time.",
                      verifier_command(c, image), verifier_purpose(c));
}

void sc_advise_all_drivers(struct sc_case *c, struct sc_draft *d) {
    struct sc_blame b = sc_case_blame(c);
    if (b.verified || is_dpc_watchdog(c))
        return;
    sc_draft_next(c, d,
                  "verifier /flags 0x%x /driver NAME.sys …, naming the third-party drivers that lm "
                  "lists: special pool stops the one that damages memory at once.",
                  b.verifier ? b.verifier | 1 : 9);
}

void sc_advise_dump(struct sc_case *c, struct sc_draft *d) {
    if (sc_case_is_small(c))
        sc_draft_next(c, d,
                      "A kernel or automatic memory dump of the next one: reg add "
                      "HKLM\\SYSTEM\\CurrentControlSet\\Control\\CrashControl /v "
                      "CrashDumpEnabled /t REG_DWORD /d 7 /f, and restart.");
}

void sc_show_no_culprit(struct sc_case *c, struct sc_draft *d) {
    const struct sc_culprit *k = c->culprit;
    struct sc_blame b = sc_case_blame(c);
    if (!c->a->stack.count) {
        sc_draft_lacked(c, d, "There is no call stack: %s.", k->why);
        return;
    }
    const char *command = sc_culprit_command(c);
    const char *where = k->found ? c->a->stack_symbol[k->frame] : "";
    if (b.worth == SC_WORTH_NONE)
        sc_draft_show(c, d, SC_UNSET64, command, "The stack is no evidence here: %s.", b.why);
    else if (only_noticed(c))
        sc_draft_show(c, d, SC_UNSET64, command,
                      "%s, in %s, is a driver of Windows, and here nearly always the victim: %s.",
                      where, sc_culprit_frame(c, k->frame), b.why);
    else if (passed_by(c))
        sc_draft_show(c, d, SC_UNSET64, command, "%s, in %s, only %s: %s.", where,
                      sc_culprit_frame(c, k->frame), passed_by(c),
                      b.why[0] ? b.why
                               : "the pool's code met there what somebody else had done before");
    else if (only_waits(c))
        sc_draft_show(c, d, SC_UNSET64, command,
                      "%s, in %s, only waits: the processor was changing from one thread to "
                      "another.",
                      where, sc_culprit_frame(c, k->frame));
    else if (!k->found)
        sc_draft_show(c, d, SC_UNSET64, command, "The stack names no driver: %s.", k->why);
    if (b.worth != SC_WORTH_NONE && k->bystander)
        sc_draft_show(c, d, c->a->stack.frame[k->bystander_frame].ip, command,
                      "%s, in %s, was only interrupted.", c->a->stack_symbol[k->bystander_frame],
                      sc_culprit_frame(c, k->bystander_frame));
}

bool sc_case_about_state(const struct sc_case *c) {
    static const uint32_t codes[] = {0x3f,  0x4d,  0xd8,   0x9e,   0x14f, 0x15f,     0xe2,
                                     0x161, 0x1c8, 0x11c8, 0x21c8, 0x184, 0xdeaddead};
    return c->machine->kernel &&
           (!c->a->has_bugcheck ||
            sc_code_in(sc_plain_code(c->a->code), codes, sizeof codes / sizeof *codes));
}
