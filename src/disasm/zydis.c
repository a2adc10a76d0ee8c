/* SPDX-License-Identifier: MIT */
/*
 * Zydis, opened when the first x86 or x64 disassembler is made. Its structures are those of the
 * headers that we were built with, so it is the library of the same major and minor version that
 * is asked for.
 */
#include <stdio.h>

#include "disasm/x86_impl.h"

/* clang-format off */
#define WANT(name, member) {name, offsetof(struct sc_zydis, member)}
/* clang-format on */

sc_err *sc_zydis_open(struct sc_x86 *x86) {
    static const struct sc_dynlib_want want[] = {
        WANT("ZydisGetVersion", version),
        WANT("ZydisDecoderInit", init),
        WANT("ZydisDecoderDecodeInstruction", instruction),
        WANT("ZydisDecoderDecodeOperands", operands),
        WANT("ZydisMnemonicGetString", mnemonic),
        WANT("ZydisRegisterGetString", reg),
    };
    char soname[32];
    unsigned major = (unsigned)ZYDIS_VERSION_MAJOR(ZYDIS_VERSION);
    unsigned minor = (unsigned)ZYDIS_VERSION_MINOR(ZYDIS_VERSION);
    snprintf(soname, sizeof soname, "libZydis.so.%u.%u", major, minor);
    sc_err *err = sc_dynlib_open(soname, want, sizeof want / sizeof *want, &x86->z, &x86->library);
    if (err)
        return sc_err_prefix(err,
                             "x86 and x64 code is disassembled by Zydis (Debian's libzydis%u.%u)",
                             major, minor);
    ZyanU64 version = x86->z.version();
    if (ZYDIS_VERSION_MAJOR(version) == major && ZYDIS_VERSION_MINOR(version) == minor)
        return NULL;
    sc_dynlib_close(x86->library);
    return sc_errf(SC_ERR_UNSUPPORTED, "%s calls itself version %u.%u", soname,
                   (unsigned)ZYDIS_VERSION_MAJOR(version), (unsigned)ZYDIS_VERSION_MINOR(version));
}
