/* SPDX-License-Identifier: MIT */
/*
 * Prints what the symbol table of a dump finds, one fact a line, for symtab_compare.py.
 *
 *   symtab_facts [-y PATH] [-i PATH] -c CACHE DUMP MODULE... [ADDRESS...] [NAME...]
 *
 * Words with a `!` are names or, behind "type:", types; those that begin with 0x addresses; others
 * modules. Fields are separated by tabs:
 *   M name state providers how guid path image_path why
 *   A address text next                 N name address          T name provider size assumed
 *   D module rva                        a byte that the dump and the image file have otherwise
 *   B module compared different filled  bytes that both have; and how many the file has for pages
 *                                       that the dump lacks
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/guid.h"
#include "stopcode/symtab.h"

static int fail(sc_err *err) {
    fprintf(stderr, "symtab_facts: %s\n", sc_err_text(err));
    sc_err_destroy(err);
    return 1;
}

static const char *or_dash(const char *text) { return text && *text ? text : "-"; }

static sc_err *print_module(sc_symtab *t, const struct sc_module *m) {
    const struct sc_modsyms *s;
    char guid[SC_GUID_BUF];
    sc_err *err = sc_symtab_load(t, m, &s);
    if (err)
        return err;
    printf("M\t%s\t%s\t", m->name, sc_symstate_text(s->state));
    for (size_t i = 0; i < s->nproviders; i++) {
        struct sc_symbols_info info;
        sc_symbols_info(s->provider[i], &info);
        printf("%s%s", i ? "," : "", info.provider);
    }
    printf("\t%s\t%s\t%s\t%s\t%s\n", or_dash(s->how),
           s->codeview.kind == SC_CV_NONE ? "-" : sc_guid_text(&s->codeview.guid, guid),
           or_dash(s->path), or_dash(s->image_path), or_dash(s->why));
    return NULL;
}

static sc_err *print_address(sc_symtab *t, uint64_t addr) {
    char buf[600];
    struct sc_near next;
    bool found;
    sc_err *err = sc_symtab_next(t, addr, &next, &found);
    if (!err)
        printf("A\t0x%" PRIx64 "\t%s\t%s\n", addr,
               or_dash(sc_symtab_text(t, addr, buf, sizeof buf)), found ? next.name : "-");
    return err;
}

static sc_err *print_name(sc_symtab *t, const char *name) {
    uint64_t addr = 0;
    bool found;
    sc_err *err = sc_symtab_lookup(t, name, &addr, &found);
    if (!err && found)
        printf("N\t%s\t0x%" PRIx64 "\n", name, addr);
    else if (!err)
        printf("N\t%s\t-\n", name);
    return err;
}

static sc_err *print_type(sc_symtab *t, const char *name) {
    struct sc_typeref ref;
    struct sc_symbols_info info;
    struct sc_type type;
    bool found;
    sc_err *err = sc_symtab_type(t, name, &ref, &found);
    if (!err && found)
        err = sc_symbols_type(ref.provider, ref.id, &type);
    if (err)
        return err;
    if (!found) {
        printf("T\t%s\t-\n", name);
        return NULL;
    }
    sc_symbols_info(ref.provider, &info);
    printf("T\t%s\t%s\t%" PRIu64 "\t%d\n", name, info.provider, type.size, ref.assumed);
    return NULL;
}

/* ---- bytes of images ---- */

struct store {
    const char *symbols, *images;
    struct sc_store_opts opts;
};

static sc_err *open_symtab(sc_target *target, const struct store *s, sc_symtab **ret) {
    sc_symtab *t = NULL;
    sc_err *err = sc_symtab_create(target, &s->opts, &t);
    if (!err && s->symbols)
        err = sc_store_set_path(sc_symtab_store(t), SC_PATH_SYMBOLS, s->symbols);
    if (!err && s->images)
        err = sc_store_set_path(sc_symtab_store(t), SC_PATH_IMAGES, s->images);
    if (err)
        sc_symtab_destroy(t);
    else
        *ret = t;
    return err;
}

/*
 * The same module in a target without any memory: what is read there comes from the file alone, and
 * must be what the dump has, byte by byte.
 */
static void compare(sc_target *dump, sc_target *bare, const struct sc_module *m) {
    uint64_t compared = 0, different = 0, filled = 0;
    for (uint64_t at = m->base; at < m->base + m->size; at++) {
        uint8_t a, b;
        uint64_t start = 0, size = 0;
        bool in_dump = sc_space_next(sc_target_space(dump), at, &start, &size) && start <= at;
        if (sc_space_read(sc_target_space(bare), at, &b, 1, NULL) != SC_READ_OK)
            continue;
        filled += !in_dump;
        if (!in_dump || sc_space_read(sc_target_space(dump), at, &a, 1, NULL) != SC_READ_OK)
            continue;
        compared++;
        if (a != b) {
            printf("D\t%s\t%" PRIu64 "\n", m->name, at - m->base);
            different++;
        }
    }
    printf("B\t%s\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\n", m->name, compared, different, filled);
}

static sc_err *print_bytes(sc_target *dump, const struct sc_module *m, const struct store *s) {
    struct sc_fake fake = {.sz = sizeof fake, .modules = m, .nmodules = 1};
    sc_target *bare = NULL;
    sc_symtab *t = NULL;
    fake.cpu = sc_target_machine(dump)->cpu;
    sc_err *err = sc_target_fake(&fake, &bare);
    if (!err)
        err = open_symtab(bare, s, &t);
    if (!err)
        compare(dump, bare, m);
    sc_symtab_destroy(t);
    sc_target_close(bare);
    return err;
}

/* ---- the words ---- */

static sc_err *print_word(sc_target *target, sc_symtab *t, const struct store *s,
                          const char *word) {
    if (!strncmp(word, "type:", 5))
        return print_type(t, word + 5);
    if (strchr(word, '!'))
        return print_name(t, word);
    if (!strncmp(word, "0x", 2))
        return print_address(t, strtoull(word, NULL, 16));
    bool bytes = !strncmp(word, "bytes:", 6);
    const struct sc_module *m = sc_target_module_named(target, word + (bytes ? 6 : 0));
    if (!m)
        return sc_errf(SC_ERR_NOT_FOUND, "the dump has no module %s", word);
    return bytes ? print_bytes(target, m, s) : print_module(t, m);
}

int main(int argc, char **argv) {
    struct store s = {.opts = {.sz = sizeof s.opts, .offline = true}};
    int i = 1;
    for (; i + 1 < argc && argv[i][0] == '-'; i += 2) {
        if (argv[i][1] == 'y')
            s.symbols = argv[i + 1];
        else if (argv[i][1] == 'i')
            s.images = argv[i + 1];
        else if (argv[i][1] == 'c')
            s.opts.cache = argv[i + 1];
    }
    if (i >= argc || !s.opts.cache) {
        fprintf(stderr, "usage: symtab_facts [-y PATH] [-i PATH] -c CACHE DUMP WORD...\n");
        return 2;
    }
    sc_target *target = NULL;
    sc_symtab *t = NULL;
    sc_err *err = sc_target_open(argv[i++], NULL, &target);
    if (!err)
        err = open_symtab(target, &s, &t);
    for (; !err && i < argc; i++)
        err = print_word(target, t, &s, argv[i]);
    sc_symtab_destroy(t);
    sc_target_close(target);
    return err ? fail(err) : 0;
}
