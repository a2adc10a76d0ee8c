/* SPDX-License-Identifier: MIT */
/*
 * `!analyze`: the verdict first, then WinDbg's layout: the bug check with its arguments, and the
 * "Debugging Details" as `KEY:  value` lines. Keys without a value are not printed. In JSON it is
 * one record (analysis_record.h).
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "analyze/args.h"
#include "base/utf.h"
#include "cmd/analysis_record.h"
#include "cmd/analyze_text.h"
#include "cmd/show.h"
#include "cmd/stack.h"
#include "nt/status.h"

/* What the printing functions share. */
struct shown {
    sc_session *session;
    sc_out *out;
    sc_target *target;
    const struct sc_analysis *a;
    sc_arena *arena;
    unsigned ptr_size;
};

static void key(const struct shown *s, const char *name, const char *value) {
    if (value && value[0])
        sc_printf(s->out, "%s:  %s\n\n", name, value);
}

/* "EXCEPTION_RECORD:  ADDR -- (.exr 0xADDR)", as the keys of structures look. */
static void key_at(const struct shown *s, const char *name, uint64_t addr, const char *command) {
    if (addr == SC_UNSET64)
        sc_printf(s->out, "%s:  (%s)\n", name, command);
    else
        sc_printf(s->out, "%s:  %0*" PRIx64 " -- (%s 0x%0*" PRIx64 ")\n", name,
                  (int)s->ptr_size * 2, addr, command, (int)s->ptr_size * 2, addr);
}

static void bugcheck_keys(const struct shown *s) {
    if (!s->a->has_bugcheck)
        return;
    sc_printf(s->out, "BUGCHECK_CODE:  %" PRIx32 "\n\n", s->a->code);
    for (unsigned i = 0; i < 4; i++)
        sc_printf(s->out, "BUGCHECK_P%u: %" PRIx64 "\n\n", i + 1, s->a->arg[i].value);
}

static void access_keys(const struct shown *s) {
    const struct sc_exception *e = &s->a->exception;
    if (!s->a->machine->windows || e->nparams < 2 ||
        (e->code != 0xc0000005 && e->code != 0xc0000006))
        return;
    char addr[20];
    snprintf(addr, sizeof addr, "%0*" PRIx64, (int)s->ptr_size * 2, e->param[1]);
    const char *word = nt_access_word(e->param[0]);
    if (word)
        key(s,
            strcmp(word, "write") == 0     ? "WRITE_ADDRESS"
            : strcmp(word, "execute") == 0 ? "EXECUTE_ADDRESS"
                                           : "READ_ADDRESS",
            addr);
}

static sc_err *exception_keys(const struct shown *s) {
    const struct sc_analysis *a = s->a;
    if (!a->has_exception)
        return NULL;
    key_at(s, "EXCEPTION_RECORD", a->exception_va,
           a->exception_va == SC_UNSET64 ? ".exr -1" : ".exr");
    sc_err *err = sc_show_exception(s->session, &a->exception, s->arena);
    if (err)
        return err;
    sc_puts(s->out, "\n");
    sc_printf(s->out, "EXCEPTION_CODE: %s0x%08" PRIx32, a->machine->windows ? "(NTSTATUS) " : "",
              a->exception.code);
    if (a->exception_name)
        sc_printf(s->out, " - %s", a->exception_name);
    sc_printf(s->out, "\n\nEXCEPTION_CODE_STR:  %" PRIx32 "\n\n", a->exception.code);
    for (uint32_t i = 0; i < a->exception.nparams; i++)
        sc_printf(s->out, "EXCEPTION_PARAMETER%" PRIu32 ":  %0*" PRIx64 "\n\n", i + 1,
                  (int)s->ptr_size * 2, a->exception.param[i]);
    access_keys(s);
    return NULL;
}

/* The parameter of KIND that the registers were read from; SC_UNSET64 when none is. */
static uint64_t arg_of_kind(const struct sc_analysis *a, const char *kind) {
    for (unsigned i = 0; i < 4 && a->has_bugcheck; i++)
        if (a->arg[i].value && a->arg[i].meaning && strcmp(a->arg[i].kind, kind) == 0)
            return a->arg[i].value;
    return SC_UNSET64;
}

static void trap_key(const struct shown *s, uint64_t frame) {
    key_at(s, "TRAP_FRAME", frame, ".trap");
    if (s->ptr_size == 8)
        sc_puts(s->out, "NOTE: The trap frame does not contain all registers.\n"
                        "Some register values may be zeroed or incorrect.\n");
}

static sc_err *context_keys(const struct shown *s) {
    if (!s->a->has_regs)
        return NULL;
    uint64_t context = arg_of_kind(s->a, "context"), frame = arg_of_kind(s->a, "trapframe");
    if (context != SC_UNSET64)
        key_at(s, "CONTEXT", context, ".cxr");
    else if (frame != SC_UNSET64)
        trap_key(s, frame);
    else
        key_at(s, "CONTEXT", SC_UNSET64, ".ecxr");
    bool partial = context == SC_UNSET64 && frame != SC_UNSET64 && s->ptr_size == 8;
    sc_err *err =
        sc_show_regs(s->session, &s->a->regs, partial ? SC_RM_INTEGER : SC_RM_DEFAULT, s->arena);
    sc_puts(s->out, "\n");
    return err;
}

/* The verdict, if it says who; a weaker finding that does is no substitute for it. */
static const struct sc_finding *blaming(const struct sc_analysis *a) {
    return a->nfindings && a->findings[0].module ? &a->findings[0] : NULL;
}

/* Whom the verdict names: an image, or a driver that is not there any more. NULL: nobody. */
static const char *culprit(const struct sc_analysis *a) {
    const struct sc_finding *f = a->nfindings ? &a->findings[0] : NULL;
    if (!f || f->module)
        return f ? f->module->image : NULL;
    bool gone = f->symbol && (!strncmp(f->symbol, "<Unloaded_", 10) ||
                              !(strstr(f->symbol, "+0x") || strchr(f->symbol, '!')));
    return gone ? f->symbol : NULL;
}

static void image_version(const struct shown *s, const struct sc_module *m) {
    const struct sc_version *v = &m->version;
    if (v->present)
        sc_printf(s->out, "IMAGE_VERSION:  %u.%u.%u.%u\n\n", v->file[0], v->file[1], v->file[2],
                  v->file[3]);
}

static void module_keys(const struct shown *s) {
    const struct sc_finding *f = blaming(s->a);
    if (s->a->nfindings)
        key(s, "SYMBOL_NAME", s->a->findings[0].symbol);
    if (!f)
        return;
    sc_printf(s->out, "MODULE_NAME: %s\n\n", f->module->name);
    key(s, "IMAGE_NAME", f->module->image);
    image_version(s, f->module);
}

/* The stack in the columns of kv, without a heading. */
static sc_err *stack_keys(const struct shown *s) {
    static const struct sc_kform form = {.args = true, .child = true};
    const struct sc_walked walked = {.stack = s->a->stack};
    if (!walked.stack.count)
        return NULL;
    sc_puts(s->out, "STACK_TEXT:  \n");
    sc_err *err = sc_show_frames(s->session, &walked, &form, s->arena);
    sc_puts(s->out, "\n");
    return err;
}

static void system_keys(const struct shown *s) {
    const struct sc_machine *m = s->a->machine;
    if (m->major && m->revision)
        sc_printf(s->out, "OS_VERSION:  %" PRIu32 ".%" PRIu32 ".%" PRIu32 ".%" PRIu32 "\n\n",
                  m->major, m->minor, m->build, m->revision);
    else if (m->major)
        sc_printf(s->out, "OS_VERSION:  %" PRIu32 ".%" PRIu32 ".%" PRIu32 "\n\n", m->major,
                  m->minor, m->build);
    key(s, "BUILDLAB_STR", m->lab);
    key(s, "OSPLATFORM_TYPE", sc_cpu_name(m->cpu));
}

static void followup(const struct shown *s) {
    sc_puts(s->out, "Followup:     MachineOwner\n---------\n\n");
}

/* The rows of the table again: the analysis keeps only what it says of this dump. */
static void explanation(const struct shown *s) {
    const struct sc_analysis *a = s->a;
    struct sc_bug bug;
    struct sc_analyze_arg arg[4];
    uint64_t value[4];
    for (unsigned i = 0; i < 4; i++) {
        value[i] = a->arg[i].value;
        arg[i] = (struct sc_analyze_arg){a->arg[i].value, a->arg[i].text, a->arg[i].meaning,
                                         a->arg[i].where};
    }
    sc_bug_explain(a->code, value, s->ptr_size == 4, &bug);
    sc_analyze_explanation(s->out, &bug, arg, s->ptr_size, sc_session_enrich(s->session));
}

static sc_err *print_details(const struct shown *s) {
    sc_puts(s->out, "\nDebugging Details:\n------------------\n\n");
    bugcheck_keys(s);
    sc_err *err = exception_keys(s);
    if (!err)
        err = context_keys(s);
    if (err)
        return err;
    key(s, "PROCESS_NAME", s->a->process);
    err = stack_keys(s);
    if (err)
        return err;
    module_keys(s);
    key(s, "STACK_COMMAND", s->a->stack_command);
    key(s, "FAILURE_BUCKET_ID", s->a->bucket);
    system_keys(s);
    followup(s);
    return NULL;
}

static sc_err *print_long(const struct shown *s) {
    sc_analyze_heading(s->out, s->a->machine->kernel);
    sc_analyze_verdict(s->out, s->a);
    if (s->a->has_bugcheck)
        explanation(s);
    if (sc_session_enrich(s->session))
        sc_analyze_facts(s->out, s->a);
    return print_details(s);
}

static sc_err *print_short(const struct shown *s) {
    const struct sc_analysis *a = s->a;
    sc_analyze_heading(s->out, a->machine->kernel);
    sc_puts(s->out, "Use !analyze -v to get detailed debugging information.\n\n");
    if (a->has_bugcheck) {
        sc_printf(s->out, "BugCheck %" PRIX32 ", {", a->code);
        for (unsigned i = 0; i < 4; i++)
            sc_printf(s->out, "%s%" PRIx64, i ? ", " : "", a->arg[i].value);
        sc_puts(s->out, "}\n\n");
    }
    sc_analyze_verdict_line(s->out, a);
    if (culprit(a))
        sc_printf(s->out, "Probably caused by : %s ( %s )  [%s]\n\n", culprit(a),
                  a->findings[0].symbol ? a->findings[0].symbol : a->findings[0].module->name,
                  sc_confidence_name(a->findings[0].confidence));
    followup(s);
    return NULL;
}

static sc_err *emit(const struct shown *s, bool verbose) {
    if (sc_out_render(s->out) != SC_RENDER_JSON)
        return verbose ? print_long(s) : print_short(s);
    struct sc_analysis_record record;
    sc_err *err = sc_analysis_record_fill(s->a, s->target, s->arena, &record);
    if (!err)
        sc_record(s->out, &sc_analysis_rectype, &record, NULL, NULL);
    return err;
}

/* ---- -show: a code explained without any dump ---- */

static const struct sc_field show_fields[] = {
    SC_FIELD(struct sc_analysis_record, bugcheck, SC_F_STR),
    SC_FIELD(struct sc_analysis_record, name, SC_F_STR),
    SC_FIELD(struct sc_analysis_record, brief, SC_F_STR),
    SC_FIELD(struct sc_analysis_record, about, SC_F_STR),
    SC_FIELD_END,
};
static const struct sc_rectype show_type = {"bugcheck_explanation",
                                            sizeof(struct sc_analysis_record), show_fields};
static const struct sc_field show_arg_fields[] = {
    SC_FIELD(struct sc_argument_row, value, SC_F_HEX64),
    SC_FIELD(struct sc_argument_row, kind, SC_F_STR),
    SC_FIELD(struct sc_argument_row, text, SC_F_STR),
    SC_FIELD(struct sc_argument_row, meaning, SC_F_STR),
    SC_FIELD_END,
};
static const struct sc_rectype show_arg_type = {"bugcheck_argument", sizeof(struct sc_argument_row),
                                                show_arg_fields};

static sc_err *show_records(sc_out *out, const struct sc_bug *bug,
                            const struct sc_analyze_arg arg[4], sc_arena *arena) {
    struct sc_analysis_record r = {.name = bug->name, .brief = bug->brief, .about = bug->about};
    r.bugcheck = sc_arena_printf(arena, "0x%08" PRIx32, bug->code);
    if (!r.bugcheck)
        return sc_err_nomem();
    sc_record(out, &show_type, &r, NULL, NULL);
    for (unsigned i = 0; i < 4; i++) {
        struct sc_argument_row row = {arg[i].value, sc_bug_kind_name(bug->arg[i].kind),
                                      bug->arg[i].text, arg[i].meaning, NULL};
        sc_record(out, &show_arg_type, &row, NULL, NULL);
    }
    return NULL;
}

enum { AT_VERBOSE, AT_FORCE, AT_HANG, AT_SHOW, AT_BUCKET, AT_CODE, AT_P1 };

static sc_err *show_code(sc_session *session, const struct sc_args *args) {
    if (!args->v[AT_CODE].given)
        return sc_errf(SC_ERR_ARG, "!analyze -show needs a bug-check code: !analyze -show 9f 3");
    if (args->v[AT_CODE].num > UINT32_MAX)
        return sc_errf(SC_ERR_ARG, "%" PRIx64 " is no bug-check code: it has more than 32 bits",
                       args->v[AT_CODE].num);
    sc_target *target = sc_session_target(session);
    enum sc_cpu cpu = target ? sc_target_machine(target)->cpu : SC_CPU_X64;
    bool is32 = sc_cpu_ptr_size(cpu) == 4, any = false, nomem = false;
    uint64_t value[4];
    for (unsigned i = 0; i < 4; i++) {
        value[i] = args->v[AT_P1 + i].given ? args->v[AT_P1 + i].num : 0;
        any |= args->v[AT_P1 + i].given;
    }
    struct sc_bug bug;
    sc_bug_explain((uint32_t)args->v[AT_CODE].num, any ? value : NULL, is32, &bug);
    bug.code = (uint32_t)args->v[AT_CODE].num;
    struct sc_analyze_arg arg[4];
    for (unsigned i = 0; i < 4; i++) {
        arg[i] = (struct sc_analyze_arg){is32 ? value[i] & 0xffffffff : value[i], bug.arg[i].text,
                                         NULL, NULL};
        if (args->v[AT_P1 + i].given)
            arg[i].meaning = sc_arg_meaning(args->arena, &bug.arg[i], value[i], cpu, &nomem);
    }
    if (nomem)
        return sc_err_nomem();
    sc_out *out = sc_session_out(session);
    if (sc_out_render(out) == SC_RENDER_JSON)
        return show_records(out, &bug, arg, args->arena);
    sc_analyze_explanation(out, &bug, arg, is32 ? 4 : 8, sc_session_enrich(session));
    return NULL;
}

/* ---- the command ---- */

static sc_err *analyze(sc_session *session, const struct sc_args *args) {
    if (args->v[AT_SHOW].given)
        return show_code(session, args);
    if (args->v[AT_CODE].given)
        return sc_errf(SC_ERR_ARG,
                       "!analyze takes no address; a bug-check code goes with -show: "
                       "!analyze -show %s",
                       args->v[AT_CODE].text);
    sc_target *target = sc_session_target(session);
    if (!target)
        return sc_errf(SC_ERR_ARG, "!analyze needs a dump; only !analyze -show works without one");
    struct sc_analysis *a;
    sc_err *err = sc_analyze_with(target, sc_session_symtab(session), &a);
    if (err)
        return err;
    sc_out *out = sc_session_out(session);
    const struct sc_val *bucket = &args->v[AT_BUCKET];
    if (args->v[AT_HANG].given)
        sc_remark(out, "-hang: this is the analysis of the stop; who waits for whom is not "
                       "searched for yet.");
    struct shown s = {session, out, target, a, args->arena, sc_target_ptr_size(target)};
    if (bucket->given && sc_strcasecmp(bucket->text, a->bucket) != 0)
        sc_remark(out, "This dump's bucket is %s, not %s.", a->bucket, bucket->text);
    else
        err = emit(&s, args->v[AT_VERBOSE].given);
    sc_analysis_destroy(a);
    return err;
}

static const struct sc_arg analyze_args[] = {
    {SC_ARG_OPTION, "verbose", "v", true, "the whole analysis"},
    {SC_ARG_OPTION, "force", "f", true, "accepted, as in WinDbg: it is always done anew"},
    {SC_ARG_OPTION, "hang", "hang", true, "the dump was taken of a hang"},
    {SC_ARG_OPTION, "show", "show", true, "explain a bug-check code; needs no dump"},
    {SC_ARG_OPTION_WORD, "bucket", "D", true, "only if the dump belongs to this bucket"},
    {SC_ARG_EXPR, "code", NULL, true, "with -show: the bug-check code"},
    {SC_ARG_EXPR, "p1", NULL, true, "with -show: its parameters"},
    {SC_ARG_EXPR, "p2", NULL, true, NULL},
    {SC_ARG_EXPR, "p3", NULL, true, NULL},
    {SC_ARG_EXPR, "p4", NULL, true, NULL},
    {SC_ARG_END, NULL, NULL, false, NULL},
};

const struct sc_command sc_analyze_commands[] = {
    {
        .name = "!analyze",
        .aliases = "!ext.analyze",
        .brief = "Says what happened, who did it, how sure that is, and what shows it",
        .args = analyze_args,
        .help = "Looks at the bug check and its parameters, the exception and the registers, and "
                "gives findings: the best first, each with evidence. Every claim stands above the "
                "command that shows it; type that command to see for yourself. A claim that starts "
                "with '-' speaks against the finding.\n"
                "\n"
                "How sure: \"certain\" when the dump itself records it, \"strong\" when the "
                "faulting instruction or a structure points there and nothing contradicts it, "
                "\"likely\" for one good piece of evidence, \"possible\" for what is worth a "
                "look.\n"
                "\n"
                "`!analyze -show 9f 3` explains a bug-check code, with parameters or without, and "
                "needs no dump.",
        .sample = "!analyze -show d1",
        .run = analyze,
    },
    {.name = NULL},
};
