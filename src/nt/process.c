/* SPDX-License-Identifier: MIT */
/*
 * Reading EPROCESS.
 *
 *   quota          QuotaUsage (nonpaged, paged, page file) until Vista; ProcessQuotaUsage since 7
 *   working set    Vm is an MMSUPPORT until 8.1, an MMSUPPORT_FULL with an instance in it since 10
 *   VADs           VadRoot is a pointer in XP, an AVL table whose first node is the root until 8, a
 *                  tree (one pointer) since 8.1
 *   device map     an EX_FAST_REF since Windows 11
 *   times          32 bits of ticks; of newer kernels the lower half, the upper one is far behind
 *   handles        counted by their table: handle.h
 *
 * Sources: the public symbols of the kernels (tables of layouts in data/layouts).
 */
#include "nt/process.h"

#include <string.h>

#include "nt/handle.h"

#define PCB(name) "Pcb." name

static const struct sc_layout_field rows[NT_P_FIELDS] = {
    [NT_P_TYPE] = {PCB("Header.Type"), 1, true},
    [NT_P_PID] = {"UniqueProcessId", 1, true},
    [NT_P_PARENT] = {"InheritedFromUniqueProcessId", 1, true},
    [NT_P_PEB] = {"Peb", 1, true},
    [NT_P_USER_DIR_BASE] = {PCB("UserDirectoryTableBase"), 1, true},
    [NT_P_OBJECT_TABLE] = {"ObjectTable", 1, true},
    [NT_P_SESSION] = {"Session", 1, true},
    [NT_P_VAD_COUNT] = {"VadCount|VadRoot.NumberGenericTableElements", 0, true},
    [NT_P_PRIVATE_PAGES] = {"NumberOfPrivatePages", 1, true},
    [NT_P_MODIFIED_PAGES] = {"ModifiedPageCount", 4, true},
    [NT_P_LOCKED_PAGES] = {"NumberOfLockedPages", 1, true},
    [NT_P_CREATE_TIME] = {"CreateTime", 8, true},
    [NT_P_EXIT_TIME] = {"ExitTime", 8, true},
    [NT_P_EXIT_STATUS] = {"ExitStatus", 4, true},
    [NT_P_KERNEL_TIME] = {PCB("KernelTime") "|" PCB("KernelTimeLow"), 4, true},
    [NT_P_USER_TIME] = {PCB("UserTime") "|" PCB("UserTimeLow"), 4, true},
    [NT_P_KERNEL_TIME_HIGH] = {"KernelTimeHigh", 4, true},
    [NT_P_USER_TIME_HIGH] = {"UserTimeHigh", 4, true},
    [NT_P_VIRTUAL_SIZE] = {"VirtualSize", 1, true},
    [NT_P_PEAK_VIRTUAL_SIZE] = {"PeakVirtualSize", 1, true},
    [NT_P_COMMIT_CHARGE] = {"CommitCharge", 1, true},
    [NT_P_BASE_PRIORITY] = {PCB("BasePriority"), 1, true},
    [NT_P_JOB] = {"Job", 1, true},
    [NT_P_FLAGS] = {"Flags", 4, true},
    [NT_P_FLAGS2] = {"Flags2", 4, true},
    [NT_P_EXITING] = {"ProcessExiting", 0, true},
    [NT_P_DELETING] = {"ProcessDelete", 0, true},
    [NT_P_WOW64] = {"WoW64Process|Wow64Process", 1, true},
    [NT_P_ACTIVE_THREADS] = {"ActiveThreads", 4, true},
    /* Whose place alone is asked for: see read_place(). */
    [NT_P_THREAD_LIST] = {"ThreadListHead", 1, true},
    [NT_P_LIST_LINK] = {"ActiveProcessLinks", 1, true},
    [NT_P_TOKEN] = {"Token", 1, true},
    [NT_P_DEVICE_MAP] = {"DeviceMap", 1, true},
    [NT_P_CLONE_ROOT] = {"CloneRoot", 1, true},
    [NT_P_QUOTA_NONPAGED] = {"ProcessQuotaUsage|QuotaUsage", 1, true},
    [NT_P_QUOTA_PAGED] = {"ProcessQuotaUsage|QuotaUsage", 1, true},
    [NT_P_VAD_ROOT] = {"VadRoot", 1, true},
    [NT_P_VM] = {"Vm", 1, true},
    [NT_P_IMAGE] = {"ImageFileName", 1, true},
    [NT_P_DIR_BASE] = {PCB("DirectoryTableBase"), 1, true},
};
static const uint8_t pointers[] = {NT_P_PID,
                                   NT_P_PARENT,
                                   NT_P_PEB,
                                   NT_P_OBJECT_TABLE,
                                   NT_P_SESSION,
                                   NT_P_JOB,
                                   NT_P_WOW64,
                                   NT_P_PRIVATE_PAGES,
                                   NT_P_LOCKED_PAGES,
                                   NT_P_VIRTUAL_SIZE,
                                   NT_P_PEAK_VIRTUAL_SIZE,
                                   NT_P_COMMIT_CHARGE,
                                   NT_P_USER_DIR_BASE};
static const struct nt_def process_def = {
    {"nt!_EPROCESS", rows, NT_P_FIELDS}, NT_P_FIELDS, NULL, NT_POINTERS(pointers)};

/* ---- what is more than a field ---- */

/* Places: what lies there, pointers behind it, and the bits that are no part of the address. */
static const struct place {
    uint8_t field, pointers;
    bool fast_ref;
} places[] = {
    {NT_P_TOKEN, 0, true},           {NT_P_DEVICE_MAP, 0, false},  {NT_P_CLONE_ROOT, 0, false},
    {NT_P_QUOTA_NONPAGED, 0, false}, {NT_P_QUOTA_PAGED, 1, false}, {NT_P_DIR_BASE, 0, false},
    {NT_P_VAD_ROOT, 0, false},       {NT_P_VM, 0, false},          {NT_P_IMAGE, 0, false},
};

/* The pointers that an address in a structure is away from what is wanted. */
static unsigned pointers_before(const struct nt *nt, const struct place *p) {
    bool table = nt->build >= 3790 && nt->build <= 9200;
    return p->field == NT_P_VAD_ROOT && table ? 2 : p->pointers;
}

static bool is_fast_ref(const struct nt *nt, const struct place *p) {
    return p->fast_ref || (p->field == NT_P_DEVICE_MAP && nt->build >= 22000);
}

static sc_err *read_place(const struct nt *nt, const struct place *p, struct nt_process *t) {
    uint64_t offset;
    bool found;
    struct nt_field *f = &t->f[p->field];
    sc_err *err = nt_offset(nt, &process_def, p->field, &offset, &found);
    if (err || !found)
        return err;
    offset += (uint64_t)pointers_before(nt, p) * nt->ptr_size;
    if (p->field == NT_P_VM || p->field == NT_P_IMAGE) {
        f->value = nt_add(nt, t->address, offset);
        return NULL;
    }
    *f = nt_pointer(nt, nt_add(nt, t->address, offset));
    if (is_fast_ref(nt, p))
        f->value &= ~(uint64_t)(nt->ptr_size == 8 ? 15 : 7);
    return NULL;
}

static void join(struct nt_field *low, const struct nt_field *high) {
    if (low->state == NT_READ && high->state == NT_READ)
        low->value |= high->value << 32;
}

/* Printable up to a NUL or to the end of the field, and not empty: else it is no name. */
static void read_image(const struct nt *nt, struct nt_process *p) {
    char name[NT_IMAGE_NAME] = {0};
    const struct nt_field *at = &p->f[NT_P_IMAGE];
    p->image_state = at->state == NT_NO_FIELD ? NT_NO_FIELD : NT_ABSENT;
    if (at->state != NT_READ ||
        sc_space_read(nt->space, at->value, name, NT_IMAGE_NAME - 1, NULL) != SC_READ_OK)
        return;
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return;
    if (*name) {
        memcpy(p->image, name, sizeof name);
        p->image_state = NT_READ;
    }
}

static const struct sc_layout_field ws_rows[] = {
    [NT_W_SIZE] = {"WorkingSetSize", 0, true},
    [NT_W_PEAK] = {"PeakWorkingSetSize", 0, true},
    [NT_W_MINIMUM] = {"MinimumWorkingSetSize", 0, true},
    [NT_W_MAXIMUM] = {"MaximumWorkingSetSize", 0, true},
    [NT_W_FAULTS] = {"PageFaultCount", 4, true},
    [NT_W_MEMORY_PRIORITY] = {"Flags.MemoryPriority", 0, true},
    {"WorkingSetSize", 4, true},
    {"PeakWorkingSetSize", 4, true},
    {"MinimumWorkingSetSize", 4, true},
    {"MaximumWorkingSetSize", 4, true},
};
static const uint8_t ws_spare_of[] = {NT_W_SIZE, NT_W_PEAK, NT_W_MINIMUM, NT_W_MAXIMUM};
static const struct nt_def ws_def = {
    {"nt!_MMSUPPORT_INSTANCE|nt!_MMSUPPORT", ws_rows, 10}, NT_W_FIELDS, ws_spare_of, NULL, 0};

static const struct sc_layout_field session_rows[] = {{"SessionId", 4, true}};
static const struct nt_def session_def = {
    {"nt!_MM_SESSION_SPACE", session_rows, 1}, 1, NULL, NULL, 0};

/* The one field of the structure that field F points to. */
static sc_err *read_behind(const struct nt *nt, const struct nt_field *f, const struct nt_def *def,
                           struct nt_field *ret) {
    *ret = (struct nt_field){0, f->state == NT_NO_FIELD ? NT_NO_FIELD : NT_ABSENT};
    if (!nt_set(f) || !nt_is_kernel(nt, f->value))
        return NULL;
    return nt_load_optional(nt, def, f->value, ret, NULL);
}

static sc_err *read_handle_count(const struct nt *nt, struct nt_process *p) {
    const struct nt_field *table = &p->f[NT_P_OBJECT_TABLE];
    p->handle_count.state = table->state == NT_NO_FIELD ? NT_NO_FIELD : NT_ABSENT;
    if (!nt_set(table) || !nt_is_kernel(nt, table->value))
        return NULL;
    return nt_handle_count(nt, table->value, &p->handle_count);
}

sc_err *nt_process_read(const struct nt *nt, uint64_t address, struct nt_process *ret) {
    struct nt_process p = {.address = address};
    sc_err *err = nt_load(nt, &process_def, address, p.f, &p.assumed);
    for (size_t i = 0; !err && i < sizeof places / sizeof *places; i++)
        err = read_place(nt, &places[i], &p);
    if (err)
        return err;
    join(&p.f[NT_P_KERNEL_TIME], &p.f[NT_P_KERNEL_TIME_HIGH]);
    join(&p.f[NT_P_USER_TIME], &p.f[NT_P_USER_TIME_HIGH]);
    read_image(nt, &p);
    if (!err && p.f[NT_P_VM].state != NT_NO_FIELD)
        err = nt_load_optional(nt, &ws_def, p.f[NT_P_VM].value, p.ws, &p.assumed);
    if (!err)
        err = read_behind(nt, &p.f[NT_P_SESSION], &session_def, &p.session_id);
    if (!err)
        err = read_handle_count(nt, &p);
    if (!err)
        *ret = p;
    return err;
}

sc_err *nt_process_read_name(const struct nt *nt, uint64_t address, struct nt_process *ret) {
    struct nt_process p = {.address = address};
    sc_err *err = NULL;
    for (size_t i = 0; !err && i < sizeof places / sizeof *places; i++) {
        uint8_t field = places[i].field;
        if (field != NT_P_DEVICE_MAP && field != NT_P_IMAGE)
            continue;
        err = read_place(nt, &places[i], &p);
        if (field == NT_P_IMAGE && p.f[field].value)
            p.f[field].state = NT_READ; /* a place */
    }
    if (!err)
        read_image(nt, &p);
    if (!err)
        *ret = p;
    return err;
}

bool nt_process_present(const struct nt_process *p) { return nt_any(p->f, NT_P_FIELDS); }

bool nt_process_valid(const struct nt_process *p) {
    const struct nt_field *type = &p->f[NT_P_TYPE];
    return type->state == NT_READ && (type->value & 0x7f) == 3;
}

/* ---- lists ---- */

sc_err *nt_processes_begin(const struct nt *nt, struct nt_list *ret_list, bool *ret_found) {
    uint64_t head = sc_target_machine(nt->target)->active_process_head;
    bool found = head != 0;
    sc_err *err =
        found ? NULL : sc_symtab_lookup(nt->symtab, "nt!PsActiveProcessHead", &head, &found);
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND))
        found = false;
    if (err)
        return err;
    if (found)
        nt_list_begin(ret_list, nt, sc_space_canon(nt->space, head), NT_PROCESSES_MAX);
    *ret_found = found;
    return NULL;
}

sc_err *nt_each_process(const struct nt *nt, nt_process_fn fn, void *ctx) {
    struct nt_list list;
    struct nt_process p;
    uint64_t link, address;
    bool has, more = true;
    sc_err *err = nt_processes_begin(nt, &list, &has);
    while (!err && has && more && nt_list_next(&list, &link)) {
        err = nt_process_of_link(nt, link, &address);
        if (!err)
            err = nt_process_read(nt, address, &p);
        if (!err && nt_process_valid(&p))
            err = fn(ctx, &p, &more);
    }
    return !err && has && list.end == NT_LIST_STOP ? sc_err_cancelled() : err;
}

sc_err *nt_process_of_link(const struct nt *nt, uint64_t link, uint64_t *ret) {
    uint64_t offset;
    bool found;
    sc_err *err = nt_offset(nt, &process_def, NT_P_LIST_LINK, &offset, &found);
    if (!err && !found)
        err = sc_errf(SC_ERR_NOT_FOUND, "nt!_EPROCESS has no ActiveProcessLinks");
    if (!err)
        *ret = nt_add(nt, link, 0 - offset);
    return err;
}

sc_err *nt_process_threads_begin(const struct nt *nt, const struct nt_process *p,
                                 struct nt_list *ret_list, bool *ret_found) {
    uint64_t offset;
    sc_err *err = nt_offset(nt, &process_def, NT_P_THREAD_LIST, &offset, ret_found);
    if (!err && *ret_found)
        nt_list_begin(ret_list, nt, nt_add(nt, p->address, offset), NT_THREADS_MAX);
    return err;
}
