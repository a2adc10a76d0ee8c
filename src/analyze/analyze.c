/* SPDX-License-Identifier: MIT */
/*
 * !analyze: gathers what the dump says of its own end, lets the rules look at it, ranks what they
 * found. Nothing in the dump makes it fail: what cannot be read is left out and said. Errors are
 * only "out of memory" and "cancelled".
 */
#include <stdlib.h>
#include <string.h>

#include "analyze/args.h"
#include "analyze/bucket.h"
#include "analyze/exception_words.h"
#include "analyze/explain.h"
#include "analyze/rule.h"
#include "base/utf.h"
#include "base/vec.h"
#include "nt/process_name.h"
#include "target/target_impl.h"

/* What a caller is given is the first member. */
struct whole {
    struct sc_analysis analysis;
    sc_arena *arena;
};

const char *sc_confidence_name(enum sc_confidence confidence) {
    static const char *const names[] = {"possible", "likely", "strong", "certain"};
    return (unsigned)confidence < sizeof names / sizeof *names ? names[confidence] : "possible";
}

void sc_analysis_destroy(struct sc_analysis *analysis) {
    struct whole *w = (struct whole *)analysis;
    if (!w)
        return;
    free(w->analysis.findings);
    sc_stack_deinit(&w->analysis.stack);
    free((void *)w->analysis.notes);
    free(w->analysis.facts);
    sc_arena_destroy(w->arena);
    free(w);
}

/* A list that cannot be read is a remark; being out of memory or cancelled is an error. */
static sc_err *list_loaded(struct sc_case *c, sc_err *err, const char *what) {
    if (!err)
        return NULL;
    if (sc_err_code(err) == SC_ERR_NOMEM || sc_err_code(err) == SC_ERR_CANCELLED)
        return err;
    sc_case_note(c, "The list of %s could not be read: %s", what, sc_err_text(err));
    sc_err_destroy(err);
    return NULL;
}

static sc_err *load_lists(struct sc_case *c) {
    const struct sc_modules *modules;
    const struct sc_unloadeds *unloaded;
    sc_err *err = list_loaded(c, sc_target_modules(c->target, &modules), "loaded modules");
    if (!err)
        err = list_loaded(c, sc_target_unloaded(c->target, &unloaded), "unloaded modules");
    return err;
}

static void take_bugcheck(struct sc_case *c) {
    struct sc_analysis *a = c->a;
    a->has_bugcheck = c->machine->kernel && c->machine->has_bugcheck;
    if (!a->has_bugcheck)
        return;
    a->code = c->machine->bugcheck;
    uint64_t args[4];
    for (unsigned i = 0; i < 4; i++)
        args[i] = sc_case_canon(c, c->machine->bugcheck_arg[i]);
    sc_bug_explain(a->code, args, c->is32, &c->bug);
    a->name = c->bug.name;
    a->brief = c->bug.brief[0] ? c->bug.brief : "Windows stopped with a code that is not known.";
    a->about = c->bug.about[0] ? c->bug.about : NULL;
    sc_args_explain(c);
}

/*
 * Stopping the machine leaves a breakpoint exception in the header, and so does taking a report of
 * a machine that runs on, wherever that code lies: it tells nothing of the fault. A breakpoint that
 * the bug check is about is its first parameter.
 */
static bool is_stop_itself(const struct sc_case *c) {
    enum { BREAKPOINT = (int)0x80000003u };
    bool about = (uint32_t)c->machine->bugcheck_arg[0] == (uint32_t)BREAKPOINT;
    return c->a->has_bugcheck && c->machine->exception.code == (uint32_t)BREAKPOINT && !about;
}

static void take_exception(struct sc_case *c) {
    struct sc_analysis *a = c->a;
    if (c->machine->has_exception && !c->machine->exception.code && !c->machine->kernel)
        sc_case_note(c, "The exception record is empty (code 0): taken for no exception.");
    else if (!a->has_exception && c->machine->has_exception && !is_stop_itself(c)) {
        a->has_exception = true;
        a->exception = c->machine->exception;
        a->exception.address = sc_case_canon(c, a->exception.address);
        a->exception_va = SC_UNSET64;
    }
    sc_case_exception_words(c);
}

static void take_regs(struct sc_case *c) {
    struct sc_analysis *a = c->a;
    if (a->has_regs)
        return;
    struct sc_regs regs;
    const char *command = ".ecxr";
    sc_err *err = sc_target_event_regs(c->target, &regs);
    if (err && !a->has_exception) {
        /* A process' dump without an exception: the thread that it calls the current one. Memory of
         * a machine without a header: the processor that stopped, or the first one. */
        sc_err_destroy(err);
        err = sc_target_regs(c->target, c->machine->current, &regs);
        command = sc_case_text(c, "~%ur", c->machine->current);
    }
    if (err) {
        sc_err_destroy(err);
        return;
    }
    a->regs = regs;
    a->has_regs = true;
    a->regs_command = command;
    /* A kernel's own context is that of the call that stopped it, unless it has no bug check. */
    c->regs_of_fault = a->has_exception && !a->has_bugcheck;
}

/* Of a process: the program's image, which stands first in its list of modules. */
static const char *program_name(struct sc_case *c) {
    const struct sc_modules *list;
    const struct sc_module *first = NULL;
    sc_err *err = sc_target_modules(c->target, &list);
    if (err) {
        sc_err_destroy(err);
        return NULL;
    }
    for (size_t i = 0; i < list->count; i++) {
        const struct sc_module *m = &list->item[i];
        size_t len = strlen(m->image);
        if (strncmp(m->image, "dyld", 4) == 0) /* the loader may stand before the program */
            continue;
        if (c->machine->windows && (len < 4 || sc_strcasecmp(m->image + len - 4, ".exe") != 0))
            continue;
        if (!first || m->record < first->record)
            first = m;
    }
    return first ? sc_case_name(c, first->image) : NULL;
}

static sc_err *take_process(struct sc_case *c) {
    if (!c->machine->kernel) {
        c->a->process = program_name(c);
        return NULL;
    }
    sc_err *err = nt_process_name(c->target, c->symtab, c->arena, &c->a->process, &c->process_why);
    if (!err && !c->a->process && sc_case_is_small(c))
        sc_case_note(c, "The name of the current process is not known: %s.", c->process_why);
    return err;
}

/* Parameters and records that do not agree are worth a remark. */
static void note_oddities(struct sc_case *c) {
    const struct sc_analysis *a = c->a;
    if (a->has_bugcheck && a->has_exception && a->exception_va != SC_UNSET64 &&
        c->bug.arg[0].kind == SC_BUG_NTSTATUS && (uint32_t)a->arg[0].value != a->exception.code)
        sc_case_note(c, "Parameter 1 says 0x%08x, but the exception record says 0x%08x.",
                     (uint32_t)a->arg[0].value, a->exception.code);
    if (!a->has_bugcheck)
        return;
    for (unsigned i = 0; i < 4; i++) {
        enum sc_bug_kind kind = c->bug.arg[i].kind;
        if (a->arg[i].value && !a->arg[i].meaning &&
            (kind == SC_BUG_EXCEPTION || kind == SC_BUG_CONTEXT || kind == SC_BUG_TRAPFRAME))
            sc_case_note(c, "Parameter %u: the dump holds no %s at %s.", i + 1,
                         kind == SC_BUG_EXCEPTION ? "exception record"
                         : kind == SC_BUG_CONTEXT ? "context record"
                                                  : "trap frame",
                         sc_case_addr(c, a->arg[i].value));
    }
}

static void take_source_notes(struct sc_case *c) {
    const struct sc_source *s = sc_target_source(c->target);
    for (size_t i = 0; s && i < s->nnotes; i++) {
        if (s->notes[i].offset == SC_UNSET64)
            sc_case_note(c, "%s", s->notes[i].text);
        else
            sc_case_note(c, "%s (file offset 0x%llx)", s->notes[i].text,
                         (unsigned long long)s->notes[i].offset);
    }
    if (s && s->notes_dropped)
        sc_case_note(c, "%zu more oddities of the file are not listed.", s->notes_dropped);
}

/* What callers may know of the fault. */
static void take_fault(struct sc_case *c) {
    c->a->fault_ip = c->fault.ip;
    c->a->fault_address = c->fault.memory;
    c->a->fault_access = c->fault.access;
    if (c->k->thread)
        c->a->thread = c->k->thread;
}

static sc_err *gather(struct sc_case *c) {
    sc_err *err = load_lists(c);
    if (!err)
        err = sc_kfacts_load(c);
    if (err)
        return err;
    take_bugcheck(c);
    take_exception(c);
    take_regs(c);
    err = take_process(c);
    if (err)
        return err;
    sc_fault_find(c);
    note_oddities(c);
    err = sc_case_stack(c);
    if (err)
        return err;
    sc_fault_look(c);
    take_fault(c);
    sc_explain(c);
    err = sc_rules_run(c);
    if (err)
        return err;
    sc_case_rank(c);
    c->a->bucket = sc_bucket(c);
    take_source_notes(c);
    if (sc_target_cancelled(c->target))
        return sc_err_cancelled();
    return c->nomem ? sc_err_nomem() : NULL;
}

sc_err *sc_analyze(sc_target *target, struct sc_analysis **ret_analysis) {
    return sc_analyze_with(target, NULL, ret_analysis);
}

sc_err *sc_analyze_with(sc_target *target, sc_symtab *symtab, struct sc_analysis **ret_analysis) {
    struct whole *w = calloc(1, sizeof *w);
    if (!w)
        return sc_err_nomem();
    w->arena = sc_arena_create();
    if (!w->arena) {
        free(w);
        return sc_err_nomem();
    }
    struct sc_case c = {
        .target = target,
        .symtab = symtab,
        .machine = sc_target_machine(target),
        .arena = w->arena,
        .a = &w->analysis,
        .is32 = sc_target_ptr_size(target) == 4,
        .ptr_size = sc_target_ptr_size(target),
        .context_va = SC_UNSET64,
    };
    w->analysis.machine = c.machine;
    w->analysis.exception_va = SC_UNSET64;
    w->analysis.thread = w->analysis.fault_ip = w->analysis.fault_address = SC_UNSET64;
    sc_err *err = gather(&c);
    if (sc_target_take_nomem(target) && !err)
        err =
            sc_err_nomem(); /* a lookup came back empty for lack of memory: a hole in the result */
    w->analysis.findings = c.findings.item;
    w->analysis.nfindings = c.findings.count;
    w->analysis.notes = c.notes.item;
    w->analysis.nnotes = c.notes.count;
    w->analysis.facts = c.facts.item;
    w->analysis.nfacts = c.facts.count;
    sc_kfacts_end(c.k);
    if (err) {
        sc_analysis_destroy(&w->analysis);
        return err;
    }
    *ret_analysis = &w->analysis;
    return NULL;
}
