/* SPDX-License-Identifier: MIT */
/* Containers: MSF and MSFZ read alike, touch no more than they must, and refuse what lies. */
#include "pdb/msf.h"
#include "unit/pdb_support.h"

/* Three streams: a short one, an empty one, and one of many pages that counts up. */
static void fill_streams(struct forge_msf *m) {
    forge_put(forge_msf_stream(m, 1), "short", 6);
    forge_msf_stream(m, 2);
    struct forge *f = forge_msf_stream(m, 4);
    for (uint32_t i = 0; i < 5000; i++)
        forge_u32(f, i);
}

static sc_err *open_bytes(const void *data, size_t size, unsigned flags, struct msf **ret) {
    sc_file *file;
    no_error(sc_file_memory("made.pdb", data, size, flags, &file));
    return msf_open(file, ret);
}

/* Everything that fill_streams() put in comes out. */
static void check_streams(struct msf *m) {
    char text[6];
    uint32_t v;
    assert_int_equal(msf_streams(m), 5);
    assert_false(msf_has(m, 0));
    assert_true(msf_has(m, 2));
    assert_int_equal(msf_size(m, 2), 0);
    assert_false(msf_has(m, 3));
    assert_false(msf_has(m, 5));
    no_error(msf_read(m, 1, 0, text, 6));
    assert_string_equal(text, "short");
    for (uint32_t i = 0; i < 5000; i += 7) {
        no_error(msf_u32(m, 4, i * 4, &v));
        assert_int_equal(v, i);
    }
    struct msf_buf buf; /* over pages */
    msf_buf_init(&buf);
    no_error(msf_bytes(m, 4, 402, 12000, &buf));
    for (uint32_t i = 101; i < 3000; i++)
        assert_int_equal(msf_le32(buf.data + i * 4 - 402), i);
    msf_buf_free(&buf);
    error_is(msf_u32(m, 4, 19998, &v), SC_ERR_FORMAT, "made.pdb: stream 4: offset 0x4e1e: 4 bytes");
    error_is(msf_u32(m, 3, 0, &v), SC_ERR_FORMAT, "stream 3: offset 0x0: there is no such stream");
}

static void every_page_size_and_order_reads_alike(void **state) {
    (void)state;
    static const uint32_t sizes[] = {512, 1024, 4096, 65536};
    for (int i = 0; i < 16; i++) {
        struct forge_msf f;
        struct forge_bytes file;
        struct msf *m;
        forge_msf_init(&f, sizes[i / 4]);
        f.scatter = i & 1;
        fill_streams(&f);
        assert_true(forge_msf_finish(&f, &file));
        no_error(open_bytes(file.data, file.size, i & 2 ? 1 : 0, &m)); /* 1: SC_FILE_NO_MMAP */
        check_streams(m);
        msf_close(m);
        forge_bytes_free(&file);
        forge_msf_deinit(&f);
    }
}

static void compressed_streams_read_alike(void **state) {
    (void)state;
    static const uint32_t chunks[] = {100, 4096, 1 << 20};
    for (int i = 0; i < 36; i++) {
        struct forge_msf f;
        struct forge_bytes file;
        struct msf *m;
        forge_msf_init(&f, 512);
        fill_streams(&f);
        assert_true(forge_msfz_finish(&f, (enum forge_msf_packing)(i % 3), chunks[i / 3 % 3],
                                      i / 9 % 2 ? 4 : 0, &file));
        no_error(open_bytes(file.data, file.size, i / 18 ? 1 : 0, &m));
        check_streams(m);
        msf_close(m);
        forge_bytes_free(&file);
        forge_msf_deinit(&f);
    }
}

static void only_touched_pages_are_counted(void **state) {
    struct forge_msf f;
    struct forge_bytes file;
    struct msf *m;
    uint32_t v;
    (void)state;
    forge_msf_init(&f, 512);
    fill_streams(&f);
    assert_true(forge_msf_finish(&f, &file));
    no_error(open_bytes(file.data, file.size, 0, &m));
    assert_int_equal(msf_pages_read(m), 3); /* superblock, map, first page of the directory */
    no_error(msf_u32(m, 4, 0, &v));
    assert_int_equal(msf_pages_read(m), 4);
    no_error(msf_u32(m, 4, 508, &v));
    assert_int_equal(msf_pages_read(m), 4);
    no_error(msf_u32(m, 4, 512, &v));
    assert_int_equal(msf_pages_read(m), 5);
    msf_close(m);
    forge_bytes_free(&file);
    forge_msf_deinit(&f);
}

/* A string that lies in one piece is handed out in place, another one is kept once. */
static void strings_stay_where_they_are(void **state) {
    (void)state;
    for (int scatter = 0; scatter < 2; scatter++) {
        struct forge_msf f;
        struct forge_bytes file;
        struct msf *m;
        const char *a, *b;
        forge_msf_init(&f, 512);
        f.scatter = scatter;
        forge_fill(forge_msf_stream(&f, 1), 'x', 700);
        forge_u8(forge_msf_stream(&f, 1), 0);
        forge_put(forge_msf_stream(&f, 1), "tail", 4);
        assert_true(forge_msf_finish(&f, &file));
        no_error(open_bytes(file.data, file.size, 0, &m));
        no_error(msf_string(m, 1, 100, 701, &a));
        no_error(msf_string(m, 1, 100, 701, &b));
        assert_int_equal(strlen(a), 600);
        assert_ptr_equal(a, b);
        error_is(msf_string(m, 1, 701, 705, &b), SC_ERR_FORMAT, "0x2bd: a string has no end");
        error_is(msf_string(m, 1, 100, 300, &b), SC_ERR_FORMAT, "a string has no end");
        msf_close(m);
        forge_bytes_free(&file);
        forge_msf_deinit(&f);
    }
}

static void put32(struct forge_bytes *file, size_t at, uint32_t v) {
    for (int i = 0; i < 4; i++)
        file->data[at + (size_t)i] = (uint8_t)(v >> 8 * i);
}

static uint32_t get32(const struct forge_bytes *file, size_t at) {
    return msf_le32(file->data + at);
}

/* Changes one word of a good file; opening, or reading the last word of stream 4, must fail so. */
static void damaged(size_t at, uint32_t value, const char *words) {
    struct forge_msf f;
    struct forge_bytes file;
    struct msf *m = NULL;
    uint32_t v;
    forge_msf_init(&f, 512);
    fill_streams(&f);
    assert_true(forge_msf_finish(&f, &file));
    uint32_t map = get32(&file, 0x34) * 512, dir = get32(&file, map) * 512;
    put32(&file, at < 0x1000 ? at : at < 0x2000 ? map + at - 0x1000 : dir + at - 0x2000, value);
    sc_err *err = open_bytes(file.data, file.size, 0, &m);
    if (!err) {
        err = msf_u32(m, 4, 0, &v);
        msf_close(m);
    }
    error_is(err, SC_ERR_FORMAT, words);
    forge_bytes_free(&file);
    forge_msf_deinit(&f);
}

static void lying_containers_are_refused(void **state) {
    (void)state;
    enum { MAP = 0x1000, DIR = 0x2000 };
    damaged(0x20, 0, "offset 0x20: a page size of 0");
    damaged(0x20, 1000, "a page size of 1000");
    damaged(0x20, 256, "a page size of 256");
    damaged(0x20, 0x80000000, "a page size of 2147483648");
    damaged(0x28, 0, "offset 0x2c: a directory of");
    damaged(0x2c, 0, "a directory of 0 bytes");
    damaged(0x2c, 0xffffffff, "a directory of 4294967295 bytes");
    damaged(0x2c, 40, "does not fit in a file");
    damaged(0x34, 0, "page 0 is named");
    damaged(0x34, 99999, "page 99999 is named, but the file has");
    damaged(MAP, 0, "page 0 is named");
    damaged(MAP, 5000, "page 5000 is named");
    damaged(DIR, 0xffffffff, "4294967295 streams do not fit");
    damaged(DIR + 4 + 16, 0xfffffffe, "stream 4 of 4294967294 bytes does not fit");
    damaged(DIR + 4 + 8, 1 << 20, "stream 2 of 1048576 bytes does not fit");
    damaged(DIR + 24 + 4, 0, "stream 4: offset 0x0: page 0 of the stream is not in the file");
    damaged(DIR + 24 + 4, 77777, "page 77777 of the stream");
}

/* All streams together cannot be longer than the file, however often their lists name a page. */
static void shared_pages_cannot_multiply(void **state) {
    struct forge_msf f;
    struct forge_bytes file;
    struct msf *m;
    (void)state;
    forge_msf_init(&f, 512);
    forge_fill(forge_msf_stream(&f, 1), 1, 512 * 20);
    forge_fill(forge_msf_stream(&f, 2), 2, 4);
    assert_true(forge_msf_finish(&f, &file));
    uint32_t dir = get32(&file, get32(&file, 0x34) * 512) * 512;
    /* Stream 2 claims 100 pages as well: there is room for their numbers in the page. */
    put32(&file, dir + 12, 512 * 100);
    put32(&file, 0x2c, 512);
    error_is(open_bytes(file.data, file.size, 0, &m), SC_ERR_FORMAT, "stream 2 of 51200 bytes");
    forge_bytes_free(&file);
    forge_msf_deinit(&f);
}

static void truncated_files_fail_where_they_end(void **state) {
    struct forge_msf f;
    struct forge_bytes file;
    (void)state;
    forge_msf_init(&f, 512);
    fill_streams(&f);
    assert_true(forge_msf_finish(&f, &file));
    /* The last page holds the list of the directory's pages and is nearly empty. */
    for (size_t size = 0; size <= file.size - 512; size += 97) {
        struct msf *m;
        uint8_t *copy = malloc(size + 1), all[20000];
        memcpy(copy, file.data, size);
        sc_err *err = open_bytes(copy, size, 0, &m);
        if (!err) {
            err = msf_read(m, 4, 0, all, sizeof all);
            msf_close(m);
        }
        assert_non_null(err);
        assert_int_equal(sc_err_code(err), SC_ERR_FORMAT);
        sc_err_destroy(err);
        free(copy);
    }
    forge_bytes_free(&file);
    forge_msf_deinit(&f);
}

/* One word of a MSFZ file changed; CHUNKS of 4096 bytes of zstd. */
static void damaged_msfz(size_t at, uint32_t value, enum sc_err_code code, const char *words) {
    struct forge_msf f;
    struct forge_bytes file;
    struct msf *m = NULL;
    uint32_t v;
    forge_msf_init(&f, 512);
    fill_streams(&f);
    assert_true(forge_msfz_finish(&f, FORGE_ZSTD, 4096, 0, &file));
    uint32_t dir = get32(&file, 0x28), table = get32(&file, 0x30);
    /* The directory's payload starts 12 bytes behind its frame. */
    put32(&file,
          at < 0x1000   ? at
          : at < 0x2000 ? dir + 12 + at - 0x1000
                        : table + at - 0x2000,
          value);
    sc_err *err = open_bytes(file.data, file.size, 0, &m);
    if (!err) {
        err = msf_u32(m, 4, 19996, &v);
        msf_close(m);
    }
    error_is(err, code, words);
    forge_bytes_free(&file);
    forge_msf_deinit(&f);
}

static void lying_compressed_containers_are_refused(void **state) {
    (void)state;
    enum { DIR = 0x1000, TABLE = 0x2000, LAST = TABLE + 4 * 20 };
    damaged_msfz(0x20, 1, SC_ERR_UNSUPPORTED, "MSFZ version 1 is not known");
    damaged_msfz(0x28, 0xfffffff0, SC_ERR_FORMAT, "behind the end of the file");
    damaged_msfz(0x38, 0x10000000, SC_ERR_FORMAT, "268435456 streams");
    damaged_msfz(0x38, 6, SC_ERR_FORMAT, "stream directory: 4 bytes wanted");
    damaged_msfz(0x3c, 9, SC_ERR_UNSUPPORTED, "compression method 9");
    damaged_msfz(0x44, 0xffffffff, SC_ERR_FORMAT, "a directory of 4294967295 bytes");
    damaged_msfz(0x44, 4000, SC_ERR_FORMAT, "do not give 4000 bytes");
    damaged_msfz(0x48, 0xffffffff, SC_ERR_FORMAT, "4294967295 chunks");
    damaged_msfz(DIR + 8, 0xfffffff0, SC_ERR_FORMAT, "lies outside the file");
    damaged_msfz(LAST, 0x7fffffff, SC_ERR_FORMAT, "behind the end of the file");
    damaged_msfz(LAST + 8, 7, SC_ERR_UNSUPPORTED, "compression method 7");
    damaged_msfz(LAST + 8, FORGE_DEFLATE, SC_ERR_FORMAT, "bytes of deflate do not give");
    damaged_msfz(LAST + 16, 0x7fffffff, SC_ERR_LIMIT, "at most 64 MB");
    damaged_msfz(LAST + 16, 60 << 20, SC_ERR_LIMIT, "times the file");
}

static void other_formats_are_named(void **state) {
    struct msf *m;
    char old[64] = "Microsoft C/C++ program database 2.00\r\n\x1aJG", net[64] = "BSJB",
         noise[64] = "MZ";
    (void)state;
    error_is(open_bytes(old, sizeof old, 0, &m), SC_ERR_UNSUPPORTED, "format 2.00");
    error_is(open_bytes(net, sizeof net, 0, &m), SC_ERR_UNSUPPORTED, "portable PDB");
    error_is(open_bytes(noise, sizeof noise, 0, &m), SC_ERR_FORMAT, "no MSF signature");
    error_is(open_bytes("", 0, 0, &m), SC_ERR_FORMAT, "no MSF signature");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_page_size_and_order_reads_alike),
        cmocka_unit_test(compressed_streams_read_alike),
        cmocka_unit_test(only_touched_pages_are_counted),
        cmocka_unit_test(strings_stay_where_they_are),
        cmocka_unit_test(lying_containers_are_refused),
        cmocka_unit_test(shared_pages_cannot_multiply),
        cmocka_unit_test(truncated_files_fail_where_they_end),
        cmocka_unit_test(lying_compressed_containers_are_refused),
        cmocka_unit_test(other_formats_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
