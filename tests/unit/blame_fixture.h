/* SPDX-License-Identifier: MIT */
/*
 * Verdicts on forged dumps: a scenario (docs/forge.md) becomes a dump and its symbol store, and is
 * analysed with or without symbols.
 *
 *     struct blamed b = blame(*state, SCENARIO, WITH_SYMBOLS);
 *     blames(&b, 0, "stack", "bad", SC_LIKELY);
 *     blamed_free(&b);
 *
 * A test's group has make_folder and drop_folder of symtab_support.h for setup and teardown.
 */
#ifndef STOPCODE_UNIT_BLAME_FIXTURE_H
#define STOPCODE_UNIT_BLAME_FIXTURE_H

#include "unit/symtab_support.h"

#include "forge/scenario.h"
#include "stopcode/finding.h"
#include "stopcode/store.h"

enum blame_how { WITHOUT_SYMBOLS, WITH_SYMBOLS };

struct blamed {
    struct forge_output out;
    sc_target *target;
    sc_symtab *symtab;
    struct sc_analysis *a;
};

/* FILE under FOLDER, with the folders in between. */
static inline void blame_put(const char *folder, const struct forge_made_file *file) {
    char path[600];
    snprintf(path, sizeof path, "%s/%s", folder, file->path);
    for (char *slash = path + strlen(folder) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = 0;
        mkdir(path, 0700);
        *slash = '/';
    }
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(file->bytes.data, 1, file->bytes.size, f), file->bytes.size);
    assert_int_equal(fclose(f), 0);
}

/* Bytes to be changed in the dump, and not in the store. */
struct blame_patch {
    const char *from, *to; /* equally long */
    size_t size;
};

static inline void blame_patch(struct forge_bytes *dump, const struct blame_patch *patch) {
    for (size_t i = 0; i + patch->size <= dump->size; i++) {
        if (memcmp(dump->data + i, patch->from, patch->size) == 0) {
            memcpy(dump->data + i, patch->to, patch->size);
            return;
        }
    }
    fail_msg("the dump does not hold the bytes to be changed");
}

/* A folder of its own for every call: symbols of one scenario do not help another. */
static inline struct blamed blame_with(const char *folder, const char *text, enum blame_how how,
                                       const struct blame_patch *patch) {
    static unsigned count;
    static char why[FORGE_WHY_MAX];
    char store[300];
    struct blamed b = {0};
    if (!forge_scenario_build("case", text, &b.out, why))
        fail_msg("%s", why);
    if (patch)
        blame_patch(&b.out.dump, patch);
    snprintf(store, sizeof store, "%s/%u", folder, count++);
    assert_int_equal(mkdir(store, 0700), 0);
    no_error(sc_target_open_memory("case.dmp", b.out.dump.data, b.out.dump.size, NULL, &b.target));
    struct sc_store_opts opts = {.sz = sizeof opts, .cache = store, .offline = true};
    no_error(sc_symtab_create(b.target, &opts, &b.symtab));
    for (size_t i = 0; how == WITH_SYMBOLS && i < b.out.nfiles; i++)
        blame_put(store, &b.out.file[i]);
    no_error(sc_store_set_path(sc_symtab_store(b.symtab), SC_PATH_SYMBOLS, store));
    no_error(sc_store_set_path(sc_symtab_store(b.symtab), SC_PATH_IMAGES, store));
    no_error(sc_analyze_with(b.target, b.symtab, &b.a));
    assert_true(b.a->nfindings > 0);
    return b;
}

static inline struct blamed blame(const char *folder, const char *text, enum blame_how how) {
    return blame_with(folder, text, how, NULL);
}

static inline void blamed_free(struct blamed *b) {
    sc_analysis_destroy(b->a);
    sc_symtab_destroy(b->symtab);
    sc_target_close(b->target);
    forge_output_free(&b->out);
}

/* The finding of RULE, or one that it supports; NULL when there is none. */
static inline const struct sc_finding *by_rule(const struct blamed *b, const char *rule) {
    for (size_t i = 0; i < b->a->nfindings; i++) {
        const struct sc_finding *f = &b->a->findings[i];
        if (strcmp(f->rule, rule) == 0)
            return f;
        for (size_t k = 0; k < f->nsupport; k++)
            if (strcmp(f->support[k], rule) == 0)
                return f;
    }
    return NULL;
}

/* Prints what there is, for a test that fails. */
static inline void blamed_print(const struct blamed *b) {
    for (size_t i = 0; i < b->a->nfindings; i++) {
        const struct sc_finding *f = &b->a->findings[i];
        print_message("%zu %s (%s) %s: %s\n", i, f->rule, sc_confidence_name(f->confidence),
                      f->module ? f->module->name : "-", f->summary);
        for (size_t k = 0; k < f->nevidence; k++)
            print_message("    %c %s [%s]\n", f->evidence[k].against ? '-' : '+',
                          f->evidence[k].claim, f->evidence[k].command);
        for (size_t k = 0; k < f->nnext; k++)
            print_message("    > %s\n", f->next[k]);
    }
    for (size_t i = 0; i < b->a->stack.count; i++)
        print_message("%02zx %s [%s %u]\n", i, b->a->stack_symbol[i],
                      sc_frame_how_name(b->a->stack.frame[i].how), b->a->stack.frame[i].confidence);
}

/* Finding INDEX is RULE's (or of NULL, any rule's), about MODULE (NULL: nobody), and that sure. */
static inline void blames(const struct blamed *b, size_t index, const char *rule,
                          const char *module, enum sc_confidence confidence) {
    const struct sc_finding *f = index < b->a->nfindings ? &b->a->findings[index] : NULL;
    bool ok = f && (!rule || strcmp(f->rule, rule) == 0) && f->confidence == confidence &&
              (module ? f->module && strcmp(f->module->name, module) == 0 : !f->module);
    if (ok)
        return;
    blamed_print(b);
    fail_msg("finding %zu: want %s, %s, %s", index, rule ? rule : "any rule",
             module ? module : "nobody", sc_confidence_name(confidence));
}

/* No finding is about MODULE, unless it is no more than MAX; SC_CERTAIN + 1: none at all. */
static inline void blames_at_most(const struct blamed *b, const char *module, int max) {
    for (size_t i = 0; i < b->a->nfindings; i++) {
        const struct sc_finding *f = &b->a->findings[i];
        if (f->module && strcmp(f->module->name, module) == 0 && (int)f->confidence > max) {
            blamed_print(b);
            fail_msg("%s is blamed by %s", module, f->rule);
        }
    }
}

static inline bool says(const struct sc_finding *f, bool against, const char *part) {
    for (size_t i = 0; f && i < f->nevidence; i++)
        if (f->evidence[i].against == against && strstr(f->evidence[i].claim, part))
            return true;
    return false;
}

static inline bool advises(const struct sc_finding *f, const char *part) {
    for (size_t i = 0; f && i < f->nnext; i++)
        if (strstr(f->next[i], part))
            return true;
    return false;
}

#endif
