/* SPDX-License-Identifier: MIT */
/*
 * For kdump_whole_compare.py.
 *
 *   kdump_whole_facts make FOLDER     forged whole-memory dumps, one of each type and width
 *   kdump_whole_facts FILE [nomap]    what the library reads from one: a line of JSON for each
 *                                     page, {"pfn", "offset", "crc"}, in the order of walking
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dump/dump.h"
#include "forge/wholes.h"

enum { PAGE = 0x1000 };

/* As zlib's crc32(). */
static uint32_t crc32_of(const uint8_t *p, size_t n) {
    uint32_t crc = ~0u;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

static int complain(sc_err *err) {
    fprintf(stderr, "%s\n", sc_err_text(err));
    sc_err_destroy(err);
    return 1;
}

static bool show_page(struct sc_pages *pages, uint64_t pa) {
    uint8_t buf[PAGE];
    uint64_t offset = 0;
    for (size_t done = 0, got; done < PAGE; done += got)
        if (pages->ops->read(pages->impl, pa + done, buf + done, PAGE - done, &got) != SC_READ_OK)
            return false;
    if (!pages->ops->offset(pages->impl, pa, &offset))
        return false;
    printf("{\"pfn\":%" PRIu64 ",\"offset\":%" PRIu64 ",\"crc\":%" PRIu32 "}\n", pa / PAGE, offset,
           crc32_of(buf, PAGE));
    return true;
}

static int show(const char *path, unsigned flags) {
    sc_file *file = NULL;
    struct sc_source *source = NULL;
    struct sc_pages pages = {0};
    sc_err *err = sc_file_open(path, flags, &file);
    if (!err)
        err = sc_source_open(file, &source);
    if (!err && source->ops->open_pages)
        err = source->ops->open_pages(source, &pages);
    if (err) {
        sc_source_destroy(source);
        return complain(err);
    }
    uint64_t at = 0, start, size;
    bool ok = pages.ops != NULL;
    while (ok && pages.ops->next(pages.impl, at, &start, &size))
        for (at = start; ok && at < start + size; at += PAGE)
            ok = show_page(&pages, at);
    if (pages.ops)
        pages.ops->destroy(pages.impl);
    sc_source_destroy(source);
    return !ok;
}

/* Numbers for pages and counts that look like nothing in particular. */
static uint64_t scatter(uint64_t n) { return (n * 0x9e3779b97f4a7c15) >> 40; }

/* RAM of 8 GB as a PC has it would be a large file: pieces below and above 4 GB do. */
static bool fill(struct forge_physmem *mem, bool is32) {
    bool ok = forge_physmem_add(mem, 0x1000, 0x9e000) && forge_physmem_add(mem, 0x100000, 0x80000);
    if (!is32)
        ok = ok && forge_physmem_add(mem, 0x100000000, 0x40000);
    forge_physmem_fill(mem, FORGE_RAM_PATTERN);
    for (uint64_t i = 0; ok && i < 60; i++) {
        uint64_t pa = 0x100000 + scatter(i) % 0x7f000, value = scatter(i + 1000);
        ok = forge_physmem_write(mem, pa, &value, sizeof value);
    }
    return ok;
}

static bool write_one(const char *folder, enum forge_whole_kind kind, bool is32) {
    static const struct forge_ram kernel[] = {{0x2000, 0x1000}, {0x11f000, 0x3000}},
                                  active[] = {{0x5000, 0x2000}, {0x100000, 0x4000}};
    char path[1024], why[FORGE_WHOLE_WHY] = "";
    struct forge_physmem *mem = forge_physmem_new();
    struct forge_whole w = {.kind = kind,
                            .mem = mem,
                            .is32 = is32,
                            .pae = is32,
                            .machine = is32 ? 0x14c : 0x8664,
                            .build = is32 ? 2600 : 19041,
                            .bugcheck = kind == FORGE_WHOLE_LIVE ? 0x161 : 0xd1,
                            .arg = {0x11, 2, 0, 0x8055a420},
                            .dtb = 0x1ad002,
                            .pfn_database = 0x80c7b000,
                            .loaded_module_list = 0x8055a420,
                            .active_process_head = 0x805627b8,
                            .debugger_data = 0x80546ae0,
                            .time = 0x01d6fe4a5f3c2b1a,
                            .uptime = 0x123456789,
                            .product_type = 1,
                            .suite_mask = 0x110,
                            .comment = "made for a comparison",
                            .kernel = kernel,
                            .nkernel = 2,
                            .active = active,
                            .nactive = 2,
                            .ncpus = 1};
    snprintf(path, sizeof path, "%s/%s%d.dmp", folder, forge_whole_name(kind), is32 ? 32 : 64);
    int fd = open(path, O_CREAT | O_TRUNC | O_RDWR, 0644);
    bool ok = fd >= 0 && fill(mem, is32) && forge_whole_write(&w, fd, why);
    if (!ok)
        fprintf(stderr, "%s: %s\n", path, why);
    if (fd >= 0)
        close(fd);
    forge_physmem_free(mem);
    return ok;
}

int main(int argc, char **argv) {
    if (argc == 3 && !strcmp(argv[1], "make")) {
        bool ok = true;
        for (int kind = FORGE_WHOLE_FULL; ok && kind <= FORGE_WHOLE_RDMP_F; kind++)
            for (int is32 = 0; ok && is32 < 2; is32++)
                ok = write_one(argv[2], (enum forge_whole_kind)kind, is32);
        return !ok;
    }
    if (argc == 2 || argc == 3)
        return show(argv[1], argc == 3 ? SC_FILE_NO_MMAP : 0);
    fputs("usage: kdump_whole_facts make FOLDER | FILE [nomap]\n", stderr);
    return 2;
}
