/* SPDX-License-Identifier: MIT */
/*
 * The words that may stand where `s` wants a range:
 *
 *     modules         every loaded module, with what image files have of them
 *     module NAME     those whose name matches
 *     kernel          the kernel's addresses
 *     process         those of the process at hand (.process), pages that the dump holds
 *     physical        all physical memory that the dump holds; hits are physical addresses
 *
 * WinDbg knows ranges only. Words, since the flags in brackets say what is looked for and how, and
 * none of these says that; whole words, since a letter more in brackets could be one of a later
 * WinDbg. A word is always the word: what a line searches does not depend on the symbols at hand.
 */
#include "cmd/searchwhere.h"

#include <string.h>

#include "base/utf.h"
#include "cmd/dispatch.h"
#include "cmd/session_impl.h"

/* MmSystemRangeStart's address in KDDEBUGGER_DATA64. */
enum { KD_SYSTEM_RANGE_START = 0x1d0 };

enum word { MODULES, MODULE, KERNEL, PROCESS, PHYSICAL, WORDS };
static const char *const words[WORDS] = {"modules", "module", "kernel", "process", "physical"};

/* "L100", "L?ff", "L-8": the length of a range, so that what stands before it is its beginning. */
static bool is_length(const char *p) {
    if (sc_lower(*p) != 'l')
        return false;
    p += p[1] == '?' || p[1] == '-' ? 2 : 1;
    return *p >= '0' && *p <= '9';
}

/* WORDS: none. */
static enum word word_at(const char *text, const char **ret_end) {
    size_t n = strcspn(text, " \t\"'");
    for (enum word w = 0; w < WORDS; w++) {
        if (strlen(words[w]) != n || strncmp(text, words[w], n) != 0)
            continue;
        const char *end = sc_skip_blanks(text + n);
        if (is_length(end))
            break;
        *ret_end = end;
        return w;
    }
    return WORDS;
}

static struct sc_where_range *room(sc_arena *arena, size_t count, struct sc_where *where) {
    where->range = sc_arena_alloc(arena, (count ? count : 1) * sizeof *where->range);
    return where->range;
}

sc_err *sc_where_range(sc_session *s, sc_arena *arena, uint64_t start, uint64_t last,
                       struct sc_where *ret) {
    *ret = (struct sc_where){.space = sc_target_space(s->target), .count = 1};
    if (!room(arena, 1, ret))
        return sc_err_nomem();
    ret->range[0] = (struct sc_where_range){start, last};
    return NULL;
}

/* ---- modules ---- */

/* NAME NULL: all of them. */
static sc_err *take_modules(sc_session *s, sc_arena *arena, const char *name,
                            struct sc_where *where) {
    const struct sc_modules *list;
    sc_err *err = sc_target_modules(s->target, &list);
    if (err)
        return err;
    if (!room(arena, list->count, where))
        return sc_err_nomem();
    for (size_t i = 0; i < list->count; i++) {
        const struct sc_module *m = &list->item[i];
        if (!m->size || (name && !sc_wild_match(name, m->name)))
            continue;
        where->range[where->count++] = (struct sc_where_range){m->base, m->base + (m->size - 1)};
        where->bytes += m->size;
    }
    if (where->count)
        return NULL;
    return name ? sc_errf(SC_ERR_NOT_FOUND, "s: no loaded module is called %s: lm lists them", name)
                : sc_errf(SC_ERR_NOT_FOUND, "s: this dump has no list of modules");
}

static sc_err *take_name(sc_arena *arena, const char **text, const char **ret) {
    size_t n = strcspn(*text, " \t");
    if (!n)
        return sc_errf(SC_ERR_ARG, "s: which module? s -a module nt \"Leak\"");
    char *name = sc_arena_alloc(arena, n + 1);
    if (!name)
        return sc_err_nomem();
    memcpy(name, *text, n);
    name[n] = '\0';
    *text = sc_skip_blanks(*text + n);
    *ret = name;
    return NULL;
}

/* ---- halves of the address space ---- */

/* The kernel's first address. On x86 it depends on how the system was started (/3GB). */
static uint64_t kernel_start(const sc_session *s) {
    uint64_t at, start;
    if (sc_target_ptr_size(s->target) == 8)
        return (uint64_t)1 << 63;
    if (sc_target_kd_member(s->target, KD_SYSTEM_RANGE_START, 8, &at) && at &&
        sc_space_ptr(sc_target_space(s->target), at, &start) == SC_READ_OK && start >= 0x80000000)
        return start;
    return 0x80000000;
}

static sc_err *take_half(sc_session *s, sc_arena *arena, bool kernel, struct sc_where *where) {
    bool of_kernel = sc_target_machine(s->target)->kernel;
    uint64_t border = of_kernel ? kernel_start(s) : 0;
    if (kernel && !of_kernel)
        return sc_errf(SC_ERR_UNSUPPORTED,
                       "s: a process's dump holds nothing of the kernel: s -a process …");
    sc_err *err =
        sc_where_range(s, arena, kernel ? border : 0, kernel ? UINT64_MAX : border - 1, where);
    where->present_only = true;
    return err;
}

/* ---- physical memory ---- */

sc_err *sc_where_physical(sc_session *s, sc_arena *arena, struct sc_where *ret) {
    sc_space *phys = sc_target_phys(s->target);
    uint64_t at = 0, start, size;
    sc_err *err = sc_where_range(s, arena, 0, UINT64_MAX, ret);
    if (err)
        return err;
    ret->space = phys;
    ret->physical = ret->present_only = true;
    while (sc_space_next(phys, at, &start, &size) && !sc_target_cancelled(s->target)) {
        ret->bytes += start + size - (start > at ? start : at);
        at = start + size;
        if (!at)
            break;
    }
    if (!ret->bytes && sc_target_take_nomem(s->target))
        return sc_err_nomem();
    return ret->bytes ? NULL
                      : sc_errf(SC_ERR_UNSUPPORTED,
                                "s: this dump holds no physical memory: it is no dump of whole "
                                "memory");
}

sc_err *sc_where_take(sc_session *s, sc_arena *arena, const char **text, struct sc_where *ret,
                      bool *ret_taken) {
    const char *end, *name = NULL;
    enum word word = word_at(*text, &end);
    sc_err *err = NULL;
    *ret_taken = word != WORDS;
    if (word == WORDS)
        return NULL;
    *ret = (struct sc_where){.space = sc_target_space(s->target)};
    switch (word) {
    case MODULE: err = take_name(arena, &end, &name); /* fall through */
    case MODULES: err = err ? err : take_modules(s, arena, name, ret); break;
    case PHYSICAL: err = sc_where_physical(s, arena, ret); break;
    default: err = take_half(s, arena, word == KERNEL, ret); break;
    }
    *text = end;
    return err;
}
