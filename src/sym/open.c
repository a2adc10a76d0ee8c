/* SPDX-License-Identifier: MIT */
/* Which provider a symbol file is for, by its first bytes. */
#include "sym/open.h"

#include <string.h>

#include "base/file.h"
#include "isf/isf.h"
#include "pdb/pdb.h"

static bool begins(const uint8_t *head, size_t got, const char *magic, size_t len) {
    return got >= len && !memcmp(head, magic, len);
}

sc_err *sc_symbols_open(const char *path, sc_symbols **ret_symbols) {
    sc_file *file;
    sc_err *err = sc_file_open(path, 0, &file);
    if (err)
        return err;
    uint8_t head[32];
    size_t got = 0;
    bool ok = sc_file_read_some(file, 0, head, sizeof head, &got);
    if (!ok)
        err = sc_err_at(SC_ERR_IO, sc_file_name(file), 0, "read failed");
    sc_file_close(file);
    if (err)
        return err;
    if (begins(head, got,
               "\xfd"
               "7zXZ",
               5) ||
        (got && (head[0] == '{' || head[0] == '\n')))
        return sc_isf_open(path, ret_symbols);
    /* The PDB reader knows its own kinds, and names those that it does not read. */
    if (begins(head, got, "Microsoft ", 10) || begins(head, got, "BSJB", 4))
        return sc_pdb_open(path, ret_symbols);
    return sc_errf(SC_ERR_FORMAT, "%s is no symbol file of a kind known here", path);
}

sc_err *sc_symbols_key_age(sc_symbols *symbols, uint32_t *ret_age) {
    struct sc_symbols_info info;
    uint32_t info_age;
    sc_symbols_info(symbols, &info);
    if (!strcmp(info.provider, "pdb"))
        return sc_pdb_ages(symbols, &info_age, ret_age);
    *ret_age = info.age;
    return NULL;
}
