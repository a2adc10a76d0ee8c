/* SPDX-License-Identifier: MIT */
/*
 * What the library reads of a dump of whole memory; for test_whole_target.py:
 *
 *     whole_facts DUMP [PAGEFILE …] <questions
 *
 * Questions, a line each, with numbers in hexadecimal; PROCESS is a DTB, 0 the dump's own:
 *     r PROCESS VA LENGTH   "ok 414243", or "absent 41" with the bytes before the first missing one
 *     t PROCESS VA          "ok valid PA PAGEFILE PAGE PROTOTYPE"
 *     m                     "NAME BASE SIZE;" of each module    u  the same of unloaded ones
 *     c                     "INDEX PRCB THREAD IP SP;" of each processor, then the current one's
 *     k                     "VA SIZE ENCODED HOW" of the debugger data block
 *     n                     all ranges of memory there are: "RUNS BYTES"
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stopcode/target.h"

static int fail(sc_err *err) {
    printf("error: %s\n", sc_err_text(err));
    sc_err_destroy(err);
    return 1;
}

static sc_err *space_of(sc_target *t, uint64_t process, sc_space **ret) {
    if (process)
        return sc_target_process_space(t, process, ret);
    *ret = sc_target_space(t);
    return NULL;
}

static void read_bytes(sc_target *t, uint64_t process, uint64_t va, uint64_t length) {
    uint8_t buf[0x1000];
    sc_space *s;
    size_t got = 0;
    sc_err *err = space_of(t, process, &s);
    if (err) {
        fail(err);
        return;
    }
    enum sc_read status =
        sc_space_read(s, va, buf, length < sizeof buf ? (size_t)length : sizeof buf, &got);
    printf("%s ", sc_read_name(status));
    for (size_t i = 0; i < got; i++)
        printf("%02x", buf[i]);
    putchar('\n');
}

static void translate(sc_target *t, uint64_t process, uint64_t va) {
    struct sc_paging p = *sc_target_paging(t);
    struct sc_translation tr;
    if (process)
        p.root = process;
    sc_translate(&p, va, &tr);
    printf("%s;%s;%" PRIx64 ";%x;%" PRIx64 ";%" PRIx64 "\n", sc_read_name(tr.status),
           sc_pte_kind_name(tr.kind), tr.pa, tr.pagefile, tr.pagefile_page, tr.prototype);
}

static void modules(sc_target *t) {
    const struct sc_modules *list;
    sc_err *err = sc_target_modules(t, &list);
    if (err) {
        fail(err);
        return;
    }
    for (size_t i = 0; i < list->count; i++)
        printf("%s %" PRIx64 " %" PRIx64 " %x;", list->item[i].name, list->item[i].base,
               list->item[i].size, list->item[i].timestamp);
    putchar('\n');
}

static void unloaded(sc_target *t) {
    const struct sc_unloadeds *list;
    sc_err *err = sc_target_unloaded(t, &list);
    if (err) {
        fail(err);
        return;
    }
    for (size_t i = 0; i < list->count; i++)
        printf("%s %" PRIx64 " %" PRIx64 ";", list->item[i].name, list->item[i].base,
               list->item[i].size);
    putchar('\n');
}

static void processors(sc_target *t) {
    const struct sc_threads *list;
    sc_err *err = sc_target_threads(t, &list);
    if (err) {
        fail(err);
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        const struct sc_thread *cpu = &list->item[i];
        struct sc_regs regs = {0};
        sc_err_destroy(sc_target_regs(t, cpu->index, &regs));
        printf("%u %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64 ";", cpu->index,
               cpu->prcb, cpu->thread, sc_regs_ip(&regs), sc_regs_sp(&regs), cpu->dtb);
    }
    printf("%u\n", sc_target_machine(t)->current);
}

static void block(sc_target *t) {
    const struct sc_debugger_data *d;
    sc_err *err = sc_target_debugger_data(t, &d);
    if (err)
        fail(err);
    else
        printf("%" PRIx64 ";%x;%d;%s\n", d->va, d->size, d->encoded, d->how);
}

static void ranges(sc_target *t) {
    uint64_t at = 0, start, size, runs = 0, bytes = 0;
    while (sc_space_next(sc_target_space(t), at, &start, &size)) {
        runs++;
        bytes += size;
        at = start + size;
        if (!at)
            break;
    }
    printf("%" PRIx64 " %" PRIx64 "\n", runs, bytes);
}

static void answer(sc_target *t, const char *line) {
    uint64_t n[3] = {0};
    sscanf(line + 1, " %" SCNx64 " %" SCNx64 " %" SCNx64, &n[0], &n[1], &n[2]);
    switch (line[0]) {
    case 'r': read_bytes(t, n[0], n[1], n[2]); break;
    case 't': translate(t, n[0], n[1]); break;
    case 'm': modules(t); break;
    case 'u': unloaded(t); break;
    case 'c': processors(t); break;
    case 'k': block(t); break;
    case 'n': ranges(t); break;
    default: puts("?");
    }
}

int main(int argc, char **argv) {
    char line[256];
    sc_target *t;
    if (argc < 2)
        return 2;
    struct sc_open_opts opts = {.sz = sizeof opts};
    opts.pagefile = (const char *const *)(argv + 2);
    opts.npagefiles = (size_t)argc - 2;
    sc_err *err = sc_target_open(argv[1], &opts, &t);
    if (err)
        return fail(err);
    while (fgets(line, sizeof line, stdin))
        answer(t, line);
    sc_target_close(t);
    return 0;
}
