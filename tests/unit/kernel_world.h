/* SPDX-License-Identifier: MIT */
/*
 * A fake kernel whose objects are written through the layouts of a real build: for tests of the
 * readers of threads, processes and processors. Addresses and names are the test's.
 *
 *     struct world *w = world_new(SC_CPU_X64, 7601);
 *     world_object(w, thread, "_ETHREAD");
 *     world_set(w, "_ETHREAD", thread, "Tcb.State", 1, 5);
 *     world_open(w, SC_RENDER_TEXT);         then fix_run(&w->f, "!thread …")
 *     world_free(w);
 */
#ifndef STOPCODE_UNIT_KERNEL_WORLD_H
#define STOPCODE_UNIT_KERNEL_WORLD_H

#include "fake_session.h"
#include "fake_symbols.h"
#include "stopcode/value.h"
#include "sym/layouts.h"

enum { WORLD_OBJECTS = 96, WORLD_SYMBOLS = 16, WORLD_THREADS = 4, WORLD_SLACK = 0x40 };
#define WORLD_SRV2 0x00100000u /* the second module's distance from the kernel */

struct world {
    struct fix f;
    struct sc_machine m;
    struct sc_module modules[2]; /* nt, srv2 */
    struct sc_thread threads[WORLD_THREADS];
    size_t nthreads;
    struct sc_fake_bytes memory[WORLD_OBJECTS];
    size_t nmemory;
    struct sc_regs regs;
    struct sc_symbol symbol[WORLD_SYMBOLS]; /* of nt, sorted by the test */
    size_t nsymbols;
    struct fake_symbols nt, srv2;
    struct sc_symbol srv2_symbol;
    sc_symbols *layouts;
    unsigned ptr;
};

static inline struct world *world_new(enum sc_cpu cpu, uint32_t build, uint64_t base) {
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->ptr = sc_cpu_ptr_size(cpu);
    w->m = (struct sc_machine){.cpu = cpu,
                               .kernel = true,
                               .windows = true,
                               .platform = "Windows",
                               .ncpus = 1,
                               .major = build < 6000    ? 5
                                        : build < 10000 ? 6
                                                        : 10,
                               .build = build,
                               .service_pack = "",
                               .time = 132574568951234567,
                               .uptime = 6234560000,
                               .kernel_base = base};
    w->modules[0] = (struct sc_module){.base = base,
                                       .size = WORLD_SRV2,
                                       .name = "nt",
                                       .image = "ntoskrnl.exe",
                                       .path = "ntoskrnl.exe"};
    w->modules[1] = (struct sc_module){.base = base + WORLD_SRV2,
                                       .size = 0x100000,
                                       .name = "srv2",
                                       .image = "srv2.sys",
                                       .path = "srv2.sys"};
    w->threads[0] = (struct sc_thread){.context_off = SC_UNSET64};
    w->nthreads = 1;
    w->regs = full_regs(cpu);
    assert_null(sc_layouts_open(cpu, build, &w->layouts));
    return w;
}

/* SIZE zero bytes at ADDRESS. */
static inline void world_bytes(struct world *w, uint64_t address, size_t size) {
    assert_true(w->nmemory < WORLD_OBJECTS);
    void *bytes = calloc(1, size);
    assert_non_null(bytes);
    w->memory[w->nmemory++] = (struct sc_fake_bytes){address, bytes, size};
}

static inline uint32_t world_type(struct world *w, const char *type) {
    uint32_t id = 0;
    bool found = false;
    assert_null(sc_symbols_type_named(w->layouts, type, &id, &found));
    if (!found)
        fail_msg("build %u has no %s", w->m.build, type);
    return id;
}

static inline void world_object(struct world *w, uint64_t address, const char *type) {
    struct sc_type t;
    assert_null(sc_type_of(w->layouts, world_type(w, type), &t));
    world_bytes(w, address, (size_t)t.size);
}

static inline void world_put(struct world *w, uint64_t address, size_t size, uint64_t value) {
    for (size_t i = 0; i < w->nmemory; i++) {
        struct sc_fake_bytes *m = &w->memory[i];
        if (address - m->addr < m->size && size <= m->size - (address - m->addr)) {
            fix_put((uint8_t *)m->data, (size_t)(address - m->addr), value, size);
            return;
        }
    }
    fail_msg("there is no memory at %llx", (unsigned long long)address);
}

static inline uint64_t world_offset(struct world *w, const char *type, const char *path) {
    struct sc_value whole = sc_value_at(NULL, w->layouts, world_type(w, type), 0), v;
    sc_err *err = sc_value_member(&whole, path, &v);
    if (err)
        fail_msg("%s.%s of build %u: %s", type, path, w->m.build, sc_err_text(err));
    return v.offset;
}

/* A field of SIZE bytes (0: a pointer); of a bit field the unit, shifted by the caller. */
static inline void world_set(struct world *w, const char *type, uint64_t address, const char *path,
                             size_t size, uint64_t value) {
    world_put(w, address + world_offset(w, type, path), size ? size : w->ptr, value);
}

/* Bits of a field on top of what is there: one bit field per unit is enough here. */
static inline void world_bits(struct world *w, const char *type, uint64_t address, const char *path,
                              uint64_t value) {
    struct sc_value whole = sc_value_at(NULL, w->layouts, world_type(w, type), 0), v;
    assert_null(sc_value_member(&whole, path, &v));
    uint64_t at = address + v.offset;
    for (size_t i = 0; i < w->nmemory; i++) {
        struct sc_fake_bytes *m = &w->memory[i];
        if (at - m->addr >= m->size)
            continue;
        uint8_t *bytes = (uint8_t *)m->data + (at - m->addr);
        for (unsigned b = 0; b < v.bit_len; b++)
            if (value >> b & 1)
                bytes[(v.bit_pos + b) / 8] |= (uint8_t)(1u << (v.bit_pos + b) % 8);
        return;
    }
    fail_msg("there is no memory at %llx", (unsigned long long)at);
}

/* A ring: the head's link, then those of the entries. */
static inline void world_ring(struct world *w, uint64_t head, const uint64_t *entry, size_t count) {
    uint64_t last = head;
    for (size_t i = 0; i < count; i++) {
        world_put(w, last, w->ptr, entry[i]);
        world_put(w, entry[i] + w->ptr, w->ptr, last);
        last = entry[i];
    }
    world_put(w, last, w->ptr, head);
    world_put(w, head + w->ptr, w->ptr, last);
}

/* A symbol of nt, in ascending order of RVAs. */
static inline uint64_t world_symbol(struct world *w, const char *name, uint32_t rva) {
    assert_true(w->nsymbols < WORLD_SYMBOLS);
    w->symbol[w->nsymbols++] = (struct sc_symbol){.name = name, .kind = SC_SYM_PUBLIC, .rva = rva};
    return w->m.kernel_base + rva;
}

/* The clock: 100 ns a tick, and the tick count. Before the test's own symbols. */
static inline void world_clock(struct world *w, uint32_t increment, uint32_t ticks) {
    uint64_t at = world_symbol(w, "KeMaximumIncrement", 0x100);
    world_symbol(w, "KeTickCount", 0x108);
    world_bytes(w, at, 0x10);
    world_put(w, at, 4, increment);
    world_put(w, at + 8, 4, ticks);
}

static inline void world_attach(struct world *w, const struct sc_modules *list, const char *module,
                                struct fake_symbols *symbols) {
    sc_symbols *s = fake_symbols_open(symbols);
    for (size_t i = 0; i < list->count; i++)
        if (!strcmp(list->item[i].name, module))
            assert_null(sc_symtab_attach(sc_session_symtab(w->f.s), &list->item[i], s, "test"));
    sc_symbols_unref(s);
}

static inline void world_open(struct world *w, enum sc_render render) {
    const struct sc_modules *list;
    const struct sc_fake fake = {.sz = sizeof fake,
                                 .cpu = w->m.cpu,
                                 .kernel = true,
                                 .machine = &w->m,
                                 .modules = w->modules,
                                 .nmodules = 2,
                                 .threads = w->threads,
                                 .nthreads = w->nthreads,
                                 .memory = w->memory,
                                 .nmemory = w->nmemory,
                                 .regs = &w->regs};
    w->nt = (struct fake_symbols){.provider = "pdb", .symbol = w->symbol, .nsymbols = w->nsymbols};
    w->srv2 = (struct fake_symbols){
        .provider = "pdb", .symbol = &w->srv2_symbol, .nsymbols = w->srv2_symbol.name ? 1 : 0};
    fake_open(&w->f, &fake, SC_RENDER_TEXT == render ? SC_RENDER_TEXT : SC_RENDER_JSON);
    assert_null(sc_session_set_paths(w->f.s, NULL, NULL)); /* whatever the environment says */
    assert_non_null(sc_session_symtab(w->f.s));
    assert_null(sc_target_modules(w->f.target, &list));
    world_attach(w, list, "nt", &w->nt);
    world_attach(w, list, "srv2", &w->srv2);
}

static inline void world_free(struct world *w) {
    if (w->f.s)
        fix_close(&w->f);
    for (size_t i = 0; i < w->nmemory; i++)
        free((void *)w->memory[i].data);
    sc_symbols_unref(w->layouts);
    free(w);
}

/* The output of LINE must begin with TEXT, blanks at the ends of lines aside. */
static inline void world_begins(struct world *w, const char *line, const char *text) {
    fix_run(&w->f, line);
    const char *p = fix_text(&w->f), *q = text;
    while (*q) {
        const char *blanks = p + strspn(p, " ");
        if (*q == '\n' && *blanks == '\n')
            p = blanks;
        if (*p != *q)
            assert_string_equal(fix_text(&w->f), text);
        p++;
        q++;
    }
}

#endif
