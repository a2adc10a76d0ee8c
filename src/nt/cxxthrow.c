/* SPDX-License-Identifier: MIT */
/*
 * The throw information of Visual C++ (ehdata.h of the public compiler headers):
 *
 *   exception parameters   [0] 0x19930520 … 22  [1] object  [2] ThrowInfo  [3] image base (64-bit)
 *   ThrowInfo              +0 attributes  +4 unwind  +8 forward  +0xc catchable type array
 *   CatchableTypeArray     +0 count  +4 … catchable types, 4 bytes each
 *   CatchableType          +0 properties  +4 type descriptor …
 *   TypeDescriptor         two pointers, then the decorated name
 *
 * On x86 the references are addresses, on x64 and ARM64 offsets from the image base. Everything is
 * read from the target and believed only as far as it can be read; the count is capped.
 */
#include "nt/cxxthrow.h"

#include <stdio.h>
#include <string.h>

enum { CXX_EXCEPTION = 0xE06D7363, NAME_MAX_BYTES = 1024, DEPTH_MAX = 16 };

struct reader {
    sc_space *space;
    uint64_t base; /* added to references */
    unsigned ptr_size;
};

static bool u32(const struct reader *r, uint64_t addr, uint32_t *ret) {
    uint64_t v;
    if (sc_space_uint(r->space, addr, 4, &v) != SC_READ_OK)
        return false;
    *ret = (uint32_t)v;
    return true;
}

/* Follows the reference at ADDR; false when it cannot be read or is empty. */
static bool follow(const struct reader *r, uint64_t addr, uint64_t *ret) {
    uint32_t v;
    if (!u32(r, addr, &v) || !v)
        return false;
    *ret = r->base + v;
    return true;
}

/* The NUL-terminated name at ADDR; NULL when its end is not in the dump. */
static const char *read_name(const struct reader *r, uint64_t addr, sc_arena *arena) {
    char buf[NAME_MAX_BYTES];
    size_t got = 0;
    sc_space_read(r->space, addr, buf, sizeof buf, &got);
    if (!memchr(buf, 0, got) || !*buf)
        return NULL;
    return sc_arena_strdup(arena, buf);
}

static const char *read_type(const struct reader *r, uint64_t array, uint32_t i, sc_arena *arena) {
    uint64_t catchable, type;
    if (!follow(r, array + 4 + 4ull * i, &catchable) || !follow(r, catchable + 4, &type))
        return NULL;
    const char *name = read_name(r, type + 2ull * r->ptr_size, arena);
    return name ? nt_cxx_type_name(name, arena) : NULL;
}

bool nt_cxxthrow(sc_target *target, const struct sc_exception *e, sc_arena *arena,
                 struct nt_cxxthrow *ret) {
    struct reader r = {.space = sc_target_space(target), .ptr_size = sc_target_ptr_size(target)};
    uint32_t need = r.ptr_size == 8 ? 4 : 3;
    if (e->code != CXX_EXCEPTION || e->nparams < need || e->param[0] < 0x19930520 ||
        e->param[0] > 0x19930522)
        return false;
    struct nt_cxxthrow t = {.object = sc_space_canon(r.space, e->param[1]),
                            .throw_info = sc_space_canon(r.space, e->param[2])};
    uint64_t array;
    uint32_t count;
    if (r.ptr_size == 8)
        r.base = e->param[3];
    if (t.throw_info && follow(&r, t.throw_info + 0xc, &array) && u32(&r, array, &count)) {
        for (uint32_t i = 0; i < count && i < NT_CXX_TYPES_MAX; i++) {
            const char *name = read_type(&r, array, i, arena);
            if (!name)
                break;
            t.type[t.ntypes++] = name;
        }
    }
    *ret = t;
    return true;
}

/* ---- names ---- */

static const struct {
    const char *code, *name;
} simple[] = {
    {".H", "int"},
    {".I", "unsigned int"},
    {".J", "long"},
    {".K", "unsigned long"},
    {".F", "short"},
    {".G", "unsigned short"},
    {".D", "char"},
    {".C", "signed char"},
    {".E", "unsigned char"},
    {".M", "float"},
    {".N", "double"},
    {".O", "long double"},
    {"._N", "bool"},
    {"._J", "__int64"},
    {"._K", "unsigned __int64"},
    {"._W", "wchar_t"},
    {".PAD", "char *"},
    {".PEAD", "char *"},
    {".PBD", "char const *"},
    {".PEBD", "char const *"},
    {".PA_W", "wchar_t *"},
    {".PEA_W", "wchar_t *"},
    {".PB_W", "wchar_t const *"},
    {".PEB_W", "wchar_t const *"},
    {".PAX", "void *"},
    {".PEAX", "void *"},
};

static bool plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c >= '0' && c <= '9');
}

/* Scopes of "runtime_error@std@@", innermost first; false for templates and what we cannot read. */
static bool take_scopes(const char *p, const char **scope, size_t *len, size_t *ret_count) {
    size_t n = 0;
    while (*p != '@') {
        /* A digit in front refers back to an earlier name, '?' starts a template. */
        if (n == DEPTH_MAX || !plain(*p) || (*p >= '0' && *p <= '9'))
            return false;
        scope[n] = p;
        while (plain(*p))
            p++;
        if (*p != '@')
            return false;
        len[n] = (size_t)(p - scope[n]);
        n++;
        p++;
    }
    *ret_count = n;
    return n && !p[1];
}

const char *nt_cxx_type_name(const char *decorated, sc_arena *arena) {
    const char *scope[DEPTH_MAX], *kind;
    size_t len[DEPTH_MAX], n, at = 0, room;
    for (size_t i = 0; i < sizeof simple / sizeof *simple; i++)
        if (!strcmp(simple[i].code, decorated))
            return simple[i].name;
    kind = !strncmp(decorated, ".?AV", 4)   ? "class"
           : !strncmp(decorated, ".?AU", 4) ? "struct"
                                            : NULL;
    if (!kind || !take_scopes(decorated + 4, scope, len, &n))
        return decorated;
    room = strlen(decorated) + 2 * n + 8;
    char *text = sc_arena_alloc(arena, room);
    if (!text)
        return decorated;
    at = (size_t)snprintf(text, room, "%s ", kind);
    while (n-- > 0)
        at +=
            (size_t)snprintf(text + at, room - at, "%.*s%s", (int)len[n], scope[n], n ? "::" : "");
    return text;
}
