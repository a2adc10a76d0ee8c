/* SPDX-License-Identifier: MIT */
/*
 * Type names.
 *
 *     type       = { const | volatile | struct | class | union | enum } name { declarator }
 *     name       = C's own words | module!name | name | @!"module!name"
 *     declarator = "*" { const | volatile } | "&" | "[" number "]" | "(" "*" … ")" | "(" types ")"
 *
 * C's words are char, short, int, long, long long, float, double, bool, void, wchar_t and their
 * kin, Microsoft's __int8 to __int64, and int64, which is how WinDbg prints it. Behind them come
 * the names that Windows' headers give the same things (ULONG, PVOID, …), which symbol files hold
 * as types rarely; the symbols' own types come first.
 */
#include "cexpr/parser.h"

#include <string.h>

/* ---- C's own words ---- */

enum { W_SIGNED = 1, W_UNSIGNED = 2, W_SHORT = 4, W_LONG = 8, W_LONG2 = 16, W_BASE = 32 };

struct words {
    unsigned seen;
    unsigned base; /* SC_CT_…, 0 none: int */
};

static const struct {
    const char *word;
    unsigned mark, base;
} own_words[] = {
    {"signed", W_SIGNED, 0},
    {"unsigned", W_UNSIGNED, 0},
    {"short", W_SHORT, 0},
    {"long", W_LONG, 0},
    {"void", W_BASE, SC_CT_VOID},
    {"bool", W_BASE, SC_CT_BOOL},
    {"char", W_BASE, SC_CT_CHAR},
    {"int", W_BASE, SC_CT_INT},
    {"float", W_BASE, SC_CT_FLOAT},
    {"double", W_BASE, SC_CT_DOUBLE},
    {"wchar_t", W_BASE, SC_CT_WCHAR},
    {"char8_t", W_BASE, SC_CT_UCHAR},
    {"char16_t", W_BASE, SC_CT_CHAR16},
    {"char32_t", W_BASE, SC_CT_CHAR32},
    {"__int8", W_BASE, SC_CT_CHAR},
    {"__int16", W_BASE, SC_CT_SHORT},
    {"__int32", W_BASE, SC_CT_INT},
    {"__int64", W_BASE, SC_CT_INT64},
    {"int64", W_BASE, SC_CT_INT64},
};

static bool take_own_word(struct sc_cparser *ps, struct words *w) {
    for (size_t i = 0; i < sizeof own_words / sizeof *own_words; i++) {
        struct sc_cmark mark = sc_c_mark(ps);
        unsigned seen = own_words[i].mark;
        if (!sc_c_word(ps, own_words[i].word))
            continue;
        if (seen == W_LONG && w->seen & W_LONG)
            seen = W_LONG2;
        if (w->seen & seen) { /* "int int": the second one is no part of this type */
            sc_c_reset(ps, mark);
            return false;
        }
        w->seen |= seen;
        w->base = own_words[i].base ? own_words[i].base : w->base;
        return true;
    }
    return false;
}

bool sc_c_own_word(struct sc_cparser *ps) {
    struct sc_cmark mark = sc_c_mark(ps);
    struct words w = {0, 0};
    bool found = take_own_word(ps, &w);
    sc_c_reset(ps, mark);
    return found;
}

/* The type that the words make; 0: they do not go together. */
static uint32_t own_type(const struct words *w) {
    unsigned lengths = w->seen & (W_SHORT | W_LONG);
    bool sign = w->seen & (W_SIGNED | W_UNSIGNED), minus = !(w->seen & W_UNSIGNED);
    if (lengths == (W_SHORT | W_LONG) ||
        (w->seen & (W_SIGNED | W_UNSIGNED)) == (W_SIGNED | W_UNSIGNED))
        return 0;
    if (w->base == SC_CT_DOUBLE && lengths == W_LONG && !(w->seen & W_LONG2) && !sign)
        return SC_CT_DOUBLE;
    unsigned base = w->base ? w->base : SC_CT_INT;
    if (lengths && base != SC_CT_INT)
        return 0;
    if (w->seen & W_LONG2)
        base = SC_CT_INT64;
    else if (lengths)
        base = lengths == W_SHORT ? SC_CT_SHORT : SC_CT_LONG;
    if (!sign || minus)
        return base == SC_CT_VOID && sign ? 0 : base;
    switch (base) {
    case SC_CT_CHAR: return SC_CT_UCHAR;
    case SC_CT_SHORT: return SC_CT_USHORT;
    case SC_CT_INT: return SC_CT_UINT;
    case SC_CT_LONG: return SC_CT_ULONG;
    case SC_CT_INT64: return SC_CT_UINT64;
    default: return 0;
    }
}

/* ---- names of Windows' headers ---- */

enum { SIZED = SC_CT_END, USIZED }; /* as wide as pointers */

static const struct {
    const char *name;
    uint8_t type;
} header_names[] = {
    {"BOOL", SC_CT_INT},         {"BOOLEAN", SC_CT_UCHAR},   {"BYTE", SC_CT_UCHAR},
    {"CHAR", SC_CT_CHAR},        {"CCHAR", SC_CT_CHAR},      {"DWORD", SC_CT_ULONG},
    {"DWORD32", SC_CT_UINT},     {"DWORD64", SC_CT_UINT64},  {"DWORD_PTR", USIZED},
    {"FLOAT", SC_CT_FLOAT},      {"DOUBLE", SC_CT_DOUBLE},   {"HRESULT", SC_CT_LONG},
    {"INT", SC_CT_INT},          {"INT8", SC_CT_CHAR},       {"INT16", SC_CT_SHORT},
    {"INT32", SC_CT_INT},        {"INT64", SC_CT_INT64},     {"INT_PTR", SIZED},
    {"KAFFINITY", USIZED},       {"KIRQL", SC_CT_UCHAR},     {"LONG", SC_CT_LONG},
    {"LONG32", SC_CT_INT},       {"LONG64", SC_CT_INT64},    {"LONGLONG", SC_CT_INT64},
    {"LONG_PTR", SIZED},         {"NTSTATUS", SC_CT_LONG},   {"SHORT", SC_CT_SHORT},
    {"SIZE_T", USIZED},          {"SSIZE_T", SIZED},         {"UCHAR", SC_CT_UCHAR},
    {"UINT", SC_CT_UINT},        {"UINT8", SC_CT_UCHAR},     {"UINT16", SC_CT_USHORT},
    {"UINT32", SC_CT_UINT},      {"UINT64", SC_CT_UINT64},   {"UINT_PTR", USIZED},
    {"ULONG", SC_CT_ULONG},      {"ULONG32", SC_CT_UINT},    {"ULONG64", SC_CT_UINT64},
    {"ULONGLONG", SC_CT_UINT64}, {"ULONG_PTR", USIZED},      {"USHORT", SC_CT_USHORT},
    {"VOID", SC_CT_VOID},        {"WCHAR", SC_CT_WCHAR},     {"WORD", SC_CT_USHORT},
    {"int8_t", SC_CT_CHAR},      {"int16_t", SC_CT_SHORT},   {"int32_t", SC_CT_INT},
    {"int64_t", SC_CT_INT64},    {"intptr_t", SIZED},        {"ptrdiff_t", SIZED},
    {"size_t", USIZED},          {"uint8_t", SC_CT_UCHAR},   {"uint16_t", SC_CT_USHORT},
    {"uint32_t", SC_CT_UINT},    {"uint64_t", SC_CT_UINT64}, {"uintptr_t", USIZED},
};

static const struct {
    const char *name;
    uint8_t to;
} header_pointers[] = {
    {"HANDLE", SC_CT_VOID}, {"LPCSTR", SC_CT_CHAR},  {"LPCWSTR", SC_CT_WCHAR},
    {"LPSTR", SC_CT_CHAR},  {"LPVOID", SC_CT_VOID},  {"LPWSTR", SC_CT_WCHAR},
    {"PCSTR", SC_CT_CHAR},  {"PCWSTR", SC_CT_WCHAR}, {"PSTR", SC_CT_CHAR},
    {"PWSTR", SC_CT_WCHAR},
};

static uint32_t header_type(const struct sc_cparser *ps, const char *name) {
    bool wide = ps->env->ptr_size == 8;
    for (size_t i = 0; i < sizeof header_names / sizeof *header_names; i++) {
        if (strcmp(header_names[i].name, name) != 0)
            continue;
        uint8_t type = header_names[i].type;
        if (type == SIZED)
            return wide ? SC_CT_INT64 : SC_CT_INT;
        return type != USIZED ? type : wide ? SC_CT_UINT64 : SC_CT_UINT;
    }
    return 0;
}

static sc_err *find_header_type(struct sc_cparser *ps, const char *name, uint32_t *ret_type,
                                bool *ret_found) {
    uint32_t to = 0, type = header_type(ps, name);
    for (size_t i = 0; !type && i < sizeof header_pointers / sizeof *header_pointers; i++)
        if (!strcmp(header_pointers[i].name, name))
            to = header_pointers[i].to;
    if (!type && !to && *name == 'P')
        to = header_type(ps, name + 1);
    *ret_found = type || to;
    if (!to) {
        *ret_type = type;
        return NULL;
    }
    return sc_ctypes_pointer(ps->types, to, false, ret_type);
}

/* ---- a name of the symbols ---- */

static sc_err *named(struct sc_cparser *ps, uint32_t *ret_type, bool *ret_found) {
    struct sc_cmark mark = sc_c_mark(ps);
    struct sc_cop op = {.at = ps->scan.p};
    bool local = false, variable = false;
    sc_err *err = NULL;
    *ret_found = false;
    if (sc_c_peek(ps) == SC_C_AT && ps->scan.p[1] == '!' && ps->scan.p[2] == '"') {
        sc_c_skip(ps, SC_C_AT);
        sc_scan_next(&ps->scan);
        err = sc_string(&ps->scan, ps->scan.name);
    } else if (sc_c_is_first(sc_c_blanks(ps))) {
        err = sc_c_name_text(ps, &local);
    } else {
        return NULL;
    }
    if (!err && !local)
        err = sc_c_find_local(ps, &op, &variable); /* a variable hides a type */
    if (!err && !local && !variable)
        err = sc_c_find_type(ps, ps->scan.name, ret_type, ret_found);
    if (!err && !local && !variable && !*ret_found)
        err = find_header_type(ps, ps->scan.name, ret_type, ret_found);
    if (!*ret_found)
        sc_c_reset(ps, mark);
    return err;
}

static bool take_qualifier(struct sc_cparser *ps) {
    static const char *const words[] = {"const",   "volatile", "__unaligned",
                                        "__ptr64", "__ptr32",  "__restrict"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (sc_c_word(ps, words[i]))
            return true;
    return false;
}

static bool take_elaboration(struct sc_cparser *ps) {
    return sc_c_word(ps, "struct") || sc_c_word(ps, "class") || sc_c_word(ps, "union") ||
           sc_c_word(ps, "enum");
}

sc_err *sc_c_type_word(struct sc_cparser *ps, uint32_t *ret_type, bool *ret_found) {
    struct sc_cmark mark = sc_c_mark(ps);
    struct words w = {0, 0};
    bool elaborated = false;
    sc_err *err = NULL;
    *ret_found = false;
    while (take_qualifier(ps) || (!elaborated && (elaborated = take_elaboration(ps))))
        continue;
    const char *at = ps->scan.p;
    while (!elaborated && (take_own_word(ps, &w) || (w.seen && take_qualifier(ps))))
        continue;
    if (w.seen) {
        *ret_type = own_type(&w);
        *ret_found = *ret_type != 0;
        return *ret_type ? NULL
                         : sc_scan_fail(&ps->scan, at, SC_ERR_ARG, "these words make no type");
    }
    err = named(ps, ret_type, ret_found);
    while (*ret_found && take_qualifier(ps))
        continue;
    if (!err && !*ret_found && elaborated)
        return sc_scan_fail(&ps->scan, at, SC_ERR_NOT_FOUND, "there is no such type");
    if (!*ret_found)
        sc_c_reset(ps, mark);
    return err;
}

/* ---- declarators ---- */

static sc_err *array_size(struct sc_cparser *ps, uint64_t *ret) {
    const char *open = ps->scan.p;
    struct sc_cop op = {.at = open};
    sc_c_skip(ps, SC_C_OPEN_INDEX);
    *ret = 0;
    if (sc_c_take(ps, SC_C_CLOSE_INDEX))
        return NULL;
    sc_err *err = sc_c_assignment(ps, &op);
    if (!err)
        err = sc_c_promote(ps, &op);
    if (!err && (sc_c_is_real(&op) || op.number > UINT32_MAX))
        err = sc_scan_fail(&ps->scan, op.at, SC_ERR_ARG,
                           "the size of an array is a number below 2^32");
    *ret = op.number;
    return err ? err : sc_c_close(ps, SC_C_CLOSE_INDEX, open);
}

/* [2][3]: the last one is made first. */
static sc_err *arrays(struct sc_cparser *ps, uint32_t *type) {
    uint64_t size[SC_C_LEVELS];
    unsigned n = 0;
    while (sc_c_peek(ps) == SC_C_OPEN_INDEX) {
        if (n == SC_C_LEVELS)
            return sc_scan_fail(&ps->scan, ps->scan.p, SC_ERR_LIMIT,
                                "an array of more than %d dimensions", SC_C_LEVELS);
        sc_err *err = array_size(ps, &size[n++]);
        if (err)
            return err;
    }
    while (n) {
        sc_err *err = sc_ctypes_array(ps->types, *type, size[--n], type);
        struct sc_type t;
        if (!err)
            err = sc_c_type_of(ps, *type, &t); /* is it too large? */
        if (err)
            return err;
    }
    return NULL;
}

/* The types of a function's parameters, which nobody asks for: the cursor stands on `(`. */
static sc_err *parameters(struct sc_cparser *ps) {
    const char *open = ps->scan.p;
    uint32_t type;
    bool found;
    sc_c_skip(ps, SC_C_OPEN);
    if (sc_c_take(ps, SC_C_CLOSE))
        return NULL;
    do {
        sc_err *err = sc_deeper(&ps->scan, open);
        if (err)
            return err;
        err = sc_c_type_id(ps, &type, &found);
        ps->scan.depth--;
        if (!err && !found)
            err = sc_scan_expected(&ps->scan, "a type");
        if (err)
            return err;
    } while (sc_c_take(ps, SC_C_COMMA));
    return sc_c_close(ps, SC_C_CLOSE, open);
}

/* How many `*` stand in parentheses: `(*)`, `(__stdcall **)`. False, nothing moved: none do. */
static bool inner_pointers(struct sc_cparser *ps, unsigned *ret_count) {
    struct sc_cmark mark = sc_c_mark(ps);
    unsigned n = 0;
    if (!sc_c_take(ps, SC_C_OPEN))
        return false;
    while (sc_c_word(ps, "__stdcall") || sc_c_word(ps, "__cdecl") || sc_c_word(ps, "__fastcall"))
        continue;
    while (n < SC_C_LEVELS && (sc_c_take(ps, SC_C_MUL) || (n && take_qualifier(ps))))
        n++;
    *ret_count = n;
    if (n && sc_c_take(ps, SC_C_CLOSE))
        return true;
    sc_c_reset(ps, mark);
    return false;
}

static sc_err *pointers(struct sc_cparser *ps, unsigned count, uint32_t *type) {
    sc_err *err = NULL;
    while (!err && count--)
        err = sc_ctypes_pointer(ps->types, *type, false, type);
    return err;
}

/* What stands behind a `*` or `&`. */
static sc_err *star(struct sc_cparser *ps, uint32_t *type, unsigned *levels) {
    bool reference = sc_c_take(ps, SC_C_AND) || sc_c_take(ps, SC_C_ANDAND);
    if (!reference)
        sc_c_skip(ps, SC_C_MUL);
    if (++*levels > SC_C_LEVELS)
        return sc_scan_fail(&ps->scan, ps->scan.p, SC_ERR_LIMIT, "more than %d pointers",
                            SC_C_LEVELS);
    sc_err *err = sc_ctypes_pointer(ps->types, *type, reference, type);
    while (!err && take_qualifier(ps))
        continue;
    return err;
}

static sc_err *declarator(struct sc_cparser *ps, uint32_t *type) {
    unsigned levels = 0, inner = 0;
    for (;;) {
        enum sc_ctoken token = sc_c_peek(ps);
        if (token != SC_C_MUL && token != SC_C_AND && token != SC_C_ANDAND)
            break;
        sc_err *err = star(ps, type, &levels);
        if (err)
            return err;
    }
    bool has_inner = sc_c_peek(ps) == SC_C_OPEN && inner_pointers(ps, &inner);
    sc_err *err = NULL;
    if (has_inner && sc_c_peek(ps) == SC_C_OPEN) {
        err = parameters(ps);
        *type = SC_CT_FUNCTION;
    } else {
        err = arrays(ps, type);
    }
    return err ? err : pointers(ps, inner, type);
}

sc_err *sc_c_type_id(struct sc_cparser *ps, uint32_t *ret_type, bool *ret_found) {
    uint32_t type = 0;
    sc_err *err = sc_c_type_word(ps, &type, ret_found);
    if (!err && *ret_found)
        err = declarator(ps, &type);
    if (!err)
        *ret_type = type;
    return err;
}

sc_err *sc_c_type_text(struct sc_cparser *ps, const char *text, uint32_t *ret_type,
                       bool *ret_found) {
    struct sc_parser saved = ps->scan;
    ps->scan.text = ps->scan.p = ps->scan.done = text;
    ps->scan.end = text + strlen(text);
    sc_err *err = sc_c_type_id(ps, ret_type, ret_found);
    ps->scan = saved;
    return err;
}
