/* SPDX-License-Identifier: MIT */
/*
 * Image files of the target's modules, through the image path, by time stamp and SizeOfImage; and
 * their bytes in the place of pages that the dump does not hold, relocated to where the image was.
 *
 * A writable section's bytes are those of the file, not of the machine: they are not filled in.
 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "sym/symtab_impl.h"

enum { SECTION_WRITE = 0x80000000u, PAGE = 0x1000 };

/* Only the image with this very time stamp and size is the module's. */
static sc_err *verify_image(void *ctx, const struct sc_store_key *key, const char *path) {
    (void)ctx;
    sc_pe *pe;
    sc_err *err = sc_pe_open(path, &pe);
    if (err)
        return err;
    const struct sc_pe_headers *h = sc_pe_headers(pe);
    if (h->timestamp != key->timestamp || h->image_size != key->size)
        err = sc_errf(SC_ERR_FORMAT, "time stamp %08X and size %x, but the module has %08X and %x",
                      h->timestamp, h->image_size, key->timestamp, key->size);
    sc_pe_close(pe);
    return err;
}

static sc_err *open_image(sc_symtab *t, struct sc_modslot *slot, const char *path) {
    sc_err *err = sc_file_open(path, 0, &slot->image_file);
    if (!err)
        err = sc_pe_open_file(slot->image_file, &slot->image);
    if (err)
        return err;
    slot->pub.image_path = sc_arena_strdup(t->arena, path);
    return slot->pub.image_path ? NULL : sc_err_nomem();
}

/* Errors that end a search; others only mean that this way led nowhere. */
static bool ends_search(const sc_err *err) {
    return sc_err_code(err) == SC_ERR_NOMEM || sc_err_code(err) == SC_ERR_CANCELLED;
}

sc_err *sc_symimage(sc_symtab *symtab, struct sc_modslot *slot, const sc_pe **ret_pe) {
    const struct sc_module *m = slot->pub.module;
    *ret_pe = NULL;
    if (slot->image_tried) {
        *ret_pe = slot->image;
        return NULL;
    }
    slot->image_tried = true;
    if (!m->timestamp || !m->size || !*sc_store_path(symtab->store, SC_PATH_IMAGES))
        if (!*sc_store_path(symtab->store, SC_PATH_SYMBOLS))
            return NULL;
    struct sc_store_key key = {.kind = SC_STORE_IMAGE,
                               .name = m->image,
                               .timestamp = m->timestamp,
                               .size = (uint32_t)m->size};
    struct sc_store_found found = {0};
    sc_err *err = sc_store_find(symtab->store, &key, verify_image, NULL, &found);
    if (!err && found.path)
        err = open_image(symtab, slot, found.path);
    sc_store_found_deinit(&found);
    if (err) {
        sc_pe_close(slot->image);
        sc_file_close(slot->image_file);
        slot->image = NULL;
        slot->image_file = NULL;
        if (ends_search(err)) {
            slot->image_tried = false;
            return err;
        }
        sc_target_log(symtab->target, SC_LOG_WARN, "%s: %s", m->name, sc_err_text(err));
        sc_err_destroy(err);
    }
    *ret_pe = slot->image;
    return NULL;
}

/* May RVA be read from the file: headers, or a section nobody could have written to. */
static bool is_constant(const sc_pe *pe, uint32_t rva, uint32_t *ret_left) {
    const struct sc_pe_headers *h = sc_pe_headers(pe);
    if (rva < h->headers_size) {
        *ret_left = h->headers_size - rva;
        return true;
    }
    const struct sc_pe_section *s = sc_pe_section_at(pe, rva);
    if (!s || s->characteristics & SECTION_WRITE)
        return false;
    uint32_t span = s->virtual_size > s->raw_size ? s->virtual_size : s->raw_size;
    *ret_left = rva - s->rva < span ? span - (rva - s->rva) : 1;
    return true;
}

static enum sc_read fill(void *ctx, uint64_t addr, void *buf, size_t len, size_t *ret_got) {
    sc_symtab *t = ctx;
    *ret_got = 0;
    const struct sc_module *m = sc_target_module_at(t->target, addr);
    if (!m)
        return SC_READ_ABSENT;
    const sc_pe *pe;
    sc_err *err = sc_symimage(t, sc_symtab_slot(t, m), &pe);
    sc_err_destroy(err);
    if (err || !pe)
        return SC_READ_ABSENT;
    uint32_t rva = (uint32_t)(addr - m->base), left;
    if (!is_constant(pe, rva, &left))
        return SC_READ_ABSENT;
    if (len > left)
        len = left;
    if (len > PAGE)
        len = PAGE;
    size_t got = 0;
    enum sc_read status = sc_pe_read(pe, rva, buf, len, &got);
    if (!got)
        return status == SC_READ_OK ? SC_READ_ABSENT : status;
    err = sc_pe_relocate(pe, rva, buf, got, m->base - sc_pe_headers(pe)->image_base);
    if (err && sc_err_code(err) != SC_ERR_NOT_FOUND) { /* without relocations nothing moved */
        sc_err_destroy(err);
        return SC_READ_IO;
    }
    sc_err_destroy(err);
    *ret_got = got;
    return SC_READ_OK;
}

sc_err *sc_symimage_register(sc_symtab *symtab) {
    if (symtab->filler)
        return NULL;
    sc_err *err = sc_space_add_filler(sc_target_space(symtab->target), "image files", fill, symtab);
    symtab->filler = !err;
    return err;
}
