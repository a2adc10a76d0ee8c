/* SPDX-License-Identifier: MIT */
/* What commands that show objects of the object manager share: kobject.c. */
#ifndef STOPCODE_CMD_KOBJECT_H
#define STOPCODE_CMD_KOBJECT_H

#include "cmd/kernel.h"
#include "nt/object.h"

/* Flags of `!object`. */
enum {
    SC_OBJECT_COUNTS = 1,  /* names and counts */
    SC_OBJECT_CONTENT = 8, /* with 1: what is in a directory, where a link leads */
    SC_OBJECT_OPTIONAL = 0x10,
    SC_OBJECT_PATH = 0x20, /* with 1: the whole path in the place of the name */
    SC_OBJECT_DEFAULT = SC_OBJECT_COUNTS | SC_OBJECT_CONTENT,
};

/* Shows OBJECT; PAD stands before counts and names. Strings that it makes go to OM's names. */
sc_err *sc_show_object(sc_session *session, struct nt_objects *om, const struct nt_object *object,
                       uint64_t flags, const char *pad);
/* Reads the object at ADDRESS: SC_ERR_NOT_FOUND when the dump lacks it or it is none. */
sc_err *sc_need_object(struct nt_objects *om, uint64_t address, struct nt_object *ret);

/*
 * An arena for the strings of one object after another: OM's names from here on, emptied by
 * sc_names_again() when much has gathered. sc_names_end() gives OM its own back.
 */
struct sc_names {
    struct nt_objects *om;
    sc_arena *kept;
};
sc_err *sc_names_begin(struct sc_names *names, struct nt_objects *om);
sc_err *sc_names_again(struct sc_names *names);
void sc_names_end(struct sc_names *names);

/* kobject_private.c: `!object -p`. */
sc_err *sc_show_private_namespaces(sc_session *session, const struct nt *nt, sc_arena *arena);

#endif
