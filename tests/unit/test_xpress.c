/* SPDX-License-Identifier: MIT */
/*
 * Xpress, both forms: the published examples (MS-XCA 3.1 and 3.2), what encoders made of the same
 * document write, and damage. Other people's encoders and decoders: oracle/test_xpress.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
/* after the four that it needs */
#include <cmocka.h>

#include "dump/xpress.h"
#include "forge/xpress.h"
#include "random.h"

enum { CHUNK = 0x10000 };

typedef struct sc_xpress decode_fn(const uint8_t *, size_t, uint8_t *, size_t);
typedef bool encode_fn(const struct forge_tokens *, struct forge_bytes *);

static const struct form {
    decode_fn *decode;
    encode_fn *encode;
    uint32_t farthest;
} forms[] = {
    {sc_xpress_plain, forge_xpress_plain, 8192},
    {sc_xpress_huffman, forge_xpress_huffman, 65535},
};

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz";

static void fill_abc(uint8_t out[300]) {
    for (int i = 0; i < 300; i++)
        out[i] = (uint8_t) "abc"[i % 3];
}

static void makes(decode_fn *decode, const uint8_t *in, size_t in_size, const void *want,
                  size_t want_size) {
    uint8_t *out = malloc(want_size);
    struct sc_xpress r = decode(in, in_size, out, want_size);
    assert_string_equal(r.why ? r.why : "", "");
    assert_int_equal(r.made, want_size);
    assert_memory_equal(out, want, want_size);
    free(out);
}

static void test_the_published_examples_of_the_plain_form(void **state) {
    (void)state;
    uint8_t literals[30] = {0x3f, 0, 0, 0}, abc[300];
    memcpy(literals + 4, alphabet, 26);
    const uint8_t match[] = {0xff, 0xff, 0xff, 0x1f, 'a',  'b', 'c',
                             0x17, 0,    0x0f, 0xff, 0x26, 0x01};
    fill_abc(abc);
    makes(sc_xpress_plain, literals, sizeof literals, alphabet, 26);
    makes(sc_xpress_plain, match, sizeof match, abc, sizeof abc);
}

static void set_length(uint8_t *table, unsigned symbol, unsigned length) {
    table[symbol / 2] |= (uint8_t)(length << (symbol & 1) * 4);
}

static void test_the_published_examples_with_huffman_codes(void **state) {
    (void)state;
    static const uint8_t bits[] = {0xd8, 0x52, 0x3e, 0xd7, 0x94, 0x11, 0x5b, 0xe9, 0x19, 0x5f,
                                   0xf9, 0xd6, 0x7c, 0xdf, 0x8d, 0x04, 0,    0,    0,    0};
    uint8_t in[256 + sizeof bits] = {0}, abc[300];
    /* The table as printed: 50 55 … 55 45 44 04 from byte 0x30, 04 at 0x80. */
    for (unsigned s = 'a'; s <= 'z'; s++)
        set_length(in, s, s < 'w' ? 5 : 4);
    in[0x3b] = 0x45;
    set_length(in, 256, 4);
    memcpy(in + 256, bits, sizeof bits);
    makes(sc_xpress_huffman, in, sizeof in, alphabet, 26);

    uint8_t match[263] = {0};
    set_length(match, 'a', 3);
    set_length(match, 'b', 3);
    set_length(match, 'c', 2);
    set_length(match, 256, 2);
    set_length(match, 287, 2);
    memcpy(match + 256, (const uint8_t[]){0xa8, 0xdc, 0, 0, 0xff, 0x26, 0x01}, 7);
    fill_abc(abc);
    makes(sc_xpress_huffman, match, sizeof match, abc, sizeof abc);
}

static void round_trip(const struct form *form, const struct forge_tokens *tokens) {
    struct forge_bytes packed, plain;
    assert_true(forge_tokens_expand(tokens, &plain));
    assert_true(form->encode(tokens, &packed));
    makes(form->decode, packed.data, packed.size, plain.data, plain.size);
    free(packed.data);
    free(plain.data);
}

static void add(struct forge_tokens *tokens, uint32_t length, uint32_t distance, int literal) {
    assert_true(forge_tokens_add(tokens, (struct forge_token){length, distance, (uint8_t)literal}));
}

/* Literals up to SIZE bytes, then a match of every length around the borders of its forms. */
static void one_match(const struct form *form, uint32_t before, uint32_t length,
                      uint32_t distance) {
    struct forge_tokens tokens = {0};
    uint64_t seed = before + length;
    for (uint32_t i = 0; i < before; i++)
        add(&tokens, 0, 0, (int)random_below(&seed, 256));
    add(&tokens, length, distance, 0);
    add(&tokens, 0, 0, 'x');
    round_trip(form, &tokens);
    forge_tokens_free(&tokens);
}

static void test_matches_of_all_lengths_and_distances(void **state) {
    (void)state;
    static const uint32_t far[] = {1,    2,    3,    4,    7,    8,     9,     255,   256,   257,
                                   4095, 4096, 8191, 8192, 8193, 16383, 16384, 32767, 32768, 65000};
    for (size_t f = 0; f < 2; f++) {
        for (uint32_t length = 3; length < 600; length++)
            one_match(&forms[f], 700, length, 1 + length % 699);
        for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
            if (far[i] > forms[f].farthest)
                continue;
            for (uint32_t length = 3; length < 30; length += 13)
                one_match(&forms[f], far[i], length, far[i]);
        }
        one_match(&forms[f], 1, 65534 - 2, 1);
    }
    /* Only the plain form has matches of more than a chunk: a length of 32 bits. */
    one_match(&forms[0], 3, 65535 + 3, 3);
    one_match(&forms[0], 3, 65536 + 3, 3);
    one_match(&forms[0], 3, 1000000, 2);
}

/* Tokens at random, with every chunk full. */
static void random_tokens(struct forge_tokens *tokens, uint32_t farthest, size_t size,
                          uint64_t *seed) {
    unsigned letters = 1 + (unsigned)random_below(seed, 256);
    for (size_t n = 0; n < size;) {
        size_t left = CHUNK - n % CHUNK;
        if (size - n < left)
            left = size - n;
        uint32_t length = 0, distance = 0;
        if (n && left >= 3 && random_below(seed, 3)) {
            length = 3 + (uint32_t)(random_next(seed) >> (40 + random_below(seed, 24)));
            length = length > left ? (uint32_t)left : length;
            distance = 1 + (uint32_t)(random_next(seed) >> (48 + random_below(seed, 16)));
            size_t most = n < farthest ? n : farthest;
            distance = distance > most ? (uint32_t)most : distance;
        }
        add(tokens, length, distance, (int)random_below(seed, letters));
        n += length ? length : 1;
    }
}

static void test_random_tokens_come_back(void **state) {
    (void)state;
    uint64_t seed = 1;
    for (unsigned round = 0; round < 120; round++)
        for (size_t f = 0; f < 2; f++) {
            struct forge_tokens tokens = {0};
            size_t size = 1 + (size_t)random_below(&seed, round % 10 ? 5000 : 200000);
            random_tokens(&tokens, forms[f].farthest, size, &seed);
            round_trip(&forms[f], &tokens);
            forge_tokens_free(&tokens);
        }
}

static void test_chunks_that_are_just_full(void **state) {
    (void)state;
    uint64_t seed = 9;
    for (int off = -1; off <= 1; off++)
        for (size_t chunks = 1; chunks < 4; chunks++)
            for (size_t f = 0; f < 2; f++) {
                struct forge_tokens tokens = {0};
                random_tokens(&tokens, forms[f].farthest, chunks * CHUNK + (size_t)(off + 1) - 1,
                              &seed);
                round_trip(&forms[f], &tokens);
                forge_tokens_free(&tokens);
            }
}

static void test_data_of_one_value_and_of_noise(void **state) {
    (void)state;
    uint8_t *data = calloc(1, 2 * CHUNK);
    uint64_t seed = 3;
    for (int noise = 0; noise < 2; noise++) {
        for (size_t i = 0; noise && i < 2 * CHUNK; i++)
            data[i] = (uint8_t)random_next(&seed);
        for (size_t f = 0; f < 2; f++) {
            struct forge_tokens tokens = {0};
            assert_true(forge_tokens_find(&tokens, data, 2 * CHUNK, forms[f].farthest));
            assert_true(noise ? tokens.count > CHUNK : tokens.count < 10);
            round_trip(&forms[f], &tokens);
            forge_tokens_free(&tokens);
        }
    }
    free(data);
}

/* Counts that double make the longest codes there can be, or longer ones, which are cut. */
static unsigned longest_code(int symbols) {
    struct forge_tokens tokens = {0};
    struct forge_bytes packed;
    for (int s = 0; s < symbols; s++)
        for (uint32_t i = 0; i < 1u << s; i++)
            add(&tokens, 0, 0, s);
    assert_true(forge_xpress_huffman(&tokens, &packed));
    unsigned longest = 0;
    for (unsigned s = 0; s < 512; s++) {
        unsigned length = packed.data[s / 2] >> (s & 1) * 4 & 15;
        longest = length > longest ? length : longest;
    }
    free(packed.data);
    round_trip(&forms[1], &tokens);
    forge_tokens_free(&tokens);
    return longest;
}

static void test_the_longest_codes(void **state) {
    (void)state;
    assert_int_equal(longest_code(15), 15);
    for (int symbols = 2; symbols <= 16; symbols++)
        assert_true(longest_code(symbols) <= 15);
}

/* --- damage --- */

static const char *why(decode_fn *decode, const uint8_t *in, size_t in_size, size_t want,
                       size_t *ret_made) {
    uint8_t *out = malloc(want ? want : 1), *copy = malloc(in_size ? in_size : 1);
    memcpy(copy, in, in_size); /* so that a sanitizer sees a byte too many */
    struct sc_xpress r = decode(copy, in_size, out, want);
    assert_true(r.made <= want && r.used <= in_size);
    assert_true((r.made == want) == !r.why);
    *ret_made = r.made;
    free(copy);
    free(out);
    return r.why ? r.why : "";
}

static void test_what_is_cut_off_is_said(void **state) {
    (void)state;
    uint64_t seed = 5;
    struct forge_tokens tokens = {0};
    struct forge_bytes packed;
    random_tokens(&tokens, 8192, 3000, &seed);
    for (size_t f = 0; f < 2; f++) {
        assert_true(forms[f].encode(&tokens, &packed));
        size_t made, last = 0, whole = 0;
        for (size_t size = 0; size <= packed.size; size++) {
            const char *text = why(forms[f].decode, packed.data, size, 3000, &made);
            if (size + 6 < packed.size) /* an end mark and empty words may be missing */
                assert_true(*text);
            assert_true(made >= last);
            last = made;
            whole += made == 3000;
        }
        assert_int_equal(last, 3000);
        assert_true(whole >= 1);
        free(packed.data);
    }
    forge_tokens_free(&tokens);
}

static void test_matches_before_the_start_are_refused(void **state) {
    (void)state;
    size_t made;
    const uint8_t plain[] = {0, 0, 0, 0x40, 'a', 8, 0, 'b'}; /* distance 2 behind one byte */
    assert_string_equal(why(sc_xpress_plain, plain, sizeof plain, 20, &made),
                        "a match begins before the data");
    assert_int_equal(made, 1);
    uint8_t huff[262] = {0}; /* symbols 'a' and 256 + 16 (distance 2 or 3) of one bit each */
    set_length(huff, 'a', 1);
    set_length(huff, 272, 1);
    huff[257] = 0x40; /* 0: a; 1 0: a match, 2 back */
    assert_string_equal(why(sc_xpress_huffman, huff, sizeof huff, 20, &made),
                        "a match begins before the data");
    assert_int_equal(made, 1);
}

static void test_matches_over_the_end_are_refused(void **state) {
    (void)state;
    size_t made;
    const uint8_t plain[] = {0, 0, 0, 0x40, 'a', 6, 0, 'b'}; /* nine bytes, one back */
    assert_string_equal(why(sc_xpress_plain, plain, sizeof plain, 9, &made),
                        "a match goes over the end of the data");
    assert_string_equal(why(sc_xpress_plain, plain, sizeof plain, 10, &made), "");
    const uint8_t odd[] = {0, 0, 0, 0x40, 'a', 7, 0, 15, 255, 21, 0};
    assert_string_equal(why(sc_xpress_plain, odd, sizeof odd, 100, &made),
                        "a match has a length that no writer makes");
    const uint8_t huge[] = {0, 0, 0, 0x40, 'a', 7, 0, 15, 255, 0, 0, 255, 255, 255, 255};
    assert_string_equal(why(sc_xpress_plain, huge, sizeof huge, 100, &made),
                        "a match goes over the end of the data");
}

static void test_tables_of_codes_that_cannot_be(void **state) {
    (void)state;
    size_t made;
    uint8_t in[300] = {0};
    assert_string_equal(why(sc_xpress_huffman, in, 255, 10, &made),
                        "the compressed data end inside a table of codes");
    assert_string_equal(why(sc_xpress_huffman, in, sizeof in, 10, &made),
                        "a code that the table does not have");
    memset(in, 0x11, 256);
    assert_string_equal(why(sc_xpress_huffman, in, sizeof in, 10, &made),
                        "a table of codes has more codes than there can be");
    memset(in, 0, 256);
    set_length(in, 'q', 1); /* one code alone: fine as long as only it is met */
    assert_string_equal(why(sc_xpress_huffman, in, sizeof in, 10, &made), "");
}

static void test_random_bytes_never_leave_the_buffers(void **state) {
    (void)state;
    uint64_t seed = 77;
    uint8_t in[900];
    for (unsigned round = 0; round < 3000; round++) {
        size_t size = (size_t)random_below(&seed, sizeof in), made;
        for (size_t i = 0; i < size; i++)
            in[i] = (uint8_t)random_next(&seed);
        for (size_t i = 0; i < 256 && i < size; i++) /* codes that mostly are codes */
            in[i] = round % 2 ? 0x99 : in[i];
        for (size_t f = 0; f < 2; f++)
            (void)why(forms[f].decode, in, size, (size_t)random_below(&seed, 70000), &made);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_published_examples_of_the_plain_form),
        cmocka_unit_test(test_the_published_examples_with_huffman_codes),
        cmocka_unit_test(test_matches_of_all_lengths_and_distances),
        cmocka_unit_test(test_random_tokens_come_back),
        cmocka_unit_test(test_chunks_that_are_just_full),
        cmocka_unit_test(test_data_of_one_value_and_of_noise),
        cmocka_unit_test(test_the_longest_codes),
        cmocka_unit_test(test_what_is_cut_off_is_said),
        cmocka_unit_test(test_matches_before_the_start_are_refused),
        cmocka_unit_test(test_matches_over_the_end_are_refused),
        cmocka_unit_test(test_tables_of_codes_that_cannot_be),
        cmocka_unit_test(test_random_bytes_never_leave_the_buffers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
