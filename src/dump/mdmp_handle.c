/* SPDX-License-Identifier: MIT */
/*
 * Handles, and what the application verifier recorded of them.
 *
 * HandleDataStream (12): header 0x10 (SizeOfHeader, SizeOfDescriptor, NumberOfDescriptors,
 * Reserved), then MINIDUMP_HANDLE_DESCRIPTOR (0x20) or _2 (0x28)
 *   +0x00 u64 Handle         +0x10 u32 Attributes      +0x20 u32 ObjectInfoRva (_2)
 *   +0x08 u32 TypeNameRva    +0x14 u32 GrantedAccess   +0x24 u32 Reserved0
 *   +0x0c u32 ObjectNameRva  +0x18 u32 HandleCount
 *                            +0x1c u32 PointerCount
 * ObjectInfoRva names the first of a chain of MINIDUMP_HANDLE_OBJECT_INFORMATION:
 *   +0x00 u32 NextInfoRva (0 = last)   +0x04 u32 InfoType   +0x08 u32 SizeOfInfo   +0x0c data
 * whose data are the system's own and depend on its version. That SizeOfInfo counts the data
 * alone is guessed: the documentation says "the size of the information".
 *
 * HandleOperationListStream (18): header 0x10 (SizeOfHeader, SizeOfEntry, NumberOfEntries,
 * Reserved), then AVRF_HANDLE_OPERATION of the public avrfsdk.h (0x120)
 *   +0x00 u64 Handle      +0x10 u32 OperationType (1 open, 2 close, 3 bad reference)
 *   +0x08 u32 ProcessId   +0x18 AVRF_BACKTRACE_INFORMATION: u32 Depth, u32 Index,
 *   +0x0c u32 ThreadId          u64 ReturnAddresses[32]
 */
#include "dump/mdmp_impl.h"

enum { OBJECT_INFO_HEADER = 12, TRACE_OFFSET = 0x20 };

sc_err *sc_mdmp_handle(struct sc_source *source, size_t index, struct sc_mdmp_handle *ret,
                       bool *ret_more) {
    const struct mdmp_list *list = mdmp_of(source) ? mdmp_list(source, MDMP_LIST_HANDLES) : NULL;
    if (!list || index >= list->count) {
        *ret_more = false;
        return NULL;
    }
    struct sc_cur c = mdmp_record(source, list, index);
    struct sc_mdmp_handle h = {0};
    h.handle = sc_u64(&c);
    uint32_t type_rva = sc_u32(&c), object_rva = sc_u32(&c);
    h.attributes = sc_u32(&c);
    h.access = sc_u32(&c);
    h.handle_count = sc_u32(&c);
    h.pointer_count = sc_u32(&c);
    if (list->entry >= 0x28)
        h.info_rva = sc_u32(&c);
    if (sc_cur_failed(&c))
        return sc_cur_err(&c);
    sc_err *err = mdmp_string(source, type_rva, "type name of a handle", &h.type);
    if (!err)
        err = mdmp_string(source, object_rva, "object name of a handle", &h.object);
    if (err)
        return err;
    *ret = h;
    *ret_more = true;
    return NULL;
}

static const char *info_name(uint32_t type) {
    static const char *const names[] = {
        "MiniHandleObjectInformationNone", "MiniThreadInformation1",  "MiniMutantInformation1",
        "MiniMutantInformation2",          "MiniProcessInformation1", "MiniProcessInformation2",
        "MiniEventInformation1",           "MiniSectionInformation1", "MiniSemaphoreInformation1",
    };
    return type < sizeof names / sizeof *names ? names[type] : NULL;
}

/* The record at RVA; *RET_NEXT is where the next one is. */
static sc_err *read_info(struct sc_source *source, uint32_t rva, struct sc_mdmp_object_info *info,
                         uint32_t *ret_next) {
    struct sc_cur c =
        sc_cur_at(source->file, rva, OBJECT_INFO_HEADER + (uint64_t)UINT32_MAX, "object info");
    *ret_next = sc_u32(&c);
    info->type = sc_u32(&c);
    info->size = sc_u32(&c);
    info->name = info_name(info->type);
    info->data_offset = c.pos;
    return sc_cur_fits(&c, info->size, 1) ? NULL : sc_cur_err(&c);
}

sc_err *sc_mdmp_object_info(struct sc_source *source, const struct sc_mdmp_handle *handle,
                            size_t index, struct sc_mdmp_object_info *ret, bool *ret_more) {
    uint32_t rva = mdmp_of(source) ? handle->info_rva : 0, next;
    struct sc_mdmp_object_info info;
    for (size_t i = 0; rva; i++, rva = next) {
        if (i == MDMP_OBJECT_INFO_MAX)
            return sc_err_at(SC_ERR_LIMIT, sc_file_name(source->file), rva,
                             "more than %d records about one handle: a loop?",
                             MDMP_OBJECT_INFO_MAX);
        sc_err *err = read_info(source, rva, &info, &next);
        if (err)
            return err;
        if (i == index) {
            *ret = info;
            *ret_more = true;
            return NULL;
        }
    }
    *ret_more = false;
    return NULL;
}

sc_err *sc_mdmp_handle_op(struct sc_source *source, size_t index, struct sc_mdmp_handle_op *ret,
                          bool *ret_more) {
    const struct mdmp_list *list = mdmp_of(source) ? mdmp_list(source, MDMP_LIST_HANDLE_OPS) : NULL;
    if (!list || index >= list->count) {
        *ret_more = false;
        return NULL;
    }
    struct sc_cur c = mdmp_record(source, list, index);
    struct sc_mdmp_handle_op op = {0};
    op.handle = sc_u64(&c);
    op.pid = sc_u32(&c);
    op.tid = sc_u32(&c);
    op.operation = sc_u32(&c);
    sc_u32(&c);
    uint32_t depth = sc_u32(&c), room = (list->entry - TRACE_OFFSET) / 8;
    sc_u32(&c);
    if (room > SC_MDMP_TRACE_MAX)
        room = SC_MDMP_TRACE_MAX;
    op.backtrace_frames = depth < room ? depth : room;
    for (uint32_t i = 0; i < op.backtrace_frames; i++)
        op.backtrace[i] = mdmp_address(source, sc_u64(&c));
    if (sc_cur_failed(&c))
        return sc_cur_err(&c);
    *ret = op;
    *ret_more = true;
    return NULL;
}
