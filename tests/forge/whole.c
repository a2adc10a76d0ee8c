/* SPDX-License-Identifier: MIT */
/* Which container is which, and the simple ones: physical memory as it is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "forge/whole_impl.h"

static const struct {
    const char *name;
    bool partial;
    void (*write)(const struct forge_whole *w, struct forge_stream *s);
} kinds[FORGE_WHOLES] = {
    [FORGE_WHOLE_FULL] = {"full", false, whole_write_full},
    [FORGE_WHOLE_SUMMARY] = {"summary", true, whole_write_summary},
    [FORGE_WHOLE_BITMAP] = {"bitmap", false, whole_write_bitmap},
    [FORGE_WHOLE_KERNEL] = {"kernel", true, whole_write_bitmap},
    [FORGE_WHOLE_AUTOMATIC] = {"automatic", true, whole_write_bitmap},
    [FORGE_WHOLE_LIVE] = {"live", true, whole_write_bitmap},
    [FORGE_WHOLE_RDMP_K] = {"rdmp-k", true, whole_write_rdmp},
    [FORGE_WHOLE_RDMP_KA] = {"rdmp-ka", true, whole_write_rdmp},
    [FORGE_WHOLE_RDMP_F] = {"rdmp-f", false, whole_write_rdmp},
    [FORGE_WHOLE_ELF] = {"elf", false, whole_write_elf},
    [FORGE_WHOLE_ELF_NONOTES] = {"elf-nonotes", false, whole_write_elf},
    [FORGE_WHOLE_ELF_BARE] = {"elf-bare", false, whole_write_elf},
    [FORGE_WHOLE_ELF_PAGING] = {"elf-paging", false, whole_write_elf},
    [FORGE_WHOLE_VBOX] = {"vbox", false, whole_write_vbox},
    [FORGE_WHOLE_RAW] = {"raw", false, whole_write_raw},
    [FORGE_WHOLE_LIME] = {"lime", false, whole_write_lime},
    [FORGE_WHOLE_VMEM] = {"vmem", false, whole_write_vmem},
    [FORGE_WHOLE_VMSS] = {"vmss", false, NULL},
};

const char *forge_whole_name(enum forge_whole_kind kind) {
    return kind < FORGE_WHOLES ? kinds[kind].name : NULL;
}

bool forge_whole_from_name(const char *name, enum forge_whole_kind *ret) {
    for (unsigned i = 1; i < FORGE_WHOLES; i++)
        if (!strcmp(kinds[i].name, name)) {
            *ret = (enum forge_whole_kind)i;
            return true;
        }
    return false;
}

bool forge_whole_is_partial(enum forge_whole_kind kind) { return kinds[kind].partial; }

size_t whole_runs(const struct forge_whole *w, const struct forge_ram **ret) {
    if (w->kind == FORGE_WHOLE_RDMP_KA) {
        *ret = w->active;
        return w->nactive;
    }
    if (forge_whole_is_partial(w->kind)) {
        *ret = w->kernel;
        return w->nkernel;
    }
    return forge_physmem_runs(w->mem, ret);
}

uint64_t whole_run_pages(const struct forge_ram *run, size_t n) {
    uint64_t pages = 0;
    for (size_t i = 0; i < n; i++)
        pages += run[i].size / FORGE_FRAME;
    return pages;
}

uint64_t whole_reg(const struct forge_whole_cpu *cpu, const char *name) {
    const struct sc_reg *reg = sc_reg_find(cpu->regs.cpu, name);
    return reg ? sc_reg_value(&cpu->regs, reg) : 0;
}

/* ---- without a format, nearly ---- */

/* Byte N of the file is byte N of physical memory; what is no RAM is a hole. */
void whole_write_raw(const struct forge_whole *w, struct forge_stream *s) {
    const struct forge_ram *run;
    size_t n = forge_physmem_runs(w->mem, &run);
    for (size_t i = 0; i < n; i++) {
        forge_stream_to(s, run[i].start);
        forge_stream_memory(s, w->mem, run[i].start, run[i].size);
    }
}

/*
 * LiME, version 1: before each run
 *   +0x00 u32 "EMiL" 4c694d45   +0x04 u32 1   +0x08 u64 start   +0x10 u64 last byte   +0x18 u64 0
 */
void whole_write_lime(const struct forge_whole *w, struct forge_stream *s) {
    const struct forge_ram *run;
    size_t n = forge_physmem_runs(w->mem, &run);
    for (size_t i = 0; i < n; i++) {
        struct forge f;
        forge_init(&f);
        forge_u32(&f, 0x4c694d45);
        forge_u32(&f, 1);
        forge_u64(&f, run[i].start);
        forge_u64(&f, run[i].start + run[i].size - 1);
        forge_u64(&f, 0);
        forge_stream_part(s, &f);
        forge_stream_memory(s, w->mem, run[i].start, run[i].size);
    }
}

/* ---- all of them ---- */

static bool end(struct forge_stream *s, const char *what, char *why) {
    if (forge_stream_end(s))
        return true;
    snprintf(why, FORGE_WHOLE_WHY, "%s: %s", what,
             s->error ? strerror(s->error) : "it cannot be made");
    return false;
}

bool forge_whole_write(const struct forge_whole *w, int fd, char *why) {
    struct forge_stream s = {.fd = fd};
    if (!forge_whole_name(w->kind)) {
        snprintf(why, FORGE_WHOLE_WHY, "no such container");
        return false;
    }
    if (kinds[w->kind].write)
        kinds[w->kind].write(w, &s);
    else
        whole_write_vmss(w, &s, true);
    return end(&s, forge_whole_name(w->kind), why);
}

bool forge_whole_write_vmss(const struct forge_whole *w, int fd, char *why) {
    struct forge_stream s = {.fd = fd};
    whole_write_vmss(w, &s, false);
    return end(&s, "vmss", why);
}

bool forge_whole_bytes(const struct forge_whole *w, struct forge_bytes *ret, char *why) {
    FILE *file = tmpfile();
    int fd = file ? fileno(file) : -1;
    bool ok = file && forge_whole_write(w, fd, why);
    off_t size = ok ? lseek(fd, 0, SEEK_END) : 0;
    struct forge_bytes bytes = {.data = ok ? malloc((size_t)size) : NULL, .size = (size_t)size};
    for (size_t at = 0; ok && at < bytes.size;) {
        ssize_t n = pread(fd, bytes.data + at, bytes.size - at, (off_t)at);
        ok = n > 0;
        at += ok ? (size_t)n : 0;
    }
    if (!file)
        snprintf(why, FORGE_WHOLE_WHY, "no temporary file");
    if (file)
        fclose(file);
    if (ok)
        *ret = bytes;
    else
        free(bytes.data);
    return ok;
}
