/* SPDX-License-Identifier: MIT */
/*
 * Image files of the target's modules, through the image path, by time stamp and SizeOfImage; and
 * their bytes in the place of pages that the dump does not hold, relocated to where the image was.
 *
 * A writable section's bytes are those of the file, not of the machine: they are not filled in. Nor
 * are the few places of constant sections that the loader writes before it makes them constant: the
 * import address tables, and the pointers of Control Flow Guard and its kin that the load
 * configuration names.
 *
 * Calls that the kernel rewrites in drivers when it loads them (the dynamic value relocations of
 * import calls and indirect calls: "call [import]" becomes a call of a thunk) stand here as the
 * file has them: what they do is the same, and without them no function could be disassembled.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "sym/symtab_impl.h"

enum { SECTION_WRITE = 0x80000000u, PAGE = 0x1000 };

/* The image that passed, with its path: it need not be opened twice. */
struct checked {
    sc_pe *pe;
    char *path;
};

static void checked_deinit(struct checked *c) {
    sc_pe_close(c->pe);
    free(c->path);
    *c = (struct checked){0};
}

/* Only the image with this very time stamp and size is the module's. */
static sc_err *verify_image(void *ctx, const struct sc_store_key *key, const char *path) {
    struct checked *c = ctx, next = {0};
    sc_err *err = sc_pe_open(path, &next.pe);
    if (err)
        return err;
    const struct sc_pe_headers *h = sc_pe_headers(next.pe);
    if (h->timestamp != key->timestamp || h->image_size != key->size)
        err = sc_errf(SC_ERR_FORMAT,
                      "time stamp %08" PRIX32 " and size %" PRIx32 ", but the module has %08" PRIX32
                      " and %" PRIx32,
                      h->timestamp, h->image_size, key->timestamp, key->size);
    else if (!(next.path = strdup(path)))
        err = sc_err_nomem();
    if (err) {
        checked_deinit(&next);
        return err;
    }
    checked_deinit(c);
    *c = next;
    return NULL;
}

/* ---- what the loader writes ---- */

static sc_err *add_written(struct sc_modslot *slot, uint64_t rva, uint64_t size) {
    uint64_t end = rva + size;
    if (!size || end > UINT32_MAX)
        return NULL;
    if (slot->written.count) { /* slots mostly stand behind each other */
        struct sc_written *last = &slot->written.item[slot->written.count - 1];
        if (rva >= last->rva && rva <= (uint64_t)last->rva + last->size) {
            if (end > (uint64_t)last->rva + last->size)
                last->size = (uint32_t)(end - last->rva);
            return NULL;
        }
    }
    struct sc_written *w = SC_VEC_PUSH(&slot->written);
    if (!w)
        return sc_err_nomem();
    *w = (struct sc_written){(uint32_t)rva, (uint32_t)size};
    return NULL;
}

struct slots {
    struct sc_modslot *slot;
    unsigned width;
    sc_err *err;
};

static bool each_slots(void *ctx, uint32_t rva, uint32_t count) {
    struct slots *s = ctx;
    s->err = add_written(s->slot, rva, (uint64_t)count * s->width);
    return !s->err;
}

static sc_err *add_config(struct sc_modslot *slot, unsigned width) {
    struct sc_pe_load_config c;
    sc_err *err = sc_pe_load_config(slot->image, &c);
    if (err)
        return err;
    const uint64_t at[] = {
        c.security_cookie,    c.guard_check, c.guard_dispatch, c.guard_rf_failure_pointer,
        c.guard_rf_verify,    c.xfg_check,   c.xfg_dispatch,   c.xfg_table_dispatch,
        c.cast_guard_failure, c.guard_memcpy};
    for (size_t i = 0; i < sizeof at / sizeof *at && !err; i++) {
        uint32_t rva;
        if (at[i] && sc_pe_va_to_rva(slot->image, at[i], &rva))
            err = add_written(slot, rva, width);
    }
    return err;
}

static int by_rva(const void *a, const void *b) {
    const struct sc_written *x = a, *y = b;
    return x->rva < y->rva ? -1 : x->rva > y->rva;
}

/* Sorts and joins. */
static void tidy(struct sc_modslot *slot) {
    size_t n = 0, count = slot->written.count;
    struct sc_written *item = slot->written.item;
    if (!count)
        return;
    qsort(item, count, sizeof *item, by_rva);
    for (size_t i = 1; i < count; i++) {
        uint32_t end = item[n].rva + item[n].size, other = item[i].rva + item[i].size;
        if (item[i].rva > end)
            item[++n] = item[i];
        else if (other > end)
            item[n].size = other - item[n].rva;
    }
    slot->written.count = n + 1;
}

/* A damaged table gives what can be read of it: the rest of it the loader could not use either. */
static sc_err *find_written(struct sc_modslot *slot) {
    struct slots s = {.slot = slot, .width = sc_pe_headers(slot->image)->is64 ? 8 : 4};
    struct sc_pe_directory iat;
    sc_err *err = NULL;
    if (sc_pe_directory(slot->image, SC_PE_DIR_IAT, &iat))
        err = add_written(slot, iat.rva, iat.size);
    if (!err)
        err = sc_pe_each_slots(slot->image, each_slots, &s);
    if (!err)
        err = s.err;
    if (!err || !sc_symtab_ends_search(err)) {
        sc_err_destroy(err);
        err = add_config(slot, s.width);
    }
    if (err && sc_symtab_ends_search(err))
        return err;
    sc_err_destroy(err);
    tidy(slot);
    return NULL;
}

/* ---- the file ---- */

/* The file at PATH: what was verified, unless the store moved it since (a download). */
static sc_err *open_image(sc_symtab *t, struct sc_modslot *slot, const char *path,
                          struct checked *c) {
    sc_err *err = NULL;
    if (c->pe && !strcmp(c->path, path)) {
        slot->image = c->pe;
        c->pe = NULL;
    } else {
        err = sc_pe_open(path, &slot->image);
    }
    if (!err)
        err = find_written(slot);
    if (err)
        return err;
    slot->pub.image_path = sc_arena_strdup(t->arena, path);
    return slot->pub.image_path ? NULL : sc_err_nomem();
}

static void close_image(struct sc_modslot *slot) {
    sc_pe_close(slot->image);
    SC_VEC_FREE(&slot->written);
    slot->image = NULL;
    slot->pub.image_path = NULL;
}

static sc_err *find_image(sc_symtab *t, struct sc_modslot *slot) {
    const struct sc_module *m = slot->pub.module;
    struct sc_store_key key = {.kind = SC_STORE_IMAGE,
                               .name = m->image,
                               .timestamp = m->timestamp,
                               .size = (uint32_t)m->size};
    struct sc_store_found found = {0};
    struct checked c = {0};
    sc_err *err = sc_store_find(t->store, &key, verify_image, &c, &found);
    if (!err && found.path)
        err = open_image(t, slot, found.path, &c);
    else if (!err && !(slot->image_why = sc_arena_strdup(t->arena, found.why)))
        err = sc_err_nomem();
    checked_deinit(&c);
    sc_store_found_deinit(&found);
    if (err)
        close_image(slot);
    return err;
}

/* Without time stamp or size a module has no key: what fits nothing known would fit anything. */
static bool has_key(const sc_symtab *t, const struct sc_module *m) {
    return m->timestamp && m->size && m->size <= UINT32_MAX &&
           (*sc_store_path(t->store, SC_PATH_IMAGES) || *sc_store_path(t->store, SC_PATH_SYMBOLS));
}

sc_err *sc_symimage(sc_symtab *symtab, struct sc_modslot *slot, const sc_pe **ret_pe) {
    if (!slot->image_tried && has_key(symtab, slot->pub.module)) {
        symtab->loading++;
        sc_err *err = find_image(symtab, slot);
        symtab->loading--;
        if (err && sc_symtab_ends_search(err))
            return err; /* it is tried again */
        if (err)
            sc_target_log(symtab->target, SC_LOG_WARN, "%s: %s", slot->pub.module->name,
                          sc_err_text(err));
        sc_err_destroy(err);
    }
    slot->image_tried = true;
    *ret_pe = slot->image;
    return NULL;
}

/* ---- its bytes ---- */

/* The first written part that ends behind RVA, or NULL. */
static const struct sc_written *written_behind(const struct sc_modslot *slot, uint32_t rva) {
    size_t lo = 0, hi = slot->written.count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (slot->written.item[mid].rva + slot->written.item[mid].size <= rva)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < slot->written.count ? &slot->written.item[lo] : NULL;
}

/*
 * How many bytes from RVA on are those that the image has in memory: of the headers, or of a
 * section nobody could have written to, up to what the loader writes.
 */
static uint32_t constant_bytes(const struct sc_modslot *slot, uint32_t rva) {
    const struct sc_pe_headers *h = sc_pe_headers(slot->image);
    const struct sc_pe_section *s = sc_pe_section_at(slot->image, rva);
    uint32_t left = PAGE - rva % PAGE;
    if (s) {
        uint32_t span = s->virtual_size > s->raw_size ? s->virtual_size : s->raw_size;
        if (s->characteristics & SECTION_WRITE)
            return 0;
        if (rva - s->rva < span && span - (rva - s->rva) < left)
            left = span - (rva - s->rva);
    } else if (rva < h->headers_size) {
        left = h->headers_size - rva < left ? h->headers_size - rva : left;
    } else {
        return 0;
    }
    const struct sc_written *w = written_behind(slot, rva);
    if (w && w->rva <= rva)
        return 0;
    return w && w->rva - rva < left ? w->rva - rva : left;
}

/* The loader writes the address into the headers' ImageBase. */
static void set_base(const struct sc_pe_headers *h, uint64_t base, uint32_t rva, uint8_t *buf,
                     size_t len) {
    enum { OPTIONAL = 0x18, BASE64 = 0x18, BASE32 = 0x1c };
    uint64_t at = (uint64_t)h->dos.lfanew + OPTIONAL + (h->is64 ? BASE64 : BASE32);
    for (unsigned i = 0; i < (h->is64 ? 8u : 4u); i++)
        if (at + i >= rva && at + i - rva < len)
            buf[at + i - rva] = (uint8_t)(base >> 8 * i);
}

static enum sc_read read_image(const struct sc_modslot *slot, uint32_t rva, void *buf, size_t len,
                               size_t *ret_got) {
    const struct sc_pe_headers *h = sc_pe_headers(slot->image);
    uint64_t base = slot->pub.module->base;
    size_t got = 0;
    enum sc_read status = sc_pe_read(slot->image, rva, buf, len, &got);
    if (!got)
        return status == SC_READ_OK ? SC_READ_ABSENT : status;
    sc_err *err = sc_pe_relocate(slot->image, rva, buf, got, base - h->image_base);
    bool wrong = err && sc_err_code(err) != SC_ERR_NOT_FOUND; /* without relocations none moved */
    sc_err_destroy(err);
    if (wrong)
        return SC_READ_ABSENT;
    if (rva < h->headers_size)
        set_base(h, base, rva, buf, got);
    *ret_got = got;
    return SC_READ_OK;
}

static enum sc_read fill(void *ctx, uint64_t addr, void *buf, size_t len, size_t *ret_got) {
    sc_symtab *t = ctx;
    *ret_got = 0;
    const struct sc_module *m = sc_target_module_at(t->target, addr);
    if (!m || addr - m->base > UINT32_MAX)
        return SC_READ_ABSENT;
    struct sc_modslot *slot = sc_symtab_slot(t, m);
    const sc_pe *pe = NULL;
    sc_err *err = sc_symimage(t, slot, &pe);
    if (err) {
        bool nomem = sc_err_code(err) == SC_ERR_NOMEM;
        sc_symtab_swallow(t, err);
        return nomem ? SC_READ_IO : SC_READ_ABSENT;
    }
    uint32_t rva = (uint32_t)(addr - m->base), left = pe ? constant_bytes(slot, rva) : 0;
    if (!left)
        return SC_READ_ABSENT;
    return read_image(slot, rva, buf, len < left ? len : left, ret_got);
}

sc_err *sc_symimage_register(sc_symtab *symtab) {
    sc_err *err = sc_space_add_filler(sc_target_space(symtab->target), "image files", fill, symtab);
    symtab->filler = !err;
    return err;
}

void sc_symimage_unregister(sc_symtab *symtab) {
    if (symtab->filler)
        sc_space_remove_filler(sc_target_space(symtab->target), fill, symtab);
    symtab->filler = false;
}
