/* SPDX-License-Identifier: MIT */
/* Opening the libraries that decode, with the functions that are called. */
#include "base/osfile.h"
#include "disasm/disasm_impl.h"

sc_err *sc_disasm_library(const char *soname, const struct sc_disasm_want *want, size_t count,
                          void **ret_library) {
    void *library = sc_os_library(soname);
    if (!library)
        return sc_errf(SC_ERR_UNSUPPORTED, "%s is not installed", soname);
    for (size_t i = 0; i < count; i++)
        if (!sc_os_function(library, want[i].name, want[i].function, sizeof(void *))) {
            sc_os_library_close(library);
            return sc_errf(SC_ERR_UNSUPPORTED, "%s has no function %s", soname, want[i].name);
        }
    *ret_library = library;
    return NULL;
}

void sc_disasm_library_close(void *library) { sc_os_library_close(library); }
