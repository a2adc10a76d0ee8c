/* SPDX-License-Identifier: MIT */
/* dynlib.h on systems with dlopen(). */
#include "base/dynlib.h"

#include <dlfcn.h>
#include <string.h>

/* The handle itself is the object: nothing else needs to be kept. */
struct sc_dynlib {
    char unused;
};

static sc_err *refused(const char *soname) {
    const char *why = dlerror();
    return sc_errf(SC_ERR_UNSUPPORTED, "cannot use %s: %s", soname, why ? why : "no reason given");
}

sc_err *sc_dynlib_open(const char *soname, const struct sc_dynlib_want *want, size_t count,
                       void *table, sc_dynlib **ret_lib) {
    void *handle = dlopen(soname, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        return refused(soname);
    for (size_t i = 0; i < count; i++) {
        void *function = dlsym(handle, want[i].name);
        if (!function) {
            sc_err *err = refused(soname);
            dlclose(handle);
            return err;
        }
        /* POSIX lets a data pointer stand for a function here; ISO C has no cast for it. */
        memcpy((char *)table + want[i].offset, &function, sizeof function);
    }
    *ret_lib = handle;
    return NULL;
}

void sc_dynlib_close(sc_dynlib *lib) {
    if (lib)
        dlclose(lib);
}
