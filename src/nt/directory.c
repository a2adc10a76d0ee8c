/* SPDX-License-Identifier: MIT */
/*
 * OBJECT_DIRECTORY: 37 buckets, each a chain of entries that point to the bodies of objects.
 *
 *   OBJECT_DIRECTORY.HashBuckets[37] -> { ChainLink, Object, [HashValue] } -> { ChainLink, … } -> 0
 *
 * Names are looked for in all buckets: a damaged hash hides nothing. Sources: the kernels' public
 * symbols; Windows Internals (reparsing). `\??` is the process's own directory of DOS devices; here
 * it stands for the global one, as it does for a process without drives of its own.
 */
#include "nt/directory.h"

#include <string.h>

#include "base/utf.h"
#include "nt/ustring.h"

static const struct sc_layout_field directory_rows[] = {{"HashBuckets", 1, false}};
static const struct nt_def directory_def = {
    {"nt!_OBJECT_DIRECTORY", directory_rows, 1}, 1, NULL, NULL, 0};
static const struct sc_layout_field entry_rows[] = {{"Object", 1, false}};
static const struct nt_def entry_def = {
    {"nt!_OBJECT_DIRECTORY_ENTRY", entry_rows, 1}, 1, NULL, NULL, 0};

sc_err *nt_directory_begin(struct nt_objects *om, uint64_t address, struct nt_directory *ret) {
    struct nt_directory d = {.om = om, .address = address, .left = NT_DIRECTORY_MAX};
    uint64_t offset;
    bool found;
    sc_err *err = nt_offset(om->nt, &directory_def, 0, &offset, &found);
    if (!err)
        err = nt_offset(om->nt, &entry_def, 0, &d.object_offset, &found);
    if (err)
        return err;
    d.buckets = nt_add(om->nt, address, offset);
    *ret = d;
    return NULL;
}

/* A chain's end; false when there are to be no more of them. */
static bool end_chain(struct nt_directory *d) {
    d->in_chain = false;
    d->bucket++;
    if (d->chain.end == NT_LIST_DONE)
        return true;
    d->broken = d->chain;
    d->damaged++;
    return d->chain.end != NT_LIST_STOP && d->chain.end != NT_LIST_LIMIT;
}

bool nt_directory_next(struct nt_directory *d, struct nt_directory_entry *ret) {
    const struct nt *nt = d->om->nt;
    uint64_t entry;
    while (d->bucket < NT_BUCKETS) {
        if (!d->in_chain) {
            uint64_t head = nt_add(nt, d->buckets, (uint64_t)d->bucket * nt->ptr_size);
            nt_list_begin_single(&d->chain, nt, head, d->left);
            d->in_chain = true;
        }
        if (!nt_list_next(&d->chain, &entry)) {
            if (!end_chain(d))
                d->bucket = NT_BUCKETS;
            continue;
        }
        d->left -= d->left != 0;
        struct nt_field object = nt_pointer(nt, nt_add(nt, entry, d->object_offset));
        *ret = (struct nt_directory_entry){d->bucket, entry, nt_or(&object, 0)};
        return true;
    }
    return false;
}

/* Has the object this name? What is read for that is forgotten at once. */
static sc_err *has_name(struct nt_objects *om, uint64_t object, const char *name, bool *ret) {
    const char *own;
    sc_arena *kept = om->names;
    om->names = sc_arena_create();
    sc_err *err = om->names ? nt_object_own_name(om, object, &own) : sc_err_nomem();
    if (!err)
        *ret = own && !sc_strcasecmp(own, name);
    sc_arena_destroy(om->names);
    om->names = kept;
    return err;
}

sc_err *nt_directory_find(struct nt_objects *om, uint64_t address, const char *name,
                          uint64_t *ret_object, bool *ret_found, bool *ret_whole) {
    struct nt_directory d;
    struct nt_directory_entry e;
    *ret_found = false;
    if (ret_whole)
        *ret_whole = false;
    if (!address || !nt_is_kernel(om->nt, address))
        return NULL;
    sc_err *err = nt_directory_begin(om, address, &d);
    while (!err && !*ret_found && nt_directory_next(&d, &e)) {
        err = has_name(om, e.object, name, ret_found);
        if (!err && *ret_found)
            *ret_object = e.object;
    }
    if (err)
        return err;
    if (ret_whole)
        *ret_whole = !d.damaged;
    return d.damaged && d.broken.end == NT_LIST_STOP ? sc_err_cancelled() : NULL;
}

/* ---- symbolic links ---- */

enum { L_CREATED, L_TARGET, L_DRIVE, L_FLAGS, L_CALLBACK, L_FIELDS };
static const struct sc_layout_field link_rows[L_FIELDS] = {
    [L_CREATED] = {"CreationTime", 8, true},      [L_TARGET] = {"LinkTarget", 1, true},
    [L_DRIVE] = {"DosDeviceDriveIndex", 4, true}, [L_FLAGS] = {"Flags", 4, true},
    [L_CALLBACK] = {"Callback", 1, true},
};
static const struct nt_def link_def = {
    {"nt!_OBJECT_SYMBOLIC_LINK", link_rows, L_FIELDS}, L_FIELDS, NULL, NULL, 0};

enum { LINK_CALLBACK_FLAG = 0x10 }; /* the target is a function: seen in Windows 10 */

sc_err *nt_symlink_read(struct nt_objects *om, uint64_t address, struct nt_symlink *ret) {
    struct nt_symlink l = {0};
    struct nt_field f[L_FIELDS];
    uint64_t offset;
    bool found;
    sc_err *err = nt_load(om->nt, &link_def, address, f, &l.assumed);
    if (err)
        return err;
    l.create_time = f[L_CREATED];
    l.drive = f[L_DRIVE];
    l.flags = f[L_FLAGS];
    l.callback = f[L_CALLBACK].state != NT_NO_FIELD && nt_or(&f[L_FLAGS], 0) & LINK_CALLBACK_FLAG;
    err = nt_offset(om->nt, &link_def, L_TARGET, &offset, &found);
    if (!err && found && !l.callback)
        err = nt_ustring_read(om->nt, nt_add(om->nt, address, offset), om->names, &l.target);
    if (!err)
        *ret = l;
    return err;
}

/* ---- paths ---- */

struct walk {
    struct nt_objects *om;
    const char *asked;        /* the path that was asked for */
    const char *whole, *rest; /* the path, and what of it is still to be gone */
    uint64_t at;              /* the object that was reached */
    unsigned links;
};

static const char *part_of(struct walk *w) {
    while (*w->rest == '\\')
        w->rest++;
    size_t n = strcspn(w->rest, "\\");
    const char *part = sc_arena_strndup(w->om->names, w->rest, n);
    w->rest += n;
    return part;
}

/* "\Device" of "\Device\x\y" when "\x\y" is still to be gone. */
static const char *gone(const struct walk *w) {
    size_t n = (size_t)(w->rest - w->whole);
    while (n > 1 && w->whole[n - 1] == '\\')
        n--;
    return sc_arena_strndup(w->om->names, w->whole, n ? n : 1);
}

static sc_err *lost(const struct walk *w, const char *how) {
    return sc_errf(SC_ERR_NOT_FOUND, "Object %s not found: %s", w->whole, how);
}

static sc_err *follow(struct walk *w) {
    struct nt_symlink link;
    sc_err *err = nt_symlink_read(w->om, w->at, &link);
    if (err)
        return err;
    if (!link.target || *link.target != '\\')
        return lost(w, "the target of a symbolic link on the way is not in the dump");
    if (++w->links > NT_LINKS_MAX)
        return sc_errf(SC_ERR_LIMIT, "Object %s: its symbolic links lead round and round",
                       w->asked);
    const char *path = sc_arena_printf(w->om->names, "%s%s", link.target, w->rest);
    if (!path)
        return sc_err_nomem();
    w->whole = w->rest = path;
    w->at = w->om->root.value;
    return NULL;
}

static sc_err *step(struct walk *w) {
    struct nt_objects *om = w->om;
    const char *before = gone(w), *part = part_of(w);
    uint64_t next;
    bool found, whole;
    if (!before || !part)
        return sc_err_nomem();
    sc_err *err = nt_directory_find(om, w->at, part, &next, &found, &whole);
    if (!err && !found && w->at == om->root.value && !strcmp(part, "??"))
        err = nt_directory_find(om, w->at, "GLOBAL??", &next, &found, NULL);
    if (err)
        return err;
    if (!found) {
        const char *how =
            whole ? sc_arena_printf(om->names, "%s has no \"%s\"", before, part)
                  : sc_arena_printf(om->names, "the dump does not hold all of %s", before);
        return how ? lost(w, how) : sc_err_nomem();
    }
    w->at = next;
    return NULL;
}

/* May the walk go on from what was reached? */
static sc_err *through(struct walk *w) {
    struct nt_object o;
    sc_err *err = nt_object_read(w->om, w->at, &o);
    if (err)
        return err;
    if (nt_object_is(&o, "SymbolicLink"))
        return follow(w);
    if (!o.type.name || nt_object_is(&o, "Directory"))
        return NULL;
    const char *how =
        sc_arena_printf(w->om->names, "%s is a %s: names behind it are not the object manager's",
                        o.name ? o.name : "an object on the way", o.type.name);
    return how ? lost(w, how) : sc_err_nomem();
}

sc_err *nt_object_find(struct nt_objects *om, const char *path, uint64_t *ret_object,
                       const char **ret_via) {
    struct walk w = {
        .om = om, .asked = path, .whole = path, .rest = path, .at = nt_or(&om->root, 0)};
    if (!nt_set(&om->root) || !nt_is_kernel(om->nt, w.at))
        return sc_errf(SC_ERR_NOT_FOUND,
                       om->root.state == NT_NO_FIELD
                           ? "Object %s not found: where the root directory lies "
                             "(nt!ObpRootDirectoryObject) is not known"
                           : "Object %s not found: nt!ObpRootDirectoryObject is not in the dump",
                       path);
    while (w.rest[strspn(w.rest, "\\")]) {
        sc_err *err = step(&w);
        if (!err && w.rest[strspn(w.rest, "\\")])
            err = through(&w);
        if (err)
            return err;
    }
    *ret_object = w.at;
    *ret_via = w.links ? w.whole : NULL;
    return NULL;
}
