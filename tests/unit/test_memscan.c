/* SPDX-License-Identifier: MIT */
/* Finding patterns and strings in bytes: the same as by looking at every place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/memscan.h"
#include "unit/memory_fixture.h"
#include "unit/random.h"

static const uint8_t *by_hand(const struct sc_pattern *p, const uint8_t *data, size_t len) {
    for (size_t i = 0; p->len && i + p->len <= len; i++)
        if (!memcmp(data + i, p->byte, p->len))
            return data + i;
    return NULL;
}

static struct sc_pattern pattern(const uint8_t *bytes, size_t len) {
    struct sc_pattern p = {.len = len, .align = 1};
    memcpy(p.byte, bytes, len);
    sc_pattern_prepare(&p);
    return p;
}

/* Few different bytes: many places that look like a hit. The block ends where the memory does. */
static void hits_are_where_they_are_by_hand(void **state) {
    (void)state;
    uint64_t seed = 7;
    for (int round = 0; round < 20000; round++) {
        size_t len = random_below(&seed, 100), plen = 1 + random_below(&seed, 12);
        unsigned letters = 1 + (unsigned)random_below(&seed, 4);
        uint8_t bytes[12], *data = malloc(len ? len : 1);
        assert_non_null(data);
        for (size_t i = 0; i < len; i++)
            data[i] = (uint8_t)(random_below(&seed, letters) * 0x55);
        for (size_t i = 0; i < plen; i++)
            bytes[i] = (uint8_t)(random_below(&seed, letters) * 0x55);
        if (len > plen && round % 2)
            memcpy(bytes, data + random_below(&seed, len - plen + 1), plen);
        struct sc_pattern p = pattern(bytes, plen);
        assert_ptr_equal(sc_pattern_find(&p, data, len), by_hand(&p, data, len));
        free(data);
    }
}

static void the_two_rarest_bytes_are_looked_for(void **state) {
    (void)state;
    struct sc_pattern p = pattern((const uint8_t *)"\0\0\x5eq\0", 5);
    assert_int_equal(p.anchor, 2);
    assert_int_equal(p.second, 3);
    p = pattern((const uint8_t *)"\x5e\0", 2);
    assert_int_equal(p.anchor, 0);
    assert_int_equal(p.second, 1);
    p = pattern((const uint8_t *)"\0", 1);
    assert_int_equal(p.anchor, 0);
    assert_int_equal(p.second, 0);
}

static void an_empty_pattern_is_nowhere(void **state) {
    (void)state;
    struct sc_pattern p = pattern((const uint8_t *)"", 0);
    assert_null(sc_pattern_find(&p, (const uint8_t *)"abc", 3));
    p = pattern((const uint8_t *)"abcd", 4);
    assert_null(sc_pattern_find(&p, (const uint8_t *)"abc", 3));
}

/* ---- strings ---- */

enum { BYTES = 1500, AT = 0x1000 };

/* What `s -[1lN]sa` shows, or (UNIT 2) -su. */
static void strings_by_hand(const uint8_t *data, size_t len, unsigned unit, size_t least,
                            char *text) {
    size_t count = 0, start = 0;
    *text = 0;
    for (size_t i = 0; i + unit <= len + unit; i += unit) {
        bool printable =
            i + unit <= len && data[i] >= 0x20 && data[i] < 0x7f && (unit == 1 || !data[i + 1]);
        if (printable) {
            start = count++ ? start : i;
            continue;
        }
        if (count >= least)
            text += sprintf(text, "0x00000000`%08zx\n", AT + start);
        count = 0;
    }
}

/* Stretches of characters, wide ones and none, in ranges that begin anywhere and touch or not. */
static void strings_are_where_they_are_by_hand(void **state) {
    (void)state;
    uint64_t seed = 3;
    static char want[BYTES * 24];
    for (int round = 0; round < 200; round++) {
        uint8_t data[BYTES];
        for (size_t i = 0, kind = 0, left = 0; i < BYTES; i++, left--) {
            if (!left) {
                kind = random_below(&seed, 4);
                left = 1 + random_below(&seed, 90);
            }
            data[i] = kind == 0   ? (uint8_t)random_below(&seed, 256)
                      : kind == 1 ? 'a'
                      : kind == 2 ? (uint8_t)(i % 2 ? 0 : 0x20 + random_below(&seed, 96))
                                  : (uint8_t)(0x1f + random_below(&seed, 98));
        }
        size_t cut = 2 * random_below(&seed, BYTES / 2), least = 1 + random_below(&seed, 6);
        const struct sc_fake_bytes memory[] = {{AT, data, cut},
                                               {AT + cut, data + cut, BYTES - cut}};
        struct fix f;
        char line[64];
        mem_open(&f, SC_CPU_X64, memory, 2);
        for (unsigned unit = 1; unit <= 2; unit++) {
            strings_by_hand(data, BYTES, unit, least, want);
            snprintf(line, sizeof line, "s -[1l%zx]%s 1000 L?%x", least, unit == 1 ? "sa" : "su",
                     BYTES / unit);
            fix_prints(&f, line, want);
        }
        fix_close(&f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hits_are_where_they_are_by_hand),
        cmocka_unit_test(the_two_rarest_bytes_are_looked_for),
        cmocka_unit_test(an_empty_pattern_is_nowhere),
        cmocka_unit_test(strings_are_where_they_are_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
