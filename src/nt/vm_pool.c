/* SPDX-License-Identifier: MIT */
/*
 * How many pages each pool has in use.
 *
 *   until 17763   POOL_DESCRIPTORs: nt!NonPagedPoolDescriptor (since Windows 8 two, one for code;
 *                 PoolType tells them apart), nt!ExpNonPagedPoolDescriptor[] one (or two) a node;
 *                 nt!ExpPagedPoolDescriptor[], one more than nt!ExpNumberOfPagedPools
 *                 pages: TotalPages + TotalBigPages, since 14393 PagesAllocated -
 *                 PagesDeallocated and the same of BigPages
 *   since 18362   nt!ExPoolState (EX_POOL_HEAP_MANAGER_STATE): PoolNode[].Heaps[], of which the
 *                 first is nonpaged pool with code, the second without, the third paged pool; a
 *                 SEGMENT_HEAP's MemStats.TotalCommittedPages
 *
 * Sources: the public symbols of the kernels (tables of layouts in data/layouts), and MemProcFS'
 * documentation for the order of the heaps. That two descriptors lie side by side since Windows 8
 * is seen in published lists of them.
 */
#include "nt/vm_pool.h"

#include "nt/global.h"

enum { NODES_MAX = 64, HEAP_NONPAGED_NX = 1, HEAP_PAGED = 2 };
enum { TYPE_NONPAGED = 0, TYPE_NONPAGED_NX = 0x200 };

/* ---- descriptors ---- */

enum { D_TYPE, D_PAGES, D_BIG_PAGES, D_ALLOCATED, D_FREED, D_BIG_ALLOCATED, D_BIG_FREED, D_FIELDS };
static const struct sc_layout_field rows[D_FIELDS] = {
    [D_TYPE] = {"PoolType", 4, true},
    [D_PAGES] = {"TotalPages", 4, true},
    [D_BIG_PAGES] = {"TotalBigPages", 4, true},
    [D_ALLOCATED] = {"PagesAllocated", 0, true},
    [D_FREED] = {"PagesDeallocated", 0, true},
    [D_BIG_ALLOCATED] = {"BigPagesAllocated", 0, true},
    [D_BIG_FREED] = {"BigPagesDeallocated", 0, true},
};
static const struct nt_def def = {{"nt!_POOL_DESCRIPTOR", rows, D_FIELDS}, D_FIELDS, NULL, NULL, 0};

struct descriptor {
    struct nt_field pages;
    uint64_t type;
};

static sc_err *read_descriptor(const struct nt *nt, uint64_t address, struct nt_vm *vm,
                               struct descriptor *ret) {
    struct nt_field f[D_FIELDS];
    sc_err *err = nt_load_optional(nt, &def, address, f, &vm->assumed);
    if (err)
        return err;
    bool counts = f[D_ALLOCATED].state != NT_NO_FIELD;
    const struct nt_field *a = &f[counts ? D_ALLOCATED : D_PAGES];
    const struct nt_field *b = &f[counts ? D_BIG_ALLOCATED : D_BIG_PAGES];
    ret->pages = (struct nt_field){0, a->state < b->state ? a->state : b->state};
    if (ret->pages.state == NT_READ) {
        ret->pages.value = a->value + b->value;
        if (counts)
            ret->pages.value -= nt_or(&f[D_FREED], 0) + nt_or(&f[D_BIG_FREED], 0);
        ret->pages.value &= nt->ptr_size == 4 ? UINT32_MAX : UINT64_MAX;
    }
    ret->type = nt_or(&f[D_TYPE], UINT64_MAX) & UINT32_MAX;
    return NULL;
}

static sc_err *descriptor_size(const struct nt *nt, uint64_t *ret) {
    const sc_layout *layout;
    sc_err *err = sc_layout_book_get(nt->book, &def.layout, &layout);
    *ret = 0;
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND))
        return NULL;
    if (!err)
        *ret = sc_layout_size(layout);
    return err;
}

/* Adds PAGES to a sum that may be unknown so far. */
static void add(struct nt_field *sum, const struct nt_field *pages) {
    if (pages->state != NT_READ)
        return;
    sum->value = sum->state == NT_READ ? sum->value + pages->value : pages->value;
    sum->state = NT_READ;
}

/* The descriptors of one node: two since Windows 8. */
static sc_err *read_node(const struct nt *nt, uint64_t address, struct nt_vm *vm,
                         struct nt_field *ret_exec, struct nt_field *ret_nx) {
    uint64_t size;
    sc_err *err = descriptor_size(nt, &size);
    *ret_exec = *ret_nx = (struct nt_field){0, NT_ABSENT};
    unsigned n = nt->build >= 9200 && size ? 2 : 1;
    for (unsigned i = 0; !err && i < n; i++) {
        struct descriptor d;
        err = read_descriptor(nt, nt_add(nt, address, i * size), vm, &d);
        if (!err && d.type == TYPE_NONPAGED)
            add(ret_exec, &d.pages);
        else if (!err && d.type == TYPE_NONPAGED_NX)
            add(ret_nx, &d.pages);
    }
    return err;
}

static sc_err *read_nodes(const struct nt *nt, uint64_t array, uint64_t count, struct nt_vm *vm) {
    sc_err *err = NULL;
    for (uint64_t i = 0; !err && i < count; i++) {
        struct nt_field node = nt_pointer(nt, nt_add(nt, array, i * nt->ptr_size)), exec, nx;
        struct nt_field *pages = &vm->nonpaged.pages[vm->nonpaged.count++];
        *pages = (struct nt_field){0, NT_ABSENT};
        if (!nt_set(&node))
            continue;
        err = read_node(nt, node.value, vm, &exec, &nx);
        add(pages, &exec);
        add(pages, &nx);
        if (!err && nt->build >= 9200) {
            add(&vm->counter[NT_VM_NONPAGED], &exec);
            add(&vm->counter[NT_VM_NONPAGED_NX], &nx);
        }
    }
    return err;
}

static sc_err *read_nonpaged(const struct nt *nt, struct nt_vm *vm) {
    static const struct nt_var first = {"nt!NonPagedPoolDescriptor", 0x1c0};
    struct nt_field count, array, at, exec, nx;
    sc_err *err = nt_var_named(nt, "nt!ExpNumberOfNonPagedPools", 4, &count);
    if (!err)
        err = nt_var_address(nt, &(struct nt_var){"nt!ExpNonPagedPoolDescriptor", 0}, &array);
    if (!err)
        err = nt_var_address(nt, &first, &at);
    if (err)
        return err;
    /* Since Windows 8 what lies in the one counter is not told apart. */
    if (nt->build >= 9200)
        vm->counter[NT_VM_NONPAGED].state = NT_NO_FIELD;
    if (count.state == NT_READ && count.value > 1 && count.value <= NODES_MAX &&
        array.state == NT_READ)
        return read_nodes(nt, array.value, count.value, vm);
    if (at.state != NT_READ)
        return NULL;
    err = read_node(nt, at.value, vm, &exec, &nx);
    if (err || (nt->build < 9200 && vm->counter[NT_VM_NONPAGED].state == NT_READ))
        return err;
    vm->counter[NT_VM_NONPAGED] = exec;
    if (nt->build >= 9200)
        vm->counter[NT_VM_NONPAGED_NX] = nx;
    return NULL;
}

static sc_err *read_paged(const struct nt *nt, struct nt_vm *vm) {
    static const struct nt_var descriptors = {"nt!ExpPagedPoolDescriptor", 0x68};
    static const struct nt_var number = {"nt!ExpNumberOfPagedPools", 0x70};
    struct nt_field array, count;
    sc_err *err = nt_var_address(nt, &descriptors, &array);
    if (!err)
        err = nt_var_read(nt, &number, 4, &count);
    if (err || array.state != NT_READ || count.state != NT_READ || count.value >= NT_VM_POOLS_MAX)
        return err;
    struct nt_field sum = {0, NT_ABSENT};
    for (uint64_t i = 0; !err && i <= count.value; i++) {
        struct nt_field at = nt_pointer(nt, nt_add(nt, array.value, i * nt->ptr_size));
        struct descriptor d = {{0, NT_ABSENT}, 0};
        if (nt_set(&at))
            err = read_descriptor(nt, at.value, vm, &d);
        vm->paged.pages[vm->paged.count++] = d.pages;
        add(&sum, &d.pages);
    }
    if (!err && vm->counter[NT_VM_PAGED].state != NT_READ)
        vm->counter[NT_VM_PAGED] = sum;
    return err;
}

/* ---- segment heaps ---- */

static const struct sc_layout_field count_rows[] = {{"NumberOfPools", 4, true}};
static const struct sc_layout_field node_rows[] = {{"PoolNode", 1, true}};
static const struct nt_def count_def = {
    {"nt!_EX_POOL_HEAP_MANAGER_STATE", count_rows, 1}, 1, NULL, NULL, 0};
static const struct nt_def node_def = {
    {"nt!_EX_POOL_HEAP_MANAGER_STATE", node_rows, 1}, 1, NULL, NULL, 0};
static const struct sc_layout_def pool_node_def = {"nt!_EX_HEAP_POOL_NODE", NULL, 0};
static const struct sc_layout_field heap_rows[] = {{"MemStats.TotalCommittedPages", 0, true}};
static const struct nt_def heap_def = {{"nt!_SEGMENT_HEAP", heap_rows, 1}, 1, NULL, NULL, 0};

static sc_err *add_heap(const struct nt *nt, uint64_t slot, struct nt_vm *vm, struct nt_field *to) {
    struct nt_field heap = nt_pointer(nt, slot), pages;
    if (!nt_set(&heap) || !nt_is_kernel(nt, heap.value))
        return NULL;
    sc_err *err = nt_load_optional(nt, &heap_def, heap.value, &pages, &vm->assumed);
    if (!err)
        add(to, &pages);
    return err;
}

static sc_err *read_heaps(const struct nt *nt, uint64_t state, struct nt_vm *vm) {
    const sc_layout *node;
    struct nt_field count;
    uint64_t nodes = 0;
    bool found = false;
    sc_err *err = nt_load_optional(nt, &count_def, state, &count, &vm->assumed);
    if (!err && count.state == NT_READ)
        err = nt_offset(nt, &node_def, 0, &nodes, &found);
    if (err || !found)
        return err;
    err = sc_layout_book_get(nt->book, &pool_node_def, &node);
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND))
        return NULL;
    struct nt_field exec = {0, NT_ABSENT}, nx = exec, paged = exec;
    for (uint64_t i = 0; !err && i < count.value && i < NODES_MAX; i++) {
        uint64_t at = nt_add(nt, state, nodes + i * sc_layout_size(node));
        err = add_heap(nt, at, vm, &exec);
        if (!err)
            err = add_heap(nt, nt_add(nt, at, HEAP_NONPAGED_NX * nt->ptr_size), vm, &nx);
        if (!err)
            err = add_heap(nt, nt_add(nt, at, HEAP_PAGED * nt->ptr_size), vm, &paged);
    }
    vm->counter[NT_VM_NONPAGED] = exec;
    vm->counter[NT_VM_NONPAGED_NX] = nx;
    if (vm->counter[NT_VM_PAGED].state != NT_READ)
        vm->counter[NT_VM_PAGED] = paged;
    return err;
}

sc_err *nt_vm_read_pools(const struct nt *nt, struct nt_vm *vm) {
    struct nt_field state = {0, NT_NO_FIELD};
    sc_err *err = NULL;
    vm->heaps = nt->build >= 18362;
    if (vm->heaps)
        err = nt_var_address(nt, &(struct nt_var){"nt!ExPoolState", 0}, &state);
    if (!err && state.state == NT_READ)
        return read_heaps(nt, state.value, vm);
    if (!err && nt->build < 18362)
        err = read_nonpaged(nt, vm);
    return err || nt->build >= 18362 ? err : read_paged(nt, vm);
}
