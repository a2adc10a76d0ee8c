/* SPDX-License-Identifier: MIT */
/*
 * Reading the log of writes to page files: 32 entries, which are used in turn.
 *
 *   until 8.1    nt!MiPageFileTraces
 *   Windows 10   nt!MiSystemPartition: Vp.PageFileTraces
 *
 * Each is an MI_PAGEFILE_TRACES. Sources: the public symbols of the kernels; that there are 32
 * until 8.1, too, follows from the room up to the next variable.
 */
#include "nt/pagewrites.h"

#include <stdlib.h>
#include <string.h>

#include "nt/global.h"

static const struct sc_layout_field rows[NT_PWR_FIELDS] = {
    [NT_PWR_STATUS] = {"Status", 4, true},
    [NT_PWR_PRIORITY] = {"Priority", 1, true},
    [NT_PWR_IRP_PRIORITY] = {"IrpPriority", 1, true},
    [NT_PWR_PARTITION] = {"PartitionId", 2, true},
    [NT_PWR_TIME] = {"CurrentTime", 8, true},
    [NT_PWR_AVAILABLE] = {"AvailablePages", 0, true},
    [NT_PWR_MODIFIED] = {"ModifiedPagesTotal", 0, true},
    [NT_PWR_MODIFIED_PAGEFILE] = {"ModifiedPagefilePages", 0, true},
    [NT_PWR_MODIFIED_NO_WRITE] = {"ModifiedNoWritePages", 0, true},
    [NT_PWR_BYTES] = {"MdlHack.Mdl.ByteCount", 4, true},
};
static const struct nt_def def = {
    {"nt!_MI_PAGEFILE_TRACES", rows, NT_PWR_FIELDS}, NT_PWR_FIELDS, NULL, NULL, 0};
static const struct sc_layout_field place_rows[] = {{"Vp.PageFileTraces", 1, true}};
static const struct nt_def place_def = {{"nt!_MI_PARTITION", place_rows, 1}, 1, NULL, NULL, 0};

static sc_err *find(const struct nt *nt, uint64_t *ret) {
    struct nt_field at;
    uint64_t offset;
    bool found = false;
    bool old = nt->build < 10000;
    const char *name = old ? "nt!MiPageFileTraces" : "nt!MiSystemPartition";
    sc_err *err = nt_var_address(nt, &(struct nt_var){name, 0}, &at);
    if (!err && at.state != NT_READ)
        err = sc_errf(SC_ERR_NOT_FOUND, "the symbols do not have %s", name);
    if (!err && !old)
        err = nt_offset(nt, &place_def, 0, &offset, &found);
    if (!err && !old && !found)
        err = sc_errf(SC_ERR_NOT_FOUND, "the symbols do not have PageFileTraces in "
                                        "nt!_MI_VISIBLE_PARTITION, the Vp of nt!_MI_PARTITION");
    if (!err)
        *ret = old ? at.value : nt_add(nt, at.value, offset);
    return err;
}

static int by_time(const void *a, const void *b) {
    const struct nt_field *x = &((const struct nt_page_write *)a)->f[NT_PWR_TIME];
    const struct nt_field *y = &((const struct nt_page_write *)b)->f[NT_PWR_TIME];
    return (x->value > y->value) - (x->value < y->value);
}

sc_err *nt_page_writes_read(const struct nt *nt, struct nt_page_writes *ret) {
    struct nt_page_writes w = {.count = 0};
    const sc_layout *layout;
    uint64_t at = 0;
    sc_err *err = find(nt, &at);
    if (!err)
        err = sc_layout_book_get(nt->book, &def.layout, &layout);
    uint64_t size = err ? 0 : sc_layout_size(layout);
    if (!err && !size)
        err = sc_errf(SC_ERR_NOT_FOUND, "the size of nt!_MI_PAGEFILE_TRACES is not known");
    for (unsigned i = 0; !err && i < NT_PAGE_WRITES; i++) {
        struct nt_page_write *p = &w.item[w.count];
        p->address = nt_add(nt, at, i * size);
        err = nt_load(nt, &def, p->address, p->f, &w.assumed);
        if (!err && !nt_any(p->f, NT_PWR_FIELDS))
            w.absent++;
        else if (nt_set(&p->f[NT_PWR_TIME]))
            w.count++;
    }
    if (err)
        return err;
    qsort(w.item, w.count, sizeof *w.item, by_time);
    *ret = w;
    return NULL;
}
