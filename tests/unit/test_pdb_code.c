/* SPDX-License-Identifier: MIT */
/* What belongs to code: lines, inlined calls, locals, frame data, and images that were reordered.
 */
#include <pthread.h>

#include "pdb/pdb_impl.h"
#include "unit/pdb_support.h"

enum {
    S_REG = 0x1106,
    FUNC_ID = 0x1601,
    STRING_ID = 0x1605,
    RAX = 328,
    RCX = 330,
    RSP = 335,
};

struct range_list {
    char text[512];
};

static bool note_range(void *ctx, const struct pdb_inline_range *r) {
    struct range_list *l = ctx;
    sprintf(l->text + strlen(l->text), "%x-%x:%u/%x ", r->start, r->end, r->line, r->checksum);
    return true;
}

static void annotations(const char *code, size_t len, const char *want) {
    struct range_list l = {""};
    pdb_annotations((const uint8_t *)code, (uint32_t)len, 0x18, 100, note_range, &l);
    assert_string_equal(l.text, want);
}

#define ANNOTATIONS(code, want) annotations(code, sizeof(code) - 1, want)

static void annotations_give_ranges_with_lines(void **state) {
    (void)state;
    ANNOTATIONS("", "");
    ANNOTATIONS("\x0c\x03\x31", "31-34:100/18 ");
    /* line +2, at 4 for 8 bytes */
    ANNOTATIONS("\x06\x04\x03\x04\x04\x08", "4-c:102/18 ");
    /* line -1 and offset +5 in one, the next row ends it; a length moves the offset on */
    ANNOTATIONS("\x03\x10\x0b\x35\x04\x02\x03\x01\x04\x03",
                "10-15:100/18 15-17:99/18 18-1b:99/18 ");
    /* another file from then on */
    ANNOTATIONS("\x03\x01\x05\x30\x03\x01\x04\x02", "1-2:100/18 2-4:100/30 ");
    /* numbers of two and four bytes */
    ANNOTATIONS("\x03\x81\x00\x04\xc0\x01\x00\x00", "100-10100:100/18 ");
    /* a length first: the row starts with the procedure; and again behind a length */
    ANNOTATIONS("\x06\x04\x04\x1a\x0b\x21\x04\x0c", "0-1a:102/18 1b-27:103/18 ");
    ANNOTATIONS("\x03\x02\x04\x03\x06\x02\x04\x04", "2-5:100/18 5-9:101/18 ");
    /* columns and the like say nothing about ranges */
    ANNOTATIONS("\x07\x02\x08\x01\x09\x05\x0a\x03\x0d\x09\x0c\x02\x06", "6-8:100/18 ");
    /* a row without an end has one byte */
    ANNOTATIONS("\x03\x09", "9-a:100/18 ");
    /* padding ends it; so do another base, unknown codes and numbers that are cut off */
    ANNOTATIONS("\x0c\x03\x31\x00\x0c\x03\x31", "31-34:100/18 ");
    ANNOTATIONS("\x0c\x03\x31\x02\x01\x0c\x03\x31", "31-34:100/18 ");
    ANNOTATIONS("\x0c\x03\x31\x0e\x01\x0c\x03\x31", "31-34:100/18 ");
    ANNOTATIONS("\x0c\x03\x31\x0c\x03\x81", "31-34:100/18 ");
    ANNOTATIONS("\x0c\x03\x31\x03\xe0\x00\x00\x00", "31-34:100/18 ");
}

/* File checksums: "c:\src\main.c" at 0, "c:\src\inl.h" at 8. */
static void put_files(struct made *m, uint16_t module) {
    uint32_t a = forge_pdb_name(&m->p, "c:\\src\\main.c");
    uint32_t b = forge_pdb_name(&m->p, "c:\\src\\inl.h");
    struct forge_fields f = forge_fields("41124112", a, 0u, 0u, 0u, b, 0u, 0u, 0u);
    forge_pdb_c13(&m->p, module, 0xf4, f.data, f.size);
}

/* Lines of 0x40 bytes at 1:0x100; the third is hidden; a second block is of the other file. */
static void put_lines(struct made *m, uint16_t module) {
    struct forge f;
    forge_init(&f);
    struct forge_fields head = forge_fields("4224", 0x100u, 1u, 1u, 0x40u);
    forge_put(&f, head.data, head.size);
    static const uint32_t rows[][2] = {{0, 10}, {8, 11 | 2u << 24}, {0x20, 0xf00f00}, {0x28, 14}};
    struct forge_fields block = forge_fields("444", 0u, 4u, 12u + 4 * 12);
    forge_put(&f, block.data, block.size);
    for (int i = 0; i < 4; i++) {
        forge_u32(&f, rows[i][0]);
        forge_u32(&f, rows[i][1] | 1u << 31);
    }
    for (uint16_t i = 0; i < 4; i++) {
        forge_u16(&f, (uint16_t)(5 + i));
        forge_u16(&f, 0);
    }
    block = forge_fields("444444", 8u, 1u, 24u, 0x18u, 7u, 0u);
    forge_put(&f, block.data, block.size);
    forge_pdb_c13(&m->p, module, 0xf2, f.data, f.size);
    forge_deinit(&f);
}

/* main() at 0x1100: an inlined call with another one inside, a block, variables of every form. */
static void put_code(struct made *m) {
    uint16_t module = forge_pdb_module_new(&m->p, "main.obj");
    struct forge_fields f;
    forge_pdb_contrib(&m->p, module, 1, 0x100, 0x40);
    put_files(m, module);
    put_lines(m, module);
    struct forge_fields string = forge_fields("4", 0u);
    memcpy(string.data + 4, "ns", 3);
    uint32_t scope = forge_pdb_id(&m->p, STRING_ID, string.data, 7);
    struct forge_fields func = forge_fields("44", scope, 0u);
    memcpy(func.data + 8, "outer", 6);
    uint32_t outer = forge_pdb_id(&m->p, FUNC_ID, func.data, 14);
    func = forge_fields("44", 0u, 0u);
    memcpy(func.data + 8, "inner", 6);
    uint32_t inner = forge_pdb_id(&m->p, FUNC_ID, func.data, 14);
    f = forge_fields("4444444", 0u, outer, 8u, 50u, inner, 8u, 70u);
    forge_pdb_c13(&m->p, module, 0xf6, f.data, f.size);

    uint32_t proc = forge_pdb_proc(&m->p, module, 0x1110, 1, 0x100, 0x40, 0, "main");
    f = forge_fields("42", 0x74u, 1u);
    forge_pdb_sym(&m->p, module, 0x113e, f.data, f.size, "argc");
    f = forge_fields("22422", (unsigned)RCX, 0u, 0x100u, 1u, 0x10u);
    forge_pdb_sym(&m->p, module, 0x1141, f.data, f.size, NULL);
    f = forge_fields("442222", 0x30u, 0x110u, 1u, 0x30u, 4u, 8u); /* with a gap */
    forge_pdb_sym(&m->p, module, 0x1142, f.data, f.size, NULL);
    f = forge_fields("42", 0x76u, 0u);
    forge_pdb_sym(&m->p, module, 0x113e, f.data, f.size, "pair");
    for (uint32_t i = 0; i < 2; i++) {
        f = forge_fields("224422", i ? (unsigned)RAX : (unsigned)RCX, 0u, i * 4, 0x120u, 1u, 0x10u);
        forge_pdb_sym(&m->p, module, 0x1143, f.data, f.size, NULL);
    }
    f = forge_fields("42", 0x74u, 0x100u);
    forge_pdb_sym(&m->p, module, 0x113e, f.data, f.size, "gone");
    f = forge_fields("42", 0x74u, 0u);
    forge_pdb_sym(&m->p, module, 0x113e, f.data, f.size, "spilled");
    f = forge_fields("224422", (unsigned)RSP, 0x81u, 0xfffffff8u, 0x100u, 1u, 0x40u);
    forge_pdb_sym(&m->p, module, 0x1145, f.data, f.size, NULL);
    f = forge_fields("442", 0x48u, 0x74u, (unsigned)RSP);
    forge_pdb_sym(&m->p, module, 0x1111, f.data, f.size, "argc"); /* its home slot */
    forge_pdb_sym(&m->p, module, 0x1111, f.data, f.size, "argv");
    f = forge_fields("442", 0x20u, 0x74u, (unsigned)RSP);
    forge_pdb_sym(&m->p, module, 0x1111, f.data, f.size, "temp");
    f = forge_fields("42", 0x74u, (unsigned)RAX);
    forge_pdb_sym(&m->p, module, S_REG, f.data, f.size, "fast");
    f = forge_fields("442", 0x74u, 0x18u, 2u);
    forge_pdb_sym(&m->p, module, 0x110c, f.data, f.size, "once");
    f = forge_fields("42", 0x74u, 99u);
    forge_pdb_sym(&m->p, module, 0x1107, f.data, f.size, "LIMIT");
    f = forge_fields("44442", 0u, 0u, 0x10u, 0x120u, 1u);
    uint32_t block = forge_pdb_sym(&m->p, module, 0x1103, f.data, f.size, "");
    f = forge_fields("42", 0x75u, (unsigned)RAX);
    forge_pdb_sym(&m->p, module, S_REG, f.data, f.size, "nested");
    forge_pdb_end(&m->p, module, 6, block);
    f = forge_fields("4441111", 0u, 0u, outer, 0x0cu, 0x10u, 0x08u, 0u); /* [8, 0x18) */
    uint32_t site = forge_pdb_sym(&m->p, module, 0x114d, f.data, f.size, NULL);
    f = forge_fields("42", 0x75u, (unsigned)RAX);
    forge_pdb_sym(&m->p, module, S_REG, f.data, f.size, "inlined");
    /* line +1, [0xc, 0x10); an invocation count first */
    f = forge_fields("4444111111", 0u, 0u, inner, 1u, 6u, 2u, 0x0cu, 4u, 0x0cu, 0u);
    uint32_t deep = forge_pdb_sym(&m->p, module, 0x115d, f.data, f.size, NULL);
    forge_pdb_end(&m->p, module, 0x114e, deep);
    forge_pdb_end(&m->p, module, 0x114e, site);
    /* S_FRAMEPROC behind the rest, as optimising compilers put it: rsp for both */
    f = forge_fields("4444424", 0x40u, 0u, 0u, 0u, 0u, 0u, 1u << 14 | 1u << 16);
    forge_pdb_sym(&m->p, module, 0x1012, f.data, f.size, NULL);
    forge_pdb_end(&m->p, module, 6, proc);
    forge_pdb_procref(&m->p, module, proc, "main");
}

static void open_code(struct made *m) {
    made_init(m, X64);
    put_code(m);
    made_open(m);
}

static void line_is(struct made *m, uint32_t rva, uint32_t line, uint32_t start, uint32_t size,
                    const char *file) {
    struct sc_line l;
    bool ok = false;
    no_error(sc_symbols_line(m->symbols, rva, &l, &ok));
    assert_true(ok);
    assert_int_equal(l.line, line);
    assert_int_equal(l.rva, start);
    assert_int_equal(l.size, size);
    assert_string_equal(l.file, file);
}

static void lines_of_addresses(void **state) {
    struct made m;
    struct sc_line l;
    bool ok = true;
    (void)state;
    open_code(&m);
    line_is(&m, 0x1100, 10, 0x1100, 8, "c:\\src\\main.c");
    line_is(&m, 0x1117, 11, 0x1108, 0x10, "c:\\src\\main.c"); /* up to the other file's block */
    line_is(&m, 0x1118, 7, 0x1118, 8, "c:\\src\\inl.h");
    line_is(&m, 0x113f, 14, 0x1128, 0x18, "c:\\src\\main.c");
    no_error(sc_symbols_line(m.symbols, 0x1108, &l, &ok));
    assert_int_equal(l.end_line, 13);
    assert_int_equal(l.column, 6);
    no_error(sc_symbols_line(m.symbols, 0x1124, &l, &ok)); /* hidden */
    assert_false(ok);
    no_error(sc_symbols_line(m.symbols, 0x1140, &l, &ok));
    assert_false(ok);
    no_error(sc_symbols_line(m.symbols, 0x10ff, &l, &ok));
    assert_false(ok);
    made_close(&m);
}

static bool list_line(void *ctx, const struct sc_line *l) {
    sprintf((char *)ctx + strlen(ctx), "%x:%u ", l->rva, l->line);
    return true;
}

static void addresses_of_lines(void **state) {
    struct made m;
    char list[256] = "";
    (void)state;
    open_code(&m);
    no_error(sc_symbols_lines(m.symbols, "MAIN.C", 12, list_line, list)); /* in a statement */
    no_error(sc_symbols_lines(m.symbols, "src/main.c", 14, list_line, list));
    no_error(sc_symbols_lines(m.symbols, "inl.h", 7, list_line, list));
    assert_string_equal(list, "1108:11 1128:14 1118:7 ");
    list[0] = 0;
    no_error(sc_symbols_lines(m.symbols, "ain.c", 14, list_line, list)); /* no part of a name */
    no_error(sc_symbols_lines(m.symbols, "main.c", 0xf00f00, list_line, list));
    no_error(sc_symbols_lines(m.symbols, "", 14, list_line, list));
    assert_string_equal(list, "");
    made_close(&m);
}

static bool list_inline(void *ctx, const struct sc_inline *f) {
    sprintf((char *)ctx + strlen(ctx), "%u %s %s:%u @%x; ", f->depth, f->name, f->file, f->line,
            f->rva);
    return true;
}

static void inlined_calls_innermost_first(void **state) {
    struct made m;
    char list[256] = "";
    (void)state;
    open_code(&m);
    no_error(sc_symbols_inlines(m.symbols, 0x1107, list_inline, list));
    assert_string_equal(list, "");
    no_error(sc_symbols_inlines(m.symbols, 0x1108, list_inline, list));
    assert_string_equal(list, "0 ns::outer c:\\src\\inl.h:50 @1108; ");
    list[0] = 0;
    no_error(sc_symbols_inlines(m.symbols, 0x110f, list_inline, list));
    assert_string_equal(list, "1 inner c:\\src\\inl.h:71 @110c; "
                              "0 ns::outer c:\\src\\inl.h:50 @1108; ");
    list[0] = 0;
    no_error(sc_symbols_inlines(m.symbols, 0x1118, list_inline, list));
    assert_string_equal(list, "");
    made_close(&m);
}

static bool list_local(void *ctx, const struct sc_local *l) {
    static const char *const where[] = {"reg", "rel", "frame", "piece", "at", "const", "gone"};
    sprintf((char *)ctx + strlen(ctx), "%s%s=%s", l->parameter ? "*" : "", l->name,
            where[l->where]);
    if (l->reg)
        sprintf((char *)ctx + strlen(ctx), ",%s", l->reg);
    if (l->offset)
        sprintf((char *)ctx + strlen(ctx), ",%d", (int)l->offset);
    if (l->offset_in_parent)
        sprintf((char *)ctx + strlen(ctx), "+%u", l->offset_in_parent);
    if (l->rva)
        sprintf((char *)ctx + strlen(ctx), ",%x", l->rva);
    if (l->inline_depth)
        sprintf((char *)ctx + strlen(ctx), "^%u", l->inline_depth);
    strcat(ctx, " ");
    return true;
}

static void locals_are(struct made *m, uint32_t rva, const char *want) {
    char list[1024] = "";
    no_error(sc_symbols_locals(m->symbols, rva, list_local, list));
    assert_string_equal(list, want);
}

static void locals_where_they_are_at_each_address(void **state) {
    struct made m;
    (void)state;
    open_code(&m);
    locals_are(&m, 0x1100,
               "*argc=reg,rcx *argv=rel,rsp,72 pair=gone gone=gone "
               "spilled=rel,rsp,-8+8 temp=rel,rsp,32 fast=reg,rax once=at,5018 "
               "LIMIT=const,99 ");
    locals_are(&m, 0x1110,
               "*argc=frame,rsp,48 *argv=rel,rsp,72 pair=gone gone=gone "
               "spilled=rel,rsp,-8+8 temp=rel,rsp,32 fast=reg,rax once=at,5018 "
               "LIMIT=const,99 inlined=reg,rax^1 ");
    /* in the gap of argc's range */
    locals_are(&m, 0x1118,
               "*argc=gone *argv=rel,rsp,72 pair=gone gone=gone "
               "spilled=rel,rsp,-8+8 temp=rel,rsp,32 fast=reg,rax once=at,5018 "
               "LIMIT=const,99 ");
    /* in the block: inner before outer; both pieces of the pair */
    locals_are(&m, 0x1120,
               "*argc=frame,rsp,48 *argv=rel,rsp,72 nested=reg,rax "
               "pair=piece,rcx pair=piece,rax+4 gone=gone spilled=rel,rsp,-8+8 "
               "temp=rel,rsp,32 fast=reg,rax once=at,5018 LIMIT=const,99 ");
    locals_are(&m, 0x1140, "");
    made_close(&m);
}

/* The image: [0x2000,0x2020) came from 0x1120, [0x2020,0x2040) from 0x1100. */
static void put_omap(struct made *m) {
    static const uint32_t to[][2] = {{0x1000, 0}, {0x2000, 0x1120}, {0x2020, 0x1100}, {0x2040, 0}};
    static const uint32_t from[][2] = {
        {0x1000, 0}, {0x1100, 0x2020}, {0x1120, 0x2000}, {0x1140, 0x80000000}};
    for (int i = 0; i < 4; i++) {
        forge_u32(forge_pdb_slot(&m->p, 3), to[i][0]);
        forge_u32(forge_pdb_slot(&m->p, 3), to[i][1]);
        forge_u32(forge_pdb_slot(&m->p, 4), from[i][0]);
        forge_u32(forge_pdb_slot(&m->p, 4), from[i][1]);
    }
    struct forge *original = forge_pdb_slot(&m->p, 10);
    struct forge *sections = forge_msf_stream(&m->p.msf, FORGE_PDB_SECTIONS);
    forge_put(original, sections->data, sections->size);
    forge_poke(sections, 12, 4, 0x8000); /* the image's own sections say nothing here */
}

static bool list_omap(void *ctx, uint32_t from, uint32_t to) {
    sprintf((char *)ctx + strlen(ctx), "%x>%x ", from, to);
    return true;
}

static void reordered_images_are_asked_in_their_own_addresses(void **state) {
    struct made m;
    struct sc_symbol s;
    bool ok = false;
    char list[256] = "";
    (void)state;
    made_init(&m, X64);
    put_code(&m);
    forge_pdb_public(&m.p, "gone", 1, 0x200, 2);
    put_omap(&m);
    made_open(&m);
    no_error(sc_symbols_find(m.symbols, "main", &s, &ok));
    assert_true(ok);
    assert_int_equal(s.rva, 0x2020);
    assert_int_equal(s.size, 0x20); /* what stays together */
    no_error(sc_symbols_nearest(m.symbols, 0x2004, SC_SYM_ANY, &s, &ok));
    assert_true(ok);
    assert_string_equal(s.name, "main"); /* moved in front of its own start */
    assert_int_equal(s.rva, 0x2020);
    no_error(sc_symbols_nearest(m.symbols, 0x1100, SC_SYM_ANY, &s, &ok));
    assert_false(ok);
    no_error(sc_symbols_find(m.symbols, "gone", &s, &ok));
    assert_false(ok);
    line_is(&m, 0x2008, 14, 0x2008, 0x18, "c:\\src\\main.c");
    line_is(&m, 0x2020, 10, 0x2020, 8, "c:\\src\\main.c");
    no_error(sc_symbols_inlines(m.symbols, 0x202c, list_inline, list));
    assert_string_equal(list, "1 inner c:\\src\\inl.h:71 @202c; "
                              "0 ns::outer c:\\src\\inl.h:50 @2028; ");
    list[0] = 0;
    no_error(sc_pdb_omap(m.symbols, false, list_omap, list));
    assert_string_equal(list, "1000>0 1100>2020 1120>2000 1140>80000000 ");
    made_close(&m);
}

/* FPO_DATA and FRAMEDATA of x86. */
static void frame_data_covers_its_code(void **state) {
    struct made m;
    struct sc_frame_rule r;
    bool ok = false;
    (void)state;
    made_init(&m, X86);
    struct forge_fields f =
        forge_fields("444211", 0x1100u, 0x20u, 3u, 2u, 5u, 1u | 1u << 3 | 1u << 4 | 1u << 6);
    forge_put(forge_pdb_slot(&m.p, 0), f.data, f.size);
    uint32_t program = forge_pdb_name(&m.p, "$T0 $ebp = $eip $T0 4 + ^ =");
    for (uint32_t i = 0; i < 2; i++) { /* the second starts inside the first */
        f = forge_fields("444444224", 0x1200u + i * 8, 0x40u - i * 8, 16u, 8u, 4u, program, 3u,
                         4u * i, i ? 0u : 5u);
        forge_put(forge_pdb_slot(&m.p, 9), f.data, f.size);
    }
    made_open(&m);
    no_error(sc_symbols_frame_rule(m.symbols, 0x111f, &r, &ok));
    assert_true(ok && r.uses_ebp && r.has_seh);
    assert_int_equal(r.rva, 0x1100);
    assert_int_equal(r.locals, 12);
    assert_int_equal(r.params, 8);
    assert_int_equal(r.saved_regs, 4);
    assert_int_equal(r.prolog, 5);
    assert_int_equal(r.fpo_kind, 1);
    assert_null(r.program);
    no_error(sc_symbols_frame_rule(m.symbols, 0x1120, &r, &ok));
    assert_false(ok);
    no_error(sc_symbols_frame_rule(m.symbols, 0x1207, &r, &ok));
    assert_true(ok && r.function_start && r.has_seh);
    assert_int_equal(r.saved_regs, 0);
    no_error(sc_symbols_frame_rule(m.symbols, 0x123f, &r, &ok));
    assert_true(ok && !r.function_start);
    assert_int_equal(r.rva, 0x1208);
    assert_int_equal(r.saved_regs, 4);
    assert_int_equal(r.max_stack, 4);
    assert_int_equal(r.fpo_kind, 0xff);
    assert_string_equal(r.program, "$T0 $ebp = $eip $T0 4 + ^ =");
    made_close(&m);
}

static void named_streams_are_copied_out(void **state) {
    struct made m;
    char *text = NULL;
    size_t size = 99;
    (void)state;
    made_init(&m, X64);
    forge_put(forge_pdb_named(&m.p, "srcsrv"), "SRCSRV: ini", 11);
    forge_put(forge_pdb_named(&m.p, "sourcelink$1"), "{}", 2);
    made_open(&m);
    no_error(sc_pdb_named_stream(m.symbols, "srcsrv", &text, &size));
    assert_string_equal(text, "SRCSRV: ini");
    assert_int_equal(size, 11);
    free(text);
    no_error(sc_pdb_named_stream(m.symbols, "sourcelink", &text, &size));
    assert_string_equal(text, "{}");
    free(text);
    no_error(sc_pdb_named_stream(m.symbols, "src", &text, &size));
    assert_null(text);
    made_close(&m);
}

/* The same questions to a file in pieces, read instead of mapped, and compressed. */
static void every_container_gives_the_same_answers(void **state) {
    (void)state;
    for (int how = 0; how < 4; how++) {
        struct made m;
        made_init(&m, X64);
        put_code(&m);
        forge_pdb_close(&m.p);
        m.p.msf.scatter = how & 1;
        if (how < 3)
            assert_true(forge_msf_finish(&m.p.msf, &m.file));
        else
            assert_true(forge_msfz_finish(&m.p.msf, FORGE_ZSTD, 300, 5, &m.file));
        no_error(open_made(&m, how == 2 ? 1 : 0)); /* 1: SC_FILE_NO_MMAP */
        line_is(&m, 0x1117, 11, 0x1108, 0x10, "c:\\src\\main.c");
        locals_are(&m, 0x1118,
                   "*argc=gone *argv=rel,rsp,72 pair=gone gone=gone "
                   "spilled=rel,rsp,-8+8 temp=rel,rsp,32 fast=reg,rax once=at,5018 "
                   "LIMIT=const,99 ");
        char list[256] = "";
        no_error(sc_symbols_inlines(m.symbols, 0x110f, list_inline, list));
        assert_string_equal(list, "1 inner c:\\src\\inl.h:71 @110c; "
                                  "0 ns::outer c:\\src\\inl.h:50 @1108; ");
        made_close(&m);
    }
}

static void *ask_often(void *ctx) {
    sc_symbols *symbols = ctx;
    size_t bad = 0;
    for (uint32_t i = 0; i < 3000; i++) {
        struct sc_symbol s;
        struct sc_line l;
        bool ok = false;
        sc_err *err = sc_symbols_nearest(symbols, 0x1100 + i % 0x40, SC_SYM_ANY, &s, &ok);
        bad += err != NULL || !ok || strcmp(s.name, "main") != 0;
        sc_err_destroy(err);
        err = sc_symbols_line(symbols, 0x1108, &l, &ok);
        bad += err != NULL || !ok || l.line != 11;
        sc_err_destroy(err);
    }
    return (void *)bad;
}

static void threads_may_share_a_provider(void **state) {
    struct made m;
    pthread_t thread[4];
    void *bad;
    (void)state;
    open_code(&m);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, ask_often, m.symbols), 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(thread[i], &bad), 0);
        assert_null(bad);
    }
    made_close(&m);
}

/* A callback may ask the provider it was called by. */
static bool ask_inside(void *ctx, const struct sc_symbol *s) {
    struct sc_symbol again;
    bool ok = false;
    no_error(sc_symbols_find(ctx, s->name, &again, &ok));
    assert_true(ok);
    assert_string_equal(again.name, s->name);
    return true;
}

static void callbacks_may_ask_for_more(void **state) {
    struct made m;
    (void)state;
    open_code(&m);
    no_error(sc_symbols_each(m.symbols, NULL, SC_SYM_FUNCTION, ask_inside, m.symbols));
    made_close(&m);
}

/* One word of the compiland's lines changed; FILES is where they start. */
static void damaged(uint32_t offset, uint32_t value, const char *words) {
    struct made m;
    struct sc_line l;
    bool ok;
    char list[256] = "";
    made_init(&m, X64);
    put_code(&m);
    uint32_t start = (uint32_t)forge_msf_stream(&m.p.msf, 12)->size;
    forge_pdb_close(&m.p);
    forge_poke(forge_msf_stream(&m.p.msf, 12), start + offset, 4, value);
    assert_true(forge_msf_finish(&m.p.msf, &m.file));
    no_error(open_made(&m, 0));
    sc_err *err = sc_symbols_line(m.symbols, 0x1118, &l, &ok);
    if (!err)
        err = sc_symbols_lines(m.symbols, "main.c", 10, list_line, list);
    if (!err)
        err = sc_symbols_inlines(m.symbols, 0x110f, list_inline, list);
    error_is(err, SC_ERR_FORMAT, words);
    made_close(&m);
}

static void lying_lines_are_errors_with_their_place(void **state) {
    (void)state;
    enum { FILES = 0, LINES = 24, BLOCK = LINES + 20, SECOND = BLOCK + 60, INLINEES = SECOND + 24 };
    damaged(FILES + 4, 0x7fffffff, "stream 12: offset 0x");
    damaged(FILES + 8, 0x7fffffff, "there is no name here");
    damaged(LINES + 4, 4, "a line table of 4 bytes");
    damaged(BLOCK + 4, 0x7fffffff, "2147483647 lines in a block of 60 bytes");
    damaged(BLOCK + 8, 0, "4 lines in a block of 0 bytes");
    damaged(BLOCK + 8, 0xfffffff0, "lines in a block of 4294967280 bytes");
    damaged(SECOND, 0xffff, "there is no file checksum here");
    damaged(INLINEES + 4, 0xfffffff0, "a subsection of 4294967280 bytes");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(annotations_give_ranges_with_lines),
        cmocka_unit_test(lines_of_addresses),
        cmocka_unit_test(addresses_of_lines),
        cmocka_unit_test(inlined_calls_innermost_first),
        cmocka_unit_test(locals_where_they_are_at_each_address),
        cmocka_unit_test(reordered_images_are_asked_in_their_own_addresses),
        cmocka_unit_test(frame_data_covers_its_code),
        cmocka_unit_test(named_streams_are_copied_out),
        cmocka_unit_test(every_container_gives_the_same_answers),
        cmocka_unit_test(threads_may_share_a_provider),
        cmocka_unit_test(callbacks_may_ask_for_more),
        cmocka_unit_test(lying_lines_are_errors_with_their_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
