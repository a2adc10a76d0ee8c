/* SPDX-License-Identifier: MIT */
/* Pages and marks of a conversion, held against plain arrays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "convert/pageset.h"
#include "unit/random.h"

enum { FRAMES = 4096 };

struct plain {
    bool there[FRAMES], kept[FRAMES];
    struct conv_pages pages;
    struct conv_marks keep;
};

static void make(struct plain *p, uint64_t seed) {
    memset(p, 0, sizeof *p);
    for (uint64_t pfn = random_next(&seed) % 70; pfn < FRAMES;) {
        uint64_t count = random_next(&seed) % 200 + 1;
        if (count > FRAMES - pfn)
            count = FRAMES - pfn;
        assert_true(conv_pages_add(&p->pages, pfn, count));
        for (uint64_t i = pfn; i < pfn + count; i++)
            p->there[i] = true;
        pfn += count + random_next(&seed) % 90 + 1;
    }
    assert_true(conv_marks_init(&p->keep, p->pages.total));
    for (unsigned i = 0; i < 300; i++) {
        uint64_t pfn = random_next(&seed) % FRAMES, count = random_next(&seed) % 40, index;
        if (random_next(&seed) % 3) {
            conv_mark_memory(&p->pages, &p->keep, pfn * CONV_PAGE, count * CONV_PAGE);
            for (uint64_t k = pfn; k < pfn + count && k < FRAMES; k++)
                p->kept[k] = p->there[k];
        } else if (conv_pages_index(&p->pages, pfn, &index)) {
            conv_unmark(&p->keep, index);
            p->kept[pfn] = false;
        }
    }
}

static void end(struct plain *p) {
    conv_pages_free(&p->pages);
    conv_marks_free(&p->keep);
}

static void check_selection(const struct plain *p, const bool *want,
                            const struct conv_marks *keep) {
    struct conv_selection s = {&p->pages, keep};
    uint64_t from = 0, pfn, count, rank = 0;
    for (; conv_selection_next(&s, from, &pfn, &count); from = pfn + count) {
        assert_true(pfn >= from && count);
        for (uint64_t i = from; i < pfn; i++)
            assert_false(want[i]);
        for (uint64_t i = pfn; i < pfn + count; i++) {
            assert_true(want[i]);
            assert_true(conv_selection_has(&s, i));
            assert_true(conv_selection_rank(&s, i) == rank++);
        }
        assert_true(pfn + count == FRAMES || !want[pfn + count]);
    }
    for (uint64_t i = from; i < FRAMES; i++) {
        assert_false(want[i]);
        assert_false(conv_selection_has(&s, i));
    }
    assert_true(conv_selection_count(&s) == rank);
}

static void selections_are_what_was_marked(void **state) {
    (void)state;
    struct plain *p = malloc(sizeof *p);
    assert_non_null(p);
    for (uint64_t seed = 1; seed <= 40; seed++) {
        make(p, seed);
        check_selection(p, p->there, NULL);
        check_selection(p, p->kept, &p->keep);
        end(p);
    }
    free(p);
}

static void marks_count_up_to_any_bit(void **state) {
    (void)state;
    struct conv_marks m;
    uint64_t seed = 7;
    assert_true(conv_marks_init(&m, 1000));
    bool set[1000] = {false};
    for (unsigned i = 0; i < 30; i++) {
        uint64_t first = random_next(&seed) % 1000, count = random_next(&seed) % (1000 - first);
        conv_mark_row(&m, first, count);
        memset(set + first, 1, (size_t)count);
        uint64_t n = 0;
        for (uint64_t end = 0; end <= 1000; end++) {
            assert_true(conv_marks_count(&m, end) == n);
            n += end < 1000 && set[end];
        }
    }
    conv_marks_free(&m);
}

static void no_pages_are_no_pages(void **state) {
    (void)state;
    struct conv_pages none = {0};
    struct conv_selection s = {&none, NULL};
    struct conv_marks m;
    uint64_t pfn, count;
    assert_true(conv_marks_init(&m, 0));
    conv_mark_memory(&none, &m, 0, CONV_PAGE);
    assert_true(conv_pages_end(&none) == 0);
    assert_false(conv_pages_index(&none, 0, &pfn));
    assert_false(conv_selection_next(&s, 0, &pfn, &count));
    assert_true(conv_selection_rank(&s, 5) == 0);
    conv_marks_free(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(selections_are_what_was_marked),
        cmocka_unit_test(marks_count_up_to_any_bit),
        cmocka_unit_test(no_pages_are_no_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
