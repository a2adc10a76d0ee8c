/* SPDX-License-Identifier: MIT */
/* Finding a pattern in bytes: the same hits as by looking at every place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/memscan.h"
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hits_are_where_they_are_by_hand),
        cmocka_unit_test(the_two_rarest_bytes_are_looked_for),
        cmocka_unit_test(an_empty_pattern_is_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
