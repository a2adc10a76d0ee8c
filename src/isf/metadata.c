/* SPDX-License-Identifier: MIT */
/* Which PDB a table was made from: "metadata": { "windows": { "pdb": { … } } }. */
#include "isf/parse.h"

#include "base/guid.h"

static sc_err *read_guid(struct isf_parse *p) {
    char text[SC_GUID_BUF] = {0};
    struct json_token t;
    sc_err *err = json_want(&p->json, JSON_TEXT, "GUID", &t);
    if (err)
        return err;
    memcpy(text, t.text, t.len < sizeof text - 1 ? t.len : sizeof text - 1);
    if (t.len >= sizeof text || !sc_guid_parse(text, &p->build->guid))
        return json_error(&p->json, t.where, "not a GUID");
    return NULL;
}

static sc_err *pdb_key(struct isf_parse *p, const struct json_token *key) {
    struct json_token t;
    uint64_t v = 0;
    sc_err *err;
    if (json_is(key, "GUID"))
        return read_guid(p);
    if (json_is(key, "age")) {
        err = json_unsigned(&p->json, UINT32_MAX, "age", &v);
        p->build->age = (uint32_t)v;
        return err;
    }
    if (json_is(key, "machine_type")) {
        err = json_unsigned(&p->json, UINT16_MAX, "machine_type", &v);
        p->build->machine = (uint32_t)v;
        return err;
    }
    if (json_is(key, "database")) {
        err = json_want(&p->json, JSON_TEXT, "database", &t);
        return err ? err : isf_build_intern(p->build, t.text, t.len, &p->build->pdb);
    }
    err = json_next(&p->json, &t);
    return err ? err : json_skip(&p->json, &t);
}

/* The members of an object: into the object INNER, or, when that is NULL, to pdb_key(). */
static sc_err *members(struct isf_parse *p, const char *const *path) {
    struct json_token t;
    bool more = true;
    for (;;) {
        sc_err *err = json_key(&p->json, &t, &more);
        if (err || !more)
            return err;
        if (!*path) {
            err = pdb_key(p, &t);
        } else if (json_is(&t, *path)) {
            err = json_want(&p->json, JSON_OBJECT, *path, &t);
            if (!err)
                err = members(p, path + 1);
        } else {
            err = json_next(&p->json, &t);
            if (!err)
                err = json_skip(&p->json, &t);
        }
        if (err)
            return err;
    }
}

sc_err *isf_parse_metadata(struct isf_parse *p) {
    static const char *const path[] = {"windows", "pdb", NULL};
    return members(p, path);
}
