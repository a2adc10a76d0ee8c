/* SPDX-License-Identifier: MIT */
/* What several containers need: exception records, machine types, the names of images. */
#include <string.h>

#include "base/utf.h"
#include "dump/dump.h"

/* EXCEPTION_RECORD32 (0x50) and EXCEPTION_RECORD64 (0x98, with padding at +0x1c). */
void sc_read_exception(struct sc_cur *cur, bool is64, struct sc_exception *ret) {
    struct sc_exception e = {0};
    unsigned ptr = is64 ? 8 : 4;
    e.code = sc_u32(cur);
    e.flags = sc_u32(cur);
    e.record = sc_uptr(cur, ptr);
    e.address = sc_uptr(cur, ptr);
    e.nparams = sc_u32(cur);
    if (is64)
        sc_u32(cur);
    for (int i = 0; i < 15; i++)
        e.param[i] = sc_uptr(cur, ptr);
    /* A count beyond the array (or the writer's "PAGE" filler) means that none are valid. */
    if (e.nparams > 15)
        e.nparams = 0;
    *ret = e;
}

enum sc_cpu sc_cpu_from_machine(uint16_t machine) {
    switch (machine) {
    case 0x014c: return SC_CPU_X86;
    case 0x8664: return SC_CPU_X64;
    case 0xaa64: return SC_CPU_ARM64;
    case 0x01c0:
    case 0x01c2:
    case 0x01c4: return SC_CPU_ARM;
    case 0x0200: return SC_CPU_IA64;
    default: return SC_CPU_UNKNOWN;
    }
}

static bool is_separator(char c) { return c == '\\' || c == '/'; }

/* Behind the last separator that something follows. */
static const char *base_of(const char *path) {
    const char *p = path + strlen(path);
    if (p > path)
        p--;
    while (p > path && !is_separator(p[-1]))
        p--;
    return p;
}

/* Every kernel image Windows ships answers to "nt". */
static bool is_kernel_image(const char *image) {
    static const char *const names[] = {"ntoskrnl.exe", "ntkrnlmp.exe", "ntkrnlpa.exe",
                                        "ntkrpamp.exe", "ntkrnlup.exe", "ntkrla57.exe"};
    for (size_t i = 0; sc_lower(*image) == 'n' && i < sizeof names / sizeof *names; i++)
        if (!sc_strcasecmp(image, names[i]))
            return true;
    return false;
}

bool sc_module_names(sc_arena *arena, const char *path, const char **ret_name,
                     const char **ret_image) {
    char *image = sc_arena_strdup(arena, base_of(path));
    if (!image)
        return false;
    size_t n = strlen(image);
    while (n && (image[n - 1] == '\\' || image[n - 1] == '/'))
        image[--n] = 0;
    if (!n) { /* a path of separators alone: what it is called must still be something */
        *ret_name = *ret_image = "unnamed";
        return true;
    }
    if (is_kernel_image(image)) {
        *ret_name = "nt";
        *ret_image = image;
        return true;
    }
    const char *dot = strrchr(image, '.');
    char *name = sc_arena_strndup(arena, image, dot && dot > image ? (size_t)(dot - image) : n);
    if (!name)
        return false;
    /* These would end or split the name in an expression. */
    for (char *p = name; (p = strpbrk(p, " -!+*&|;,()[]{}<>=\"'`"));)
        *p++ = '_';
    *ret_name = name;
    *ret_image = image;
    return true;
}
