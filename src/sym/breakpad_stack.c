/* SPDX-License-Identifier: MIT */
/*
 * Stack records: STACK WIN as they stand, and STACK CFI put together for one address: the rules of
 * the INIT, each replaced by the last change at or below the address.
 */
#include <string.h>

#include "sym/breakpad_impl.h"

/* "NAME: expression" within a line. */
struct rule {
    const char *name, *expr;
    size_t name_len, expr_len;
};
struct rules {
    struct rule item[BP_RULES_MAX];
    size_t count;
};

/* The end of the field at P. */
static const char *field_end(const char *p) { return p + strcspn(p, " "); }

static bool put_rule(struct rules *rules, const struct rule *r) {
    for (size_t i = 0; i < rules->count; i++)
        if (rules->item[i].name_len == r->name_len &&
            !memcmp(rules->item[i].name, r->name, r->name_len)) {
            rules->item[i] = *r;
            return true;
        }
    if (rules->count == BP_RULES_MAX)
        return false;
    rules->item[rules->count++] = *r;
    return true;
}

/* Takes the rules of a line: a field that ends in a colon begins one. */
static bool take_rules(struct rules *rules, const char *p) {
    struct rule r = {0};
    for (;;) {
        p += strspn(p, " ");
        const char *end = field_end(p);
        bool begins = end > p && end[-1] == ':';
        if ((begins || !*p) && r.name && !put_rule(rules, &r))
            return false;
        if (!*p)
            return true;
        if (begins) {
            r = (struct rule){.name = p, .name_len = (size_t)(end - p)};
        } else if (r.name) {
            if (!r.expr)
                r.expr = p;
            r.expr_len = (size_t)(end - r.expr);
        }
        p = end;
    }
}

static char *put(char *out, const char *text, size_t len) {
    memcpy(out, text, len);
    return out + len;
}

/* "NAME: expression NAME: expression …" in the arena. */
static sc_err *join_rules(struct bp *bp, const struct rules *rules, const char **ret_text) {
    size_t size = 1;
    for (size_t i = 0; i < rules->count; i++)
        size += rules->item[i].name_len + rules->item[i].expr_len + 2;
    /* All that was ever put together stays until the end: bounded by the file's size. */
    if (size > BP_RULE_TEXT_MAX || sc_arena_size(bp->arena) > (size_t)bp->size + (1u << 20))
        return sc_errf(SC_ERR_LIMIT, "%s: unwind rules longer than the file allows", bp->path);
    char *text = sc_arena_alloc(bp->arena, size), *out = text;
    if (!text)
        return sc_err_nomem();
    for (size_t i = 0; i < rules->count; i++) {
        const struct rule *r = &rules->item[i];
        if (i)
            *out++ = ' ';
        out = put(out, r->name, r->name_len);
        *out++ = ' ';
        if (r->expr)
            out = put(out, r->expr, r->expr_len);
    }
    *ret_text = text;
    return NULL;
}

static const char *init_rules(const struct bp *bp, uint32_t text) {
    struct bp_fields f = {bp->text + text, false};
    bp_word(&f, "STACK");
    bp_word(&f, "CFI");
    bp_word(&f, "INIT");
    bp_hex(&f);
    bp_hex(&f);
    return bp_rest(&f);
}

static const char *delta_rules(const struct bp *bp, uint32_t text) {
    struct bp_fields f = {bp->text + text, false};
    bp_word(&f, "STACK");
    bp_word(&f, "CFI");
    bp_hex(&f);
    return bp_rest(&f);
}

/* The first delta at or above RVA. */
static size_t first_delta(const struct bp *bp, uint32_t rva) {
    size_t low = 0, high = bp->deltas.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (bp->deltas.item[middle].rva < rva)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The rules at RVA inside INIT; *RET_TEXT lives as long as the provider. */
static sc_err *cfi_rules(struct bp *bp, const struct bp_range *init, uint32_t rva,
                         const char **ret_text) {
    const size_t first = first_delta(bp, init->rva);
    const size_t end = rva == UINT32_MAX ? bp->deltas.count : first_delta(bp, rva + 1);
    const uint64_t key = (uint64_t)(init - bp->inits.item) << 32 | (uint32_t)(end - first);
    uint64_t known;
    if (sc_map_get_number(&bp->rules, key, &known)) {
        *ret_text = (const char *)(uintptr_t)known;
        return NULL;
    }
    struct rules rules = {.count = 0};
    bool fits = take_rules(&rules, init_rules(bp, init->text));
    for (size_t i = first; fits && i < end; i++)
        fits = take_rules(&rules, delta_rules(bp, bp->deltas.item[i].text));
    if (!fits)
        return sc_err_at(SC_ERR_LIMIT, bp->path, init->text, "rules for more than %d registers",
                         (int)BP_RULES_MAX);
    sc_err *err = join_rules(bp, &rules, ret_text);
    if (!err && !sc_map_put_number(&bp->rules, key, (uint64_t)(uintptr_t)*ret_text))
        err = sc_err_nomem();
    return err;
}

static struct sc_frame_rule win_rule(const struct bp *bp, uint32_t text, bool program) {
    struct bp_fields f = {bp->text + text, false};
    struct sc_frame_rule r = {.fpo_kind = program ? 0xff : 0};
    bp_word(&f, "STACK");
    bp_word(&f, "WIN");
    bp_hex(&f);
    r.rva = bp_hex(&f);
    r.size = bp_hex(&f);
    r.prolog = bp_hex(&f);
    bp_hex(&f); /* epilog */
    r.params = bp_hex(&f);
    r.saved_regs = bp_hex(&f);
    r.locals = bp_hex(&f);
    r.max_stack = bp_hex(&f);
    if (bp_hex(&f))
        r.program = bp_rest(&f);
    else
        r.uses_ebp = bp_hex(&f) != 0;
    return r;
}

sc_err *bp_frame_rule(void *impl, uint32_t rva, struct sc_frame_rule *ret, bool *ret_found) {
    struct bp *bp = impl;
    const struct bp_range *r = bp_covering(&bp->win_programs, rva);
    bool program = r != NULL;
    if (!r)
        r = bp_covering(&bp->win_fpos, rva);
    if (r) {
        *ret = win_rule(bp, r->text, program);
        *ret_found = true;
        return NULL;
    }
    r = bp_covering(&bp->inits, rva);
    if (!r)
        return NULL;
    struct sc_frame_rule rule = {.rva = r->rva, .size = r->size, .fpo_kind = 0xff};
    mtx_lock(&bp->lock);
    sc_err *err = cfi_rules(bp, r, rva, &rule.program);
    mtx_unlock(&bp->lock);
    if (err)
        return err;
    *ret = rule;
    *ret_found = true;
    return NULL;
}
