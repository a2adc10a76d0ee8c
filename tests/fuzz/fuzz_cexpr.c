/* SPDX-License-Identifier: MIT */
/*
 * C++ expressions over the types of the unit tests, three numbers of which the input may change:
 * byte 0 chooses the width of pointers and what is known, bytes 1 to 9 three changes (type, field,
 * value), the rest is the text. A whole and a prefix that reaches the end must agree.
 */
#include <string.h>

#include "cexpr/cexpr.h"
#include "fuzz/fuzz.h"
#include "stopcode/symtab.h"
#include "unit/fake_types.h"

const char fuzz_name[] = "cexpr";

enum { TYPES = sizeof fake_types / sizeof *fake_types, HEAD = 10 };

#define NT    0xfffff80000000000ULL
#define THING 0xffffa00000001000ULL

struct run {
    struct sc_type types[TYPES];
    struct fake_symbols symbols;
    struct sc_cexpr_env env;
    sc_symbols *provider;
};

static sc_err *local(void *ctx, const char *name, struct sc_value *ret, bool *found) {
    struct run *r = ctx;
    *found = !strcmp(name, "i");
    if (*found)
        *ret = sc_value_at(sc_target_space(r->env.target), r->provider, T_P_THING, THING + 0x10);
    return NULL;
}

static sc_err *reg(void *ctx, const char *name, struct sc_cexpr_reg *ret) {
    (void)ctx;
    if (strcmp(name, "rax") != 0 && name[0] != '$')
        return sc_errf(SC_ERR_NOT_FOUND, "no register");
    *ret = (struct sc_cexpr_reg){THING, name[0] == '$' ? "nt!_THING *" : "unsigned int64", true};
    return NULL;
}

static sc_err *set(void *ctx, const char *name, uint64_t value) {
    (void)ctx, (void)name, (void)value;
    return NULL;
}

static sc_err *masm(void *ctx, const char *text, const char *origin, unsigned depth,
                    uint64_t *ret_value, const char **ret_end) {
    struct run *r = ctx;
    struct sc_cexpr_env env = r->env;
    env.origin = origin;
    env.depth = depth;
    return sc_cexpr_number(&env, text, ret_value, ret_end);
}

/* Types that lead to themselves, have no size, or another kind. */
static void damage(struct sc_type *t, uint8_t field, uint8_t value) {
    switch (field % 6) {
    case 0: t->kind = (enum sc_type_kind)(value % (SC_TYPE_UNKNOWN + 1)); break;
    case 1: t->target = value; break;
    case 2: t->size = value & 0x80 ? (uint64_t)value << 56 : value; break;
    case 3: t->count = value & 0x80 ? (uint64_t)value << 56 : value; break;
    case 4: t->bit_len = t->bit_pos = value; break;
    default: t->is_reference = t->is_signed = value & 1; break;
    }
}

static void evaluate(struct run *r, const char *text) {
    struct sc_cexpr_value v;
    uint64_t whole = 0, prefix = 0;
    const char *end = NULL;
    char type[64];
    sc_err *err = sc_cexpr_eval(&r->env, text, &v);
    if (!err) {
        sc_err_destroy(sc_type_decl_text(v.types, v.type, type, sizeof type));
        sc_cexpr_value_deinit(&v);
    }
    sc_err_destroy(err);
    err = sc_cexpr_number(&r->env, text, &whole, NULL);
    sc_err *part = sc_cexpr_number(&r->env, text, &prefix, &end);
    if (!part && (end < text || end > text + strlen(text)))
        fuzz_broken("a prefix ends outside the text \"%s\"", text);
    if (!err && !part && whole != prefix)
        fuzz_broken("\"%s\" is %llx as a whole and %llx as a prefix", text,
                    (unsigned long long)whole, (unsigned long long)prefix);
    sc_err_destroy(err);
    sc_err_destroy(part);
}

static sc_err *with_symbols(struct run *r, sc_target *target, const char *text) {
    const struct sc_modules *list;
    sc_symtab *symtab = NULL;
    sc_err *err = sc_symtab_create(target, NULL, &symtab);
    if (!err)
        err = sc_target_modules(target, &list);
    if (!err)
        err = sc_symtab_attach(symtab, &list->item[0], r->provider, "fuzz");
    r->env.target = target;
    r->env.symtab = symtab;
    if (!err)
        evaluate(r, text);
    sc_symtab_destroy(symtab);
    return err;
}

static void run(struct run *r, const char *text, bool symbols) {
    uint8_t thing[THING_SIZE];
    const struct sc_module nt = {
        .base = NT, .size = 0x10000, .name = "nt", .image = "ntoskrnl.exe", .path = "nt.exe"};
    const struct sc_fake_bytes memory = {THING, thing, sizeof thing};
    const struct sc_fake fake = {.sz = sizeof fake,
                                 .cpu = SC_CPU_X64,
                                 .kernel = true,
                                 .modules = &nt,
                                 .nmodules = 1,
                                 .memory = &memory,
                                 .nmemory = 1};
    sc_target *target = NULL;
    fake_thing(thing, THING, THING, NT + 0x1100);
    if (!symbols) {
        evaluate(r, text);
        return;
    }
    sc_err *err = sc_symbols_create(&fake_sym_ops, &r->symbols, &r->provider);
    if (!err)
        err = sc_target_fake(&fake, &target);
    if (!err)
        err = with_symbols(r, target, text);
    sc_err_destroy(err);
    sc_target_close(target);
    sc_symbols_unref(r->provider);
}

void fuzz_one(const uint8_t *data, size_t size) {
    char text[1025];
    struct run r = {.provider = NULL};
    if (size < HEAD)
        return;
    bool symbols = !(data[0] & 4);
    size_t len = size - HEAD < sizeof text - 1 ? size - HEAD : sizeof text - 1;
    memcpy(text, data + HEAD, len);
    text[len] = 0;
    memcpy(r.types, fake_types, sizeof r.types);
    r.symbols = fake_kernel;
    r.symbols.type = r.types;
    for (size_t i = 1; i < HEAD; i += 3)
        if (data[i])
            damage(&r.types[data[i] % TYPES], data[i + 1], data[i + 2]);
    r.env = (struct sc_cexpr_env){.ctx = &r,
                                  .ptr_size = data[0] & 1 ? 4 : 8,
                                  .arena = sc_arena_create(),
                                  .local = symbols ? local : NULL,
                                  .reg = reg,
                                  .set = set,
                                  .masm = masm};
    if (r.env.arena)
        run(&r, text, symbols);
    sc_arena_destroy(r.env.arena);
}

void fuzz_seeds(fuzz_add add, void *ctx) {
    static const char *const texts[] = {
        "1 + 2 * 3 - 4 / 5 % 6",
        "(unsigned char)321 << 2 >> 1",
        "1 ? 2 : 3, 4 && 5 || !6",
        "sizeof(nt!_THING) + sizeof(int *[4])",
        "((nt!_THING *)0xffffa000`00001000)->Next->Count",
        "i->Slots[1] + i->Level - i->Busy",
        "&i->Name.Buffer[2] - i->Name.Buffer",
        "*i->Text == 'h'",
        "@$t0 = @$t1++ + --@rax",
        "#FIELD_OFFSET(nt!_THING, Slots[1])",
        "#CONTAINING_RECORD(i->Link.Flink, nt!_THING, Link)->Kind",
        "#RTL_CONTAINS_FIELD(i, 8, Count) || RTL_NUMBER_OF(i->Slots)",
        "(nt!_DERIVED *)(nt!_THING *)16",
        "((nt!_DERIVED *)i)->_THING::Count",
        "static_cast<long>(1.5e3) + reinterpret_cast<char *>(8)",
        "KindGood + nt!_KIND::KindBad + nt!KiLimit",
        "@@masm(1 + 2) + @@c++(3)",
        "'a' + L'b' + '\\x41' + \"abc\"[1]",
        "(long (*)(int, void *))nt!KiStart",
        "0xffffffff`80000000 ^ 1ui64 | 017 & ~5u",
        "NT_SUCCESS(0xc0000005) // a comment",
        "nt!KiThing.When.QuadPart /* one */ * 2.5f",
        "A<int,B<char> >::x",
        "@!\"nt!KiCount\" + $!i",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char seed[HEAD + 128] = {(char)(i & 1)};
        strcpy(seed + HEAD, texts[i]);
        add(ctx, seed, HEAD + strlen(texts[i]));
        char odd[HEAD + 128] = {0, T_P_THING - 1, 1, (char)(i + 1), T_THING - 1, 2, 0};
        strcpy(odd + HEAD, texts[i]);
        add(ctx, odd, HEAD + strlen(texts[i]));
    }
}
