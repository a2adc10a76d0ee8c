/* SPDX-License-Identifier: MIT */
/* The provider: questions answered from an image, mapped or just made. */
#include "isf/isf.h"

#include <stdlib.h>

#include "base/replace.h"
#include "base/utf.h"
#include "isf/cache.h"
#include "isf/names.h"
#include "isf/parse.h"

struct isf {
    char *path;
    sc_file *cache; /* NULL: the image is in memory */
    uint8_t *bytes; /* the image, or a copy of the cache file; NULL: it lies in the mapping */
    uint64_t source_size;
    struct isf_image image;
};

static void isf_destroy(void *impl) {
    struct isf *isf = impl;
    if (!isf)
        return;
    sc_file_close(isf->cache);
    free(isf->bytes);
    free(isf->path);
    free(isf);
}

static enum sc_cpu cpu_of(uint32_t machine) {
    switch (machine) {
    case 0x14c: return SC_CPU_X86;
    case 0x8664: return SC_CPU_X64;
    case 0x1c0:
    case 0x1c4: return SC_CPU_ARM;
    case 0xaa64: return SC_CPU_ARM64;
    case 0x200: return SC_CPU_IA64;
    case 0: return SC_CPU_UNKNOWN;
    default: return SC_CPU_OTHER;
    }
}

static void isf_info(void *impl, struct sc_symbols_info *ret) {
    const struct isf *isf = impl;
    ret->provider = "isf";
    ret->path = isf->path;
    ret->guid = isf->image.guid;
    ret->age = isf->image.age;
    ret->cpu = cpu_of(isf->image.machine);
    ret->has_types = isf->image.section[ISF_TYPES].count != 0;
    ret->file_size = isf->source_size;
}

static void fill_symbol(const struct isf_image *im, const struct isf_symbol_row *row,
                        struct sc_symbol *ret) {
    struct isf_type_row type;
    memset(ret, 0, sizeof *ret);
    ret->name = isf_image_string(im, row->name);
    ret->rva = row->rva;
    ret->type = row->type;
    ret->kind = SC_SYM_PUBLIC; /* neither size nor code or data is known */
    if (row->type && isf_image_type(im, row->type - 1, &type))
        ret->kind = type.kind == SC_TYPE_FUNCTION ? SC_SYM_FUNCTION : SC_SYM_DATA;
    ret->code = ret->kind == SC_SYM_FUNCTION;
}

static bool fill_constant(const struct isf_image *im, uint32_t index, struct sc_symbol *ret) {
    if (index >= im->section[ISF_CONSTANTS].count)
        return false;
    const uint8_t *p = im->section[ISF_CONSTANTS].at + index * isf_section_size(ISF_CONSTANTS);
    memset(ret, 0, sizeof *ret);
    ret->name = isf_image_string(im, isf_get32(p));
    ret->kind = SC_SYM_CONSTANT;
    ret->type = isf_get32(p + 4);
    ret->value = isf_get64(p + 8);
    return true;
}

/* The number of symbols that start at or below RVA. */
static uint32_t symbols_up_to(const struct isf_image *im, uint32_t rva) {
    const size_t size = isf_section_size(ISF_SYMBOLS); /* the address is first in a row */
    uint32_t low = 0, high = im->section[ISF_SYMBOLS].count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (isf_get32(im->section[ISF_SYMBOLS].at + middle * size) <= rva)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Of several at one address, the first in the file's order. */
static sc_err *isf_nearest(void *impl, uint32_t rva, unsigned kinds, struct sc_symbol *ret_symbol,
                           bool *ret_found) {
    const struct isf *isf = impl;
    struct sc_symbol best, s;
    bool found = false;
    struct isf_symbol_row row;
    for (uint32_t i = symbols_up_to(&isf->image, rva); i-- > 0;) {
        if (!isf_image_symbol(&isf->image, i, &row) || (found && row.rva != best.rva))
            break;
        fill_symbol(&isf->image, &row, &s);
        if (s.kind & kinds) {
            best = s;
            found = true;
        }
    }
    if (found)
        *ret_symbol = best;
    *ret_found = found;
    return NULL;
}

/* By the name that is shown, or the one that it is derived from. */
static sc_err *isf_find(void *impl, const char *name, struct sc_symbol *ret_symbol,
                        bool *ret_found) {
    const struct isf_image *im = &((struct isf *)impl)->image;
    const uint32_t nsymbols = im->section[ISF_SYMBOLS].count;
    uint32_t at, end;
    bool found = false;
    isf_image_bucket(im, ISF_NAMES, name, &at, &end);
    for (; at < end; at++) {
        uint32_t index = isf_image_list(im, ISF_NAME_LIST, at);
        struct isf_symbol_row row;
        struct sc_symbol s;
        if (index >= nsymbols) {
            if (!fill_constant(im, index - nsymbols, &s) || strcmp(s.name, name) != 0)
                continue;
        } else {
            if (!isf_image_symbol(im, index, &row))
                continue;
            fill_symbol(im, &row, &s);
            bool own = !strcmp(s.name, name);
            if (!own && (found || strcmp(isf_image_string(im, row.alias), name) != 0))
                continue;
            if (!own) { /* another symbol's own name would be better */
                *ret_symbol = s;
                found = true;
                continue;
            }
        }
        *ret_symbol = s;
        *ret_found = true;
        return NULL;
    }
    *ret_found = found;
    return NULL;
}

static sc_err *isf_each(void *impl, const char *pattern, unsigned kinds, sc_symbol_fn fn,
                        void *ctx) {
    const struct isf_image *im = &((struct isf *)impl)->image;
    const uint32_t nsymbols = im->section[ISF_SYMBOLS].count;
    const uint32_t all = nsymbols + im->section[ISF_CONSTANTS].count;
    const bool every = !pattern || !strcmp(pattern, "*");
    for (uint32_t i = 0; i < all; i++) {
        struct isf_symbol_row row;
        struct sc_symbol s;
        if (i >= nsymbols) {
            if (!fill_constant(im, i - nsymbols, &s))
                break;
        } else if (isf_image_symbol(im, i, &row)) {
            fill_symbol(im, &row, &s);
        }
        if ((s.kind & kinds) && (every || sc_wild_match(pattern, s.name)) && !fn(ctx, &s))
            break;
    }
    return NULL;
}

static void fill_type(const struct isf_image *im, uint32_t id, const struct isf_type_row *row,
                      struct sc_type *ret) {
    memset(ret, 0, sizeof *ret);
    ret->kind = row->kind <= SC_TYPE_UNKNOWN ? (enum sc_type_kind)row->kind : SC_TYPE_UNKNOWN;
    ret->name = isf_image_string(im, row->name);
    if (isf_made_up(ret->name))
        ret->name = "";
    ret->size = row->size;
    ret->id = id;
    ret->target = row->target;
    ret->count = row->count;
    ret->bit_pos = row->bit_pos;
    ret->bit_len = row->bit_len;
    ret->is_signed = row->flags & ISF_SIGNED;
    ret->forward = row->flags & ISF_FORWARD;
    ret->is_int = row->flags & ISF_INT;
}

static sc_err *get_type(const struct isf *isf, uint32_t id, struct isf_type_row *ret) {
    if (id && isf_image_type(&isf->image, id - 1, ret))
        return NULL;
    return sc_errf(SC_ERR_NOT_FOUND, "%s has no type 0x%x", isf->path, id);
}

static sc_err *isf_type(void *impl, uint32_t id, struct sc_type *ret_type) {
    struct isf_type_row row;
    sc_err *err = get_type(impl, id, &row);
    if (!err)
        fill_type(&((struct isf *)impl)->image, id, &row, ret_type);
    return err;
}

/* Definitions before forward references; aggregates before enums before base types. */
static unsigned rank(const struct isf_type_row *row) {
    return (row->flags & ISF_FORWARD ? 0 : 8) + (row->flags >> ISF_CLASS_SHIFT);
}

/* Base types also have a name in C. */
static bool is_named(const struct isf_image *im, const struct isf_type_row *row, const char *name) {
    if (!strcmp(isf_image_string(im, row->name), name))
        return true;
    return row->flags >> ISF_CLASS_SHIFT == ISF_BASE &&
           !strcmp(isf_image_string(im, row->first), name);
}

static sc_err *isf_type_named(void *impl, const char *name, uint32_t *ret_id, bool *ret_found) {
    const struct isf_image *im = &((struct isf *)impl)->image;
    uint32_t at, end;
    unsigned best = 0;
    isf_image_bucket(im, ISF_TYPE_NAMES, name, &at, &end);
    for (; at < end; at++) {
        uint32_t index = isf_image_list(im, ISF_TYPE_LIST, at);
        struct isf_type_row row;
        if (!isf_image_type(im, index, &row) || rank(&row) <= best || !is_named(im, &row, name))
            continue;
        best = rank(&row);
        *ret_id = index + 1;
    }
    *ret_found = best != 0;
    return NULL;
}

static bool has_members(const struct isf_type_row *row) {
    return row->kind == SC_TYPE_STRUCT || row->kind == SC_TYPE_CLASS ||
           row->kind == SC_TYPE_UNION || row->kind == SC_TYPE_ENUM;
}

static struct sc_member member_of(const struct isf_image *im, const uint8_t *row) {
    const struct isf_member_row r = isf_member_at(row);
    struct sc_member m = {.name = isf_image_string(im, r.name),
                          .kind = r.kind == SC_MEMBER_ENUMERATOR ? SC_MEMBER_ENUMERATOR
                                                                 : SC_MEMBER_FIELD,
                          .type = r.type,
                          .bit_pos = r.bit_pos,
                          .bit_len = r.bit_len};
    if (m.kind == SC_MEMBER_ENUMERATOR)
        m.value = (int64_t)r.value;
    else
        m.offset = r.value;
    return m;
}

/* The rows of a type's members; fewer than the type claims when the cache file is damaged. */
struct members {
    const uint8_t *row;
    size_t count;
    uint64_t claimed;
};

static struct members members_of(const struct isf_image *im, const struct isf_type_row *type) {
    const size_t first = type->first, all = im->section[ISF_MEMBERS].count;
    const size_t room = first < all ? all - first : 0;
    struct members m = {.claimed = has_members(type) ? type->count : 0};
    m.count = m.claimed < room ? (size_t)m.claimed : room;
    if (m.count)
        m.row = im->section[ISF_MEMBERS].at + first * isf_section_size(ISF_MEMBERS);
    return m;
}

static sc_err *isf_members(void *impl, uint32_t id, sc_member_fn fn, void *ctx) {
    const struct isf *isf = impl;
    struct isf_type_row type;
    sc_err *err = get_type(isf, id, &type);
    if (err)
        return err;
    const struct members rows = members_of(&isf->image, &type);
    for (size_t i = 0; i < rows.count; i++) {
        struct sc_member m = member_of(&isf->image, rows.row + i * isf_section_size(ISF_MEMBERS));
        if (!fn(ctx, &m))
            return NULL;
    }
    if (rows.count == rows.claimed)
        return NULL;
    return sc_errf(SC_ERR_FORMAT, "%s: the cache file is damaged: delete it",
                   isf->cache ? sc_file_path(isf->cache) : isf->path);
}

static sc_err *isf_member(void *impl, uint32_t id, const char *name, struct sc_member *ret,
                          bool *ret_found) {
    const struct isf *isf = impl;
    struct isf_type_row type;
    sc_err *err = get_type(isf, id, &type);
    if (err)
        return err;
    const struct members rows = members_of(&isf->image, &type);
    const size_t size = isf_section_size(ISF_MEMBERS);
    for (size_t i = 0; i < rows.count; i++) {
        const uint8_t *row = rows.row + i * size;
        const char *own = isf_image_string(&isf->image, isf_get32(row)); /* the name is first */
        if (*own != *name || strcmp(own, name) != 0)
            continue;
        *ret = member_of(&isf->image, row);
        *ret_found = true;
        break;
    }
    return NULL;
}

static sc_err *isf_types(void *impl, const char *pattern, sc_type_fn fn, void *ctx) {
    const struct isf_image *im = &((struct isf *)impl)->image;
    const bool every = !pattern || !strcmp(pattern, "*");
    for (uint32_t i = 0; i < im->section[ISF_TYPES].count; i++) {
        struct isf_type_row row;
        struct sc_type type;
        if (!isf_image_type(im, i, &row) || !has_members(&row) || row.flags & ISF_FORWARD)
            continue;
        fill_type(im, i + 1, &row, &type);
        if (*type.name && (every || sc_wild_match(pattern, type.name)) && !fn(ctx, &type))
            break;
    }
    return NULL;
}

static const struct sc_symbols_ops isf_ops = {
    .name = "isf",
    .destroy = isf_destroy,
    .info = isf_info,
    .nearest = isf_nearest,
    .find = isf_find,
    .each = isf_each,
    .type_named = isf_type_named,
    .type = isf_type,
    .members = isf_members,
    .member = isf_member,
    .types = isf_types,
};

static sc_err *parse_into(struct isf *isf, const sc_file *file, const struct isf_key *key) {
    struct isf_build build;
    size_t size;
    sc_err *err = isf_build_init(&build, sc_file_name(file));
    if (!err)
        err = isf_parse(file, &build);
    if (!err)
        err = isf_build_finish(&build, key, &isf->bytes, &size);
    isf_build_deinit(&build);
    if (!err && !isf_image_open(isf->bytes, size, &isf->image))
        err = sc_errf(SC_ERR_FORMAT, "%s: cannot be laid out", sc_file_name(file));
    return err;
}

/* Takes FILE's table from the cache at PATH (NULL: none), or parses it and fills the cache. */
static sc_err *open_cached(struct isf *isf, const sc_file *file, const struct isf_key *key,
                           const char *path, struct sc_isf_facts *facts) {
    if (path) {
        sc_err *err = isf_cache_load(path, key, &isf->cache, &isf->bytes, &isf->image);
        if (err || isf->cache) {
            facts->cached = !err;
            return err;
        }
    }
    sc_err *err = parse_into(isf, file, key);
    if (err || !path)
        return err;
    err = sc_file_replace(path, isf->image.data, isf->image.size);
    facts->stored = !err;
    if (err && sc_err_code(err) == SC_ERR_NOMEM)
        return err;
    sc_err_destroy(err); /* a folder that cannot be written costs time, nothing else */
    return NULL;
}

static void fill_facts(const struct isf_image *im, struct sc_isf_facts *facts) {
    facts->pdb = im->pdb;
    facts->machine = im->machine;
    facts->symbols = im->section[ISF_SYMBOLS].count;
    facts->types = im->section[ISF_TYPES].count;
    facts->members = im->section[ISF_MEMBERS].count;
}

static sc_err *open_file(const sc_file *file, const char *folder, sc_symbols **ret_symbols,
                         struct sc_isf_facts *ret_facts) {
    struct sc_isf_facts facts = {0};
    struct isf_key key = {0};
    char *path = NULL;
    struct isf *isf = calloc(1, sizeof *isf);
    if (!isf)
        return sc_err_nomem();
    isf->source_size = sc_file_size(file);
    isf->path = strdup(sc_file_path(file));
    sc_err *err = isf->path ? isf_cache_key(file, &key) : sc_err_nomem();
    if (!err)
        err = isf_cache_path(folder, &key, &path);
    if (!err)
        err = open_cached(isf, file, &key, path, &facts);
    free(path);
    if (err) {
        isf_destroy(isf);
        return err;
    }
    fill_facts(&isf->image, &facts);
    err = sc_symbols_create(&isf_ops, isf, ret_symbols);
    if (!err && ret_facts)
        *ret_facts = facts;
    return err;
}

sc_err *sc_isf_open_with(const char *path, const struct sc_isf_options *options,
                         sc_symbols **ret_symbols, struct sc_isf_facts *ret_facts) {
    sc_file *file = NULL;
    sc_err *err = sc_file_open(path, 0, &file);
    if (err)
        return err;
    err = open_file(file, options ? options->cache : NULL, ret_symbols, ret_facts);
    sc_file_close(file);
    return err;
}

sc_err *sc_isf_open(const char *path, sc_symbols **ret_symbols) {
    return sc_isf_open_with(path, NULL, ret_symbols, NULL);
}

sc_err *sc_isf_open_memory(const char *name, const void *data, size_t size,
                           sc_symbols **ret_symbols) {
    sc_file *file = NULL;
    sc_err *err = sc_file_memory(name, data, size, 0, &file);
    if (err)
        return err;
    err = open_file(file, "", ret_symbols, NULL);
    sc_file_close(file);
    return err;
}

sc_err *sc_isf_open_image(const char *name, const void *data, size_t size,
                          sc_symbols **ret_symbols) {
    struct isf *isf = calloc(1, sizeof *isf);
    if (!isf)
        return sc_err_nomem();
    isf->path = strdup(name);
    isf->bytes = malloc(size ? size : 1);
    sc_err *err = isf->path && isf->bytes ? NULL : sc_err_nomem();
    if (!err) {
        memcpy(isf->bytes, data, size);
        if (!isf_image_open(isf->bytes, size, &isf->image))
            err = sc_err_at(SC_ERR_FORMAT, name, 0, "no symbol cache of this version, or damaged");
    }
    if (err) {
        isf_destroy(isf);
        return err;
    }
    return sc_symbols_create(&isf_ops, isf, ret_symbols);
}
