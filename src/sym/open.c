/* SPDX-License-Identifier: MIT */
/* Which provider a symbol file is for, by its first bytes. */
#include "sym/open.h"

#include <string.h>

#include "base/file.h"
#include "isf/isf.h"
#include "pdb/pdb.h"
#include "sym/breakpad.h"

/* By magic; Breakpad's text has none but its first word, and JSON begins with a brace. */
static const struct {
    const char *magic;
    uint8_t len;
    sc_err *(*open)(const char *path, sc_symbols **ret_symbols);
} kinds[] = {
    {"Microsoft C/C++ ", 16, sc_pdb_open}, /* MSF 7.00, and 2.00, which it names */
    {"Microsoft MSFZ ", 15, sc_pdb_open},  {"BSJB", 4, sc_pdb_open}, /* a portable PDB: named, not
                                                                        read */
    {"\xfd\x37zXZ", 5, sc_isf_open},       {"{", 1, sc_isf_open},    {"\n", 1, sc_isf_open},
};

sc_err *sc_symbols_open(const char *path, sc_symbols **ret_symbols) {
    sc_file *file;
    sc_err *err = sc_file_open(path, 0, &file);
    if (err)
        return err;
    uint8_t head[32];
    size_t got = 0;
    if (!sc_file_read_some(file, 0, head, sizeof head, &got))
        err = sc_err_at(SC_ERR_IO, sc_file_name(file), 0, "read failed");
    sc_file_close(file);
    if (err)
        return err;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (got >= kinds[i].len && !memcmp(head, kinds[i].magic, kinds[i].len))
            return kinds[i].open(path, ret_symbols);
    if (sc_breakpad_probe(head, got))
        return sc_breakpad_open(path, ret_symbols);
    return sc_errf(SC_ERR_FORMAT, "%s is no symbol file of a kind known here", path);
}

sc_err *sc_symbols_key_age(sc_symbols *symbols, uint32_t *ret_age) {
    struct sc_symbols_info info;
    sc_symbols_info(symbols, &info);
    uint32_t age = info.age, info_age;
    if (!strcmp(info.provider, "pdb")) {
        sc_err *err = sc_pdb_ages(symbols, &info_age, &age);
        if (err)
            return err;
    }
    *ret_age = age;
    return NULL;
}
