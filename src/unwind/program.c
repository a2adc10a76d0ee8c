/* SPDX-License-Identifier: MIT */
/*
 * The evaluator of frame programs. Their language:
 *
 *     name      `$` or `.` and letters or digits; the value of a variable, or what `=` assigns to
 *     number    decimal (0x: hexadecimal), a sign directly before it counts
 *     + - * / % of two numbers, which wrap
 *     @         a b @: a rounded down to a multiple of b, a power of two
 *     ^         what is in memory at that address
 *     =         name value =
 *
 * for example `$T0 $ebp = $eip $T0 4 + ^ = $ebp $T0 ^ = $esp $T0 8 + =`. Numbers have 32 bits, or
 * 64 where the CPU's have. Expressions of STACK CFI are the same without `=`; their names are those
 * of registers, which have no `$` on ARM, and `.cfa`: `.cfa -16 + ^`.
 *
 * Programs of x86:
 *
 * Variables that have a value beforehand: the registers by name; .cbLocals, .cbParams,
 * .cbSavedRegs, .cbCalleeParams. `$T0` … `$T9`, `$L` and `$P` are the program's own. Learnt from
 * Breakpad's document of its symbol files and from the programs in real PDBs and symbol files;
 * these show besides:
 *
 *   - MSVC names registers by CodeView's numbers as well: `$20 $T0 4 - ^ =` restores ebx (17 eax …
 *     24 edi). Breakpad's files have them translated or not.
 *   - Tokens stand apart by one blank, by two, or (seldom) by none behind an operator.
 *
 * .raSearch and .raSearchStart are where the return address lies. Inferred from real programs:
 * .raSearchStart begins to look at $T2. Those of functions without ebp say `$T2 $esp .cbLocals +
 * .cbSavedRegs + = $T0 .raSearchStart =`, and those of __finally blocks, which run on the stack
 * below their function's frame, `$T2 $esp = $T1 .raSearchStart =` although .cbLocals is their
 * function's. .raSearch begins where the former does.
 */
#include "unwind/program.h"

#include <string.h>

/* What lies on the stack of the evaluation: a value, or a name whose value was not asked for. */
struct item {
    bool is_name;
    char name[SC_PROGRAM_NAME];
    struct sc_program_value v;
};

struct run {
    struct sc_program *p;
    struct item item[SC_PROGRAM_DEPTH];
    size_t count;
};

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

void sc_program_init(struct sc_program *p, enum sc_program_language language,
                     sc_program_read_fn read, void *ctx) {
    memset(p, 0, offsetof(struct sc_program, var));
    p->language = language;
    p->read = read;
    p->ctx = ctx;
    p->nvars = 0;
    p->missing = 0;
    p->bad = 0;
}

/* A number, as wide as the language has them. */
static uint64_t fit(const struct sc_program *p, uint64_t v) {
    return p->language == SC_PROGRAM_CFI64 ? v : (uint32_t)v;
}

static struct sc_program_var *find(struct sc_program *p, const char *name) {
    for (size_t i = 0; i < p->nvars; i++)
        if (!strcmp(p->var[i].name, name))
            return &p->var[i];
    return NULL;
}

static struct sc_program_var *find_or_add(struct sc_program *p, const char *name) {
    struct sc_program_var *var = find(p, name);
    if (var || p->nvars == SC_PROGRAM_VARS)
        return var;
    var = &p->var[p->nvars++];
    memset(var, 0, sizeof *var);
    memcpy(var->name, name, strlen(name) + 1);
    return var;
}

void sc_program_set(struct sc_program *p, const char *name, uint64_t value) {
    struct sc_program_var *var = find_or_add(p, name);
    if (var)
        var->v = (struct sc_program_value){.value = fit(p, value)};
}

const struct sc_program_var *sc_program_get(const struct sc_program *p, const char *name) {
    return find((struct sc_program *)p, name);
}

/* ---- values ---- */

static bool push_value(struct run *r, struct sc_program_value v) {
    if (r->count == SC_PROGRAM_DEPTH)
        return false;
    r->item[r->count++] = (struct item){.v = v};
    return true;
}

static enum sc_program_status search(struct run *r, const char *name,
                                     struct sc_program_value *ret) {
    const struct sc_program_var *start = NULL;
    uint64_t slot = 0;
    if (!r->p->search)
        return SC_PROGRAM_UNKNOWN;
    if (!strcmp(name, ".raSearchStart"))
        start = find(r->p, "$T2");
    enum sc_program_status status = r->p->search(r->p->ctx, start ? &start->v.value : NULL, &slot);
    if (status == SC_PROGRAM_DONE)
        *ret = (struct sc_program_value){.value = slot};
    return status;
}

static enum sc_program_status pop_value(struct run *r, struct sc_program_value *ret) {
    if (!r->count)
        return SC_PROGRAM_BAD;
    const struct item *item = &r->item[--r->count];
    if (!item->is_name) {
        *ret = item->v;
        return SC_PROGRAM_DONE;
    }
    if (!strcmp(item->name, ".raSearch") || !strcmp(item->name, ".raSearchStart"))
        return search(r, item->name, ret);
    const struct sc_program_var *var = find(r->p, item->name);
    uint64_t value = 0;
    if (!var && (!r->p->lookup || !r->p->lookup(r->p->ctx, item->name, &value)))
        return SC_PROGRAM_UNKNOWN;
    *ret = var ? var->v : (struct sc_program_value){.value = fit(r->p, value)};
    return SC_PROGRAM_DONE;
}

/* ---- operators ---- */

static enum sc_program_status assign(struct run *r) {
    struct sc_program_value v;
    enum sc_program_status status = pop_value(r, &v);
    if (status != SC_PROGRAM_DONE)
        return status;
    if (!r->count || !r->item[r->count - 1].is_name || r->item[r->count - 1].name[0] != '$')
        return SC_PROGRAM_BAD;
    struct sc_program_var *var = find_or_add(r->p, r->item[--r->count].name);
    if (!var)
        return SC_PROGRAM_BAD;
    var->v = v;
    var->assigned = true;
    return SC_PROGRAM_DONE;
}

static enum sc_program_status dereference(struct run *r) {
    struct sc_program_value at, v = {.has_slot = true};
    enum sc_program_status status = pop_value(r, &at);
    if (status != SC_PROGRAM_DONE)
        return status;
    v.slot = at.value;
    status = r->p->read(r->p->ctx, at.value, &v.value);
    if (status == SC_PROGRAM_MEMORY)
        r->p->missing = at.value;
    v.value = fit(r->p, v.value);
    if (status == SC_PROGRAM_DONE)
        push_value(r, v);
    return status;
}

static bool compute(char op, uint64_t a, uint64_t b, uint64_t *ret) {
    switch (op) {
    case '+': *ret = a + b; return true;
    case '-': *ret = a - b; return true;
    case '*': *ret = a * b; return true;
    case '/':
    case '%':
        if (b)
            *ret = op == '/' ? a / b : a % b;
        return b != 0;
    case '@': *ret = a & ~(b - 1); return b && !(b & (b - 1));
    default: return false;
    }
}

static enum sc_program_status operate(struct run *r, char op) {
    struct sc_program_value a, b, v = {0};
    if (op == '=')
        return r->p->language == SC_PROGRAM_X86 ? assign(r) : SC_PROGRAM_BAD;
    if (op == '^')
        return dereference(r);
    enum sc_program_status status = pop_value(r, &b);
    if (status == SC_PROGRAM_DONE)
        status = pop_value(r, &a);
    if (status != SC_PROGRAM_DONE)
        return status;
    if (!compute(op, a.value, b.value, &v.value))
        return SC_PROGRAM_BAD;
    v.value = fit(r->p, v.value);
    push_value(r, v);
    return SC_PROGRAM_DONE;
}

/* ---- tokens ---- */

static unsigned digit_value(char c) {
    if (is_digit(c))
        return (unsigned)(c - '0');
    unsigned letter = (unsigned char)c | 0x20u;
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : 99;
}

/* A number up to MAX at *P, which is moved behind it; false when it is none or too large. */
static bool take_number(const char **p, uint64_t max, uint64_t *ret) {
    const char *s = *p;
    const bool negative = *s == '-';
    unsigned base = 10;
    uint64_t v = 0;
    s += negative;
    if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
        base = 16;
        s += 2;
    }
    const char *first = s;
    for (; digit_value(*s) < base; s++) {
        if (v > (max - digit_value(*s)) / base)
            return false;
        v = v * base + digit_value(*s);
    }
    *p = s;
    *ret = (negative ? 0 - v : v) & max;
    return s > first && !is_letter(*s);
}

/* The CPU's name of a register that is named by its CodeView number; NULL if it is none. */
static const char *numbered_register(const char *name) {
    static const char *const names[] = {"$eax", "$ecx", "$edx", "$ebx",
                                        "$esp", "$ebp", "$esi", "$edi"};
    const char *p = name + 1;
    uint64_t n = 0;
    if (!is_digit(*p) || !take_number(&p, UINT32_MAX, &n) || *p)
        return NULL;
    if (n == 33)
        return "$eip";
    return n - 17 < sizeof names / sizeof *names ? names[n - 17] : NULL;
}

static bool take_name(struct run *r, const char **p) {
    const bool marked = !is_letter(**p);
    const char *s = *p + 1;
    while (is_letter(*s) || is_digit(*s))
        s++;
    size_t len = (size_t)(s - *p);
    if (len < 1u + marked || len >= SC_PROGRAM_NAME || r->count == SC_PROGRAM_DEPTH)
        return false;
    struct item *item = &r->item[r->count++];
    *item = (struct item){.is_name = true};
    memcpy(item->name, *p, len);
    const bool numbered = r->p->language == SC_PROGRAM_X86 && item->name[0] == '$';
    const char *known = numbered ? numbered_register(item->name) : NULL;
    if (known)
        memcpy(item->name, known, strlen(known) + 1);
    *p = s;
    return true;
}

static enum sc_program_status take_token(struct run *r, const char **p) {
    struct sc_program_value v = {0};
    const char c = **p;
    if (c == '$' || c == '.' || (is_letter(c) && r->p->language != SC_PROGRAM_X86))
        return take_name(r, p) ? SC_PROGRAM_DONE : SC_PROGRAM_BAD;
    if (is_digit(c) || (c == '-' && is_digit((*p)[1]))) {
        if (!take_number(p, fit(r->p, UINT64_MAX), &v.value) || !push_value(r, v))
            return SC_PROGRAM_BAD;
        return SC_PROGRAM_DONE;
    }
    ++*p;
    return operate(r, c);
}

/* Runs what stands from TEXT up to END (NULL: its NUL); a program too long is bad where it is. */
static enum sc_program_status run_text(struct run *r, const char *text, const char *end) {
    const char *at = text;
    for (;;) {
        while (at != end && is_blank(*at))
            at++;
        if (at == end || !*at)
            return SC_PROGRAM_DONE;
        const char *token = at;
        enum sc_program_status status =
            at - text < SC_PROGRAM_LENGTH ? take_token(r, &at) : SC_PROGRAM_BAD;
        if (status == SC_PROGRAM_BAD)
            r->p->bad = (size_t)(token - text);
        if (status != SC_PROGRAM_DONE)
            return status;
    }
}

enum sc_program_status sc_program_run(struct sc_program *p, const char *text) {
    struct run r = {.p = p};
    enum sc_program_status status = run_text(&r, text, NULL);
    if (status == SC_PROGRAM_DONE && r.count) { /* values that nothing uses: something is missing */
        p->bad = strlen(text);
        return SC_PROGRAM_BAD;
    }
    return status;
}

enum sc_program_status sc_program_eval(struct sc_program *p, const char *text, size_t len,
                                       struct sc_program_value *ret) {
    struct run r = {.p = p};
    enum sc_program_status status = run_text(&r, text, text + len);
    if (status == SC_PROGRAM_DONE && r.count != 1) {
        p->bad = len;
        return SC_PROGRAM_BAD;
    }
    return status == SC_PROGRAM_DONE ? pop_value(&r, ret) : status;
}
