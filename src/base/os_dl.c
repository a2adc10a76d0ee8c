/* SPDX-License-Identifier: MIT */
/* Libraries opened on demand, with dlopen(). */
#include "base/os_dl.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

sc_err *sc_dl_open(const char *purpose, const char *const *names, const struct sc_dl_want *want,
                   unsigned count, sc_dl **ret_dl) {
    void *handle = NULL;
    for (const char *const *name = names; *name && !handle; name++)
        handle = dlopen(*name, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        return sc_errf(SC_ERR_UNSUPPORTED, "%s needs %s, which this system does not have", purpose,
                       names[0]);
    for (unsigned i = 0; i < count; i++) {
        void *function = dlsym(handle, want[i].symbol);
        if (!function) {
            dlclose(handle);
            return sc_errf(SC_ERR_UNSUPPORTED, "%s: %s has no %s", purpose, names[0],
                           want[i].symbol);
        }
        memcpy(want[i].ret, &function, sizeof function); /* ISO C has no cast for this */
    }
    *ret_dl = (sc_dl *)handle;
    return NULL;
}

void sc_dl_close(sc_dl *dl) {
    if (dl)
        dlclose(dl);
}
