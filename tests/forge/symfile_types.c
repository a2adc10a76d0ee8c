/* SPDX-License-Identifier: MIT */
/*
 * Types out of their texts, in the forms that layouts, `dt` and C have:
 *
 *     Uint4B  _LIST_ENTRY  *_KTHREAD  **Void  [15]UChar  [2][3]Uint2B
 *     Ptr64 Ptr64 Void  Ptr32 Char  [15] Ptr64 _KTHREAD
 *     unsigned int  ULONG  struct _UNICODE_STRING *  char[16]  int *[4]  const char *
 *
 * A structure is referred to through a forward reference, as compilers do where they have not seen
 * it yet; readers find the definition by its name, if there is one.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "forge/symfile_impl.h"

enum {
    LF_MODIFIER = 0x1001,
    LF_POINTER = 0x1002,
    LF_PROCEDURE = 0x1008,
    LF_ARGLIST = 0x1201,
    LF_FIELDLIST = 0x1203,
    LF_BITFIELD = 0x1205,
    LF_INDEX = 0x1404,
    LF_ARRAY = 0x1503,
    LF_STRUCTURE = 0x1505,
    LF_UNION = 0x1506,
    LF_MEMBER = 0x150d,
    FORWARD = 0x80,
    PUBLIC = 3,
    FIRST_TYPE = 0x1000,
    LIST_MAX = 0xf000, /* bytes of a field list; the rest goes into another */
    DEPTH = 32,
    TEXT = 512,
};

/* Types that need no record, and what they are called. */
static const struct {
    uint16_t ti;
    uint8_t size;
    const char *names; /* each with a blank behind; those of two words with a dot */
} bases[] = {
    {0x03, 0, "Void void VOID "},
    {0x10, 1, "signed.char INT8 "},
    {0x70, 1, "Char char CHAR "},
    {0x20, 1, "UChar unsigned.char UCHAR BYTE BOOLEAN UINT8 Uint1B uint8_t KIRQL "},
    {0x10, 1, "Int1B int8_t "},
    {0x71, 2, "Wchar wchar_t WCHAR "},
    {0x11, 2, "Int2B short SHORT CSHORT INT16 int16_t "},
    {0x21, 2, "Uint2B unsigned.short USHORT WORD UINT16 uint16_t "},
    {0x12, 4, "Int4B long LONG NTSTATUS INT32 "},
    {0x22, 4, "Uint4B unsigned.long ULONG DWORD UINT32 ACCESS_MASK "},
    {0x74, 4, "int INT BOOL int32_t "},
    {0x75, 4, "unsigned.int UINT unsigned uint32_t "},
    {0x13, 8, "Int8B __int64 LONG64 LONGLONG INT64 long.long int64_t "},
    {0x23, 8,
     "Uint8B unsigned.__int64 ULONG64 ULONGLONG DWORD64 UINT64 unsigned.long.long uint64_t "},
    {0x40, 4, "Float float FLOAT "},
    {0x41, 8, "Double double DOUBLE "},
    {0x30, 1, "Bool bool "},
    {0x08, 4, "HRESULT "},
};
/* Of the machine's pointer size. */
static const char pointer_sized[] = "ULONG_PTR SIZE_T DWORD_PTR UINT_PTR KAFFINITY size_t ";
static const char pointer_signed[] = "LONG_PTR SSIZE_T INT_PTR ";
static const struct {
    const char *name, *target;
} pointers[] = {
    {"PVOID", "Void"},   {"HANDLE", "Void"},  {"LPVOID", "Void"},  {"PSTR", "Char"},
    {"PCHAR", "Char"},   {"PCSTR", "Char"},   {"PWSTR", "Wchar"},  {"PWCH", "Wchar"},
    {"PULONG", "ULONG"}, {"PCWSTR", "Wchar"}, {"PUCHAR", "UChar"},
};

/* A piece of text. */
struct span {
    const char *p;
    size_t len;
};

/* What a text stands for. */
struct meaning {
    uint32_t ti;
    uint64_t size;
};

static bool is64(const struct symfile *b) { return b->s->machine != 0x14c; }

static struct span trim(struct span t) {
    while (t.len && isspace((unsigned char)*t.p)) {
        t.p++;
        t.len--;
    }
    while (t.len && isspace((unsigned char)t.p[t.len - 1]))
        t.len--;
    return t;
}

/* ---- the types that were written already ---- */

static uint32_t bucket_of(struct span key) {
    return forge_hash_v1(key.p, key.len) % SYMFILE_TYPE_BUCKETS;
}

static bool known(const struct symfile *b, struct span key, struct meaning *ret) {
    for (uint32_t i = b->bucket[bucket_of(key)]; i; i = b->type[i - 1].next) {
        const struct symfile_type *t = &b->type[i - 1];
        if (strlen(t->text) == key.len && memcmp(t->text, key.p, key.len) == 0) {
            *ret = (struct meaning){t->ti, t->size};
            return true;
        }
    }
    return false;
}

static struct meaning note(struct symfile *b, struct span key, struct meaning m) {
    struct symfile_type *t =
        symfile_push(b, (void **)&b->type, &b->ntypes, &b->type_room, sizeof *b->type);
    if (!t)
        return m;
    t->text = strndup(key.p, key.len);
    if (!t->text) {
        b->ntypes--;
        symfile_fail(b, "no memory for a type");
        return m;
    }
    t->ti = m.ti;
    t->size = m.size;
    t->next = b->bucket[bucket_of(key)];
    b->bucket[bucket_of(key)] = (uint32_t)b->ntypes;
    return m;
}

void symfile_types_free(struct symfile *b) {
    for (size_t i = 0; i < b->ntypes; i++)
        free(b->type[i].text);
    free(b->type);
}

/* ---- records ---- */

static uint32_t record(struct symfile *b, uint16_t leaf, const struct forge_fields *f) {
    return forge_pdb_type(&b->p, leaf, f->data, f->size, NULL);
}

/* A pointer of WIDTH bytes; to a type without a record it needs none either. */
static struct meaning pointer_to(struct symfile *b, uint32_t target, unsigned width) {
    if (target < 0x100)
        return (struct meaning){target | (width == 8 ? 0x600 : 0x400), width};
    char key[32];
    struct meaning m;
    int len = snprintf(key, sizeof key, "*%x/%u", target, width);
    if (known(b, (struct span){key, (size_t)len}, &m))
        return m;
    struct forge_fields f = forge_fields("44", target, width == 8 ? 0x1000cu : 0x800au);
    return note(b, (struct span){key, (size_t)len},
                (struct meaning){record(b, LF_POINTER, &f), width});
}

static struct meaning array_of(struct symfile *b, struct meaning element, uint64_t count) {
    char key[48];
    struct meaning m;
    int len = snprintf(key, sizeof key, "[%llu]%x", (unsigned long long)count, element.ti);
    if (known(b, (struct span){key, (size_t)len}, &m))
        return m;
    if (element.size && count > UINT32_MAX / element.size) {
        symfile_fail(b, "an array of %llu elements of %llu bytes", (unsigned long long)count,
                     (unsigned long long)element.size);
        return element;
    }
    struct forge f;
    forge_init(&f);
    forge_u32(&f, element.ti);
    forge_u32(&f, is64(b) ? 0x23 : 0x22);
    forge_pdb_numeric(&f, count * element.size);
    forge_u8(&f, 0);
    m = (struct meaning){forge_pdb_type(&b->p, LF_ARRAY, f.data, f.size, NULL),
                         count * element.size};
    forge_deinit(&f);
    return note(b, (struct span){key, (size_t)len}, m);
}

static bool in_list(const char *names, struct span name) {
    for (const char *p = names; *p; p = strchr(p, ' ') + 1) {
        size_t len = (size_t)(strchr(p, ' ') - p), i = 0;
        while (i < len && len == name.len &&
               (p[i] == name.p[i] || (p[i] == '.' && name.p[i] == ' ')))
            i++;
        if (i == len && len == name.len)
            return true;
    }
    return false;
}

static const struct forge_struct *definition(const struct symfile *b, struct span name) {
    for (size_t i = 0; i < b->s->ntypes; i++)
        if (strlen(b->s->type[i].name) == name.len &&
            memcmp(b->s->type[i].name, name.p, name.len) == 0)
            return &b->s->type[i];
    return NULL;
}

/* A structure or union by name, through a forward reference. */
static struct meaning udt(struct symfile *b, struct span name, bool is_union) {
    char text[TEXT];
    if (name.len == 0 || name.len >= sizeof text || memchr(name.p, '(', name.len)) {
        symfile_fail(b, "the type \"%.*s\" cannot be read", (int)(name.len < 80 ? name.len : 80),
                     name.p);
        return (struct meaning){0, 0};
    }
    memcpy(text, name.p, name.len);
    text[name.len] = 0;
    const struct forge_struct *d = definition(b, name);
    if (d)
        is_union = d->is_union;
    uint32_t ti =
        forge_pdb_struct(&b->p, is_union ? LF_UNION : LF_STRUCTURE, 0, FORWARD, 0, 0, text);
    return note(b, name, (struct meaning){ti, d ? d->size : 0});
}

static struct meaning named(struct symfile *b, struct span name, bool is_union) {
    struct meaning m;
    if (known(b, name, &m))
        return m;
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++)
        if (in_list(bases[i].names, name))
            return (struct meaning){bases[i].ti, bases[i].size};
    if (in_list(pointer_sized, name))
        return is64(b) ? (struct meaning){0x23, 8} : (struct meaning){0x22, 4};
    if (in_list(pointer_signed, name))
        return is64(b) ? (struct meaning){0x13, 8} : (struct meaning){0x12, 4};
    for (size_t i = 0; i < sizeof pointers / sizeof *pointers; i++)
        if (strlen(pointers[i].name) == name.len &&
            memcmp(pointers[i].name, name.p, name.len) == 0) {
            struct span target = {pointers[i].target, strlen(pointers[i].target)};
            return pointer_to(b, named(b, target, false).ti, is64(b) ? 8 : 4);
        }
    return udt(b, name, is_union);
}

/* ---- texts ---- */

static bool starts(struct span *t, const char *word) {
    size_t len = strlen(word);
    if (t->len <= len || memcmp(t->p, word, len) != 0 || !isspace((unsigned char)t->p[len]))
        return false;
    *t = trim((struct span){t->p + len, t->len - len});
    return true;
}

static struct meaning parse(struct symfile *b, struct span t, int depth);

static struct meaning modified(struct symfile *b, struct span t, unsigned bits, int depth) {
    struct meaning m = parse(b, t, depth);
    struct forge_fields f = forge_fields("42", m.ti, bits);
    if (!b->failed)
        m.ti = record(b, LF_MODIFIER, &f);
    return m;
}

/* The number between the bracket at AT and the one that closes it, which *RET_END is behind. */
static bool count_at(struct span t, size_t at, uint64_t *ret_count, size_t *ret_end) {
    uint64_t n = 0;
    size_t i = at + 1;
    for (; i < t.len && isdigit((unsigned char)t.p[i]) && n <= UINT32_MAX; i++)
        n = n * 10 + (uint64_t)(t.p[i] - '0');
    *ret_count = n;
    *ret_end = i + 1;
    return i > at + 1 && i < t.len && t.p[i] == ']' && n <= UINT32_MAX;
}

/* The array whose first bracket is at AT: of what stands before it and behind it. */
static struct meaning array(struct symfile *b, struct span t, size_t at, int depth) {
    uint64_t count = 0;
    size_t end = 0;
    char rest[TEXT];
    if (t.len >= sizeof rest || !count_at(t, at, &count, &end)) {
        symfile_fail(b, "the array in \"%.*s\" cannot be read", (int)(t.len < 80 ? t.len : 80),
                     t.p);
        return (struct meaning){0, 0};
    }
    memcpy(rest, t.p, at);
    memcpy(rest + at, t.p + end, t.len - end);
    struct meaning element = parse(b, (struct span){rest, at + t.len - end}, depth + 1);
    return b->failed ? element : array_of(b, element, count);
}

static struct meaning parse(struct symfile *b, struct span t, int depth) {
    unsigned width = is64(b) ? 8 : 4;
    t = trim(t);
    if (t.len == 0 || depth > DEPTH) {
        symfile_fail(b, "a type's text is empty or nests too deep");
        return (struct meaning){0, 0};
    }
    const char *bracket = memchr(t.p, '[', t.len);
    if (bracket && (bracket == t.p || t.p[t.len - 1] == ']'))
        return array(b, t, (size_t)(bracket - t.p), depth);
    bool front = *t.p == '*', behind = t.p[t.len - 1] == '*';
    if (front || behind) {
        struct span target = {t.p + front, t.len - 1};
        uint32_t ti = parse(b, target, depth + 1).ti;
        return pointer_to(b, ti, width);
    }
    if (starts(&t, "Ptr64"))
        return pointer_to(b, parse(b, t, depth + 1).ti, 8);
    if (starts(&t, "Ptr32"))
        return pointer_to(b, parse(b, t, depth + 1).ti, 4);
    if (starts(&t, "const"))
        return modified(b, t, 1, depth + 1);
    if (starts(&t, "volatile"))
        return modified(b, t, 2, depth + 1);
    bool is_union = starts(&t, "union");
    if (!is_union && !starts(&t, "struct") && !starts(&t, "class"))
        starts(&t, "enum");
    return named(b, t, is_union);
}

static bool is_opaque(const char *text) {
    return !text || !*text || strcmp(text, "?") == 0 || strncmp(text, "Pos ", 4) == 0;
}

uint32_t symfile_type(struct symfile *b, const char *text, uint64_t hole) {
    if (!text || b->failed)
        return 0;
    if (is_opaque(text))
        return hole ? array_of(b, (struct meaning){0x20, 1}, hole).ti : 0x20;
    return parse(b, (struct span){text, strlen(text)}, 0).ti;
}

uint32_t symfile_procedure(struct symfile *b, const char *ret, const struct forge_local *local,
                           size_t nlocals) {
    uint32_t n = 0, result = symfile_type(b, ret, 0);
    struct forge f;
    forge_init(&f);
    forge_u32(&f, 0);
    for (size_t i = 0; i < nlocals; i++)
        if (local[i].parameter) {
            forge_u32(&f, symfile_type(b, local[i].type, 0));
            n++;
        }
    forge_poke(&f, 0, 4, n);
    struct forge_fields p =
        forge_fields("41124", result, 0u, 0u, n,
                     b->failed ? 0u : forge_pdb_type(&b->p, LF_ARGLIST, f.data, f.size, NULL));
    forge_deinit(&f);
    return b->failed ? 0 : record(b, LF_PROCEDURE, &p);
}

/* ---- definitions ---- */

/* Bytes from member M on to the next one, or to the end. */
static uint64_t hole_at(const struct forge_struct *s, const struct forge_member *m) {
    uint64_t end = s->size > m->offset ? s->size : m->offset;
    for (size_t i = 0; i < s->nmembers; i++)
        if (s->member[i].offset > m->offset && s->member[i].offset < end)
            end = s->member[i].offset;
    return end - m->offset;
}

static uint32_t bits(struct symfile *b, const struct forge_struct *s,
                     const struct forge_member *m) {
    unsigned last = (unsigned)m->bit_first + m->bit_count;
    uint32_t ti = last > 32 ? 0x23 : 0x22;
    char key[48];
    struct meaning known_one;
    if (!is_opaque(m->type))
        ti = symfile_type(b, m->type, 0);
    if (last > 64)
        symfile_fail(b, "%.60s.%.60s: bits %u to %u", s->name, m->name, m->bit_first, last - 1);
    int len = snprintf(key, sizeof key, ":%x/%u/%u", ti, m->bit_first, m->bit_count);
    if (b->failed || known(b, (struct span){key, (size_t)len}, &known_one))
        return b->failed ? 0 : known_one.ti;
    struct forge_fields f = forge_fields("411", ti, m->bit_count, m->bit_first);
    return note(b, (struct span){key, (size_t)len}, (struct meaning){record(b, LF_BITFIELD, &f), 0})
        .ti;
}

/* The members from FIRST to END as a list that goes on with REST (0: the end). */
static uint32_t put_list(struct symfile *b, const struct forge_struct *s, size_t first, size_t end,
                         const uint32_t *ti, uint32_t rest) {
    struct forge f;
    forge_init(&f);
    for (size_t i = first; i < end; i++) {
        const struct forge_member *m = &s->member[i];
        forge_u16(&f, LF_MEMBER);
        forge_u16(&f, PUBLIC);
        forge_u32(&f, ti[i]);
        forge_pdb_numeric(&f, m->offset);
        forge_put(&f, m->name, strlen(m->name) + 1);
        while ((f.size + 4) & 3)
            forge_u8(&f, (uint8_t)(0xf0 + (4 - (f.size & 3))));
    }
    if (rest) {
        forge_u16(&f, LF_INDEX);
        forge_u16(&f, 0);
        forge_u32(&f, rest);
    }
    uint32_t list = forge_pdb_type(&b->p, LF_FIELDLIST, f.data, f.size, NULL);
    forge_deinit(&f);
    return list;
}

/* Lists that are too long are cut; the last one is written first, for an index leads backwards. */
static uint32_t put_members(struct symfile *b, const struct forge_struct *s, const uint32_t *ti) {
    uint32_t rest = 0;
    size_t end = s->nmembers;
    do {
        size_t first = end, size = 0;
        while (first > 0 && size < LIST_MAX)
            size += 20 + strlen(s->member[--first].name);
        rest = put_list(b, s, first, end, ti, rest);
        end = first;
    } while (end > 0);
    return rest;
}

static void put_struct(struct symfile *b, const struct forge_struct *s) {
    uint32_t *ti = calloc(s->nmembers + 1, sizeof *ti);
    if (!ti) {
        symfile_fail(b, "no memory for %zu members", s->nmembers);
        return;
    }
    for (size_t i = 0; i < s->nmembers && !b->failed; i++) {
        const struct forge_member *m = &s->member[i];
        if (s->size && m->offset > s->size)
            symfile_fail(b, "%.50s.%.50s at 0x%x: the structure has 0x%x bytes", s->name, m->name,
                         m->offset, s->size);
        else if (m->bit_count)
            ti[i] = bits(b, s, m);
        else
            ti[i] = symfile_type(b, m->type ? m->type : "?", hole_at(s, m));
    }
    if (s->nmembers > UINT16_MAX)
        symfile_fail(b, "%.80s: %zu members", s->name, s->nmembers);
    if (!b->failed)
        forge_pdb_struct(&b->p, s->is_union ? LF_UNION : LF_STRUCTURE, (uint16_t)s->nmembers, 0,
                         put_members(b, s, ti), s->size, s->name);
    free(ti);
}

bool symfile_types(struct symfile *b) {
    for (size_t i = 0; i < b->s->ntypes && !b->failed; i++) {
        const struct forge_struct *s = &b->s->type[i];
        if (definition(b, (struct span){s->name, strlen(s->name)}) != s)
            return symfile_fail(b, "two types are named %.80s", s->name);
        put_struct(b, s);
    }
    return !b->failed;
}
