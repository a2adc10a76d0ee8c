/* SPDX-License-Identifier: MIT */
/*
 * Analyses of dumps made from scenarios (docs/forge.md), by the built-in layouts of their build:
 *
 *     struct scase s;
 *     scase_open(&s, MACHINE64 "bugcheck 9f 3 …\n");
 *     … s.a …
 *     scase_end(&s);                  types every command of the analysis, too
 */
#ifndef STOPCODE_UNIT_SCENARIO_CASE_H
#define STOPCODE_UNIT_SCENARIO_CASE_H

#include <sys/stat.h>

#include "forge/scenario.h"
#include "unit/explain_fixture.h"

/* A small machine of Windows 10 2004: thread 5ac.8f4 of svchost.exe on processor 2. */
#define MACHINE64                                                                                  \
    "dump triage\n"                                                                                \
    "os 19041 revision 1052 lab 19041.1.amd64fre.vb_release.191206-1406\n"                         \
    "cpu x64 count 4 current 2 vendor GenuineIntel mhz 3696\n"                                     \
    "module nt fffff8041a000000 +1046000 image ntkrnlmp.exe\n"                                     \
    "module drv fffff8042b1a0000 +1f000\n"                                                         \
    "process svchost.exe ffffc00fd2e8b080 pid 5ac\n"                                               \
    "thread ffffc00fd30aa080 cid 5ac.8f4 stack ffffe28c0a5f8000 ffffe28c0a5f2000\n"

struct scase {
    struct forge_output out;
    char folder[64]; /* of the made symbols and images; "" without */
    struct sc_analysis *a;
    struct fix f;
};

/* The made symbols and images as a store in a folder of their own, and the session's paths. */
static inline void scase_store(struct scase *s) {
    char path[512], line[256];
    snprintf(s->folder, sizeof s->folder, "/tmp/stopcode-scase-XXXXXX");
    assert_non_null(mkdtemp(s->folder));
    for (size_t i = 0; i < s->out.nfiles; i++) {
        snprintf(path, sizeof path, "%s/%s", s->folder, s->out.file[i].path);
        for (char *p = path + strlen(s->folder) + 1; (p = strchr(p, '/')); *p++ = '/') {
            *p = 0;
            mkdir(path, 0700);
            *p = '/';
        }
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        const struct forge_bytes *b = &s->out.file[i].bytes;
        assert_int_equal(fwrite(b->data, 1, b->size, f), b->size);
        assert_int_equal(fclose(f), 0);
    }
    snprintf(line, sizeof line, ".sympath %s; .exepath %s", s->folder, s->folder);
    assert_int_equal(fix_run(&s->f, line), 0);
}

static inline void scase_remove(struct scase *s) {
    char command[128];
    if (!s->folder[0])
        return;
    snprintf(command, sizeof command, "rm -rf '%s'", s->folder);
    assert_int_equal(system(command), 0);
}

/* STORE: with the symbols and images that the scenario makes; else by built-in layouts alone. */
static inline void scase_open_with(struct scase *s, const char *text, bool store) {
    static char why[FORGE_WHY_MAX];
    memset(s, 0, sizeof *s);
    sc_target *target;
    if (!forge_scenario_build("case", text, &s->out, why))
        fail_msg("%s", why);
    assert_null(
        sc_target_open_memory("case.dmp", s->out.dump.data, s->out.dump.size, NULL, &target));
    session_on(&s->f, target);
    if (store)
        scase_store(s);
    assert_null(sc_analyze_with(target, sc_session_symtab(s->f.s), &s->a));
}

static inline void scase_open(struct scase *s, const char *text) {
    scase_open_with(s, text, false);
}

static inline void scase_end(struct scase *s) {
    type_all(&s->f, s->a);
    sc_analysis_destroy(s->a);
    fix_close(&s->f);
    forge_output_free(&s->out);
    scase_remove(s);
}

#endif
