/* SPDX-License-Identifier: MIT */
/*
 * A session on a fake kernel whose symbols are the fake ones, with two things in memory: for tests
 * of the commands about symbols.
 */
#ifndef STOPCODE_UNIT_SYMBOL_SESSION_H
#define STOPCODE_UNIT_SYMBOL_SESSION_H

#include "fake_session.h"
#include "fake_types.h"
#include "stopcode/symtab.h"

#define SYM_NT  0xfffff80000000000ULL
#define SYM_DRV 0xfffff80000100000ULL
#define SYM_AT  0xffffa00000001000ULL /* a thing … */
#define SYM_AT2 0xffffa00000002000ULL /* … and the next one */

static const struct sc_module sym_modules[] = {
    {.base = SYM_NT, .size = 0x10000, .name = "nt", .image = "ntoskrnl.exe", .path = "nt.exe"},
    {.base = SYM_DRV, .size = 0x10000, .name = "drv", .image = "drv.sys", .path = "drv.sys"},
};

static inline void sym_open(struct fix *f, enum sc_render render) {
    static uint8_t one[THING_SIZE], two[THING_SIZE], data[0x20], global[THING_SIZE];
    fake_thing(one, SYM_AT, SYM_AT2, SYM_NT + 0x1100);
    fake_thing(two, SYM_AT2, 0, 0);
    fake_thing(global, SYM_NT + 0x3000, 0, 0);
    fake_put(two + 0x48, SYM_AT + 0x48, 8);
    fake_put(two + 0x50, SYM_AT + 0x48, 8);
    fake_put(data + 0x10, (uint64_t)-7, 4);
    const struct sc_fake_bytes memory[] = {{SYM_AT, one, sizeof one},
                                           {SYM_AT2, two, sizeof two},
                                           {SYM_NT + 0x2000, data, sizeof data},
                                           {SYM_NT + 0x3000, global, sizeof global}};
    struct sc_regs regs = full_regs(SC_CPU_X64);
    set_reg(&regs, "rip", SYM_NT + 0x1120);
    const struct sc_fake fake = {.sz = sizeof fake,
                                 .cpu = SC_CPU_X64,
                                 .kernel = true,
                                 .modules = sym_modules,
                                 .nmodules = 2,
                                 .memory = memory,
                                 .nmemory = 4,
                                 .regs = &regs};
    const struct sc_modules *list;
    sc_symbols *s = fake_symbols_open(&fake_kernel);
    fake_open(f, &fake, render);
    assert_null(sc_session_set_paths(f->s, NULL, NULL)); /* whatever the environment says */
    assert_non_null(sc_session_symtab(f->s));
    assert_null(sc_target_modules(f->target, &list));
    assert_null(sc_symtab_attach(sc_session_symtab(f->s), &list->item[0], s, "test"));
    sc_symbols_unref(s);
}

static inline int sym_setup(void **state) {
    struct fix *f = calloc(1, sizeof *f);
    assert_non_null(f);
    sym_open(f, SC_RENDER_TEXT);
    *state = f;
    return 0;
}

static inline int sym_teardown(void **state) {
    fix_close(*state);
    free(*state);
    return 0;
}

#endif
