/* SPDX-License-Identifier: MIT */
/*
 * Look-ups in the table of bug checks that gen/bugchecks.py makes.
 *
 * The generated tables hold only integers, so that they need no relocations: a text is an offset
 * into sc_bug_pool (offset 0 is ""), everything else is an index into the table named. Row 0 of
 * each table but sc_bug_bugs is an empty one.
 *
 *   sc_bug_bugs    sorted by code: its name, its general block, its run of `when` rows
 *   sc_bug_whens   a run of conditions, and the block that replaces the general one whole
 *   sc_bug_conds   lo..hi for parameter ARG; MORE: the next row is another choice for the same one
 *   sc_bug_blocks  texts, parameters, culprits (1-4, ended by 0), commands (ended by 0)
 *   sc_bug_args    kind (an enum sc_bug_kind), text, run of values
 *   sc_bug_values  lo..hi, or a mask
 */
#include "bugcheck_table.h"

#include <stdio.h>
#include <string.h>

#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverlength-strings" /* the pool is one long literal */
#endif
#include "gen/bugchecks.inc"
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

_Static_assert(SC_BUG_TRIAGE + 1 == SC_BUG_KIND_COUNT, "kinds here and in gen/bugchecks.py differ");

/* As arrays, not pointers: pointers would need relocations. */
static const char kind_names[][13] = {
    "none",         "value",   "flags",   "count",    "subcode",   "address", "physical",
    "code",         "module",  "irql",    "ntstatus", "exception", "context", "trapframe",
    "bugcheckcode", "thread",  "process", "object",   "irp",       "mdl",     "devobj",
    "drvobj",       "fileobj", "dpc",     "timer",    "resource",  "lock",    "event",
    "workitem",     "pool",    "pooltag", "pte",      "pfn",       "stack",   "string",
    "unistring",    "cpu",     "whea",    "triage",
};
_Static_assert(COUNT(kind_names) == SC_BUG_KIND_COUNT, "a kind has no name");

static const char *text_at(uint32_t offset) { return sc_bug_pool + offset; }

/* The bits that count when a parameter of KIND is compared. */
static uint64_t compared_bits(enum sc_bug_kind kind, bool is32) {
    return is32 || kind == SC_BUG_NTSTATUS ? UINT32_MAX : UINT64_MAX;
}

static bool in_range(uint64_t value, uint64_t lo, uint64_t hi, uint64_t bits) {
    return (value & bits) >= (lo & bits) && (value & bits) <= (hi & bits);
}

static const struct sc_bug_bugs_row *find_bug(uint32_t code) {
    size_t low = 0, high = COUNT(sc_bug_bugs);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (sc_bug_bugs[middle].code == code)
            return &sc_bug_bugs[middle];
        if (sc_bug_bugs[middle].code < code)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* The kind that the general part of BUG gives parameter N (1-4). */
static enum sc_bug_kind general_kind(const struct sc_bug_bugs_row *bug, uint32_t n) {
    uint32_t arg = sc_bug_blocks[bug->block].arg[n - 1];
    return (enum sc_bug_kind)sc_bug_args[arg].kind;
}

/* Whether all conditions of WHEN hold. Rows chained by `more` are choices for one parameter. */
static bool when_holds(const struct sc_bug_bugs_row *bug, const struct sc_bug_whens_row *when,
                       const uint64_t args[4], bool is32) {
    bool any = false;
    for (uint32_t i = 0; i < when->nconds; i++) {
        const struct sc_bug_conds_row *cond = &sc_bug_conds[when->first_cond + i];
        uint64_t bits = compared_bits(general_kind(bug, cond->arg), is32);
        any = any || in_range(args[cond->arg - 1], cond->lo, cond->hi, bits);
        if (cond->more)
            continue;
        if (!any)
            return false;
        any = false;
    }
    return true;
}

/* The block of the first `when` row that holds, or 0. */
static uint32_t chosen_block(const struct sc_bug_bugs_row *bug, const uint64_t *args, bool is32) {
    if (args == NULL)
        return 0;
    for (uint32_t i = 0; i < bug->nwhens; i++) {
        const struct sc_bug_whens_row *when = &sc_bug_whens[bug->first_when + i];
        if (when_holds(bug, when, args, is32))
            return when->block;
    }
    return 0;
}

static void fill_arg(uint32_t index, struct sc_bug_arg *ret) {
    const struct sc_bug_args_row *row = &sc_bug_args[index];
    ret->kind = (enum sc_bug_kind)row->kind;
    ret->text = text_at(row->text);
    ret->first_value = row->first_value;
    ret->nvalues = row->nvalues;
}

static void fill_block(uint32_t index, struct sc_bug *ret) {
    const struct sc_bug_blocks_row *block = &sc_bug_blocks[index];
    ret->brief = text_at(block->brief);
    ret->about = text_at(block->about);
    for (int i = 0; i < 4; i++) {
        fill_arg(block->arg[i], &ret->arg[i]);
        ret->culprit[i] = (uint8_t)block->culprit[i];
        ret->cmd[i] = text_at(block->cmd[i]);
        if (block->culprit[i] != 0)
            ret->nculprit++;
        if (block->cmd[i] != 0)
            ret->ncmd++;
    }
}

bool sc_bug_explain(uint32_t code, const uint64_t args[4], bool is32, struct sc_bug *ret) {
    memset(ret, 0, sizeof(*ret));
    ret->code = code;
    ret->name = "UNKNOWN";
    const struct sc_bug_bugs_row *bug = find_bug(code);
    if (bug == NULL) {
        fill_block(0, ret);
        return false;
    }
    uint32_t block = chosen_block(bug, args, is32);
    ret->name = text_at(bug->name);
    ret->known = true;
    ret->subcode = block != 0;
    fill_block(block != 0 ? block : bug->block, ret);
    return true;
}

bool sc_bug_value(const struct sc_bug_arg *arg, uint32_t i, struct sc_bug_value *ret) {
    if (i >= arg->nvalues)
        return false;
    const struct sc_bug_values_row *row = &sc_bug_values[arg->first_value + i];
    ret->lo = row->lo;
    ret->hi = row->hi;
    ret->mask = row->mask != 0;
    ret->text = text_at(row->text);
    return true;
}

/* The text of the row of values that has VALUE; NULL when there is none. */
static const char *exact_meaning(const struct sc_bug_arg *arg, uint64_t value, uint64_t bits) {
    struct sc_bug_value row;
    for (uint32_t i = 0; sc_bug_value(arg, i, &row); i++) {
        if (!row.mask && in_range(value, row.lo, row.hi, bits))
            return row.text;
    }
    return NULL;
}

/* Appends TEXT at offset USED of BUF; returns the new offset, which stays below SIZE. */
static size_t append(char *buf, size_t size, size_t used, const char *text) {
    int want = snprintf(buf + used, size - used, "%s%s", used != 0 ? ", " : "", text);
    if (want < 0)
        return used;
    return (size_t)want < size - used ? used + (size_t)want : size - 1;
}

bool sc_bug_meaning(const struct sc_bug_arg *arg, uint64_t value, bool is32, char *buf,
                    size_t size) {
    char nowhere[1];
    if (size == 0) {
        buf = nowhere;
        size = sizeof(nowhere);
    }
    buf[0] = '\0';
    uint64_t bits = compared_bits(arg->kind, is32);
    const char *exact = exact_meaning(arg, value, bits);
    if (exact != NULL) {
        append(buf, size, 0, exact);
        return true;
    }
    struct sc_bug_value row;
    bool any = false;
    size_t used = 0;
    for (uint32_t i = 0; sc_bug_value(arg, i, &row); i++) {
        uint64_t mask = row.lo & bits;
        if (!row.mask || mask == 0 || (value & mask) != mask)
            continue;
        used = append(buf, size, used, row.text);
        any = true;
    }
    return any;
}

bool sc_bug_at(size_t i, uint32_t *ret_code, const char **ret_name) {
    if (i >= COUNT(sc_bug_bugs))
        return false;
    if (ret_code != NULL)
        *ret_code = sc_bug_bugs[i].code;
    if (ret_name != NULL)
        *ret_name = text_at(sc_bug_bugs[i].name);
    return true;
}

const char *sc_bug_kind_name(enum sc_bug_kind kind) {
    size_t i = (size_t)kind;
    return kind_names[i < COUNT(kind_names) ? i : 0];
}
