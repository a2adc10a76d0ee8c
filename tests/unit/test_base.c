/* SPDX-License-Identifier: MIT */
/* The toolkit everything stands on: cursor, files, arena, vectors, hash, text, GUIDs, times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/cursor.h"
#include "base/file.h"
#include "base/guid.h"
#include "base/hash.h"
#include "base/time.h"
#include "base/utf.h"
#include "base/vec.h"

static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

/* Ends ERR after checking its code and that its text contains PART. */
static void expect(sc_err *err, enum sc_err_code code, const char *part) {
    assert_non_null(err);
    assert_int_equal(sc_err_code(err), code);
    if (!strstr(sc_err_text(err), part))
        fail_msg("\"%s\" does not say \"%s\"", sc_err_text(err), part);
    sc_err_destroy(err);
}

static void cursor_reads_little_endian(void **state) {
    (void)state;
    struct sc_cur c = sc_cur_mem(bytes, sizeof bytes, "record");
    assert_int_equal(sc_u8(&c), 1);
    assert_int_equal(sc_u16(&c), 0x0302);
    assert_int_equal(sc_u32(&c), 0x07060504);
    assert_true(sc_u64(&c) == 0x0f0e0d0c0b0a0908);
    assert_int_equal(sc_cur_left(&c), 1);
    assert_false(sc_cur_failed(&c));
    c = sc_cur_mem(bytes, sizeof bytes, "record");
    assert_int_equal(sc_uptr(&c, 4), 0x04030201);
    assert_true(sc_uptr(&c, 8) == 0x0c0b0a0908070605);
}

static void cursor_failure_is_sticky_and_names_the_first_place(void **state) {
    (void)state;
    struct sc_cur c = sc_cur_mem(bytes, 6, "little record");
    assert_int_equal(sc_u32(&c), 0x04030201);
    assert_int_equal(sc_u32(&c), 0); /* two bytes left */
    assert_true(sc_cur_failed(&c));
    assert_int_equal(sc_u8(&c), 0); /* would have fitted, but what came before is wrong */
    sc_cur_seek(&c, 0);
    assert_int_equal(sc_u8(&c), 0);
    assert_int_equal(sc_cur_left(&c), 0);
    sc_err *err = sc_cur_err(&c);
    uint64_t offset = 0;
    assert_true(sc_err_offset(err, &offset));
    assert_int_equal(offset, 4);
    expect(err, SC_ERR_FORMAT, "little record: 4 bytes wanted, 2 left");
}

static void cursor_bounds_hold_for_skips_and_seeks(void **state) {
    (void)state;
    struct sc_cur c = sc_cur_mem(bytes, sizeof bytes, "r");
    sc_cur_skip(&c, 16);
    assert_false(sc_cur_failed(&c));
    sc_cur_skip(&c, 0);
    assert_false(sc_cur_failed(&c));
    sc_cur_skip(&c, 1);
    assert_true(sc_cur_failed(&c));
    c = sc_cur_mem(bytes, sizeof bytes, "r");
    sc_cur_skip(&c, UINT64_MAX);
    assert_true(sc_cur_failed(&c));
    c = sc_cur_mem(bytes, sizeof bytes, "r");
    sc_cur_seek(&c, 16);
    assert_false(sc_cur_failed(&c));
    sc_cur_seek(&c, 17);
    assert_true(sc_cur_failed(&c));
    uint8_t buf[4] = {9, 9, 9, 9};
    sc_cur_bytes(&c, buf, 4);
    assert_memory_equal(buf, "\0\0\0\0", 4);
}

static void counts_are_checked_without_overflow(void **state) {
    (void)state;
    struct sc_cur c = sc_cur_mem(bytes, sizeof bytes, "list");
    assert_true(sc_cur_fits(&c, 4, 4));
    assert_true(sc_cur_fits(&c, 0, 100));
    assert_true(sc_cur_fits(&c, UINT64_MAX, 0));
    assert_false(sc_cur_failed(&c));
    assert_false(sc_cur_fits(&c, 5, 4));
    c = sc_cur_mem(bytes, sizeof bytes, "list");
    assert_false(sc_cur_fits(&c, 0x4000000000000001, 4)); /* the product is 4 in 64 bits */
    expect(sc_cur_err(&c), SC_ERR_FORMAT, "list:");
}

static void cursor_on_a_file_speaks_in_file_offsets(void **state) {
    (void)state;
    for (unsigned flags = 0; flags <= SC_FILE_NO_MMAP; flags++) {
        sc_file *f;
        assert_null(sc_file_memory("dir/name.dmp", bytes, sizeof bytes, flags, &f));
        struct sc_cur c = sc_cur_at(f, 10, 100, "tail");
        assert_int_equal(sc_cur_left(&c), 6); /* cut at the file's end */
        assert_int_equal(sc_u32(&c), 0x0e0d0c0b);
        assert_int_equal(sc_u32(&c), 0);
        expect(sc_cur_err(&c), SC_ERR_FORMAT, "name.dmp: offset 0xe: tail: 4 bytes wanted, 2 left");
        c = sc_cur_at(f, UINT64_MAX, UINT64_MAX, "nowhere");
        assert_int_equal(sc_u8(&c), 0);
        expect(sc_cur_err(&c), SC_ERR_FORMAT, "offset 0xffffffffffffffff");
        sc_file_close(f);
    }
}

static void arena_memory_is_zeroed_aligned_and_apart(void **state) {
    (void)state;
    sc_arena *a = sc_arena_create();
    assert_non_null(a);
    uint8_t *last = NULL;
    for (size_t size = 1; size < 40000; size = size * 3 / 2 + 1) {
        uint8_t *p = sc_arena_alloc(a, size);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, size);
        if (last)
            assert_int_equal(*last, 0xff);
        last = p;
    }
    assert_string_equal(sc_arena_printf(a, "%s-%d", "x", 7), "x-7");
    assert_string_equal(sc_arena_strndup(a, "abcdef", 3), "abc");
    assert_true(sc_arena_size(a) > 40000);
    sc_arena_destroy(a);
    sc_arena_destroy(NULL);
}

static void arena_refuses_absurd_sizes(void **state) {
    (void)state;
    sc_arena *a = sc_arena_create();
    assert_null(sc_arena_alloc(a, SIZE_MAX));
    assert_null(sc_arena_alloc(a, SIZE_MAX / 2 + 2));
    assert_null(sc_arena_array(a, SIZE_MAX / 2, 4));
    assert_null(sc_arena_strndup(a, "", SIZE_MAX));
    assert_non_null(sc_arena_alloc(a, 0));
    sc_arena_destroy(a);
}

static void vectors_grow_zeroed_and_refuse_overflow(void **state) {
    (void)state;
    struct {
        struct row {
            uint64_t a, b;
        } * item;
        size_t count, room;
    } v = {0};
    for (uint64_t i = 0; i < 1000; i++) {
        struct row *r = SC_VEC_PUSH(&v);
        assert_non_null(r);
        assert_int_equal(r->a + r->b, 0);
        r->a = i;
        r->b = ~i;
    }
    assert_int_equal(v.count, 1000);
    assert_true(v.item[777].a == 777);
    assert_false(SC_VEC_RESERVE(&v, SIZE_MAX / 8));
    assert_true(v.item[999].b == ~999ull);
    SC_VEC_FREE(&v);
    assert_null(v.item);
    assert_int_equal(v.count + v.room, 0);
}

static void hash_finds_what_was_put_in_any_case(void **state) {
    (void)state;
    struct sc_map m = {0};
    uint64_t v = 77;
    assert_false(sc_map_get(&m, "nt", &v));
    assert_true(sc_map_put(&m, "NTFS", 1));
    assert_true(sc_map_put(&m, "ntfs", 2)); /* the same key */
    assert_int_equal(m.count, 1);
    assert_true(sc_map_get(&m, "NtFs", &v));
    assert_int_equal(v, 2);
    assert_false(sc_map_get(&m, "ntf", &v));
    assert_int_equal(v, 2); /* untouched */
    sc_map_free(&m);
}

static void hash_keeps_numbers_and_names_apart(void **state) {
    (void)state;
    struct sc_map m = {0};
    uint64_t v;
    static char name[600][8];
    for (uint64_t i = 0; i < 600; i++) {
        snprintf(name[i], sizeof name[i], "k%u", (unsigned)i);
        assert_true(sc_map_put(&m, name[i], i));
        assert_true(sc_map_put_number(&m, i << 32, i * 3));
    }
    assert_int_equal(m.count, 1200);
    for (uint64_t i = 0; i < 600; i++) {
        assert_true(sc_map_get(&m, name[i], &v) && v == i);
        assert_true(sc_map_get_number(&m, i << 32, &v) && v == i * 3);
        assert_false(sc_map_get_number(&m, (i << 32) + 1, &v));
    }
    sc_map_free(&m);
}

static void utf16_becomes_utf8_and_keeps_lone_surrogates(void **state) {
    (void)state;
    sc_arena *a = sc_arena_create();
    const struct {
        const char *in;
        size_t len;
        const char *out;
    } rows[] = {
        {"a\0b\0\0\0c\0", 8, "ab"},                    /* ends at the NUL */
        {"\xe4\0\xac\x20", 4, "\xc3\xa4\xe2\x82\xac"}, /* ä, € */
        {"\x3d\xd8\x00\xde", 4, "\xf0\x9f\x98\x80"},   /* a pair */
        {"\x3d\xd8", 2, "\xed\xa0\xbd"},               /* a high one at the end */
        {"\x00\xdex\0", 4, "\xed\xb8\x80x"},           /* a low one first */
        {"\x3d\xd8\x3d\xd8\x00\xde", 6, "\xed\xa0\xbd\xf0\x9f\x98\x80"},
        {"a\0b", 3, "a"}, /* half a unit at the end is dropped */
        {"", 0, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(sc_utf16_to_utf8(a, (const uint8_t *)rows[i].in, rows[i].len),
                            rows[i].out);
    sc_arena_destroy(a);
}

static void utf16_at_a_cursor_is_the_same_mapped_or_not(void **state) {
    (void)state;
    uint8_t text[700];
    for (size_t i = 0; i < sizeof text; i += 2) {
        text[i] = (uint8_t)('a' + i / 2 % 26);
        text[i + 1] = 0;
    }
    char *got[2];
    sc_arena *a = sc_arena_create();
    for (unsigned flags = 0; flags <= SC_FILE_NO_MMAP; flags++) {
        sc_file *f;
        assert_null(sc_file_memory("x", text, sizeof text, flags, &f));
        struct sc_cur c = sc_cur_at(f, 2, UINT64_MAX, "text");
        got[flags] = sc_cur_utf16(&c, 600, a);
        assert_int_equal(c.pos, 602);
        assert_string_equal(sc_cur_utf16(&c, 600, a), ""); /* not there */
        assert_true(sc_cur_failed(&c));
        sc_file_close(f);
    }
    assert_int_equal(strlen(got[0]), 300);
    assert_string_equal(got[0], got[1]);
    sc_arena_destroy(a);
}

static void utf8_decoding_refuses_overlong_and_broken_sequences(void **state) {
    (void)state;
    const struct {
        const char *in;
        size_t len, want_len;
        uint32_t want;
    } rows[] = {
        {"A", 1, 1, 'A'},
        {"\xc3\xa4", 2, 2, 0xe4},
        {"\xed\xa0\xbd", 3, 3, 0xd83d}, /* a surrogate is let through */
        {"\xf4\x8f\xbf\xbf", 4, 4, 0x10ffff},
        {"\xf4\x90\x80\x80", 4, 1, UINT32_MAX}, /* beyond Unicode */
        {"\xc0\x80", 2, 1, UINT32_MAX},         /* overlong NUL */
        {"\xe0\x80\xaf", 3, 1, UINT32_MAX},     /* overlong slash */
        {"\xc3", 1, 1, UINT32_MAX},             /* cut off */
        {"\x80", 1, 1, UINT32_MAX},
        {"\xff", 1, 1, UINT32_MAX},
        {"\xe2\x82z", 3, 1, UINT32_MAX},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t cp = 0;
        assert_int_equal(sc_utf8_get(rows[i].in, rows[i].len, &cp), rows[i].want_len);
        assert_true(cp == rows[i].want);
    }
    for (uint32_t cp = 1; cp < 0x110000; cp += 251) {
        char buf[4];
        uint32_t back = 0;
        size_t n = sc_utf8_put(cp, buf);
        assert_int_equal(sc_utf8_get(buf, n, &back), n);
        assert_true(back == cp);
    }
}

static void comparisons_ignore_ascii_case_only(void **state) {
    (void)state;
    assert_int_equal(sc_strcasecmp("NTOSKRNL.exe", "ntoskrnl.EXE"), 0);
    assert_true(sc_strcasecmp("abc", "abd") < 0);
    assert_true(sc_strcasecmp("ab", "abc") < 0);
    assert_true(sc_strcasecmp("\xc3\x84", "\xc3\xa4") != 0);
    assert_int_equal(sc_strncasecmp("abcX", "ABCy", 3), 0);
    assert_true(sc_strcasecmp("\xff", "a") > 0); /* bytes compare unsigned */
}

static void wildcards_match_as_windbg_does(void **state) {
    (void)state;
    const struct {
        const char *pattern, *text;
        bool want;
    } rows[] = {
        {"*", "", true},
        {"", "", true},
        {"", "a", false},
        {"nt*", "NTFS", true},
        {"*fs", "ntfs", true},
        {"n?fs", "ntfs", true},
        {"n?fs", "nfs", false},
        {"[a-n]t", "nt", true},
        {"[a-m]t", "nt", false},
        {"[abn]t", "nt", true},
        {"a*b*c", "aXbYbZc", true},
        {"a*b*c", "aXbYbZ", false},
        {"lob#", "lo", true},
        {"lob#", "lobbb", true},
        {"lo#b", "lb", true},
        {"lo#b", "looob", true},
        {"lo#b", "lxb", false},
        {"*a#b", "xxaab", true},
        {"lo#op", "loop", true},
        {"[ab]#b", "abab", true},
        {"[ab", "a", true},
        {"?", "", false},
        {"**", "x", true},
        {"a", "", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (sc_wild_match(rows[i].pattern, rows[i].text) != rows[i].want)
            fail_msg("\"%s\" on \"%s\"", rows[i].pattern, rows[i].text);
}

/* The plainest possible matcher, for small strings: tries every way. */
static bool plain_match(const char *p, const char *t) {
    if (!*p)
        return !*t;
    if (*p == '*')
        return plain_match(p + 1, t) || (*t && plain_match(p, t + 1));
    bool hit = *t && (*p == '?' || *p == *t);
    if (p[1] == '#')
        return plain_match(p + 2, t) || (hit && plain_match(p, t + 1));
    return hit && plain_match(p + 1, t + 1);
}

static void wildcards_agree_with_trying_every_way(void **state) {
    (void)state;
    static const char letters[] = "ab?*#", text_letters[] = "ab#";
    uint32_t seed = 7;
    unsigned matched = 0;
    for (int round = 0; round < 200000; round++) {
        char p[8] = "", t[8] = "";
        for (int i = 0; i < round % 7; i++)
            p[i] = letters[((seed = seed * 1664525 + 1013904223) >> 24) % 5];
        for (int i = 0; i < round / 7 % 7; i++)
            t[i] = text_letters[((seed = seed * 1664525 + 1013904223) >> 24) % 3];
        bool want = plain_match(p, t);
        matched += want;
        if (sc_wild_match(p, t) != want)
            fail_msg("\"%s\" on \"%s\": want %d", p, t, want);
    }
    assert_true(matched > 1000);
}

static double cpu_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void wildcards_never_take_exponential_time(void **state) {
    (void)state;
    char text[2001], pattern[201];
    memset(text, 'a', 2000);
    text[2000] = 0;
    double before = cpu_seconds();
    for (int i = 0; i < 200; i += 2) {
        pattern[i] = '*';
        pattern[i + 1] = 'a';
    }
    pattern[199] = 'b';
    pattern[200] = 0;
    assert_false(sc_wild_match(pattern, text));
    for (int i = 0; i < 198; i += 3)
        memcpy(pattern + i, "*a#", 3);
    memcpy(pattern + 198, "b", 2);
    assert_false(sc_wild_match(pattern, text));
    assert_true(cpu_seconds() - before < 0.5);
}

static void guids_are_written_and_read_back(void **state) {
    (void)state;
    const uint8_t stored[] = {0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66,
                              0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
    struct sc_cur c = sc_cur_mem(stored, sizeof stored, "guid");
    struct sc_guid g = sc_cur_guid(&c), back = {0};
    char buf[SC_GUID_BUF];
    const char *want = "{00112233-4455-6677-8899-AABBCCDDEEFF}";
    assert_string_equal(sc_guid_text(&g, buf), want);
    assert_true(sc_guid_parse(want, &back) && sc_guid_equal(&g, &back));
    assert_true(sc_guid_parse("00112233445566778899aabbccddeeff", &back));
    assert_true(sc_guid_equal(&g, &back));
    const char *const bad[] = {
        "",
        "{}",
        "{00112233-4455-6677-8899-AABBCCDDEEFF",
        "00112233-4455-6677-8899-AABBCCDDEEFF}",
        "00112233-4455-6677-8899-AABBCCDDEEF",
        "00112233-4455-6677-8899-AABBCCDDEEFFF",
        "00112233-4455-6677-8899-AABBCCDDEEFG",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(sc_guid_parse(bad[i], &back));
    back.d[7] ^= 1;
    assert_false(sc_guid_equal(&g, &back));
}

static void times_reach_from_1601_to_the_end(void **state) {
    (void)state;
    char buf[SC_TIME_BUF];
    assert_string_equal(sc_time_iso(0, buf), "1601-01-01T00:00:00.0000000Z");
    assert_string_equal(sc_time_iso(1, buf), "1601-01-01T00:00:00.0000001Z");
    assert_string_equal(sc_time_iso(SC_FILETIME_1970, buf), "1970-01-01T00:00:00.0000000Z");
    assert_string_equal(sc_time_iso(125963423990000000, buf), "2000-02-29T23:59:59.0000000Z");
    assert_string_equal(sc_time_iso(2650467743999999999, buf), "9999-12-31T23:59:59.9999999Z");
    assert_string_equal(sc_time_iso(UINT64_MAX, buf), "60056-05-28T05:36:10.9551615Z");
    assert_true(sc_time_from_unix(0) == SC_FILETIME_1970);
    struct sc_tm t = sc_time_split(0, -3600);
    assert_true(t.year == 1600 && t.month == 12 && t.day == 31 && t.hour == 23);
    assert_int_equal(t.weekday, 0);
    assert_int_equal(sc_time_split(0, 0).weekday, 1);
}

static void times_look_like_windbgs(void **state) {
    (void)state;
    char buf[SC_TIME_BUF];
    uint64_t t = sc_time_from_unix(1612988095) + 1234567; /* 2021-02-10 20:14:55.1234567 */
    assert_string_equal(sc_time_windbg(t, -5 * 3600, buf),
                        "Wed Feb 10 15:14:55.123 2021 (UTC - 5:00)");
    assert_string_equal(sc_time_windbg(t, 0, buf), "Wed Feb 10 20:14:55.123 2021 (UTC + 0:00)");
    assert_string_equal(sc_time_windbg(t, 5 * 3600 + 1800, buf),
                        "Thu Feb 11 01:44:55.123 2021 (UTC + 5:30)");
    assert_string_equal(sc_time_stamp(0, 0, buf), "Thu Jan  1 00:00:00 1970");
    assert_string_equal(sc_time_span(0, buf), "0 days 0:00:00.000");
    assert_string_equal(sc_time_span(864000000000ull * 3 + 37230004 * 10000ull / 10, buf),
                        "3 days 1:02:03.000");
}

/* A zone with summer time: the offset is that of the moment shown, not of now. */
static void local_time_uses_the_offset_of_its_moment(void **state) {
    (void)state;
    char buf[SC_TIME_BUF];
    assert_int_equal(setenv("TZ", "EST5EDT,M3.2.0,M11.1.0", 1), 0);
    tzset();
    assert_string_equal(sc_time_windbg(sc_time_from_unix(1612988095), SC_TZ_LOCAL, buf),
                        "Wed Feb 10 15:14:55.000 2021 (UTC - 5:00)");
    assert_string_equal(sc_time_windbg(sc_time_from_unix(1625947200), SC_TZ_LOCAL, buf),
                        "Sat Jul 10 16:00:00.000 2021 (UTC - 4:00)");
    assert_string_equal(sc_time_iso(sc_time_from_unix(1625947200), buf),
                        "2021-07-10T20:00:00.0000000Z");
    unsetenv("TZ");
    tzset();
}

static void temp_path(char *buf, size_t size, const char *name) {
    const char *dir = getenv("TMPDIR");
    snprintf(buf, size, "%s/stopcode-test-%d-%s", dir ? dir : "/tmp", (int)getpid(), name);
}

static void write_file(const char *path, const void *data, size_t size) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

static void a_file_reads_the_same_mapped_or_not(void **state) {
    (void)state;
    char path[256];
    uint8_t data[5000], buf[5000];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7);
    temp_path(path, sizeof path, "same");
    write_file(path, data, sizeof data);
    for (unsigned flags = 0; flags <= SC_FILE_NO_MMAP; flags++) {
        sc_file *f;
        assert_null(sc_file_open(path, flags, &f));
        assert_int_equal(sc_file_size(f), sizeof data);
        assert_string_equal(sc_file_path(f), path);
        assert_string_equal(sc_file_name(f), strrchr(path, '/') + 1);
        assert_null(sc_file_read(f, 100, buf, 4000));
        assert_memory_equal(buf, data + 100, 4000);
        expect(sc_file_read(f, 4999, buf, 2), SC_ERR_FORMAT, "offset 0x1387");
        size_t got = 99;
        assert_true(sc_file_read_some(f, 4990, buf, 100, &got));
        assert_int_equal(got, 10);
        assert_true(sc_file_read_some(f, UINT64_MAX, buf, 1, &got));
        assert_int_equal(got, 0);
        assert_null(sc_file_view(f, 4999, 2));
        assert_null(sc_file_view(f, UINT64_MAX, 1));
        if (flags)
            assert_null(sc_file_view(f, 0, 1));
        assert_true(sc_file_has(f, 5000, 0));
        assert_false(sc_file_has(f, 1, UINT64_MAX));
        struct sc_cur c = sc_cur_at(f, 250, 300, "across the window's edge");
        for (size_t i = 250; i < 550; i += 4)
            assert_int_equal(sc_u32(&c), data[i] | data[i + 1] << 8 | data[i + 2] << 16 |
                                             (uint32_t)data[i + 3] << 24);
        assert_false(sc_cur_failed(&c));
        sc_file_close(f);
    }
    unlink(path);
}

static void a_file_that_shrinks_is_an_error_not_a_crash(void **state) {
    (void)state;
    char path[256];
    uint8_t data[4096] = {0};
    temp_path(path, sizeof path, "shrinks");
    write_file(path, data, sizeof data);
    sc_file *f;
    assert_null(sc_file_open(path, SC_FILE_NO_MMAP, &f));
    assert_int_equal(truncate(path, 100), 0);
    expect(sc_file_read(f, 50, data, 100), SC_ERR_IO, "became shorter");
    sc_file_close(f);
    unlink(path);
}

/* The mapping would raise SIGBUS. */
static void whole_pages_of_a_mapped_file_that_shrinks_are_an_error_too(void **state) {
    (void)state;
    char path[256];
    static uint8_t data[0x4000];
    temp_path(path, sizeof path, "shrinks-mapped");
    data[0x1234] = 0x56;
    write_file(path, data, sizeof data);
    sc_file *f;
    assert_null(sc_file_open(path, 0, &f));
    memset(data, 0xff, sizeof data);
    assert_null(sc_file_read(f, 0x1000, data, 0x2000));
    assert_int_equal(data[0x234], 0x56);
    assert_int_equal(data[0x235], 0);
    assert_int_equal(truncate(path, 100), 0);
    expect(sc_file_read(f, 0x1000, data, 0x2000), SC_ERR_IO, "became shorter");
    sc_file_close(f);
    unlink(path);
}

static void only_regular_files_are_opened(void **state) {
    (void)state;
    char path[256];
    sc_file *f = NULL;
    expect(sc_file_open("/", 0, &f), SC_ERR_IO, "folder");
    expect(sc_file_open("/nonexistent/file.dmp", 0, &f), SC_ERR_IO, "No such file");
    temp_path(path, sizeof path, "fifo");
    assert_int_equal(mkfifo(path, 0600), 0);
    expect(sc_file_open(path, 0, &f), SC_ERR_IO, "not a regular file"); /* and does not hang */
    unlink(path);
    assert_null(f);
}

static void an_empty_file_opens_and_has_nothing(void **state) {
    (void)state;
    char path[256];
    uint8_t byte;
    temp_path(path, sizeof path, "empty");
    write_file(path, "", 0);
    sc_file *f;
    assert_null(sc_file_open(path, 0, &f));
    assert_int_equal(sc_file_size(f), 0);
    expect(sc_file_read(f, 0, &byte, 1), SC_ERR_FORMAT, "ends at 0x0");
    struct sc_cur c = sc_cur_at(f, 0, 100, "header");
    assert_int_equal(sc_u32(&c), 0);
    expect(sc_cur_err(&c), SC_ERR_FORMAT, "header: 4 bytes wanted, 0 left");
    sc_file_close(f);
    unlink(path);
}

static void errors_carry_code_text_and_place(void **state) {
    (void)state;
    uint64_t n;
    sc_err *err = sc_err_at(SC_ERR_FORMAT, "a.dmp", 0x123, "bad %s", "thing");
    assert_string_equal(sc_err_text(err), "a.dmp: offset 0x123: bad thing");
    err = sc_err_prefix(err, "opening %d", 1);
    assert_string_equal(sc_err_text(err), "opening 1: a.dmp: offset 0x123: bad thing");
    assert_true(sc_err_offset(err, &n) && n == 0x123);
    assert_false(sc_err_address(err, &n));
    assert_false(sc_err_catch(&err, SC_ERR_IO));
    assert_true(sc_err_catch(&err, SC_ERR_FORMAT));
    assert_null(err);
    err = sc_err_mem(0xfffff800, "gone");
    assert_true(sc_err_address(err, &n) && n == 0xfffff800);
    sc_err_destroy(err);
    assert_string_equal(sc_err_text(NULL), "no error");
    assert_ptr_equal(sc_err_prefix(sc_err_nomem(), "x"), sc_err_nomem());
    sc_err_destroy(sc_err_nomem());
    sc_err_destroy(sc_err_cancelled());
    sc_err_destroy(NULL);
    assert_int_equal(sc_err_code(sc_err_nomem()), SC_ERR_NOMEM);
}

static void controls_in_an_error_become_harmless(void **state) {
    (void)state;
    sc_err *err = sc_errf(SC_ERR_ARG, "%s", "a\x1b[31m\nb\x7f\xc2\x9b\xc3\xa4");
    assert_string_equal(sc_err_text(err), "a\\x1B[31m\\x0Ab\\x7F\\xC2\\x9B\xc3\xa4");
    err = sc_err_prefix(err, "p%c", '\r');
    assert_string_equal(sc_err_text(err), "p\\x0D: a\\x1B[31m\\x0Ab\\x7F\\xC2\\x9B\xc3\xa4");
    assert_int_equal(sc_err_code(err), SC_ERR_ARG);
    sc_err_destroy(err);
    err = sc_err_at(SC_ERR_IO, "x\ny.dmp", 7, "bad");
    uint64_t offset = 0;
    assert_string_equal(sc_err_text(err), "x\\x0Ay.dmp: offset 0x7: bad");
    assert_true(sc_err_offset(err, &offset) && offset == 7);
    sc_err_destroy(err);
}

static void very_long_names_do_not_overrun_an_error(void **state) {
    (void)state;
    char name[2000];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = 0;
    sc_err *err = sc_err_at(SC_ERR_FORMAT, name, UINT64_MAX, "%s", name);
    assert_true(strlen(sc_err_text(err)) > sizeof name);
    err = sc_err_prefix(err, "%s", name);
    assert_non_null(strstr(sc_err_text(err), "offset 0xffffffffffffffff"));
    sc_err_destroy(err);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cursor_reads_little_endian),
        cmocka_unit_test(cursor_failure_is_sticky_and_names_the_first_place),
        cmocka_unit_test(cursor_bounds_hold_for_skips_and_seeks),
        cmocka_unit_test(counts_are_checked_without_overflow),
        cmocka_unit_test(cursor_on_a_file_speaks_in_file_offsets),
        cmocka_unit_test(arena_memory_is_zeroed_aligned_and_apart),
        cmocka_unit_test(arena_refuses_absurd_sizes),
        cmocka_unit_test(vectors_grow_zeroed_and_refuse_overflow),
        cmocka_unit_test(hash_finds_what_was_put_in_any_case),
        cmocka_unit_test(hash_keeps_numbers_and_names_apart),
        cmocka_unit_test(utf16_becomes_utf8_and_keeps_lone_surrogates),
        cmocka_unit_test(utf16_at_a_cursor_is_the_same_mapped_or_not),
        cmocka_unit_test(utf8_decoding_refuses_overlong_and_broken_sequences),
        cmocka_unit_test(comparisons_ignore_ascii_case_only),
        cmocka_unit_test(wildcards_match_as_windbg_does),
        cmocka_unit_test(wildcards_agree_with_trying_every_way),
        cmocka_unit_test(wildcards_never_take_exponential_time),
        cmocka_unit_test(guids_are_written_and_read_back),
        cmocka_unit_test(times_reach_from_1601_to_the_end),
        cmocka_unit_test(times_look_like_windbgs),
        cmocka_unit_test(local_time_uses_the_offset_of_its_moment),
        cmocka_unit_test(a_file_reads_the_same_mapped_or_not),
        cmocka_unit_test(a_file_that_shrinks_is_an_error_not_a_crash),
        cmocka_unit_test(whole_pages_of_a_mapped_file_that_shrinks_are_an_error_too),
        cmocka_unit_test(only_regular_files_are_opened),
        cmocka_unit_test(an_empty_file_opens_and_has_nothing),
        cmocka_unit_test(errors_carry_code_text_and_place),
        cmocka_unit_test(controls_in_an_error_become_harmless),
        cmocka_unit_test(very_long_names_do_not_overrun_an_error),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
