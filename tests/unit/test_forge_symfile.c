/* SPDX-License-Identifier: MIT */
/* Forged PDBs: what was put in is what our provider finds. */
#include "forge/symfile.h"
#include "unit/pdb_support.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { ARM64 = 0xaa64 };

static const struct forge_image_section sections[] = {
    {".text", 0x1000, 0x3ff0, 0x60000020},
    {".data", 0x5000, 0x1000, 0xc0000040},
    {"PAGE", 0x6000, 0x20000, 0x60000020},
};

static struct forge_symfile empty(uint16_t machine) {
    return (struct forge_symfile){.machine = machine,
                                  .guid = {0x78, 0x56, 0x34, 0x12, 0xcd, 0xab, 0x21, 0x43, 1},
                                  .age = 3,
                                  .signature = 0x4a5bc600,
                                  .section = sections,
                                  .nsections = COUNT(sections)};
}

/* An opened symbol file. */
struct built {
    struct forge_bytes file;
    sc_symbols *symbols;
};

static void build(struct built *b, const struct forge_symfile *s) {
    char why[160];
    sc_file *file;
    if (!forge_symfile_build(s, &b->file, why))
        fail_msg("%s", why);
    no_error(sc_file_memory("forged.pdb", b->file.data, b->file.size, 0, &file));
    no_error(sc_pdb_open_file(file, &b->symbols));
}

static void end(struct built *b) {
    sc_symbols_unref(b->symbols);
    forge_bytes_free(&b->file);
}

static void fails(const struct forge_symfile *s, const char *words) {
    char why[160];
    struct forge_bytes file;
    assert_false(forge_symfile_build(s, &file, why));
    if (!strstr(why, words))
        fail_msg("\"%s\", want \"%s\"", why, words);
}

/* "name+0x12 size kind" of the nearest symbol. */
static const char *at(struct built *b, uint32_t rva) {
    static _Thread_local char text[128];
    struct sc_symbol s;
    bool ok = false;
    no_error(sc_symbols_nearest(b->symbols, rva, SC_SYM_ANY, &s, &ok));
    if (!ok)
        return "";
    snprintf(text, sizeof text, "%s+0x%llx %x %u", s.name, (unsigned long long)rva - s.rva, s.size,
             s.kind);
    return text;
}

static void found(struct built *b, const char *name, uint32_t rva, enum sc_symbol_kind kind) {
    struct sc_symbol s;
    bool ok = false;
    no_error(sc_symbols_find(b->symbols, name, &s, &ok));
    assert_true(ok);
    assert_int_equal(s.rva, rva);
    assert_int_equal(s.kind, kind);
}

static void publics_alone_make_a_stripped_file(void **state) {
    static const struct forge_symbol list[] = {
        {.kind = FORGE_SYM_PUBLIC, .name = "KeBugCheckEx", .rva = 0x1100},
        {.kind = FORGE_SYM_PUBLIC, .name = "?Read@Stream@@QEAAXXZ", .rva = 0x1000},
        {.kind = FORGE_SYM_PUBLIC, .name = "KiData", .rva = 0x5010},
        {.kind = FORGE_SYM_DATA, .name = "NtBuildNumber", .rva = 0x5020, .type = "Uint4B"},
    };
    struct built b;
    struct sc_symbols_info info;
    struct sc_symbol s;
    bool ok;
    (void)state;
    struct forge_symfile f = empty(X64);
    f.symbol = list;
    f.nsymbols = COUNT(list);
    build(&b, &f);
    sc_symbols_info(b.symbols, &info);
    assert_int_equal(info.guid.a, 0x12345678);
    assert_int_equal(info.guid.b, 0xabcd);
    assert_int_equal(info.guid.d[0], 1);
    assert_int_equal(info.age, 3);
    assert_int_equal(info.signature, 0x4a5bc600);
    assert_int_equal(info.cpu, SC_CPU_X64);
    assert_false(info.has_private);
    assert_string_equal(at(&b, 0x1105), "KeBugCheckEx+0x5 0 1");
    assert_string_equal(at(&b, 0x10ff), "?Read@Stream@@QEAAXXZ+0xff 0 1");
    assert_string_equal(at(&b, 0x5011), "KiData+0x1 0 1");
    no_error(sc_symbols_find(b.symbols, "KeBugCheckEx", &s, &ok));
    assert_true(s.code);
    no_error(sc_symbols_find(b.symbols, "KiData", &s, &ok));
    assert_false(s.code);
    no_error(sc_symbols_find(b.symbols, "NtBuildNumber", &s, &ok));
    assert_int_equal(s.kind, SC_SYM_DATA);
    assert_int_equal(s.type, 0x22);
    end(&b);
}

static const struct forge_symbol code[] = {
    {.kind = FORGE_SYM_FUNCTION, .name = "DriverEntry", .rva = 0x1000, .size = 0x80},
    {.kind = FORGE_SYM_STATIC, .name = "Helper", .rva = 0x1080, .size = 0x20, .type = "int"},
    {.kind = FORGE_SYM_FUNCTION, .name = "?Run@Job@@QEAAXXZ", .rva = 0x6000, .size = 0x10000},
    {.kind = FORGE_SYM_LABEL, .name = "inside", .rva = 0x1010},
    {.kind = FORGE_SYM_LABEL, .name = "outside", .rva = 0x5200},
    {.kind = FORGE_SYM_FUNCTION, .name = "Folded", .rva = 0x6000, .size = 0x10},
    {.kind = FORGE_SYM_DATA, .name = "Global", .rva = 0x5000, .type = "_THING*"},
};

static void functions_data_and_labels(void **state) {
    struct built b;
    struct sc_symbol s;
    struct sc_symbols_info info;
    bool ok;
    (void)state;
    struct forge_symfile f = empty(X64);
    f.symbol = code;
    f.nsymbols = COUNT(code);
    build(&b, &f);
    sc_symbols_info(b.symbols, &info);
    assert_true(info.has_private);
    assert_string_equal(at(&b, 0x107f), "DriverEntry+0x7f 80 2");
    assert_string_equal(at(&b, 0x1080), "Helper+0x0 20 2");
    assert_string_equal(at(&b, 0xffff), "Job::Run+0x9fff 10000 2");
    found(&b, "DriverEntry", 0x1000, SC_SYM_FUNCTION);
    found(&b, "?Run@Job@@QEAAXXZ", 0x6000, SC_SYM_PUBLIC);
    found(&b, "Job::Run", 0x6000, SC_SYM_FUNCTION);
    found(&b, "Folded", 0x6000, SC_SYM_FUNCTION);
    found(&b, "Global", 0x5000, SC_SYM_DATA);
    no_error(sc_symbols_find(b.symbols, "Helper", &s, &ok));
    assert_true(s.local);
    no_error(sc_symbols_nearest(b.symbols, 0x1012, SC_SYM_LABEL, &s, &ok));
    assert_string_equal(s.name, "inside");
    no_error(sc_symbols_nearest(b.symbols, 0x5201, SC_SYM_LABEL, &s, &ok));
    assert_string_equal(s.name, "outside");
    no_error(sc_symbols_nearest(b.symbols, 0x1080, SC_SYM_PUBLIC, &s, &ok));
    assert_string_equal(s.name, "DriverEntry"); /* a static function has no public */
    end(&b);
}

static void labels_need_no_function(void **state) {
    static const struct forge_symbol one = {
        .kind = FORGE_SYM_LABEL, .name = "alone", .rva = 0x1010};
    struct built b;
    (void)state;
    struct forge_symfile f = empty(X64);
    f.symbol = &one;
    f.nsymbols = 1;
    build(&b, &f);
    assert_string_equal(at(&b, 0x1013), "alone+0x3 0 32");
    end(&b);
}

/* x86: publics are decorated, procedures are not. */
static void decorations_of_x86(void **state) {
    static const struct forge_symbol list[] = {
        {.kind = FORGE_SYM_FUNCTION, .name = "_KeBugCheckEx@20", .rva = 0x1000, .size = 0x40},
        {.kind = FORGE_SYM_FUNCTION, .name = "@ObfFoo@4", .rva = 0x1040, .size = 0x40},
    };
    struct built b;
    struct sc_symbol s;
    bool ok = false;
    (void)state;
    struct forge_symfile f = empty(X86);
    f.symbol = list;
    f.nsymbols = COUNT(list);
    build(&b, &f);
    assert_string_equal(at(&b, 0x1001), "KeBugCheckEx+0x1 40 2");
    no_error(sc_symbols_nearest(b.symbols, 0x1001, SC_SYM_PUBLIC, &s, &ok));
    assert_string_equal(s.name, "_KeBugCheckEx@20");
    found(&b, "ObfFoo", 0x1040, SC_SYM_FUNCTION);
    end(&b);
}

static void lines_of_functions(void **state) {
    static const struct forge_line list[] = {
        {"c:\\src\\driver.c", 12, 0x1000}, {"c:\\src\\driver.c", 14, 0x1010},
        {"c:\\src\\inline.h", 3, 0x1018},  {"c:\\src\\driver.c", 15, 0x1020},
        {"c:\\src\\helper.c", 7, 0x1084},  {"c:\\src\\driver.c", 99, 0x6000},
    };
    static const struct {
        uint32_t rva, start, size, line;
        const char *file;
    } want[] = {{0x1005, 0x1000, 0x10, 12, "c:\\src\\driver.c"},
                {0x1017, 0x1010, 8, 14, "c:\\src\\driver.c"},
                {0x1018, 0x1018, 8, 3, "c:\\src\\inline.h"},
                {0x107f, 0x1020, 0x60, 15, "c:\\src\\driver.c"},
                {0x109f, 0x1084, 0x1c, 7, "c:\\src\\helper.c"},
                {0xffff, 0x6000, 0x10000, 99, "c:\\src\\driver.c"}};
    struct built b;
    struct sc_line l;
    bool ok = false;
    (void)state;
    struct forge_symfile f = empty(X64);
    f.symbol = code;
    f.nsymbols = 3;
    f.line = list;
    f.nlines = COUNT(list);
    build(&b, &f);
    for (size_t i = 0; i < COUNT(want); i++) {
        no_error(sc_symbols_line(b.symbols, want[i].rva, &l, &ok));
        assert_true(ok);
        assert_int_equal(l.rva, want[i].start);
        assert_int_equal(l.size, want[i].size);
        assert_int_equal(l.line, want[i].line);
        assert_string_equal(l.file, want[i].file);
    }
    no_error(sc_symbols_line(b.symbols, 0x1083, &l, &ok));
    end(&b);
    struct forge_line stray = {"c:\\src\\driver.c", 15, 0x10a0};
    f.line = &stray;
    f.nlines = 1;
    fails(&f, "line c:\\src\\driver.c:15 at RVA 0x10a0 is in no function");
    stray = (struct forge_line){"a.c", 0x1000000, 0x1000};
    fails(&f, "a.c has no line 16777216");
}

/* A block of PspExitThread that lies far before it: the debugger's displacement wraps. */
static void moved_blocks_belong_to_their_functions(void **state) {
    static const struct forge_symbol list[] = {
        {.kind = FORGE_SYM_PUBLIC, .name = "KiFirst", .rva = 0x1000},
        {.kind = FORGE_SYM_FUNCTION, .name = "PspExitThread", .rva = 0x22000, .size = 0x500},
        {.kind = FORGE_SYM_PUBLIC, .name = "PspLast", .rva = 0x22500},
    };
    static const struct forge_moved moved[] = {{0x5ae0, 0x22400, 0x20}, {0x1200, 0x30000, 0x10}};
    struct built b;
    struct sc_symbol s;
    bool ok = false;
    (void)state;
    struct forge_symfile f = empty(X86);
    f.symbol = list;
    f.nsymbols = COUNT(list);
    f.moved = moved;
    f.nmoved = COUNT(moved);
    build(&b, &f);
    assert_string_equal(at(&b, 0x5ae9), "PspExitThread+0xfffffffffffe3ae9 400 2");
    assert_string_equal(at(&b, 0x5b00), "KiFirst+0x4b00 0 1");
    assert_string_equal(at(&b, 0x1201), "PspLast+0xfffffffffffded01 0 1");
    assert_string_equal(at(&b, 0x1210), "KiFirst+0x210 0 1");
    no_error(sc_symbols_find(b.symbols, "PspExitThread", &s, &ok));
    assert_int_equal(s.rva, 0x22000);
    end(&b);
}

/* The linker had a string literal there, of which the image kept nothing. */
static void a_symbol_without_a_place_says_where_it_was_linked(void **state) {
    static const struct forge_symbol list[] = {
        {.kind = FORGE_SYM_PUBLIC, .name = "KiFirst", .rva = 0x1000},
        {.kind = FORGE_SYM_PUBLIC, .name = "Literal", .rva = 0x22000},
    };
    static const struct forge_moved moved[] = {{FORGE_NOWHERE, 0x22000, 1},
                                               {0x5ae0, 0x22400, 0x20}};
    struct built b;
    struct sc_symbol s;
    bool ok = false;
    (void)state;
    struct forge_symfile f = empty(X86);
    f.symbol = list;
    f.nsymbols = COUNT(list);
    f.moved = moved;
    f.nmoved = COUNT(moved);
    build(&b, &f);
    no_error(sc_symbols_nearest(b.symbols, 0x5ae8, SC_SYM_ANY, &s, &ok));
    assert_true(ok && s.reordered && s.unplaced);
    assert_string_equal(s.name, "Literal");
    assert_int_equal(s.behind, 0x408);
    assert_int_equal(s.home, 0x22000);
    assert_int_equal(s.rva, 0x5ae8 - 0x408);
    no_error(sc_symbols_nearest(b.symbols, 0x1010, SC_SYM_ANY, &s, &ok));
    assert_true(ok && s.reordered && !s.unplaced);
    assert_int_equal(s.behind, 0x10);
    no_error(sc_symbols_find(b.symbols, "Literal", &s, &ok));
    assert_false(ok);
    end(&b);
}

static void blocks_that_cannot_move_are_named(void **state) {
    static const struct forge_symbol list[] = {
        {.kind = FORGE_SYM_PUBLIC, .name = "There", .rva = 0x2010}};
    (void)state;
    struct forge_symfile f = empty(X86);
    struct forge_moved moved[] = {{0x2000, 0x3000, 0x100}, {0x20ff, 0x4000, 0x10}};
    f.moved = moved;
    f.nmoved = 2;
    fails(&f, "blocks moved to 0x2000 and 0x20ff overlap");
    moved[1] = (struct forge_moved){0x2100, 0x30ff, 0x10};
    fails(&f, "blocks moved from 0x3000 and 0x30ff overlap");
    moved[1] = (struct forge_moved){0x800000, 0x3100, 0x10};
    fails(&f, "a block of 0x10 bytes at RVA 0x800000 is outside of all sections");
    f.nmoved = 1;
    f.symbol = list;
    f.nsymbols = 1;
    fails(&f, "There at RVA 0x2010: a block that belongs at 0x3000 lies there");
}

static void rule_is(struct built *b, uint32_t rva, const struct sc_frame_rule *want) {
    struct sc_frame_rule r;
    bool ok = false;
    no_error(sc_symbols_frame_rule(b->symbols, rva, &r, &ok));
    assert_true(ok);
    assert_int_equal(r.rva, want->rva);
    assert_int_equal(r.size, want->size);
    assert_int_equal(r.locals, want->locals);
    assert_int_equal(r.params, want->params);
    assert_int_equal(r.saved_regs, want->saved_regs);
    assert_int_equal(r.prolog, want->prolog);
    assert_int_equal(r.uses_ebp, want->uses_ebp);
    assert_int_equal(r.has_seh, want->has_seh);
    assert_int_equal(r.fpo_kind, want->fpo_kind);
    assert_string_equal(r.program ? r.program : "", want->program ? want->program : "");
}

static void frame_data_of_both_kinds(void **state) {
    static const struct forge_fpo list[] = {
        {.rva = 0x1100, .size = 0x40, .program = "$T0 .raSearch = $eip $T0 ^ =", .locals = 5},
        {.rva = 0x1080, .size = 0x20, .kind = 3, .uses_ebp = true, .has_seh = true},
        {0x1000, 0x80, 0x10, 8, 12, 7, false, false, 0, NULL},
        {.rva = 0x1140, .size = 0x40, .program = "$T0 .raSearch = $eip $T0 ^ =", .has_seh = true},
    };
    struct built b;
    (void)state;
    struct forge_symfile f = empty(X86);
    f.fpo = list;
    f.nfpo = COUNT(list);
    build(&b, &f);
    rule_is(
        &b, 0x1010,
        &(struct sc_frame_rule){
            .rva = 0x1000, .size = 0x80, .locals = 16, .params = 8, .saved_regs = 12, .prolog = 7});
    rule_is(&b, 0x1080,
            &(struct sc_frame_rule){
                .rva = 0x1080, .size = 0x20, .fpo_kind = 3, .uses_ebp = true, .has_seh = true});
    struct sc_frame_rule new = {.rva = 0x1100,
                                .size = 0x40,
                                .locals = 5,
                                .fpo_kind = 0xff,
                                .program = "$T0 .raSearch = $eip $T0 ^ ="};
    rule_is(&b, 0x1100, &new);
    new.rva = 0x1140;
    new.locals = 0;
    new.has_seh = true;
    rule_is(&b, 0x1140, &new);
    end(&b);
    struct forge_fpo bad = {.rva = 0x1000, .size = 4, .locals = 3};
    f.fpo = &bad;
    f.nfpo = 1;
    fails(&f, "FPO data of RVA 0x1000: locals 3");
    bad = (struct forge_fpo){.rva = 0x100, .size = 4};
    fails(&f, "frame data at RVA 0x100 is outside of all sections");
    f.machine = X64;
    fails(&f, "frame data are for x86");
}

static void symbols_that_cannot_be_are_named(void **state) {
    (void)state;
    struct forge_symfile f = empty(X64);
    struct forge_symbol one = {.kind = FORGE_SYM_PUBLIC, .name = "Out", .rva = 0x26000};
    f.symbol = &one;
    f.nsymbols = 1;
    fails(&f, "Out at RVA 0x26000 is outside of all sections");
    one.rva = 0xfff;
    fails(&f, "Out at RVA 0xfff is outside of all sections");
    one.kind = FORGE_SYM_LABEL;
    fails(&f, "Out at RVA 0xfff is outside");
    one = (struct forge_symbol){.kind = FORGE_SYM_STATIC, .name = "Empty", .rva = 0x1000};
    fails(&f, "function Empty at RVA 0x1000: size 0x0");
    one.kind = FORGE_SYM_DATA;
    one.type = "int (*)(void)";
    fails(&f, "the type \"int (*)(void)\" cannot be read");
    one.type = "[x]Char";
    fails(&f, "the array in \"[x]Char\" cannot be read");
    one.type = "*";
    fails(&f, "a type's text is empty");
}

/* ---- types ---- */

static const struct forge_member thread_members[] = {
    {"Header", 0, "_DISPATCHER_HEADER", 0, 0},
    {"InitialStack", 0x28, "Ptr64 Void", 0, 0},
    {"Process", 0x30, "*_KPROCESS", 0, 0},
    {"Name", 0x38, "[15]UChar", 0, 0},
    {"Unknown", 0x48, "?", 0, 0},
    {"Flag0", 0x58, "Uint4B", 0, 1},
    {"Flag1", 0x58, "Pos 1, 3 Bits", 1, 3},
    {"Lists", 0x60, "[2] _LIST_ENTRY", 0, 0},
    {"Callbacks", 0x80, "[2] Ptr64     void", 0, 0},
    {"Far", 0x9000, "**Int2B", 0, 0},
    {"Last", 0x9008, "Uint8B", 0, 0},
};
static const struct forge_member list_members[] = {{"Flink", 0, "Ptr64 _LIST_ENTRY", 0, 0},
                                                   {"Blink", 8, "*_LIST_ENTRY", 0, 0}};
static const struct forge_member large_members[] = {{"QuadPart", 0, "Int8B", 0, 0},
                                                    {"LowPart", 0, "Uint4B", 0, 0}};
static const struct forge_struct types[] = {
    {"_KTHREAD", 0x9010, false, thread_members, COUNT(thread_members)},
    {"_LIST_ENTRY", 0x10, false, list_members, COUNT(list_members)},
    {"_LARGE_INTEGER", 8, true, large_members, COUNT(large_members)},
};

/* "Ptr64 Void", "[2] _LIST_ENTRY", … as `dt` shows a type. */
static void show(sc_symbols *symbols, uint32_t id, char *text, size_t size) {
    struct sc_type t;
    char inner[128] = "";
    no_error(sc_symbols_type(symbols, id, &t));
    if (t.kind == SC_TYPE_POINTER || t.kind == SC_TYPE_ARRAY || t.kind == SC_TYPE_BITFIELD)
        show(symbols, t.target, inner, sizeof inner);
    if (t.kind == SC_TYPE_POINTER)
        snprintf(text, size, "Ptr%u %s", (unsigned)t.size * 8, inner);
    else if (t.kind == SC_TYPE_ARRAY)
        snprintf(text, size, "[%u] %s", (unsigned)t.count, inner);
    else if (t.kind == SC_TYPE_BITFIELD)
        snprintf(text, size, "%s:%u,%u", inner, t.bit_pos, t.bit_len);
    else if (t.kind == SC_TYPE_FUNCTION)
        snprintf(text, size, "function of %u", (unsigned)t.count);
    else
        snprintf(text, size, "%s%s", t.name, t.forward ? "!" : "");
}

struct listed {
    sc_symbols *symbols;
    char text[1024];
};

static bool list_member(void *ctx, const struct sc_member *m) {
    struct listed *l = ctx;
    char type[128];
    show(l->symbols, m->type, type, sizeof type);
    sprintf(l->text + strlen(l->text), "%x %s %s", (unsigned)m->offset, m->name, type);
    if (m->bit_len)
        sprintf(l->text + strlen(l->text), ":%u,%u", m->bit_pos, m->bit_len);
    strcat(l->text, "; ");
    return true;
}

static void members_are(struct built *b, const char *name, uint64_t size, const char *want) {
    struct listed l = {b->symbols, ""};
    struct sc_type t;
    uint32_t id = 0;
    bool ok = false;
    no_error(sc_symbols_type_named(b->symbols, name, &id, &ok));
    assert_true(ok);
    no_error(sc_symbols_type(b->symbols, id, &t));
    assert_int_equal(t.size, size);
    assert_false(t.forward);
    no_error(sc_symbols_members(b->symbols, id, list_member, &l));
    assert_string_equal(l.text, want);
}

static void types_from_their_texts(void **state) {
    struct built b;
    (void)state;
    struct forge_symfile f = empty(X64);
    f.type = types;
    f.ntypes = COUNT(types);
    build(&b, &f);
    members_are(&b, "_KTHREAD", 0x9010,
                "0 Header _DISPATCHER_HEADER!; 28 InitialStack Ptr64 Void; "
                "30 Process Ptr64 _KPROCESS!; 38 Name [15] UChar; 48 Unknown [16] UChar; "
                "58 Flag0 Uint4B:0,1; 58 Flag1 Uint4B:1,3; 60 Lists [2] _LIST_ENTRY; "
                "80 Callbacks [2] Ptr64 Void; 9000 Far Ptr64 Ptr64 Int2B; 9008 Last Uint8B; ");
    members_are(&b, "_LIST_ENTRY", 16, "0 Flink Ptr64 _LIST_ENTRY; 8 Blink Ptr64 _LIST_ENTRY; ");
    members_are(&b, "_LARGE_INTEGER", 8, "0 QuadPart Int8B; 0 LowPart Uint4B; ");
    end(&b);
}

static void types_in_other_words(void **state) {
    static const struct forge_member members[] = {
        {"a", 0, "unsigned int", 0, 0}, {"b", 4, "ULONG", 0, 0},
        {"c", 8, "char *", 0, 0},       {"d", 12, "const char*", 0, 0},
        {"e", 16, "char[16]", 0, 0},    {"f", 32, "int *[4]", 0, 0},
        {"g", 48, "short[2][3]", 0, 0}, {"h", 60, "struct _X **", 0, 0},
        {"i", 64, "SIZE_T", 0, 0},      {"j", 68, "Ptr64 _X", 0, 0},
        {"k", 76, "PVOID", 0, 0},       {"l", 80, "unsigned long long", 0, 0},
        {"m", 88, "[2][3]Wchar", 0, 0}, {"n", 100, "volatile long", 0, 0},
        {"o", 104, "bool", 0, 0},
    };
    static const struct forge_struct one = {"_WORDS", 108, false, members, COUNT(members)};
    struct built b;
    (void)state;
    struct forge_symfile f = empty(X86);
    f.type = &one;
    f.ntypes = 1;
    build(&b, &f);
    members_are(&b, "_WORDS", 108,
                "0 a Uint4B; 4 b Uint4B; 8 c Ptr32 Char; c d Ptr32 Char; 10 e [16] Char; "
                "20 f [4] Ptr32 Int4B; 30 g [2] [3] Int2B; 3c h Ptr32 Ptr32 _X!; 40 i Uint4B; "
                "44 j Ptr64 _X!; 4c k Ptr32 Void; 50 l Uint8B; 58 m [2] [3] Wchar; 64 n Int4B; "
                "68 o Bool; ");
    end(&b);
}

/* A list of members longer than a record may be. */
static void long_lists_of_members_go_on(void **state) {
    enum { MANY = 9000 };
    struct forge_member *members = calloc(MANY, sizeof *members);
    char *names = calloc(MANY, 16), want[64];
    struct built b;
    struct sc_type t;
    uint32_t id = 0;
    bool ok = false;
    (void)state;
    assert_true(members && names);
    for (uint32_t i = 0; i < MANY; i++) {
        snprintf(names + (size_t)i * 16, 16, "Member%u", i);
        members[i] = (struct forge_member){names + (size_t)i * 16, i * 4, "Uint4B", 0, 0};
    }
    struct forge_struct one = {"_LONG", MANY * 4, false, members, MANY};
    struct forge_symfile f = empty(X64);
    f.type = &one;
    f.ntypes = 1;
    build(&b, &f);
    no_error(sc_symbols_type_named(b.symbols, "_LONG", &id, &ok));
    no_error(sc_symbols_type(b.symbols, id, &t));
    assert_int_equal(t.count, MANY);
    struct listed *l = calloc(1, sizeof *l + MANY * 40);
    assert_non_null(l);
    l->symbols = b.symbols;
    no_error(sc_symbols_members(b.symbols, id, list_member, l));
    snprintf(want, sizeof want, "; %x Member%u Uint4B; ", (MANY - 1) * 4, MANY - 1);
    assert_string_equal(l->text + strlen(l->text) - strlen(want), want);
    assert_memory_equal(l->text, "0 Member0 Uint4B; 4 Member1", 27);
    free(l);
    end(&b);
    free(members);
    free(names);
}

static void types_that_cannot_be_are_named(void **state) {
    struct forge_member m = {"Far", 0x20, "Uint4B", 0, 0};
    struct forge_struct both[] = {{"_A", 0x10, false, &m, 1}, {"_A", 0x10, false, NULL, 0}};
    (void)state;
    struct forge_symfile f = empty(X64);
    f.type = both;
    f.ntypes = 1;
    fails(&f, "_A.Far at 0x20: the structure has 0x10 bytes");
    m = (struct forge_member){"Bits", 0, "Uint8B", 60, 5};
    fails(&f, "_A.Bits: bits 60 to 64");
    m = (struct forge_member){"Fine", 0, "Uint8B", 0, 0};
    f.ntypes = 2;
    fails(&f, "two types are named _A");
}

/* ---- locals and inlined calls ---- */

static bool list_local(void *ctx, const struct sc_local *l) {
    static const char *const where[] = {"reg", "rel", "frame", "piece", "at", "const", "gone"};
    struct listed *out = ctx;
    char type[128];
    show(out->symbols, l->type, type, sizeof type);
    sprintf(out->text + strlen(out->text), "%s%s %s=%s", l->parameter ? "*" : "", type, l->name,
            where[l->where]);
    if (l->reg)
        sprintf(out->text + strlen(out->text), ",%s", l->reg);
    if (l->offset)
        sprintf(out->text + strlen(out->text), ",%d", (int)l->offset);
    strcat(out->text, "; ");
    return true;
}

static void locals_are_where_they_were_put(void **state) {
    static const struct forge_local locals[] = {
        {"DriverObject", "_DRIVER_OBJECT*", true, "rbx", false, 0},
        {"count", "int", true, "rsp", true, 0x48},
        {"temp", "char[16]", false, "rbp", true, -0x20},
        {"lost", "int", false, NULL, false, 0},
        {"wide", "Double", false, "xmm9", false, 0},
        {"low", "Uint4B", false, "r10d", false, 0},
    };
    static const struct forge_symbol one = {.kind = FORGE_SYM_FUNCTION,
                                            .name = "Big",
                                            .rva = 0x6000,
                                            .size = 0x18000,
                                            .type = "NTSTATUS",
                                            .local = locals,
                                            .nlocals = COUNT(locals)};
    static const uint32_t places[] = {0x6000, 0x14fff, 0x15000, 0x1dfff};
    struct built b;
    struct sc_symbol s;
    struct sc_type t;
    bool ok = false;
    (void)state;
    struct forge_symfile f = empty(X64);
    f.symbol = &one;
    f.nsymbols = 1;
    build(&b, &f);
    for (size_t i = 0; i < COUNT(places); i++) {
        struct listed l = {b.symbols, ""};
        no_error(sc_symbols_locals(b.symbols, places[i], list_local, &l));
        assert_string_equal(l.text,
                            "*Ptr64 _DRIVER_OBJECT! DriverObject=reg,rbx; *Int4B count=rel,rsp,72; "
                            "[16] Char temp=rel,rbp,-32; Int4B lost=gone; Double wide=reg,xmm9; "
                            "Uint4B low=reg,r10d; ");
    }
    no_error(sc_symbols_find(b.symbols, "Big", &s, &ok));
    no_error(sc_symbols_type(b.symbols, s.type, &t));
    assert_int_equal(t.kind, SC_TYPE_FUNCTION);
    assert_int_equal(t.count, 2);
    end(&b);
}

/* Every register that can be written is the one that is read, on each machine. */
static void registers_have_their_numbers(void **state) {
    static const struct {
        uint16_t machine;
        const char *names[20];
    } machines[] = {
        {X86, {"al", "bh", "ax", "di", "eax", "ecx", "edi", "xmm0", "xmm7", "vframe"}},
        {X64,
         {"al", "eax", "xmm7", "xmm8", "xmm15", "sil", "rax", "rdi", "rsp", "r8", "r15", "r8b",
          "r15w", "r8d", "r15d"}},
        {ARM64, {"w0", "w30", "x0", "x19", "x28", "fp", "lr", "sp"}},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(machines); i++)
        for (size_t k = 0; machines[i].names[k]; k++) {
            struct built b;
            struct forge_local local = {"v", "int", false, machines[i].names[k], false, 0};
            struct forge_symbol one = {.kind = FORGE_SYM_FUNCTION,
                                       .name = "F",
                                       .rva = 0x1000,
                                       .size = 4,
                                       .local = &local,
                                       .nlocals = 1};
            struct forge_symfile f = empty(machines[i].machine);
            f.symbol = &one;
            f.nsymbols = 1;
            build(&b, &f);
            struct listed l = {b.symbols, ""};
            char want[64];
            no_error(sc_symbols_locals(b.symbols, 0x1000, list_local, &l));
            snprintf(want, sizeof want, "Int4B v=reg,%s; ", machines[i].names[k]);
            assert_string_equal(l.text, want);
            end(&b);
            local.reg = "nowhere";
            fails(&f, "F!v: no register nowhere");
        }
}

static bool list_inline(void *ctx, const struct sc_inline *f) {
    sprintf((char *)ctx + strlen(ctx), "%u %s %s:%u @%x; ", f->depth, f->name, f->file, f->line,
            f->rva);
    return true;
}

static void inlined_are(struct built *b, uint32_t rva, const char *want) {
    char list[256] = "";
    no_error(sc_symbols_inlines(b->symbols, rva, list_inline, list));
    assert_string_equal(list, want);
}

static void inlined_calls_nest(void **state) {
    static const struct forge_inlined inlined[] = {
        {"inner", "b.h", 0x1020, 0x10, 70},      {"ns::outer", "a.h", 0x1010, 0x40, 50},
        {"inner", "b.h", 0x1030, 0x10, 65},      {"inner", "c.h", 0x1060, 0x4, 5},
        {"deep::er::call", "b.h", 0x1020, 8, 1},
    };
    struct forge_symbol one = {.kind = FORGE_SYM_FUNCTION,
                               .name = "F",
                               .rva = 0x1000,
                               .size = 0x80,
                               .inlined = inlined,
                               .ninlined = COUNT(inlined)};
    struct built b;
    (void)state;
    struct forge_symfile f = empty(X64);
    f.symbol = &one;
    f.nsymbols = 1;
    build(&b, &f);
    inlined_are(&b, 0x100f, "");
    inlined_are(&b, 0x1010, "0 ns::outer a.h:50 @1010; ");
    inlined_are(&b, 0x1027,
                "2 deep::er::call b.h:1 @1020; 1 inner b.h:70 @1020; 0 ns::outer a.h:50 @1010; ");
    inlined_are(&b, 0x1028, "1 inner b.h:70 @1020; 0 ns::outer a.h:50 @1010; ");
    inlined_are(&b, 0x103f, "1 inner b.h:65 @1030; 0 ns::outer a.h:50 @1010; ");
    inlined_are(&b, 0x1040, "0 ns::outer a.h:50 @1010; ");
    inlined_are(&b, 0x1063, "0 inner c.h:5 @1060; ");
    inlined_are(&b, 0x1064, "");
    end(&b);
    static const struct forge_inlined crossing[] = {{"a", "a.h", 0x1010, 0x20, 1},
                                                    {"b", "a.h", 0x1020, 0x20, 1}};
    one.inlined = crossing;
    one.ninlined = 2;
    fails(&f, "inlined a at RVA 0x1010 and b at 0x1020 overlap");
    static const struct forge_inlined outside = {"a", "a.h", 0x1078, 0x10, 1};
    one.inlined = &outside;
    one.ninlined = 1;
    fails(&f, "a inlined at RVA 0x1078, 0x10 bytes, line 1: not in F");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(publics_alone_make_a_stripped_file),
        cmocka_unit_test(functions_data_and_labels),
        cmocka_unit_test(labels_need_no_function),
        cmocka_unit_test(decorations_of_x86),
        cmocka_unit_test(lines_of_functions),
        cmocka_unit_test(moved_blocks_belong_to_their_functions),
        cmocka_unit_test(a_symbol_without_a_place_says_where_it_was_linked),
        cmocka_unit_test(blocks_that_cannot_move_are_named),
        cmocka_unit_test(frame_data_of_both_kinds),
        cmocka_unit_test(symbols_that_cannot_be_are_named),
        cmocka_unit_test(types_from_their_texts),
        cmocka_unit_test(types_in_other_words),
        cmocka_unit_test(long_lists_of_members_go_on),
        cmocka_unit_test(types_that_cannot_be_are_named),
        cmocka_unit_test(locals_are_where_they_were_put),
        cmocka_unit_test(registers_have_their_numbers),
        cmocka_unit_test(inlined_calls_nest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
