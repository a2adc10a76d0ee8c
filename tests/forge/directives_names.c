/* SPDX-License-Identifier: MIT */
/* The directives about the object manager: object, handle. */
#include <string.h>

#include "forge/reader.h"

static bool read_object(struct forge_reader *r) {
    struct forge_scn_object v = {.line = r->line, .pointers = 2, .handles = 0};
    if (!forge_take_text(r, "a type, such as Directory", &v.type) ||
        !forge_take_hex(r, "the address of the object's body", &v.address))
        return false;
    if (forge_next(r) && *forge_next(r)->text == '\\' && !forge_take_text(r, "a path", &v.path))
        return false;
    while (forge_next(r)) {
        bool ok = true;
        if (forge_take_is(r, "target"))
            ok = forge_take_text(r, "the path that the link leads to", &v.target);
        else if (forge_take_is(r, "drive"))
            ok = forge_take_decimal(r, "a number from 1 to 26", &v.drive);
        else if (forge_take_is(r, "pointers"))
            ok = forge_take_hex(r, "references", &v.pointers);
        else if (forge_take_is(r, "handles"))
            ok = forge_take_hex(r, "handles", &v.handles);
        else if (forge_take_is(r, "sd"))
            ok = forge_take_hex(r, "the address of its descriptor", &v.descriptor);
        else if (forge_take_is(r, "handleinfo"))
            v.info |= FORGE_INFO_HANDLE;
        else if (forge_take_is(r, "quota"))
            v.info |= FORGE_INFO_QUOTA;
        else if (forge_take_is(r, "exclusive"))
            ok = forge_take_hex(r, "the address of a process", &v.exclusive);
        else
            ok = forge_take_end(r);
        if (!ok)
            return false;
    }
    v.info |= v.exclusive ? FORGE_INFO_PROCESS : 0;
    if (v.target && strcmp(v.type, "SymbolicLink") != 0)
        return forge_reader_wrong(r, "only a SymbolicLink has a target");
    *FORGE_PUSH(&r->s->pool, &r->s->objects) = v;
    return true;
}

static bool read_handle(struct forge_reader *r) {
    struct forge_scn_handle v = {.line = r->line, .access = 0x1f0003};
    if (!forge_take_hex(r, "the handle", &v.handle) ||
        !forge_take_hex(r, "the address of the object's body", &v.object))
        return false;
    if (!v.handle || v.handle % 4 || v.handle > FORGE_HANDLE_MOST)
        return forge_reader_wrong(r, "%llx is no handle: they count in fours, up to %x",
                                  (unsigned long long)v.handle, FORGE_HANDLE_MOST);
    while (forge_next(r)) {
        bool ok = true;
        if (forge_take_is(r, "process"))
            ok = forge_take_hex(r, "a process", &v.process);
        else if (forge_take_is(r, "access"))
            ok = forge_take_hex32(r, "the rights", &v.access);
        else if (forge_take_is(r, "protect"))
            v.attributes |= 1;
        else if (forge_take_is(r, "inherit"))
            v.attributes |= 2;
        else if (forge_take_is(r, "audit"))
            v.attributes |= 4;
        else
            ok = forge_take_end(r);
        if (!ok)
            return false;
    }
    *FORGE_PUSH(&r->s->pool, &r->s->handles) = v;
    return true;
}

const struct forge_directive forge_name_directives[] = {
    {"object", read_object},
    {"handle", read_handle},
    {NULL, NULL},
};
