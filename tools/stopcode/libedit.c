/* SPDX-License-Identifier: MIT */
/* Loading libedit. */
#include "libedit.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

bool libedit_load(struct libedit *lib) {
    static const struct {
        const char *name;
        size_t offset;
    } wanted[] = {
        {"el_init", offsetof(struct libedit, el_init)},
        {"el_end", offsetof(struct libedit, el_end)},
        {"el_reset", offsetof(struct libedit, el_reset)},
        {"el_gets", offsetof(struct libedit, el_gets)},
        {"el_set", offsetof(struct libedit, el_set)},
        {"el_wset", offsetof(struct libedit, el_wset)},
        {"el_resize", offsetof(struct libedit, el_resize)},
        {"el_line", offsetof(struct libedit, el_line)},
        {"el_insertstr", offsetof(struct libedit, el_insertstr)},
        {"history_init", offsetof(struct libedit, history_init)},
        {"history_end", offsetof(struct libedit, history_end)},
        {"history", offsetof(struct libedit, history)},
    };
    lib->handle = dlopen("libedit.so.2", RTLD_NOW | RTLD_LOCAL);
    if (!lib->handle)
        return false;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        void *symbol = dlsym(lib->handle, wanted[i].name);
        if (!symbol) {
            libedit_unload(lib);
            return false;
        }
        /* POSIX lets a data pointer stand for a function here; ISO C has no cast for it. */
        memcpy((char *)lib + wanted[i].offset, &symbol, sizeof symbol);
    }
    return true;
}

void libedit_unload(struct libedit *lib) {
    if (lib->handle)
        dlclose(lib->handle);
    lib->handle = NULL;
}
