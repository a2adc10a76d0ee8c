/* SPDX-License-Identifier: MIT */
/* A dump from bytes, and everything it answers. */
#include "fuzz/dump_run.h"

#include "harness/drive.h"
#include "harness/whole.h"

void dump_run(const uint8_t *data, size_t size) {
    unsigned flavour = 0;
    for (size_t i = 0; i < size && i < 64; i++)
        flavour += data[i];
    const struct sc_open_opts opts = {.sz = sizeof opts, .no_mmap = flavour & 2};
    struct drive d = {0};
    sc_target *target = NULL;
    if (drive_error(&d, sc_target_open_memory("fuzz.dmp", data, size, &opts, &target)))
        return;
    drive_target(&d, target);
    drive_analysis(&d, target);
    /* Commands take most of the time and find little that the rest does not. */
    if ((flavour & 0xc) == 0)
        drive_session(&d, target, flavour & 1 ? SC_RENDER_JSON : SC_RENDER_TEXT, drive_commands);
    sc_target_close(target);
}

void whole_run(const uint8_t *data, size_t size) {
    struct drive d = {0};
    sc_file *file = NULL;
    unsigned flags = size > 100 && data[99] & 1 ? SC_FILE_NO_MMAP : 0;
    if (!drive_error(&d, sc_file_memory("fuzz.dmp", data, size, flags, &file)))
        drive_whole(&d, file);
    dump_run(data, size);
}
