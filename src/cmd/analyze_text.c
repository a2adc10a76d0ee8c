/* SPDX-License-Identifier: MIT */
/*
 * The parts of `!analyze`'s text that are ours: the verdict, which stands first, so that one screen
 * tells what happened, who did it, how sure that is, and which command shows each claim; and the
 * explanation of the bug check in WinDbg's layout.
 */
#include "cmd/analyze_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { LINE_WIDTH = 79 };

void sc_analyze_heading(sc_out *out, bool kernel) {
    static const char stars[] =
        "*******************************************************************************\n";
    static const char blank[] =
        "*                                                                             *\n";
    sc_puts(out, stars);
    sc_puts(out, blank);
    sc_puts(out, kernel ? "*                        Bugcheck Analysis                         "
                          "           *\n"
                        : "*                        Exception Analysis                        "
                          "           *\n");
    sc_puts(out, blank);
    sc_puts(out, stars);
    sc_puts(out, "\n");
}

/* How many bytes of TEXT go on a line of ROOM: up to a blank; a longer word stays whole. */
static size_t line_length(const char *text, size_t room) {
    size_t len = strlen(text);
    if (len <= room)
        return len;
    for (size_t i = room + 1; i-- > 1;)
        if (text[i] == ' ')
            return i;
    size_t word = strcspn(text, " ");
    return word;
}

void sc_print_wrapped(sc_out *out, const char *first, unsigned indent, const char *text) {
    sc_printf(out, "%*s%s", (int)indent, "", first);
    unsigned at = indent + (unsigned)strlen(first);
    while (*text) {
        size_t len = line_length(text, at < LINE_WIDTH ? LINE_WIDTH - at : 1);
        sc_printf(out, "%.*s\n", (int)len, text);
        text += len + strspn(text + len, " ");
        if (*text)
            sc_printf(out, "%*s", (int)at, "");
    }
}

static enum sc_color color_of(enum sc_confidence confidence) {
    return confidence >= SC_STRONG ? SC_RED : confidence == SC_LIKELY ? SC_YELLOW : SC_BOLD;
}

static void verdict_sentence(sc_out *out, const char *label, const struct sc_finding *f) {
    char first[48];
    snprintf(first, sizeof first, "%s (%s): ", label, sc_confidence_name(f->confidence));
    sc_out_color(out, color_of(f->confidence));
    sc_print_wrapped(out, first, 0, f->summary);
    sc_out_color(out, SC_PLAIN);
}

static void claim_lines(sc_out *out, const struct sc_evidence *item, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const struct sc_evidence *e = &item[i];
        sc_print_wrapped(out, e->against ? "- " : "+ ", 4, e->claim);
        sc_out_color(out, SC_DIM);
        sc_printf(out, "        %s\n", e->command);
        sc_out_color(out, SC_PLAIN);
    }
}

static void evidence_lines(sc_out *out, const struct sc_finding *f) {
    sc_puts(out, "  Evidence:\n");
    claim_lines(out, f->evidence, f->nevidence);
}

void sc_analyze_facts(sc_out *out, const struct sc_analysis *a) {
    if (!a->nfacts)
        return;
    sc_puts(out, "\n  In this dump:\n");
    claim_lines(out, a->facts, a->nfacts);
}

static void lines(sc_out *out, const char *heading, const char *const *line, size_t n) {
    if (n)
        sc_printf(out, "  %s\n", heading);
    for (size_t i = 0; i < n; i++)
        sc_print_wrapped(out, "* ", 4, line[i]);
}

static void other_findings(sc_out *out, const struct sc_analysis *a) {
    for (size_t i = 1; i < a->nfindings; i++) {
        char label[32];
        snprintf(label, sizeof label, "ALSO %zu", i + 1);
        verdict_sentence(out, label, &a->findings[i]);
        sc_print_wrapped(out, "", 2, a->findings[i].detail);
        evidence_lines(out, &a->findings[i]);
    }
}

void sc_analyze_verdict(sc_out *out, const struct sc_analysis *a) {
    if (a->nfindings) {
        const struct sc_finding *f = &a->findings[0];
        verdict_sentence(out, "VERDICT", f);
        sc_print_wrapped(out, "", 2, f->detail);
        evidence_lines(out, f);
        lines(out, "Not known:", f->lacked, f->nlacked);
        lines(out, "What would settle it:", f->next, f->nnext);
        other_findings(out, a);
    }
    lines(out, "Odd about this dump:", a->notes, a->nnotes);
    sc_puts(out, "\n");
}

void sc_analyze_verdict_line(sc_out *out, const struct sc_analysis *a) {
    if (a->nfindings)
        verdict_sentence(out, "VERDICT", &a->findings[0]);
    sc_puts(out, "\n");
}

static void argument_line(sc_out *out, unsigned n, const struct sc_analyze_arg *arg,
                          unsigned ptr_size, bool enrich) {
    sc_printf(out, "Arg%u: %0*" PRIx64, n, (int)ptr_size * 2, arg->value);
    if (arg->text && arg->text[0])
        sc_printf(out, ", %s", arg->text);
    if (enrich && (arg->meaning || arg->where))
        sc_printf(out, "  [%s%s%s]", arg->meaning ? arg->meaning : "",
                  arg->meaning && arg->where ? "; " : "", arg->where ? arg->where : "");
    sc_puts(out, "\n");
}

void sc_analyze_explanation(sc_out *out, const struct sc_bug *bug,
                            const struct sc_analyze_arg arg[4], unsigned ptr_size, bool enrich) {
    if (bug->known)
        sc_printf(out, "%s (%" PRIx32 ")\n", bug->name, bug->code);
    else
        sc_printf(out, "Unknown bugcheck code (%" PRIx32 ")\n", bug->code);
    if (bug->brief[0])
        sc_print_wrapped(out, "", 0, bug->brief);
    if (bug->about[0])
        sc_print_wrapped(out, "", 0, bug->about);
    sc_puts(out, "Arguments:\n");
    for (unsigned i = 0; i < 4; i++)
        argument_line(out, i + 1, &arg[i], ptr_size, enrich);
}
