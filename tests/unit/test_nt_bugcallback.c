/* SPDX-License-Identifier: MIT */
/* `!bugdump`: records of both kinds, with the addresses of a published listing. */
#include "kernel_world.h"
#include "nt/bugcallback.h"

#define NT     0x81c00000ULL
#define HEAD   (NT + 0x136ce0)
#define RECORD 0x8526ba7cULL
#define OTHER  0x81ddbe40ULL
#define NAME   0x90461ac0ULL

static void put_text(struct world *w, uint64_t at, const char *text) {
    world_bytes(w, at, 16);
    for (size_t i = 0; text[i]; i++)
        world_put(w, at + i, 1, (uint8_t)text[i]);
}

static void put_words(struct world *w, uint64_t at, const uint32_t *word, size_t count) {
    world_bytes(w, at, count * 4);
    for (size_t i = 0; i < count; i++)
        world_put(w, at + i * 4, 4, word[i]);
}

/* The record of ndis is in the dump, the other one is not. */
static struct world *world_vista(bool with_record) {
    struct world *w = world_new(SC_CPU_X86, 7601, NT);
    const uint32_t record[] = {
        OTHER, HEAD, NT + WORLD_SRV2 + 0x1dea, 0x8526b438, 0x14, (uint32_t)NAME, 0x12345678, 1};
    world_symbol(w, "KeBugCheckCallbackListHead", 0x136ce0);
    world_symbol(w, "KeBugCheckReasonCallbackListHead", 0x136cf0);
    world_bytes(w, HEAD, 0x20);
    world_put(w, HEAD, 4, RECORD);
    world_put(w, HEAD + 4, 4, OTHER);
    world_put(w, HEAD + 0x10, 4, HEAD + 0x10);
    world_put(w, HEAD + 0x14, 4, HEAD + 0x10);
    if (with_record)
        put_words(w, RECORD, record, 8);
    else {
        world_bytes(w, RECORD, 8);
        world_put(w, RECORD, 4, HEAD);
    }
    put_text(w, NAME, "ndis");
    world_bytes(w, 0x8526b438, 0x14);
    world_put(w, 0x8526b438, 4, 0x44434241);
    return w;
}

static void a_record_that_is_missing_is_said_as_published(void **state) {
    (void)state;
    struct world *w = world_vista(false);
    world_open(w, SC_RENDER_TEXT);
    world_begins(w, "!bugdump",
                 "**** Dump of Bug Check Data ****\n"
                 "8526ba7c: Bug check callback record could not be read\n");
    world_free(w);
}

static void records_are_shown_with_their_buffers(void **state) {
    (void)state;
    struct world *w = world_vista(true);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!bugdump");
    assert_non_null(strstr(fix_text(&w->f),
                           "8526ba7c: Component ndis  Routine 81d01dea srv2+0x1dea  State "
                           "BufferInserted\n"
                           "  Buffer 8526b438  Length 14\n"
                           "    8526b438  41 42 43 44 00 00 00 00 00 00 00 00 00 00 00 00\n"
                           "    8526b448  00 00 00 00\n"));
    assert_non_null(strstr(fix_text(&w->f), "The list is not whole: the link at 81ddbe40"));
    fix_run(&w->f, "!bugdump NDIS");
    assert_non_null(strstr(fix_text(&w->f), "8526ba7c: Component ndis"));
    fix_run(&w->f, "!bugdump hal");
    assert_null(strstr(fix_text(&w->f), "8526ba7c: Component ndis"));
    assert_non_null(strstr(fix_text(&w->f), "No callback of hal was found."));
    world_free(w);
}

static void reasons_are_named(void **state) {
    (void)state;
    struct world *w = world_vista(true);
    const uint32_t record[] = {
        HEAD + 0x10, HEAD + 0x10, NT + WORLD_SRV2 + 0x10, (uint32_t)NAME, 0, 2, 1};
    put_words(w, 0x85270000, record, 7);
    world_put(w, HEAD + 0x10, 4, 0x85270000);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!bugdump");
    assert_non_null(strstr(fix_text(&w->f),
                           "85270000: Component ndis  Routine 81d00010 srv2+0x10  Reason "
                           "SecondaryDumpData  State BufferInserted\n"));
    world_free(w);
}

static void a_buffer_that_claims_too_much_is_cut(void **state) {
    (void)state;
    struct world *w = world_vista(true);
    world_put(w, RECORD + 16, 4, 0xffffffff);
    world_open(w, SC_RENDER_TEXT);
    fix_run(&w->f, "!bugdump");
    assert_non_null(strstr(fix_text(&w->f), "Length ffffffff\n"));
    assert_non_null(strstr(fix_text(&w->f), "*** the rest is not in the dump\n"));
    world_free(w);
}

static void without_symbols_and_debugger_data_it_says_so(void **state) {
    (void)state;
    struct world *w = world_new(SC_CPU_X64, 19041, 0xfffff80003200000);
    world_open(w, SC_RENDER_TEXT);
    fix_fails(&w->f, "!bugdump",
              "!bugdump: the dump does not say where the lists of bug check callbacks begin");
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_that_is_missing_is_said_as_published),
        cmocka_unit_test(records_are_shown_with_their_buffers),
        cmocka_unit_test(reasons_are_named),
        cmocka_unit_test(a_buffer_that_claims_too_much_is_cut),
        cmocka_unit_test(without_symbols_and_debugger_data_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
