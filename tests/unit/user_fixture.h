/* SPDX-License-Identifier: MIT */
/*
 * Processes forged from text (docs/forge.md) and analysed with the symbols and images that belong
 * to them.
 *
 *     struct user u;
 *     user_open(&u, *state, X64 "exception c0000005 app!Crash+4 0 18\n" …);
 *     … u.a …
 *     user_type(&u);          // every piece of evidence is typed at a prompt
 *     user_close(&u);
 *
 * The tests run in a folder of their own: make_folder() and drop_folder() of symtab_support.h.
 */
#ifndef STOPCODE_UNIT_USER_FIXTURE_H
#define STOPCODE_UNIT_USER_FIXTURE_H

#include "unit/symtab_support.h"

#include "forge/scenario.h"
#include "forge/sink.h"
#include "stopcode/finding.h"
#include "stopcode/session.h"

/* 64- and 32-bit processes: the program, a library of its own, and the system's. */
#define U_X64                                                                                      \
    "os 19041\ncpu x64\ndump minidump\n"                                                           \
    "module app 7ff600000000 +100000 image app.exe private\n"                                      \
    "module helper 7ff700000000 +100000 image helper.dll private\n"                                \
    "module ntdll 7ffe00000000 +200000 image ntdll.dll\n"                                          \
    "module kernel32 7ffd00000000 +100000 image kernel32.dll\n"                                    \
    "module KERNELBASE 7ffc00000000 +200000 image KERNELBASE.dll\n"                                \
    "module ucrtbase 7ffb00000000 +100000 image ucrtbase.dll\n"                                    \
    "module user32 7ffa00000000 +100000 image user32.dll\n"
#define U_X86                                                                                      \
    "os 19041\ncpu x86\ndump minidump\n"                                                           \
    "module app 400000 +100000 image app.exe private\n"                                            \
    "module helper 600000 +100000 image helper.dll private\n"                                      \
    "module ntdll 77000000 +200000 image ntdll.dll\n"                                              \
    "module kernel32 76000000 +100000 image kernel32.dll\n"                                        \
    "module KERNELBASE 75000000 +200000 image KERNELBASE.dll\n"                                    \
    "module ucrtbase 74000000 +100000 image ucrtbase.dll\n"                                        \
    "module user32 73000000 +100000 image user32.dll\n"

struct user {
    struct forge_output out;
    sc_target *target;
    sc_symtab *symtab;
    struct sc_analysis *a;
    const char *folder;
    bool bare; /* analysed without symbols */
};

static inline void user_analyze(struct user *u) {
    struct sc_store_opts opts = {.sz = sizeof opts, .offline = true};
    opts.cache = at(u->folder, "cache");
    no_error(sc_symtab_create(u->target, &opts, &u->symtab));
    sc_store *store = sc_symtab_store(u->symtab);
    const char *path = u->bare ? "" : at(u->folder, "store");
    no_error(sc_store_set_path(store, SC_PATH_SYMBOLS, path));
    no_error(sc_store_set_path(store, SC_PATH_IMAGES, path));
    no_error(sc_analyze_with(u->target, u->symtab, &u->a));
    assert_true(u->a->nfindings > 0);
}

static inline void user_make(struct user *u, const char *folder, const char *text) {
    static char why[FORGE_WHY_MAX];
    *u = (struct user){.folder = folder};
    if (!forge_scenario_build("case", text, &u->out, why))
        fail_msg("%s", why);
    for (size_t i = 0; i < u->out.nfiles; i++) {
        char name[400];
        snprintf(name, sizeof name, "store/%s", u->out.file[i].path);
        put_file(at(folder, name), u->out.file[i].bytes.data, u->out.file[i].bytes.size);
    }
    no_error(
        sc_target_open_memory("case.dmp", u->out.dump.data, u->out.dump.size, NULL, &u->target));
}

static inline void user_open(struct user *u, const char *folder, const char *text) {
    user_make(u, folder, text);
    user_analyze(u);
}

/* The same dump where nobody has symbols. */
static inline void user_open_bare(struct user *u, const char *folder, const char *text) {
    user_make(u, folder, text);
    u->bare = true;
    user_analyze(u);
}

static inline void user_close(struct user *u) {
    sc_analysis_destroy(u->a);
    sc_symtab_destroy(u->symtab);
    sc_target_close(u->target);
    forge_output_free(&u->out);
}

static inline const struct sc_finding *user_found(const struct user *u, const char *rule) {
    for (size_t i = 0; i < u->a->nfindings; i++)
        if (strcmp(u->a->findings[i].rule, rule) == 0)
            return &u->a->findings[i];
    return NULL;
}

static inline bool user_claims(const struct sc_finding *f, const char *part) {
    for (size_t i = 0; i < f->nevidence; i++)
        if (strstr(f->evidence[i].claim, part))
            return true;
    return false;
}

static inline bool user_doubts(const struct sc_finding *f) {
    for (size_t i = 0; i < f->nevidence; i++)
        if (f->evidence[i].against)
            return true;
    return false;
}

static inline bool user_lacks(const struct sc_finding *f, const char *part) {
    for (size_t i = 0; i < f->nlacked; i++)
        if (strstr(f->lacked[i], part))
            return true;
    return false;
}

/* The first finding is RULE's, with CONFIDENCE, about MODULE (NULL: nobody) and SYMBOL (NULL: any).
 */
static inline void user_verdict(const struct user *u, const char *rule,
                                enum sc_confidence confidence, const char *image,
                                const char *symbol) {
    const struct sc_finding *f = &u->a->findings[0];
    const char *got = f->module ? f->module->image : NULL;
    bool same = strcmp(f->rule, rule) == 0 && f->confidence == confidence &&
                (got && image ? strcmp(got, image) == 0 : !got && !image) &&
                (!symbol || (f->symbol && strcmp(f->symbol, symbol) == 0));
    if (!same)
        fail_msg("%s (%s) %s %s: %s\n%s", f->rule, sc_confidence_name(f->confidence),
                 got ? got : "nobody", f->symbol ? f->symbol : "", f->summary, f->detail);
}

/* "Frame 4, app!Foo+0x12 (a.c @ 3), is …": the number and the name must be in what is shown. */
static inline void user_check_frame(const struct sc_evidence *e, const char *text) {
    unsigned number;
    char name[200], want[220];
    if (sscanf(e->claim, "Frame %u, %199[^ ,]", &number, name) != 2)
        return;
    snprintf(want, sizeof want, "%02x ", number);
    if (!strstr(text, want) || !strstr(text, name))
        fail_msg("%s: does not show %s(%s):\n%s", e->command, want, e->claim, text);
}

/* Types every piece of evidence of every finding; each command must exist and show something. */
static inline void user_type(struct user *u) {
    struct sink sink = {0};
    sc_out *out;
    sc_session *s;
    no_error(sc_out_create(SC_RENDER_TEXT, sink_write, &sink, false, &out));
    no_error(sc_session_create(u->target, out, &s));
    const char *path = u->bare ? "" : at(u->folder, "store");
    no_error(sc_session_set_paths(s, path, path));
    for (size_t i = 0; i < u->a->nfindings; i++)
        for (size_t k = 0; k < u->a->findings[i].nevidence; k++) {
            const struct sc_evidence *e = &u->a->findings[i].evidence[k];
            sc_out_flush(out);
            sink_clear(&sink);
            unsigned failed = sc_session_run(s, e->command);
            sc_out_flush(out);
            const char *text = sink_text(&sink);
            if (failed || !text[0] || strstr(text, "ERROR"))
                fail_msg("%s: evidence fails: %s", e->command, text);
            user_check_frame(e, text);
        }
    sc_session_destroy(s);
    sc_out_destroy(out);
    sink_free(&sink);
}

#endif
