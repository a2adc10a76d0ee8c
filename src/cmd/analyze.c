/* SPDX-License-Identifier: MIT */
/*
 * `!analyze`: the verdict first, then WinDbg's layout: the bug check with its arguments, and the
 * "Debugging Details" as `KEY:  value` lines. Keys without a value are not printed. In JSON it is
 * one record (analysis_record.h).
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/utf.h"
#include "cmd/analysis_record.h"
#include "cmd/analyze_details.h"
#include "cmd/analyze_text.h"

/* Whom the verdict names: an image, or a driver that is not there any more. NULL: nobody. */
static const char *culprit(const struct sc_analysis *a) {
    const struct sc_finding *f = a->nfindings ? &a->findings[0] : NULL;
    if (!f || f->module)
        return f ? f->module->image : NULL;
    bool gone = f->symbol && (!strncmp(f->symbol, "<Unloaded_", 10) ||
                              !(strstr(f->symbol, "+0x") || strchr(f->symbol, '!')));
    return gone ? f->symbol : NULL;
}

/* The rows of the table again: the analysis keeps only what it says of this dump. */
static void explanation(const struct sc_shown *s) {
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

static void followup(const struct sc_shown *s) {
    sc_puts(s->out, "Followup:     MachineOwner\n---------\n\n");
}

static sc_err *print_long(const struct sc_shown *s) {
    sc_analyze_heading(s->out, s->a->machine->kernel);
    sc_analyze_verdict(s->out, s->a);
    if (s->a->has_bugcheck)
        explanation(s);
    if (sc_session_enrich(s->session))
        sc_analyze_facts(s->out, s->a);
    sc_err *err = sc_analyze_details(s);
    followup(s);
    return err;
}

static sc_err *print_short(const struct sc_shown *s) {
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

static sc_err *emit(const struct sc_shown *s, bool verbose) {
    if (sc_out_render(s->out) != SC_RENDER_JSON)
        return verbose ? print_long(s) : print_short(s);
    struct sc_analysis_record record;
    sc_err *err = sc_analysis_record_fill(s->a, s->target, s->arena, &record);
    if (!err)
        sc_record(s->out, &sc_analysis_rectype, &record, NULL, NULL);
    return err;
}

/* ---- the command ---- */

enum { AT_VERBOSE, AT_FORCE, AT_HANG, AT_SHOW, AT_BUCKET, AT_CODE, AT_P1 };

static sc_err *analyze(sc_session *session, const struct sc_args *args) {
    if (args->v[AT_SHOW].given)
        return sc_analyze_show(session, &args->v[AT_CODE], args->arena);
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
    struct sc_shown s = {session, out, target, a, args->arena, sc_target_ptr_size(target)};
    if (bucket->given && sc_strcasecmp(bucket->text, a->bucket) != 0)
        sc_remark(out, "This dump's bucket is %s, not %s.", a->bucket, bucket->text);
    else
        err = emit(&s, args->v[AT_VERBOSE].given);
    if (!err && args->v[AT_HANG].given)
        err = sc_analyze_hang(&s);
    sc_analysis_destroy(a);
    return err;
}

static const struct sc_arg analyze_args[] = {
    {SC_ARG_OPTION, "verbose", "v", true, "the whole analysis"},
    {SC_ARG_OPTION, "force", "f", true, "accepted, as in WinDbg: it is always done anew"},
    {SC_ARG_OPTION, "hang", "hang", true, "the dump was taken of a hang: who waits for what"},
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
        .help =
            "Looks at the bug check and its parameters, the exception and the registers, and "
            "gives findings: the best first, each with evidence. Every claim stands above the "
            "command that shows it; type that command to see for yourself. A claim that starts "
            "with '-' speaks against the finding.\n"
            "\n"
            "How sure: \"certain\" when the dump itself records it, \"strong\" when the "
            "faulting instruction or a structure points there and nothing contradicts it, "
            "\"likely\" for one good piece of evidence, \"possible\" for what is worth a "
            "look.\n"
            "\n"
            "Below the parameters stands what they, the records they lead to, and the moment of "
            "the stop say in this dump.\n"
            "\n"
            "`-hang` adds who waits: of a process all threads, equal stacks once; of a small "
            "kernel dump the one thread that it holds.\n"
            "\n"
            "`!analyze -show 9f 3` explains a bug-check code, with parameters or without, and "
            "needs no dump: parameters are decoded as far as numbers alone tell.",
        .sample = "!analyze -show d1",
        .run = analyze,
    },
    {.name = NULL},
};
