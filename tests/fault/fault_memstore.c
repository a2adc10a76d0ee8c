/* SPDX-License-Identifier: MIT */
/*
 * A page of the memory store with the 1st, 2nd, … Nth allocation refused: each run ends in "out of
 * memory" or in the page, and nothing is leaked. Then with every Nth page of the dump turned into
 * rubbish: the page, or none.
 */
#include "harness/heap.h"
#include "harness/tap.h"
#include "unit/memstore_world.h"

enum { TRIES = 4000 };

/* 1: the page; 0: none, and it is said that memory was short; -1: none. */
static int read_page(struct world *w, uint8_t page[PAGE]) {
    struct nt_memstore *store = NULL;
    uint16_t files = 0;
    sc_target_take_nomem(w->target);
    sc_err *err = nt_memstore_files(&w->nt, &files);
    if (!err)
        err = nt_memstore_create(&w->nt, &store);
    bool got = store && nt_memstore_page(store, 2, 0x51, page) == SC_READ_OK;
    nt_memstore_destroy(store);
    bool nomem = sc_err_code(err) == SC_ERR_NOMEM || sc_target_take_nomem(w->target);
    sc_err_destroy(err);
    return got ? 1 : nomem ? 0 : -1;
}

static bool is_right(const uint8_t page[PAGE]) {
    return !memcmp(page, "unpacked from the store", 24) && !page[24] && !page[PAGE - 1];
}

/* Opening is not part of the run: everything that it allocates stays. */
static bool once(uint64_t fail_at, bool *ret_done) {
    struct heap_stats stats;
    struct world w;
    uint8_t page[PAGE];
    heap_begin(0);
    memstore_open(&w, &memstore_rows[MEMSTORE_PLAIN], SOUND);
    heap_begin(fail_at);
    int result = read_page(&w, page);
    heap_stop_failing();
    uint8_t again[PAGE];
    int second = read_page(&w, again);
    memstore_close(&w);
    heap_end(&stats);
    *ret_done = !stats.failed;
    if (stats.nleaked)
        tap_note("allocation %u: %zu bytes leaked", (unsigned)fail_at, stats.leaked);
    bool good = result == 0 || (result == 1 && is_right(page));
    if (!good || second != 1 || !is_right(again))
        tap_note("allocation %u: %d, then %d", (unsigned)fail_at, result, second);
    return !stats.nleaked && good && second == 1 && is_right(again);
}

static void every_allocation(void) {
    bool done = false, ok = once(0, &done);
    unsigned n = 0;
    for (done = false; ok && !done && n < TRIES;)
        ok = once(++n, &done);
    tap_ok(ok && done && n > 3, "allocations refused up to %u", n);
}

static void rubbish(void) {
    struct world w;
    uint8_t page[PAGE];
    unsigned none = 0;
    memstore_open(&w, &memstore_rows[MEMSTORE_PLAIN], SOUND);
    for (size_t at = 0x2000; at + PAGE <= w.bytes.size; at += PAGE) {
        uint8_t saved[PAGE], *bytes = (uint8_t *)w.bytes.data + at;
        bool used = false;
        for (size_t i = 0; i < PAGE && !used; i += 8)
            used = bytes[i] != 0;
        if (!used)
            continue;
        memcpy(saved, bytes, PAGE);
        for (size_t i = 0; i < PAGE; i++)
            bytes[i] = (uint8_t)(bytes[i] ^ (0x5b + i * 7 + at / PAGE));
        sc_target_set_dtb(w.target, 0); /* what was read before is forgotten */
        int result = read_page(&w, page);
        none += result != 1;
        memcpy(bytes, saved, PAGE);
    }
    memstore_close(&w);
    tap_ok(none > 5, "pages of the dump are rubbish: %u times there is no page", none);
}

int main(void) {
    every_allocation();
    rubbish();
    return tap_done();
}
