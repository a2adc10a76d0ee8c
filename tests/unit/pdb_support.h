/* SPDX-License-Identifier: MIT */
/* What the tests of PDBs share: opening a made file, checking errors. */
#ifndef STOPCODE_TESTS_UNIT_PDB_SUPPORT_H
#define STOPCODE_TESTS_UNIT_PDB_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "forge/pdb.h"
#include "pdb/pdb.h"

enum { CODE = 0x60000020, RDATA = 0x40000040, X64 = 0x8664, X86 = 0x14c };

static inline void no_error(sc_err *err) {
    if (err)
        fail_msg("%s", sc_err_text(err));
}

/* The error has CODE and its text the words PART; ends it. */
static inline void error_is(sc_err *err, enum sc_err_code code, const char *part) {
    assert_non_null(err);
    if (sc_err_code(err) != code || !strstr(sc_err_text(err), part))
        fail_msg("error %d \"%s\", want %d \"%s\"", sc_err_code(err), sc_err_text(err), code, part);
    sc_err_destroy(err);
}

/* An opened PDB and the bytes it stands on. */
struct made {
    struct forge_pdb p;
    struct forge_bytes file;
    sc_symbols *symbols;
};

/* Two sections: code at 0x1000, data at 0x5000. */
static inline void made_init(struct made *m, uint16_t machine) {
    memset(m, 0, sizeof *m);
    forge_pdb_init(&m->p, machine, 512);
    forge_pdb_section(&m->p, 0x1000, 0x4000, CODE);
    forge_pdb_section(&m->p, 0x5000, 0x1000, RDATA);
}

static inline sc_err *open_made(struct made *m, unsigned flags) {
    sc_file *file;
    no_error(sc_file_memory("made.pdb", m->file.data, m->file.size, flags, &file));
    return sc_pdb_open_file(file, &m->symbols);
}

/* Makes the file out of what was put in, and opens it. */
static inline void made_open(struct made *m) {
    forge_pdb_close(&m->p);
    assert_true(forge_msf_finish(&m->p.msf, &m->file));
    no_error(open_made(m, 0));
}

static inline void made_close(struct made *m) {
    sc_symbols_unref(m->symbols);
    forge_bytes_free(&m->file);
    forge_pdb_deinit(&m->p);
}

#endif
