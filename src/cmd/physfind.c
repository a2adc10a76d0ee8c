/* SPDX-License-Identifier: MIT */
/*
 * `!search`: a value among all numbers of physical memory.
 *
 *     !search [-s] [-p] data [delta [first [last]]]      first, last: page frames
 *
 * Every number of a pointer's size (-p: of 32 bits), at multiples of its size, is a hit that equals
 * DATA, lies in [DATA-DELTA, DATA+DELTA], or differs by one bit from DATA (from DATA-DELTA when
 * there is a delta), as the published page has it. Where a page is mapped is what the PFN database
 * says.
 *
 *     Searching PFNs in range 00002370 - 0000237F for [0F100F0F - 0F100F0F]
 *
 *     Pfn      Offset   Hit      Va       Pte
 *     - - - - - - - - - - - - - - - - - - -
 *     0000237B 00000368 0F000F0F 01003368 C0004014
 *     Search done.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/kernel.h"
#include "cmd/session_impl.h"
#include "nt/pfn.h"
#include "nt/ptes.h"

enum { PAGE = 0x1000, PIECE = 1 << 20, REPORT = 64 << 20 /* bytes between two words of it */ };

struct hit {
    uint64_t pfn, offset, value, va, pte, physical;
    bool exact;
};
static const struct sc_field fields[] = {
    SC_FIELD(struct hit, physical, SC_F_ADDR), SC_FIELD(struct hit, pfn, SC_F_HEX64),
    SC_FIELD(struct hit, offset, SC_F_HEX64),  SC_FIELD(struct hit, value, SC_F_HEX64),
    SC_FIELD(struct hit, exact, SC_F_BOOL),    SC_FIELD(struct hit, va, SC_F_ADDR),
    SC_FIELD(struct hit, pte, SC_F_ADDR),      SC_FIELD_END};
static const struct sc_rectype type = {"physical_hit", sizeof(struct hit), fields};

struct search {
    sc_session *session;
    sc_space *phys;
    uint64_t data, low, span, mask; /* hits: value - low <= span, or one bit off `low` */
    unsigned size, digits;
    uint64_t first, end; /* physical addresses */
    struct nt_pfndb db;
    struct nt_ptes ptes;
    bool has_db, has_ptes;
    uint8_t *buffer;
    uint64_t hits, done, told; /* done, told: bytes */
};

static void hit_text(sc_out *out, const void *record, void *ctx) {
    const struct hit *h = record;
    const struct search *s = ctx;
    sc_printf(out, "%08" PRIX64 " %08" PRIX64 " ", h->pfn, h->offset);
    if (h->exact)
        sc_out_color(out, SC_BOLD);
    sc_printf(out, "%0*" PRIX64, (int)s->digits, h->value);
    if (h->exact)
        sc_out_color(out, SC_PLAIN);
    if (h->va != SC_UNSET64)
        sc_printf(out, " %0*" PRIX64 " %0*" PRIX64, (int)s->digits, h->va, (int)s->digits, h->pte);
    else if (h->pte != SC_UNSET64)
        sc_printf(out, " %*s %0*" PRIX64, (int)s->digits, "", (int)s->digits, h->pte);
    sc_puts(out, "\n");
}

/* Where the page is mapped, if the database tells. */
static sc_err *find_mapping(const struct search *s, struct hit *h) {
    struct nt_pfn p;
    bool found = false;
    if (!s->has_db || h->pfn > s->db.highest)
        return NULL;
    sc_err *err = nt_pfn_read(&s->db, h->pfn, &p, &found);
    bool used = p.location == NT_PAGE_ACTIVE || p.location == NT_PAGE_TRANSITION;
    if (err || !found || !used || !p.pte_address)
        return err;
    h->pte = p.pte_address;
    if (!p.prototype && s->has_ptes && nt_ptes_contain(&s->ptes, p.pte_address))
        h->va = nt_pte_va(&s->ptes, p.pte_address) + h->offset;
    return NULL;
}

static sc_err *report(struct search *s, uint64_t pa, uint64_t value) {
    struct hit h = {.pfn = pa / PAGE,
                    .offset = pa % PAGE,
                    .value = value,
                    .va = SC_UNSET64,
                    .pte = SC_UNSET64,
                    .physical = pa,
                    .exact = value == s->data};
    sc_err *err = find_mapping(s, &h);
    if (err)
        return err;
    s->hits++;
    sc_session_progress_end(s->session);
    sc_record(sc_session_out(s->session), &type, &h, hit_text, s);
    return NULL;
}

static inline bool is_hit(const struct search *s, uint64_t v) {
    uint64_t differ = v ^ s->low;
    return ((v - s->low) & s->mask) <= s->span || !(differ & (differ - 1));
}

static sc_err *scan8(struct search *s, uint64_t pa, const uint8_t *data, size_t len) {
    for (size_t i = 0; i + 8 <= len; i += 8) {
        uint64_t v;
        memcpy(&v, data + i, 8);
        if (is_hit(s, v)) {
            sc_err *err = report(s, pa + i, v);
            if (err)
                return err;
        }
    }
    return NULL;
}

static sc_err *scan4(struct search *s, uint64_t pa, const uint8_t *data, size_t len) {
    for (size_t i = 0; i + 4 <= len; i += 4) {
        uint32_t v;
        memcpy(&v, data + i, 4);
        if (is_hit(s, v)) {
            sc_err *err = report(s, pa + i, v);
            if (err)
                return err;
        }
    }
    return NULL;
}

/* Numbers in memory are little-endian, and so are the machines that this runs on. */
static sc_err *scan(struct search *s, uint64_t pa, const uint8_t *data, size_t len) {
    return s->size == 8 ? scan8(s, pa, data, len) : scan4(s, pa, data, len);
}

/* A piece of a run that is present, in place where that can be had. */
static sc_err *scan_piece(struct search *s, uint64_t pa, uint64_t len, uint64_t *ret_done) {
    const uint8_t *data;
    size_t got = 0;
    len = len < PIECE ? len : PIECE;
    if (sc_space_view(s->phys, pa, &data, &got) == SC_READ_OK && got >= s->size) {
        got = got < len ? got : (size_t)len;
    } else {
        sc_space_read(s->phys, pa, s->buffer, (size_t)len, &got);
        data = s->buffer;
    }
    got -= got % s->size;
    s->done += got;
    if (s->done - s->told >= REPORT) {
        s->told = s->done;
        sc_session_progress(s->session, "searching", s->done, 0);
    }
    *ret_done = got ? got : (PAGE - pa % PAGE < len ? PAGE - pa % PAGE : len);
    return scan(s, pa, data, got);
}

static sc_err *scan_all(struct search *s) {
    uint64_t at = s->first, start, size;
    while (at < s->end && sc_space_next(s->phys, at, &start, &size)) {
        at = start > at ? start : at;
        uint64_t end = start + size < s->end ? start + size : s->end;
        while (at < end && !sc_out_failed(sc_session_out(s->session))) {
            uint64_t done;
            if (sc_target_cancelled(sc_session_target(s->session)))
                return sc_err_cancelled();
            sc_err *err = scan_piece(s, at, end - at, &done);
            if (err)
                return err;
            at += done;
        }
        if (sc_out_failed(sc_session_out(s->session)) || start + size < start)
            break;
    }
    return NULL;
}

static uint64_t memory_end(sc_target *target) {
    uint64_t at = 0, start, size;
    while (sc_space_next(sc_target_phys(target), at, &start, &size) && start + size > at &&
           !sc_target_cancelled(target))
        at = start + size;
    return at;
}

/* The page frame database and the page tables, if they are there. */
static sc_err *find_maps(struct search *s, struct nt *nt) {
    sc_err *err = sc_session_nt(s->session, nt);
    if (!err)
        err = nt_pfndb_open(nt, &s->db);
    s->has_db = !err;
    if (!err && sc_target_has_paging(nt->target))
        err = nt_ptes_find(nt, &s->ptes, &s->has_ptes);
    return sc_err_catch(&err, SC_ERR_NOT_FOUND) ? NULL : err;
}

static void prepare(struct search *s, const struct sc_args *args, bool narrow) {
    const struct sc_val *v = args->v + 2;
    unsigned ptr = narrow ? 4 : sc_session_ptr_size(s->session);
    uint64_t delta = v[1].given ? v[1].num : 0;
    s->size = ptr;
    s->digits = ptr * 2;
    s->mask = ptr == 4 ? UINT32_MAX : UINT64_MAX;
    s->data = v[0].num & s->mask;
    s->low = delta > s->data ? 0 : s->data - delta;
    uint64_t high = delta > s->mask - s->data ? s->mask : s->data + delta;
    s->span = high - s->low;
    s->first = v[2].given ? sc_session_physical(s->session, v[2].num) : 0;
    uint64_t end = memory_end(sc_session_target(s->session)), last = end ? (end - 1) / PAGE : 0;
    if (v[3].given && sc_session_physical(s->session, v[3].num) < last)
        last = sc_session_physical(s->session, v[3].num);
    s->end = (last + 1) * PAGE;
    s->first = s->first > UINT64_MAX / PAGE ? s->end : s->first * PAGE;
}

static sc_err *run_search(sc_session *session, const struct sc_args *args) {
    struct search s = {.session = session, .phys = sc_target_phys(sc_session_target(session))};
    struct nt nt;
    sc_out *out = sc_session_out(session);
    uint64_t start, size;
    if (!sc_space_next(s.phys, 0, &start, &size))
        return sc_errf(SC_ERR_UNSUPPORTED,
                       "!search: this dump holds no physical memory; s searches what it holds");
    prepare(&s, args, args->v[1].given);
    sc_err *err = find_maps(&s, &nt);
    if (err)
        return err;
    s.buffer = malloc(PIECE);
    if (!s.buffer)
        return sc_err_nomem();
    sc_printf(out,
              "Searching PFNs in range %08" PRIX64 " - %08" PRIX64 " for [%0*" PRIX64
              " - %0*" PRIX64 "]\n\n",
              s.first / PAGE, (s.end - 1) / PAGE, (int)s.digits, s.low, (int)s.digits,
              s.low + s.span);
    sc_printf(out, "%-8s %-8s %-*s %-*s %-*s\n", "Pfn", "Offset", (int)s.digits, "Hit",
              (int)s.digits, "Va", (int)s.digits, "Pte");
    sc_puts(out, "- - - - - - - - - - - - - - - - - - -\n");
    err = scan_all(&s);
    sc_session_progress_end(session);
    free(s.buffer);
    if (!err)
        sc_puts(out, "Search done.\n");
    return err;
}

static const struct sc_arg search_args[] = {
    {SC_ARG_OPTION, "-s", "s", true, "has no effect: it is about symbols of the debugger's own"},
    {SC_ARG_OPTION, "-p", "p", true, "numbers of 32 bits on a 64-bit system, too"},
    {SC_ARG_EXPR, "data", NULL, false, "the value"},
    {SC_ARG_EXPR, "delta", NULL, true, "by how much hits may differ"},
    {SC_ARG_EXPR, "first", NULL, true, "page frame to begin with"},
    {SC_ARG_EXPR, "last", NULL, true, "page frame to end with"},
    {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_physfind_commands[] = {
    {.name = "!search",
     .brief = "search all physical memory for a value, or one that is near it",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .instead = "s searches the process's memory",
     .args = search_args,
     .help = "Numbers of a pointer's size that are the value, differ from it by at most delta, or "
             "by a single bit. Va and Pte are where the page is mapped, if the PFN database tells. "
             "For patterns of bytes and text: s -b physical, s -a physical.",
     .sample = "!search 1234567890abcdef 0 1 2",
     .run = run_search},
    {.name = NULL},
};
