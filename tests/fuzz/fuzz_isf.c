/* SPDX-License-Identifier: MIT */
/*
 * Symbol tables: the bytes are opened as JSON (or xz), or, when they begin as a cache file does, as
 * an image whose header's hash is set right; then everything in it is asked for.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "harness/heap.h"
#include "isf/hash.h"
#include "isf/image.h"
#include "isf/isf.h"
#include "isf/parse.h"

const char fuzz_name[] = "isf";

enum { SAMPLES = 200, DEPTH = 40 };

struct walk {
    sc_symbols *symbols;
    unsigned count;
    bool image; /* a damaged image may contradict itself; a parsed table may not */
};

static void end(sc_err *err) { sc_err_destroy(err); }

static bool see_symbol(void *ctx, const struct sc_symbol *s) {
    struct walk *w = ctx;
    struct sc_symbol other;
    bool found = false;
    if (w->count++ >= SAMPLES)
        return false;
    end(sc_symbols_find(w->symbols, s->name, &other, &found));
    if (!w->image && (!found || strcmp(other.name, s->name) != 0))
        fuzz_broken("a symbol that is not found by its name");
    if (s->kind == SC_SYM_CONSTANT)
        return true;
    end(sc_symbols_nearest(w->symbols, s->rva, s->kind, &other, &found));
    if (!w->image && (!found || other.rva != s->rva))
        fuzz_broken("a symbol that is not nearest to itself");
    return true;
}

static void see_type(struct walk *w, uint32_t id) {
    struct sc_type t;
    for (unsigned i = 0; id && i < DEPTH; i++) {
        sc_err *err = sc_symbols_type(w->symbols, id, &t);
        if (err && !w->image && sc_err_code(err) != SC_ERR_NOMEM)
            fuzz_broken("a member of a type that is not there");
        if (err) {
            end(err);
            return;
        }
        if (strlen(t.name) > 1u << 20)
            fuzz_broken("a name without an end");
        id = t.target;
    }
}

static bool see_member(void *ctx, const struct sc_member *m) {
    struct walk *w = ctx;
    see_type(w, m->type);
    return w->count++ < SAMPLES;
}

static bool see_named(void *ctx, const struct sc_type *t) {
    struct walk *w = ctx;
    uint32_t id = 0;
    bool found = false;
    end(sc_symbols_type_named(w->symbols, t->name, &id, &found));
    if (!w->image && !found)
        fuzz_broken("a type that is not found by its name");
    see_type(w, t->id);
    end(sc_symbols_members(w->symbols, t->id, see_member, w));
    return w->count++ < SAMPLES;
}

static void ask(sc_symbols *symbols, bool image) {
    struct walk w = {.symbols = symbols, .image = image};
    struct sc_symbols_info info;
    struct sc_symbol s;
    bool found;
    sc_symbols_info(symbols, &info);
    end(sc_symbols_each(symbols, NULL, SC_SYM_ANY, see_symbol, &w));
    w.count = 0;
    end(sc_symbols_types(symbols, NULL, see_named, &w));
    end(sc_symbols_nearest(symbols, UINT32_MAX, SC_SYM_ANY, &s, &found));
    end(sc_symbols_find(symbols, "", &s, &found));
    for (uint32_t id = 0; id < 64; id++) {
        struct sc_type t;
        end(sc_symbols_type(symbols, id, &t));
        w.count = 0;
        w.image = true; /* ids that were not handed out may be refused */
        end(sc_symbols_members(symbols, id, see_member, &w));
    }
}

/* An image with its header made believable, so that the rest is reached. */
static void one_image(const uint8_t *data, size_t size) {
    sc_symbols *symbols;
    uint8_t *copy = heap_real_alloc(size);
    if (!copy)
        return;
    memcpy(copy, data, size);
    isf_put32(copy + 8, ISF_IMAGE_VERSION);
    isf_put32(copy + 0xc, ISF_HEADER_SIZE);
    isf_put64(copy + 0x28, size);
    isf_put64(copy + ISF_HEADER_HASHED, isf_hash(copy, ISF_HEADER_HASHED, 0));
    sc_err *err = sc_isf_open_image("fuzzed.sym", copy, size, &symbols);
    if (!err) {
        ask(symbols, true);
        sc_symbols_unref(symbols);
    }
    end(err);
    heap_real_free(copy);
}

void fuzz_one(const uint8_t *data, size_t size) {
    sc_symbols *symbols;
    if (size >= ISF_HEADER_SIZE && !memcmp(data, ISF_MAGIC, 8)) {
        one_image(data, size);
        return;
    }
    sc_err *err = sc_isf_open_memory("fuzzed.json", data, size, &symbols);
    if (!err) {
        ask(symbols, false);
        sc_symbols_unref(symbols);
    }
    end(err);
}

static const char table[] =
    "{\"base_types\":{\"unsigned long\":{\"kind\":\"int\",\"size\":4,\"signed\":false},"
    "\"pointer\":{\"kind\":\"int\",\"size\":8}},"
    "\"enums\":{\"_E\":{\"base\":\"unsigned long\",\"constants\":{\"A\":-1,\"B\":2},\"size\":4}},"
    "\"metadata\":{\"windows\":{\"pdb\":{\"GUID\":\"5278AFF86C341677D7D7835C85B7B844\",\"age\":1,"
    "\"database\":\"nt.pdb\",\"machine_type\":34404}}},"
    "\"symbols\":{\"$$0\":{\"address\":4096},\"f\":{\"address\":5000,\"linkage_name\":\"_f\","
    "\"type\":{\"kind\":\"function\"}},\"c\":{\"address\":0,\"constant_data\":\"AQID\"}},"
    "\"user_types\":{\"_S\":{\"kind\":\"struct\",\"size\":24,\"fields\":{"
    "\"p\":{\"offset\":0,\"type\":{\"kind\":\"pointer\",\"subtype\":{\"kind\":\"struct\","
    "\"name\":\"_S\"}}},\"a\":{\"offset\":8,\"type\":{\"kind\":\"array\",\"count\":2,"
    "\"subtype\":{\"kind\":\"base\",\"name\":\"unsigned long\"}}},"
    "\"\\u00e4\":{\"offset\":16,\"type\":{\"kind\":\"bitfield\",\"bit_position\":3,"
    "\"bit_length\":2,\"type\":{\"kind\":\"base\",\"name\":\"unsigned long\"}}}}}}}";

/* The table as an image. */
static void add_image(fuzz_add add, void *ctx) {
    uint8_t *data = NULL;
    size_t size = 0;
    sc_file *file = NULL;
    struct isf_build build;
    const struct isf_key key = {0};
    sc_err *err = sc_file_memory("seed.json", table, sizeof table - 1, 0, &file);
    if (!err)
        err = isf_build_init(&build, "seed.json");
    if (!err)
        err = isf_parse(file, &build);
    if (!err)
        err = isf_build_finish(&build, &key, &data, &size);
    if (err)
        fuzz_broken("no seed: %s", sc_err_text(err));
    add(ctx, data, size);
    isf_build_deinit(&build);
    sc_file_close(file);
    free(data);
}

void fuzz_seeds(fuzz_add add, void *ctx) {
    /* {"symbols":{"a":{"address":7}}} */
    static const uint8_t packed[] = {
        0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00, 0x04, 0xe6, 0xd6, 0xb4, 0x46, 0x02, 0x00, 0x21,
        0x01, 0x16, 0x00, 0x00, 0x00, 0x74, 0x2f, 0xe5, 0xa3, 0x01, 0x00, 0x1e, 0x7b, 0x22, 0x73,
        0x79, 0x6d, 0x62, 0x6f, 0x6c, 0x73, 0x22, 0x3a, 0x7b, 0x22, 0x61, 0x22, 0x3a, 0x7b, 0x22,
        0x61, 0x64, 0x64, 0x72, 0x65, 0x73, 0x73, 0x22, 0x3a, 0x37, 0x7d, 0x7d, 0x7d, 0x00, 0x00,
        0x0f, 0x1f, 0x4e, 0x9c, 0x58, 0xe2, 0x79, 0xc2, 0x00, 0x01, 0x37, 0x1f, 0xea, 0x18, 0x89,
        0x3d, 0x1f, 0xb6, 0xf3, 0x7d, 0x01, 0x00, 0x00, 0x00, 0x00, 0x04, 0x59, 0x5a};
    add(ctx, table, sizeof table - 1);
    add(ctx, packed, sizeof packed);
    add(ctx, "{\"symbols\":{}}", 14);
    add_image(add, ctx);
}
