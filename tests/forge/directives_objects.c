/* SPDX-License-Identifier: MIT */
/* Directives about what is in memory: structures, processes, threads, stacks, code, bytes. */
#include <stdio.h>
#include <string.h>

#include "forge/reader.h"
#include "forge/reader_modules.h"
#include "forge/reader_tables.h"

enum { STACK_MOST = 16 << 20 };

static bool read_symbol(struct forge_reader *r) {
    static const struct {
        const char *name;
        enum forge_symbol_kind kind;
    } kinds[] = {{"function", FORGE_SYM_FUNCTION},
                 {"data", FORGE_SYM_DATA},
                 {"public", FORGE_SYM_PUBLIC},
                 {"label", FORGE_SYM_LABEL},
                 {"static", FORGE_SYM_STATIC}};
    struct forge_scn_symbol v = {.line = r->line};
    if (!forge_take_symbol(r, &v.module, &v.name) || !forge_take_expr(r, "an address", &v.address))
        return false;
    while (forge_next(r)) {
        size_t i = 0;
        if (forge_take_is(r, "size")) {
            if (!forge_take_hex32(r, "size", &v.size))
                return false;
            continue;
        }
        if (forge_take_is(r, "type")) {
            if (!forge_take_text(r, "a type", &v.type))
                return false;
            continue;
        }
        if (forge_take_is(r, "home")) {
            if (!forge_take_expr(r, "an address", &v.home))
                return false;
            continue;
        }
        if (forge_take_is(r, "unplaced")) {
            v.unplaced = true;
            continue;
        }
        while (i < sizeof kinds / sizeof *kinds && !forge_take_is(r, kinds[i].name))
            i++;
        if (i == sizeof kinds / sizeof *kinds)
            return forge_take_end(r);
        v.has_kind = true;
        v.kind = kinds[i].kind;
    }
    *FORGE_PUSH(&r->s->pool, &r->s->symbols) = v;
    return true;
}

static bool read_moved(struct forge_reader *r) {
    struct forge_scn_moved v = {.line = r->line};
    if (!forge_take_symbol(r, &v.module, &v.name) || !forge_take_expr(r, "an address", &v.address))
        return false;
    const char *plus = strrchr(v.name, '+');
    if (!plus || !forge_number(plus + 1, &v.disp) || v.disp > INT32_MAX)
        return forge_reader_wrong(r, "\"%s\" is not name+distance", v.name);
    v.name = forge_pool_text(&r->s->pool, v.name, (size_t)(plus - v.name));
    *FORGE_PUSH(&r->s->pool, &r->s->moved) = v;
    return true;
}

/* A name stands before the address when two words without `=` do, or when the first is no number.
 */
static bool name_comes_first(const struct forge_reader *r) {
    const struct forge_word *w = forge_next(r);
    const struct forge_word *second = r->at + 1 < r->words.count ? w + 1 : NULL;
    uint64_t v;
    if (!w || w->key)
        return false;
    return w->quoted || !forge_number(w->text, &v) ||
           (second && !second->key && forge_number(second->text, &v));
}

static bool read_process(struct forge_reader *r) {
    struct forge_scn_process v = {.line = r->line};
    if (name_comes_first(r) && !forge_take_text(r, "a name", &v.name))
        return false;
    if (!forge_take_hex(r, "an address", &v.address))
        return false;
    if (forge_take_is(r, "pid") && !forge_take_hex(r, "pid", &v.pid))
        return false;
    if (!forge_take_assigns(r, &v.member))
        return false;
    *FORGE_PUSH(&r->s->pool, &r->s->processes) = v;
    return true;
}

static bool read_cid(struct forge_reader *r, struct forge_scn_thread *v) {
    const char *text;
    if (!forge_take_text(r, "process.thread", &text))
        return false;
    const char *dot = strchr(text, '.');
    v->has_cid = true;
    return (dot &&
            forge_number(forge_pool_text(&r->s->pool, text, (size_t)(dot - text)), &v->pid) &&
            forge_number(dot + 1, &v->tid)) ||
           forge_reader_wrong(r, "cid: \"%s\" is not process.thread", text);
}

static bool next_is_number(const struct forge_reader *r) {
    const struct forge_word *w = forge_next(r);
    uint64_t v;
    return w && !w->quoted && !w->key && forge_number(w->text, &v);
}

static bool read_stack_of_thread(struct forge_reader *r, struct forge_scn_thread *v) {
    v->has_stack = true;
    if (!forge_take_hex(r, "stack: the base", &v->stack_base) ||
        !forge_take_hex(r, "stack: the limit", &v->stack_limit))
        return false;
    if (v->stack_limit >= v->stack_base)
        return forge_reader_wrong(r, "stack: the base %llx must lie above the limit %llx",
                                  (unsigned long long)v->stack_base,
                                  (unsigned long long)v->stack_limit);
    if (v->stack_base - v->stack_limit > STACK_MOST)
        return forge_reader_wrong(r, "stack: %llx bytes are too many",
                                  (unsigned long long)(v->stack_base - v->stack_limit));
    v->has_init = next_is_number(r);
    if (v->has_init && !forge_take_hex(r, "stack: init", &v->stack_init))
        return false;
    v->has_current = v->has_init && next_is_number(r);
    return !v->has_current || forge_take_hex(r, "stack: current", &v->stack_current);
}

static bool read_thread_option(struct forge_reader *r, struct forge_scn_thread *v) {
    if (forge_take_is(r, "cid"))
        return read_cid(r, v);
    if (forge_take_is(r, "process"))
        return forge_take_hex(r, "process", &v->process) && (v->has_process = true);
    if (forge_take_is(r, "teb"))
        return forge_take_hex(r, "teb", &v->teb);
    if (forge_take_is(r, "name"))
        return forge_take_text(r, "a name", &v->name);
    if (forge_take_is(r, "stack"))
        return read_stack_of_thread(r, v);
    if (forge_take_is(r, "start"))
        return forge_take_expr(r, "a start address", &v->start);
    return forge_take_assigns(r, &v->member);
}

static bool read_thread(struct forge_reader *r) {
    struct forge_scn_thread v = {.line = r->line};
    if (!forge_take_hex(r, "an address", &v.address))
        return false;
    while (forge_next(r))
        if (!read_thread_option(r, &v))
            return false;
    *FORGE_PUSH(&r->s->pool, &r->s->threads) = v;
    return true;
}

static bool read_processor(struct forge_reader *r) {
    struct forge_scn_processor v = {.line = r->line};
    unsigned number;
    if (!forge_take_decimal(r, "a number", &number))
        return false;
    v.number = number;
    const struct forge_word *w = forge_next(r);
    if (w && !w->key && !forge_take_hex(r, "the address of its KPRCB", &v.address))
        return false;
    if (!forge_take_assigns(r, &v.member))
        return false;
    *FORGE_PUSH(&r->s->pool, &r->s->processors) = v;
    return true;
}

static bool read_struct(struct forge_reader *r) {
    struct forge_scn_struct v = {.line = r->line, .process = r->process};
    if (!forge_take_text(r, "a type", &v.type) || !forge_take_expr(r, "an address", &v.address) ||
        !forge_take_assigns(r, &v.member))
        return false;
    *FORGE_PUSH(&r->s->pool, &r->s->structs) = v;
    return true;
}

static bool read_stack(struct forge_reader *r) {
    struct forge_scn_stack v = {.line = r->line};
    if (forge_take_is(r, "user"))
        v.of = FORGE_STACK_USER;
    else if (forge_take_is(r, "thread"))
        v.of = FORGE_STACK_THREAD;
    else
        forge_take_is(r, "current");
    if (v.of == FORGE_STACK_THREAD && !forge_take_hex(r, "the thread's address", &v.thread))
        return false;
    if (!forge_take_end(r) || !forge_take_block(r, &v.listing))
        return false;
    *FORGE_PUSH(&r->s->pool, &r->s->stacks) = v;
    return true;
}

static bool is_command(const char *text, const char *const *commands) {
    for (; *commands; commands++)
        if (!strcmp(*commands, text))
            return true;
    return false;
}

static bool read_bytes(struct forge_reader *r, bool code) {
    static const char *const shows[] = {"dps", "dqs", "dds", "dp", "dq", "dd",
                                        "dc",  "dw",  "db",  "da", "du", NULL};
    static const char *const codes[] = {"u", "ub", "uf", NULL};
    struct forge_scn_memory v = {.line = r->line, .process = r->process, .code = code};
    const struct forge_word *w = forge_next(r);
    bool alone = r->words.count == (w ? 2u : 1u);
    if (alone && (code ? !w || is_command(w->text, codes) : w && is_command(w->text, shows))) {
        v.command = w ? w->text : "u";
        r->at = r->words.count;
        if (!forge_take_block(r, &v.listing))
            return false;
    } else {
        if (!forge_take_expr(r, code ? "an address" : "an address, or dps, dq, dd, dc, db, da, du",
                             &v.address))
            return false;
        if (!forge_next(r))
            return forge_reader_wrong(r, "bytes are missing");
        for (; (w = forge_next(r)) != NULL; r->at++)
            *FORGE_PUSH(&r->s->pool, &v.words) = *w;
    }
    *FORGE_PUSH(&r->s->pool, &r->s->memory) = v;
    return true;
}

static bool read_memory(struct forge_reader *r) { return read_bytes(r, false); }
static bool read_code(struct forge_reader *r) { return read_bytes(r, true); }

static bool read_source_line(struct forge_reader *r) {
    struct forge_scn_line v = {.line = r->line};
    if (!forge_take_expr(r, "an address", &v.address) || !forge_take_text(r, "a file", &v.file) ||
        !forge_take_decimal(r, "a line's number", &v.number))
        return false;
    *FORGE_PUSH(&r->s->pool, &r->s->lines) = v;
    return true;
}

/* "rbp-18", "rsp+20". */
static bool read_place(struct forge_reader *r, struct forge_local *local) {
    const char *text;
    uint64_t v;
    if (!forge_take_text(r, "register+offset", &text))
        return false;
    size_t len = strcspn(text, "+-");
    local->reg = forge_pool_text(&r->s->pool, text, len);
    local->has_offset = true;
    if (!text[len] || !len || !forge_number(text + len + 1, &v) || v > INT32_MAX)
        return forge_reader_wrong(r, "\"%s\" is not register+offset", text);
    local->offset = text[len] == '-' ? -(int32_t)v : (int32_t)v;
    return true;
}

static bool read_local(struct forge_reader *r) {
    struct forge_scn_local v = {.line = r->line};
    if (!forge_take_symbol(r, &v.module, &v.function) ||
        !forge_take_text(r, "a name", &v.local.name) ||
        !forge_take_text(r, "a type", &v.local.type))
        return false;
    while (forge_next(r)) {
        bool ok = true;
        if (forge_take_is(r, "param"))
            v.local.parameter = true;
        else if (forge_take_is(r, "in"))
            ok = forge_take_text(r, "a register", &v.local.reg);
        else if (forge_take_is(r, "at"))
            ok = read_place(r, &v.local);
        else
            ok = forge_take_end(r);
        if (!ok)
            return false;
    }
    if (!v.local.reg)
        return forge_reader_wrong(r, "say where %s is: in rbx, or at rbp-18", v.local.name);
    *FORGE_PUSH(&r->s->pool, &r->s->locals) = v;
    return true;
}

static bool push_register(struct forge_reader *r, unsigned line, const char *name, size_t len,
                          const char *value) {
    struct forge_scn_register v = {.line = line, .name = forge_pool_text(&r->s->pool, name, len)};
    if (!forge_number(value, &v.value))
        return false;
    *FORGE_PUSH(&r->s->pool, &r->s->registers) = v;
    return true;
}

/* What `r` prints: words name=number, but for the flags' names; the rest is passed over. */
static bool read_register_block(struct forge_reader *r) {
    struct forge_listing_text text;
    if (!forge_take_block(r, &text))
        return false;
    unsigned number = text.line;
    const char *p = text.text;
    size_t before = r->s->registers.count;
    for (char *line; (line = forge_listing_line(&r->s->pool, &p)) != NULL; number++) {
        for (char *at = line; *(at += strspn(at, " "));) {
            size_t len = strcspn(at, " ");
            char *word = forge_pool_text(&r->s->pool, at, len);
            size_t name = strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789");
            if (name && word[name] == '=' && strcmp(word, "iopl=0") != 0 &&
                strncmp(word, "iopl=", 5) != 0)
                push_register(r, number, word, name, word + name + 1);
            at += len;
        }
    }
    return r->s->registers.count > before ||
           forge_reader_wrong(r, "no register stands in the block");
}

static bool read_registers(struct forge_reader *r) {
    if (!forge_next(r))
        return read_register_block(r);
    for (const struct forge_word *w; (w = forge_next(r)) != NULL; r->at++)
        if (!w->key || !push_register(r, r->line, w->key, strlen(w->key), w->value))
            return forge_reader_wrong(r, "\"%s\" is not register=number", w->text);
    return true;
}

static bool read_layout(struct forge_reader *r) {
    struct forge_scn_layout v = {.line = r->line};
    if (!forge_take_text(r, "a type", &v.type))
        return false;
    while (forge_next(r)) {
        if (forge_take_is(r, "union"))
            v.is_union = true;
        else if (!forge_take_is(r, "size") || !forge_take_hex(r, "size", &v.size))
            return forge_take_end(r);
    }
    if (!forge_take_block(r, &v.listing))
        return false;
    *FORGE_PUSH(&r->s->pool, &r->s->layouts) = v;
    return true;
}

/* What the debugger shall print: for whoever replays the case. */
static bool read_expect(struct forge_reader *r) {
    struct forge_listing_text ignored;
    r->at = r->words.count;
    return forge_take_block(r, &ignored);
}

const struct forge_directive forge_object_directives[] = {
    {"module", forge_read_module},
    {"modules", forge_read_modules},
    {"unloaded", forge_read_unloaded},
    {"symbol", read_symbol},
    {"process", read_process},
    {"thread", read_thread},
    {"processor", read_processor},
    {"struct", read_struct},
    {"stack", read_stack},
    {"memory", read_memory},
    {"code", read_code},
    {"line", read_source_line},
    {"local", read_local},
    {"registers", read_registers},
    {"layout", read_layout},
    {"fnent", forge_read_fnent},
    {"moved", read_moved},
    {"expect", read_expect},
    {"variables", forge_read_variables},
    {"pooltags", forge_read_pooltags},
    {"poolpage", forge_read_poolpage},
    {"bigpages", forge_read_bigpages},
    {"segheap", forge_read_segheap},
    {NULL, NULL},
};
