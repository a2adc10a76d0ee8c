/* SPDX-License-Identifier: MIT */
/*
 * Zydis, opened when the first x86 or x64 disassembler is made. Its structures are those of the
 * headers that we were built with, so it is the library of the same major and minor version that
 * is asked for.
 */
#include <stdio.h>

#include "disasm/x86_impl.h"

sc_err *sc_zydis_open(struct sc_x86 *x86) {
    struct sc_zydis *z = &x86->z;
    const struct sc_disasm_want want[] = {
        {"ZydisGetVersion", &z->version},
        {"ZydisDecoderInit", &z->init},
        {"ZydisDecoderDecodeInstruction", &z->instruction},
        {"ZydisDecoderDecodeOperands", &z->operands},
        {"ZydisMnemonicGetString", &z->mnemonic},
        {"ZydisRegisterGetString", &z->reg},
    };
    char soname[32];
    unsigned major = (unsigned)ZYDIS_VERSION_MAJOR(ZYDIS_VERSION);
    unsigned minor = (unsigned)ZYDIS_VERSION_MINOR(ZYDIS_VERSION);
    snprintf(soname, sizeof soname, "libZydis.so.%u.%u", major, minor);
    sc_err *err = sc_disasm_library(soname, want, sizeof want / sizeof *want, &x86->library);
    if (err)
        return sc_err_prefix(err,
                             "x86 and x64 code is disassembled by Zydis (Debian's libzydis%u.%u)",
                             major, minor);
    ZyanU64 version = x86->z.version();
    if (ZYDIS_VERSION_MAJOR(version) == major && ZYDIS_VERSION_MINOR(version) == minor)
        return NULL;
    sc_disasm_library_close(x86->library);
    return sc_errf(SC_ERR_UNSUPPORTED, "%s calls itself version %u.%u", soname,
                   (unsigned)ZYDIS_VERSION_MAJOR(version), (unsigned)ZYDIS_VERSION_MINOR(version));
}
