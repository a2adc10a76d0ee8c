/* SPDX-License-Identifier: MIT */
/*
 * The commands about pool and memory's use with their 1st, 2nd, … Nth allocation refused, on a
 * kernel with pages of headers and on one whose pool is a segment heap. Each run ends in "out of
 * memory" or in the right answer, nothing is leaked, and the same session answers rightly
 * afterwards.
 */
#include "harness/heap.h"
#include "harness/tap.h"
#include "unit/heap_world.h"

enum { TRIES = 4000, TEXT_MOST = 1 << 16 };

static char text[TEXT_MOST];
static size_t text_len;

static bool collect(void *ctx, const char *data, size_t len) {
    (void)ctx;
    if (len > sizeof text - 1 - text_len)
        len = sizeof text - 1 - text_len;
    memcpy(text + text_len, data, len);
    text_len += len;
    text[text_len] = 0;
    return true;
}

/* ---- the worlds ---- */

static void put_tables(struct world *w, uint64_t pool) {
    static const char big[] = "_POOL_TRACKER_BIG_PAGES";
    pool_tables(w, pool, 17);
    pool_tag(w, pool, 2, "Leak", 601, 0, 615424000);
    pool_tag(w, pool, 5, "File", 37177, 100, 13590288);
    pool_tag(w, pool + 0x10000, 3, "File", 3, 0, 0x300);
    uint64_t table = pool + 0x20000, at = table + 3 * world_sizeof(w, big);
    world_bytes(w, table, 8 * (size_t)world_sizeof(w, big));
    world_set(w, big, at, "Va", 0, pool + 0x300000);
    world_set(w, big, at, "Key", 4, pool_key("Leak"));
    world_set(w, big, at, "NumberOfBytes", 0, 0x3000);
    pool_var(w, "PoolBigPageTable", 0x1030, table);
    pool_var(w, "PoolBigPageTableSize", 0x1040, 8);
}

/* Blocks of 0x100 bytes; the last one's size leads out of the page. */
static void put_page(struct world *w, uint64_t page) {
    world_bytes(w, page, 0x1000);
    for (unsigned i = 0; i < 16; i++) {
        uint64_t units = i == 15 ? 0x80 : 0x10;
        world_put(w, page + i * 0x100ull, 4, (i ? 0x10 : 0) | units << 16 | 2u << 24);
        world_put(w, page + i * 0x100ull + 4, 4, pool_key(i & 1 ? "Leak" : "File"));
    }
}

/* Half of it is free. */
static void put_sound_page(struct world *w, uint64_t page) {
    world_bytes(w, page, 0x1000);
    for (unsigned i = 0; i < 2; i++) {
        world_put(w, page + i * 0x800ull, 4, (i ? 0x80 : 0) | 0x80u << 16 | (i ? 0 : 2u << 24));
        world_put(w, page + i * 0x800ull + 4, 4, pool_key("File"));
    }
}

static void put_lookaside(struct world *w, uint64_t at) {
    static const char type[] = "_GENERAL_LOOKASIDE";
    uint64_t head = world_symbol(w, "ExSystemLookasideListHead", 0x1050);
    uint64_t link = at + world_offset(w, type, "ListEntry");
    world_object(w, at, type);
    world_set(w, type, at, "Tag", 4, pool_key("Ntfs"));
    world_set(w, type, at, "TotalAllocates", 4, 1000);
    world_bytes(w, head, 16);
    world_ring(w, head, &link, 1);
}

static void put_ptes(struct world *w, uint64_t bits) {
    static const char type[] = "_MI_SYSTEM_PTE_TYPE";
    uint64_t at = world_symbol(w, "MiSystemPteInfo", 0x1070);
    world_object(w, at, type);
    world_set(w, type, at, "TotalSystemPtes", 4, 100);
    world_set(w, type, at, "Bitmap.SizeOfBitMap", 4, 100);
    world_set(w, type, at, "Bitmap.Buffer", 8, bits);
    world_bytes(w, bits, 16);
    world_put(w, bits, 4, 0xfff0f7ff);
}

static void put_cache(struct world *w, uint64_t array) {
    uint64_t map = array + 0x1000;
    pool_var(w, "CcVacbArrays", 0x2000, array + 0x400);
    pool_var(w, "CcVacbArraysHighestUsedIndex", 0x2010, 0);
    world_bytes(w, array, 0x800);
    world_put(w, array + 0x400, 8, array);
    world_put(w, array + 8, 4, 3);
    for (unsigned i = 0; i < 3; i++) {
        uint64_t at = array + 16 + i * world_sizeof(w, "_VACB");
        world_set(w, "_VACB", at, "BaseAddress", 0, 0xfffff98000000000 + i * 0x40000ull);
        world_set(w, "_VACB", at, "SharedCacheMap", 0, map + i / 2 * 0x800);
    }
    world_object(w, map, "_SHARED_CACHE_MAP");
    world_set(w, "_SHARED_CACHE_MAP", map, "FileObjectFastRef", 0, map + 0x10003);
    world_object(w, map + 0x10000, "_FILE_OBJECT");
}

static void put_memory(struct world *w, uint64_t process) {
    uint64_t links = process + world_offset(w, "_EPROCESS", "ActiveProcessLinks");
    pool_var(w, "MmNumberOfPhysicalPages", 0x2020, 4000);
    pool_var(w, "MmTotalCommittedPages", 0x2030, 3000);
    world_object(w, process, "_EPROCESS");
    world_set(w, "_EPROCESS", process, "UniqueProcessId", 0, 0x4d2);
    world_set(w, "_EPROCESS", process, "CommitCharge", 0, 0x30);
    world_put(w, process + world_offset(w, "_EPROCESS", "ImageFileName"), 1, 'a');
    w->m.active_process_head = w->m.kernel_base + 0x90;
    world_bytes(w, w->m.active_process_head, 16);
    world_ring(w, w->m.active_process_head, &links, 1);
}

static struct world *header_world(void) {
    const struct pool_build *b = &pool_builds[2];
    struct world *w = pool_world(b, 2);
    put_tables(w, b->pool);
    put_lookaside(w, b->pool + 0x60000);
    put_ptes(w, b->pool + 0x70000);
    put_page(w, b->pool + 0x100000);
    put_sound_page(w, b->pool + 0x110000);
    put_cache(w, b->pool + 0x80000);
    put_memory(w, b->pool + 0x50000);
    return w;
}

static const char *const header_lines[] = {
    "!vm",
    "!vm 1",
    "!poolused 3",
    "!poolused /t1 2 Leak",
    "!pool fffffa8003100210",
    "!pool fffffa8003301000",
    "!poolval fffffa8003100210 1",
    "!poolfind Leak",
    "!poolfind -x \"? @$extret\" -small Leak",
    "!lookaside -all",
    "!sysptes 1",
    "!filecache",
    "!filecache 1",
    "!frag 3",
    "!vm 3c",
};
static const char *const heap_lines[] = {
    "!pool ffffd00d03104040",
    "!pool ffffd00d03108130 2",
    "!poolfind -small Proc",
    "!poolval ffffd00d03104040",
    "!frag",
};

/* ---- runs ---- */

static sc_out *session_open(struct world *w, enum sc_render render) {
    const struct sc_modules *list;
    sc_out *out = NULL;
    const struct sc_fake fake = {.sz = sizeof fake,
                                 .cpu = w->m.cpu,
                                 .kernel = true,
                                 .machine = &w->m,
                                 .modules = w->modules,
                                 .nmodules = 2,
                                 .threads = w->threads,
                                 .nthreads = 1,
                                 .memory = w->memory,
                                 .nmemory = w->nmemory,
                                 .regs = &w->regs};
    w->nt = (struct fake_symbols){.provider = "pdb", .symbol = w->symbol, .nsymbols = w->nsymbols};
    assert_null(sc_target_fake(&fake, &w->f.target));
    assert_null(sc_out_create(render, collect, NULL, false, &out));
    assert_null(sc_session_create(w->f.target, out, &w->f.s));
    assert_null(sc_session_set_paths(w->f.s, NULL, NULL));
    assert_non_null(sc_session_symtab(w->f.s));
    assert_null(sc_target_modules(w->f.target, &list));
    world_attach(w, list, "nt", &w->nt);
    return out;
}

static void session_close(struct world *w, sc_out *out) {
    sc_session_destroy(w->f.s);
    sc_out_destroy(out);
    sc_target_close(w->f.target);
    w->f.s = NULL;
}

static unsigned answer(struct world *w, const char *line) {
    text_len = 0;
    text[0] = 0;
    return sc_session_run(w->f.s, line);
}

/* One run; false when it broke a promise. WANT is the answer, and set when nothing is refused. */
static bool run(struct world *w, const char *line, enum sc_render render, uint64_t fail_at,
                char *want, bool *ret_done) {
    struct heap_stats stats;
    heap_begin(0);
    sc_out *out = session_open(w, render);
    heap_begin(fail_at);
    answer(w, line);
    heap_stop_failing();
    if (!fail_at)
        memcpy(want, text, text_len + 1);
    bool right = !strcmp(text, want), clean = strstr(text, "out of memory") != NULL;
    answer(w, line);
    bool again = !strcmp(text, want);
    session_close(w, out);
    heap_end(&stats);
    *ret_done = !stats.failed;
    if (stats.nleaked)
        tap_note("%s: allocation %u: %zu bytes leaked", line, (unsigned)fail_at, stats.leaked);
    if (!right && !clean)
        tap_note("%s: allocation %u: another answer without a word of it", line, (unsigned)fail_at);
    if (!again)
        tap_note("%s: allocation %u: asked again, it answers otherwise", line, (unsigned)fail_at);
    return !stats.nleaked && (right || clean) && again;
}

static void every_allocation(struct world *w, const char *line, enum sc_render render) {
    static char want[TEXT_MOST];
    bool done = false, ok = run(w, line, render, 0, want, &done);
    unsigned n = 0;
    for (done = false; ok && !done && n < TRIES;)
        ok = run(w, line, render, ++n, want, &done);
    tap_ok(ok && done, "%s%s: %u allocations", line, render == SC_RENDER_JSON ? " (JSON)" : "", n);
}

/* What is tested must be what works: nothing fails, and the parts are there. */
static void lines_work(struct world *w, const char *const *lines, size_t count,
                       const char *const *parts, const char *what) {
    unsigned failed = 0, missing = 0;
    sc_out *out = session_open(w, SC_RENDER_TEXT);
    for (size_t i = 0; i < count; i++) {
        if (answer(w, lines[i])) {
            tap_note("%s fails:\n%s", lines[i], text);
            failed++;
        }
        if (parts[i] && !strstr(text, parts[i])) {
            tap_note("%s lacks \"%s\":\n%s", lines[i], parts[i], text);
            missing++;
        }
    }
    session_close(w, out);
    tap_ok(!failed && !missing, "%s: without any fault the commands work", what);
}

static void world_runs(struct world *w, const char *const *lines, size_t count,
                       const char *const *parts, const char *what) {
    lines_work(w, lines, count, parts, what);
    for (size_t i = 0; i < count; i++) {
        every_allocation(w, lines[i], SC_RENDER_TEXT);
        every_allocation(w, lines[i], SC_RENDER_JSON);
    }
    world_free(w);
}

enum {
    HEADER_LINES = sizeof header_lines / sizeof *header_lines,
    HEAP_LINES = sizeof heap_lines / sizeof *heap_lines
};

int main(void) {
    static const char *const header_parts[HEADER_LINES] = {
        "Total Private:", "Committed pages:",   "Leak",
        "Leak",           "*fffffa8003100200",  "large page allocation",
        "fffffa8003100",  "fffffa8003300000",   "Evaluate",
        "Ntfs",           "largest free block", "VACBs",
        "view ",          "(Free)       File",  "Session"};
    static const char *const heap_parts[HEAP_LINES] = {"*Proc", "*Even", "Proc", NULL};
    struct heap_world h;
    setenv("TZ", "UTC", 1);
    unsetenv("_NT_SYMBOL_PATH");
    world_runs(header_world(), header_lines, HEADER_LINES, header_parts, "pages of headers");
    heap_world(&h, &pool_builds[POOL_BUILDS - 1]);
    world_runs(h.w, heap_lines, HEAP_LINES, heap_parts, "a segment heap");
    return tap_done();
}
