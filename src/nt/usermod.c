/* SPDX-License-Identifier: MIT */
/*
 * The loader's list of a process.
 *
 *                                            32-bit    64-bit
 *     PEB                        Ldr         +0x0c     +0x18
 *     PEB_LDR_DATA               InLoadOrderModuleList +0x0c     +0x10
 *     LDR_DATA_TABLE_ENTRY       InLoadOrderLinks +0   +0
 *                                DllBase     +0x18     +0x30
 *                                SizeOfImage +0x20     +0x40
 *                                FullDllName +0x24     +0x48   (UNICODE_STRING)
 *                                BaseDllName +0x2c     +0x58
 *                                TimeDateStamp +0x44   +0x80
 *
 * The same in all builds from Windows XP on (winternl.h; the tables of data/layouts, which a test
 * holds against these numbers). Symbols of a 64-bit kernel do not have the 32-bit side, so the
 * numbers stand here.
 *
 * A WOW64 process has two lists: EPROCESS.WoW64Process points to a structure whose first member is
 * the address of the 32-bit PEB. The executable is in both.
 */
#include "nt/usermod.h"

#include <inttypes.h>
#include <string.h>

#include "base/utf.h"

enum { PATH_MAX_UNITS = 4096, IMAGE_MAX = 0x40000000 };

struct form {
    unsigned width;
    uint8_t peb_ldr, ldr_list, base, size, path, name, stamp;
};
static const struct form form32 = {4, 0x0c, 0x0c, 0x18, 0x20, 0x24, 0x2c, 0x44},
                         form64 = {8, 0x18, 0x10, 0x30, 0x40, 0x48, 0x58, 0x80};

struct walk {
    const struct nt *nt;
    sc_space *space;
    sc_arena *arena;
    const struct form *form;
    struct {
        struct sc_module *item; /* in the arena: doubled as it grows */
        size_t count, room;
    } list;
    const char *why;
};

static bool read_uint(const struct walk *w, uint64_t at, unsigned size, uint64_t *ret) {
    return sc_space_uint(w->space, sc_space_canon(w->space, at), size, ret) == SC_READ_OK;
}

static bool is_user(const struct nt *nt, uint64_t address) {
    return nt->ptr_size == 4 ? !nt_is_kernel(nt, address) : !(address >> 47);
}

static sc_err *say(struct walk *w, const char *what, uint64_t at) {
    if (w->why)
        return NULL;
    w->why = sc_arena_printf(w->arena, "%s %0*" PRIx64, what, (int)w->form->width * 2, at);
    return w->why ? NULL : sc_err_nomem();
}

/* The UNICODE_STRING at AT as UTF-8; *RET is "" when it is not there. */
static sc_err *read_string(struct walk *w, uint64_t at, const char **ret) {
    uint64_t bytes, buffer;
    *ret = "";
    if (!read_uint(w, at, 2, &bytes) || !read_uint(w, at + w->form->width, w->form->width, &buffer))
        return NULL;
    bytes &= ~(uint64_t)1;
    if (!bytes || bytes > PATH_MAX_UNITS * 2)
        return NULL;
    uint8_t *units = sc_arena_alloc(w->arena, bytes);
    if (!units)
        return sc_err_nomem();
    if (sc_space_read(w->space, buffer, units, bytes, NULL) != SC_READ_OK)
        return NULL;
    *ret = sc_utf16_to_utf8(w->arena, units, bytes);
    return *ret ? NULL : sc_err_nomem();
}

static bool has_base(const struct walk *w, uint64_t base) {
    for (size_t i = 0; i < w->list.count; i++)
        if (w->list.item[i].base == base)
            return true;
    return false;
}

static struct sc_module *push(struct walk *w) {
    if (w->list.count == w->list.room) {
        size_t room = w->list.room ? w->list.room * 2 : 32;
        struct sc_module *grown = sc_arena_array(w->arena, room, sizeof *grown);
        if (!grown)
            return NULL;
        if (w->list.count)
            memcpy(grown, w->list.item, w->list.count * sizeof *grown);
        w->list.item = grown;
        w->list.room = room;
    }
    return &w->list.item[w->list.count++];
}

/* One entry; one that is no image of user mode is passed over, and said. */
static sc_err *take_entry(struct walk *w, uint64_t entry) {
    const struct form *f = w->form;
    uint64_t base, size, stamp = 0;
    const char *path;
    if (!read_uint(w, entry + f->base, f->width, &base) || !read_uint(w, entry + f->size, 4, &size))
        return say(w, "the dump does not hold the loader's entry at", entry);
    if (!base || !size || size > IMAGE_MAX || base & 0xfff || !is_user(w->nt, base))
        return say(w, "this entry of the loader is no image's:", entry);
    if (has_base(w, base))
        return NULL; /* the executable of a WOW64 process is in both lists */
    read_uint(w, entry + f->stamp, 4, &stamp);
    sc_err *err = read_string(w, entry + f->path, &path);
    if (!err && !*path)
        err = read_string(w, entry + f->name, &path);
    if (!err && !*path)
        path = sc_arena_printf(w->arena, "image%" PRIx64, base);
    struct sc_module *m = err || !path ? NULL : push(w);
    if (!m)
        return err ? err : sc_err_nomem();
    *m = (struct sc_module){.base = base,
                            .size = size,
                            .timestamp = (uint32_t)stamp,
                            .path = path,
                            .record = SC_UNSET64,
                            .user = true};
    return NULL;
}

/* From the list's head at HEAD; a loop is found by Brent's method. */
static sc_err *walk_list(struct walk *w, uint64_t head) {
    uint64_t entry = head, mark = head, power = 1, since = 0;
    for (size_t n = 0; n < NT_USER_MODULES_MAX; n++) {
        uint64_t next;
        if (sc_target_cancelled(w->nt->target))
            return sc_err_cancelled();
        if (!read_uint(w, entry, w->form->width, &next))
            return say(w, "the dump does not hold the loader's link at", entry);
        if (next == head)
            return NULL;
        if (!next || next % w->form->width || !is_user(w->nt, next) || next == mark)
            return say(w, "the loader's list is damaged at", entry);
        if (++since == power) {
            mark = next;
            power *= 2;
            since = 0;
        }
        entry = next;
        sc_err *err = take_entry(w, entry);
        if (err)
            return err;
    }
    return say(w, "the loader's list does not come back to", head);
}

/* The list of the PEB at PEB; *RET_LDR: where it stands. */
static sc_err *walk_peb(struct walk *w, uint64_t peb, uint64_t *ret_ldr, bool *ret_absent) {
    if (!read_uint(w, peb + w->form->peb_ldr, w->form->width, ret_ldr)) {
        *ret_absent = true;
        return say(w, "the dump does not hold the process's PEB at", peb);
    }
    if (!*ret_ldr)
        return say(w, "the loader has not begun: PEB.Ldr is 0 at", peb);
    if (!is_user(w->nt, *ret_ldr))
        return say(w, "PEB.Ldr is no address of a process:", *ret_ldr);
    return walk_list(w, *ret_ldr + w->form->ldr_list);
}

/* The 32-bit PEB of a WOW64 process; 0: it is none, or the kernel's memory does not tell. */
static uint64_t peb32_of(const struct nt *nt, const struct nt_process *p) {
    uint64_t peb = 0;
    if (nt->ptr_size != 8 || !nt_set(&p->f[NT_P_WOW64]) ||
        !nt_is_kernel(nt, p->f[NT_P_WOW64].value))
        return 0;
    if (sc_space_uint(nt->space, p->f[NT_P_WOW64].value, 8, &peb) != SC_READ_OK)
        return 0;
    return peb <= UINT32_MAX ? peb : 0;
}

sc_err *nt_user_modules(const struct nt *nt, sc_space *space, const struct nt_process *p,
                        sc_arena *arena, struct nt_user_modules *ret) {
    struct walk w = {
        .nt = nt, .space = space, .arena = arena, .form = nt->ptr_size == 4 ? &form32 : &form64};
    struct nt_user_modules m = {.peb = nt_or(&p->f[NT_P_PEB], 0)};
    bool absent32 = false;
    uint64_t ldr32;
    sc_err *err = NULL;
    if (p->f[NT_P_PEB].state != NT_READ)
        w.why = "the process's EPROCESS is not in the dump";
    else if (m.peb && !is_user(nt, m.peb))
        err = say(&w, "EPROCESS.Peb is no address of a process:", m.peb);
    else if (m.peb)
        err = walk_peb(&w, m.peb, &m.ldr, &m.peb_absent);
    m.peb32 = m.peb ? peb32_of(nt, p) : 0;
    if (!err && m.peb32) {
        w.form = &form32;
        err = walk_peb(&w, m.peb32, &ldr32, &absent32);
    }
    if (err)
        return err;
    m.item = w.list.item;
    m.count = w.list.count;
    m.why = w.why;
    *ret = m;
    return NULL;
}

bool nt_user_modules_have(const struct nt_user_modules *modules, const char *name) {
    size_t n = strlen(name);
    for (size_t i = 0; i < modules->count; i++) {
        const char *path = modules->item[i].path, *slash = strrchr(path, '\\');
        const char *base = slash ? slash + 1 : path;
        if (!sc_strncasecmp(base, name, n) && (!base[n] || (base[n] == '.' && !strchr(name, '.'))))
            return true;
    }
    return false;
}
