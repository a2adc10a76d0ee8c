/* SPDX-License-Identifier: MIT */
/*
 * The heap's record of a failure, of Windows 7 and later, as published outputs of the debugger show
 * it (`dt ntdll!_HEAP_FAILURE_INFORMATION`, `!heap -s`):
 *
 *     32-bit  64-bit
 *     +0x00   +0x00   Version (4 bytes)
 *     +0x04   +0x04   StructureSize (4 bytes)
 *     +0x08   +0x08   FailureType (4 bytes)
 *     +0x0c   +0x10   HeapAddress
 *     +0x10   +0x18   Address: the block
 *     …               more about the block, and the stack that found it
 *
 * The names are those that the debugger prints, the sentences ours. Nothing else is believed of a
 * record whose size or type is not plausible.
 */
#include "nt/heapfail.h"

enum { SIZE_MIN = 0x20, SIZE_LIMIT = 0x1000, VERSION_MAX = 16 };

static const struct {
    const char *name, *text;
} types[] = {
    {"heap_failure_internal", "The heap's own state is not what it must be."},
    {"heap_failure_unknown", "The kind of damage is not known."},
    {"heap_failure_generic", "A block's header does not fit the heap."},
    {"heap_failure_entry_corruption", "The header of a block was overwritten."},
    {"heap_failure_multiple_entries_corruption", "The headers of several blocks were overwritten."},
    {"heap_failure_virtual_block_corruption", "The header of a large block was overwritten."},
    {"heap_failure_buffer_overrun", "Somebody wrote past the end of a block."},
    {"heap_failure_buffer_underrun", "Somebody wrote in front of a block."},
    {"heap_failure_block_not_busy",
     "A block was freed that is not allocated: freed twice, or never allocated."},
    {"heap_failure_invalid_argument",
     "A pointer was handed to the heap that is none of its blocks."},
    {"heap_failure_invalid_allocation_type",
     "A block was freed by other functions than those that allocated it."},
    {"heap_failure_usage_after_free", "A block was written to after it had been freed."},
    {"heap_failure_cross_heap_operation", "A block was freed to another heap than its own."},
    {"heap_failure_freelists_corruption", "The list of free blocks was overwritten."},
    {"heap_failure_listentry_corruption", "The links between free blocks were overwritten."},
};

bool nt_heapfail_read(sc_target *target, uint64_t addr, struct nt_heapfail *ret) {
    sc_space *space = sc_target_space(target);
    unsigned ptr = sc_target_ptr_size(target);
    uint64_t version, size, type, heap, block, at = sc_space_canon(space, addr);
    if (!at || sc_space_uint(space, at, 4, &version) != SC_READ_OK ||
        sc_space_uint(space, at + 4, 4, &size) != SC_READ_OK ||
        sc_space_uint(space, at + 8, 4, &type) != SC_READ_OK ||
        sc_space_ptr(space, at + (ptr == 4 ? 0xc : 0x10), &heap) != SC_READ_OK ||
        sc_space_ptr(space, at + (ptr == 4 ? 0x10 : 0x18), &block) != SC_READ_OK)
        return false;
    if (!version || version > VERSION_MAX || size < SIZE_MIN || size > SIZE_LIMIT || type > 64 ||
        !heap || heap & 0xfff)
        return false;
    bool known = type < sizeof types / sizeof *types;
    *ret = (struct nt_heapfail){.type = (uint32_t)type,
                                .name = known ? types[type].name : NULL,
                                .text = known ? types[type].text : NULL,
                                .heap = heap,
                                .block = block};
    return true;
}
