/* SPDX-License-Identifier: MIT */
/*
 * Reading handle tables.
 *
 *   TableCode & 3   0: a page of entries; 1: a page of pointers to those; 2: one of pointers to
 *                   pages of pointers. An entry takes two pointers' room: a page has 256, of 32
 *                   bits 512. Handles count in fours
 *   entry, until 7  Object: the header's address; bit 0 unlocked, 1 inherit, 2 audit on close.
 *                   GrantedAccess: bit 25 protects from being closed. Free: Object is 0
 *   entry, since 8  ObjectPointerBits: the address without the bits that are known: the lowest 4
 *                   (of 32 bits: 3), and of a 64-bit one those above. Attributes: 1 protected,
 *                   2 inherit, 4 audit; of 32 bits the first has a field of its own.
 *                   GrantedAccessBits. Free: no pointer
 *   handles         nt!ObpKernelHandleTable is the table of the system process
 *
 * Sources: the kernels' public symbols; System Informer and Volatility for the meaning of the bits.
 * That the handles of a table are the sum of its free lists' counts is concluded from the names.
 */
#include "nt/handle.h"

#include <string.h>

#include "nt/process.h"

enum { PAGE = 0x1000, LEVEL_MASK = 3, KD_CID_TABLE = 0x58, FREE_LISTS_MAX = 64 };

static const struct sc_layout_field table_rows[NT_HT_FIELDS + 1] = {
    [NT_HT_CODE] = {"TableCode", 1, true},
    [NT_HT_PROCESS] = {"QuotaProcess", 1, true},
    [NT_HT_PID] = {"UniqueProcessId", 4, true},
    [NT_HT_LIST_LINK] = {"HandleTableList", 1, true},
    [NT_HT_NEXT_POOL] = {"NextHandleNeedingPool", 4, true},
    [NT_HT_STRICT_FIFO] = {"StrictFIFO", 0, true},
    {"StrictFIFO", 1, true},
};
static const uint8_t table_spare[] = {NT_HT_STRICT_FIFO};
static const uint8_t table_pointers[] = {NT_HT_CODE, NT_HT_PROCESS};
static const struct nt_def table_def = {{"nt!_HANDLE_TABLE", table_rows, NT_HT_FIELDS + 1},
                                        NT_HT_FIELDS,
                                        table_spare,
                                        NT_POINTERS(table_pointers)};

/* ---- how many there are ---- */

enum { COUNT_OWN, COUNT_LISTS, COUNT_FIELDS };
static const struct sc_layout_field count_rows[COUNT_FIELDS] = {{"HandleCount", 4, true},
                                                                {"FreeLists", 1, true}};
static const struct nt_def count_def = {
    {"nt!_HANDLE_TABLE", count_rows, COUNT_FIELDS}, COUNT_FIELDS, NULL, NULL, 0};
static const struct sc_layout_field list_rows[] = {{"HandleCount", 4, false}};
static const struct sc_layout_def list_def = {"nt!_HANDLE_TABLE_FREE_LIST", list_rows, 1};

static void add(const struct nt *nt, uint64_t at, struct nt_field *count) {
    uint64_t value;
    if (sc_space_uint(nt->space, at, 4, &value) == SC_READ_OK)
        count->value += (uint64_t)(int64_t)(int32_t)value;
    else
        *count = (struct nt_field){0, NT_ABSENT};
}

/* A list for each few processors. What is freed on another one counts below zero there. */
static sc_err *sum_lists(const struct nt *nt, uint64_t table, bool one, struct nt_field *ret) {
    const sc_layout *layout;
    struct nt_field lists = {1, NT_READ}, count = {0, NT_READ};
    uint64_t offset;
    bool found;
    sc_err *err = nt_offset(nt, &count_def, COUNT_LISTS, &offset, &found);
    if (!err && found)
        err = sc_layout_book_get(nt->book, &list_def, &layout);
    if (!err && !one)
        err = nt_global(nt, "nt!ExpFreeListCount", 4, &lists);
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND) || err || !found)
        return err;
    uint64_t size = sc_layout_size(layout), n = nt_or(&lists, 1);
    uint64_t at = nt_add(nt, table, offset + sc_layout_offset(layout, 0));
    add(nt, at, &count);
    for (uint64_t i = 1; size && n <= FREE_LISTS_MAX && i < n && count.state == NT_READ; i++)
        add(nt, nt_add(nt, at, i * size), &count);
    *ret = count;
    return NULL;
}

sc_err *nt_handle_count(const struct nt *nt, uint64_t table, struct nt_field *ret) {
    struct nt_field f[COUNT_FIELDS], t[NT_HT_FIELDS];
    sc_err *err = nt_load_optional(nt, &count_def, table, f, NULL);
    if (err)
        return err;
    *ret = f[COUNT_OWN];
    if (f[COUNT_OWN].state != NT_NO_FIELD)
        return NULL;
    err = nt_load_optional(nt, &table_def, table, t, NULL);
    if (err) /* strict: it hands out handles in order, from one list */
        return err;
    return sum_lists(nt, table, nt_set(&t[NT_HT_STRICT_FIFO]), ret);
}

sc_err *nt_handle_table_read(const struct nt *nt, uint64_t address, struct nt_handle_table *ret) {
    struct nt_handle_table t = {.address = address};
    sc_err *err = nt_load(nt, &table_def, address, t.f, &t.assumed);
    if (!err)
        err = nt_handle_count(nt, address, &t.count);
    if (err)
        return err;
    t.level = (unsigned)(t.f[NT_HT_CODE].value & LEVEL_MASK);
    t.base = t.f[NT_HT_CODE].value & ~(uint64_t)LEVEL_MASK;
    *ret = t;
    return NULL;
}

/* ---- which tables there are ---- */

/* The kernel's table is that of the process with the id 4. */
static sc_err *system_table(const struct nt *nt, struct nt_field *ret) {
    uint64_t at;
    bool found;
    struct nt_process p;
    sc_err *err = nt_symbol(nt, "nt!PsInitialSystemProcess", &at, &found);
    if (err || !found)
        return err;
    struct nt_field system = nt_pointer(nt, at);
    if (!nt_set(&system) || !nt_is_kernel(nt, system.value)) {
        *ret = (struct nt_field){0, NT_ABSENT};
        return NULL;
    }
    err = nt_process_read(nt, system.value, &p);
    if (!err)
        *ret = p.f[NT_P_OBJECT_TABLE];
    return err;
}

/* The first process of the list is the system's, where nothing else says. */
static sc_err *take_system(void *ctx, const struct nt_process *p, bool *ret_more) {
    *ret_more = nt_or(&p->f[NT_P_PID], 0) != 4;
    if (!*ret_more)
        *(struct nt_field *)ctx = p->f[NT_P_OBJECT_TABLE];
    return NULL;
}

sc_err *nt_handle_kernel_table(const struct nt *nt, struct nt_field *ret) {
    uint64_t at;
    bool found;
    struct nt_field f = {0, NT_NO_FIELD};
    sc_err *err = nt_symbol(nt, "nt!ObpKernelHandleTable", &at, &found);
    if (!err && found)
        f = nt_pointer(nt, at);
    if (!err && !nt_set(&f))
        err = system_table(nt, &f);
    if (!err && !nt_set(&f))
        err = nt_each_process(nt, take_system, &f);
    if (!err)
        *ret = f;
    return err;
}

sc_err *nt_handle_cid_table(const struct nt *nt, struct nt_field *ret) {
    uint64_t at;
    bool found;
    sc_err *err = nt_symbol(nt, "nt!PspCidTable", &at, &found);
    if (err)
        return err;
    *ret = (struct nt_field){0, NT_NO_FIELD};
    if (found)
        *ret = nt_pointer(nt, at);
    if (!nt_set(ret) && sc_target_kd_member(nt->target, KD_CID_TABLE, 8, &at) && at)
        *ret = nt_pointer(nt, at);
    return NULL;
}

sc_err *nt_handle_tables_begin(const struct nt *nt, struct nt_list *ret_list, bool *ret_found) {
    uint64_t head;
    sc_err *err = nt_symbol(nt, "nt!HandleTableListHead", &head, ret_found);
    if (!err && *ret_found)
        nt_list_begin(ret_list, nt, head, NT_PROCESSES_MAX);
    return err;
}

sc_err *nt_handle_table_of_link(const struct nt *nt, uint64_t link, uint64_t *ret) {
    uint64_t offset;
    bool found;
    sc_err *err = nt_offset(nt, &table_def, NT_HT_LIST_LINK, &offset, &found);
    if (!err && !found)
        err = sc_errf(SC_ERR_NOT_FOUND, "nt!_HANDLE_TABLE has no HandleTableList");
    if (!err)
        *ret = nt_add(nt, link, 0 - offset);
    return err;
}

/* ---- entries ---- */

enum { E_OBJECT, E_ACCESS, E_NEXT, E_BITS, E_ATTRIBUTES, E_RIGHTS, E_PROTECT, E_FIELDS };
static const struct sc_layout_field entry_rows[E_FIELDS] = {
    [E_OBJECT] = {"Object", 1, true},
    [E_ACCESS] = {"GrantedAccess", 4, true},
    [E_NEXT] = {"NextFreeTableEntry|NextFreeHandleEntry", 4, true},
    [E_BITS] = {"ObjectPointerBits", 0, true},
    [E_ATTRIBUTES] = {"Attributes", 0, true},
    [E_RIGHTS] = {"GrantedAccessBits", 0, true},
    [E_PROTECT] = {"ProtectFromClose", 0, true},
};
static const struct sc_layout_def entry_def = {"nt!_HANDLE_TABLE_ENTRY", entry_rows, E_FIELDS};

enum {
    OLD_OBJECT_BITS = 7,
    OLD_INHERIT = 2,
    OLD_AUDIT = 4,
    OLD_PROTECT = 1 << 25, /* of GrantedAccess */
};

/*
 * 44 bits of a 64-bit address, or (Windows 8) 41 that end at bit 44: the kernel's addresses have
 * ones above.
 */
static uint64_t widen(const struct nt *nt, uint64_t bits) {
    if (nt->ptr_size == 4)
        return bits << 3;
    uint64_t address = bits << 4;
    return address >> 45 ? address | 0xffff000000000000u : address | 0xffffe00000000000u;
}

static uint64_t number(const struct sc_layout_rec *rec, size_t index) {
    uint64_t value = 0;
    return sc_layout_uint(rec, index, &value) == SC_READ_OK ? value : 0;
}

static void decode_old(const struct nt_handles *w, uint64_t object, struct nt_handle *h) {
    h->object = object & ~(uint64_t)OLD_OBJECT_BITS;
    h->access = (uint32_t)number(&w->rec, E_ACCESS) & ~(uint32_t)OLD_PROTECT;
    h->attributes = (unsigned)object & (OLD_INHERIT | OLD_AUDIT);
    if (number(&w->rec, E_ACCESS) & OLD_PROTECT)
        h->attributes |= NT_HANDLE_PROTECTED;
    h->free = !h->object;
}

static void decode_new(const struct nt_handles *w, struct nt_handle *h) {
    uint64_t bits = number(&w->rec, E_BITS);
    h->free = !bits;
    h->object = bits ? widen(w->nt, bits) : 0;
    h->access = (uint32_t)number(&w->rec, E_RIGHTS);
    h->attributes = (unsigned)number(&w->rec, E_ATTRIBUTES);
    if (sc_layout_has(w->rec.layout, E_PROTECT))
        h->attributes = h->attributes << 1 | (unsigned)number(&w->rec, E_PROTECT);
}

/* Is the entry in the dump? */
static bool load(struct nt_handles *w, uint64_t handle, uint64_t at, struct nt_handle *ret) {
    struct nt_handle h = {.handle = handle, .entry = at};
    const sc_layout *l = w->rec.layout;
    bool old = !sc_layout_has(l, E_BITS);
    size_t key = old ? E_ACCESS : E_RIGHTS;
    uint64_t probe;
    sc_layout_load(&w->rec, w->nt->space, at);
    if (sc_layout_uint(&w->rec, key, &probe) != SC_READ_OK)
        return false;
    if (old) {
        struct nt_field object =
            nt_pointer(w->nt, nt_add(w->nt, at, sc_layout_offset(l, E_OBJECT)));
        if (object.state != NT_READ)
            return false;
        decode_old(w, object.value, &h);
    } else {
        decode_new(w, &h);
    }
    if (h.free && old)
        h.next_free = number(&w->rec, E_NEXT);
    else if (h.free && sc_layout_has(l, E_NEXT)) {
        struct nt_field next = nt_pointer(w->nt, nt_add(w->nt, at, sc_layout_offset(l, E_NEXT)));
        h.next_free = nt_or(&next, 0);
    }
    *ret = h;
    return true;
}

/* ---- the walk ---- */

static uint64_t capacity(const struct nt_handles *w) {
    uint64_t n = w->per_page, pointers = PAGE / w->nt->ptr_size;
    for (unsigned i = 0; i < w->table->level; i++)
        n *= pointers;
    return n < NT_HANDLES_MAX ? n : NT_HANDLES_MAX;
}

/* Was the page walked before? Remembers it. */
static bool seen_before(struct nt_handles *w, uint64_t page) {
    uint64_t value;
    if (sc_map_get_number(&w->seen, page, &value))
        return true;
    w->nomem = w->nomem || !sc_map_put_number(&w->seen, page, 1);
    return false;
}

sc_err *nt_handles_begin(const struct nt *nt, const struct nt_handle_table *table,
                         struct nt_handles *ret) {
    struct nt_handles w = {.nt = nt, .table = table};
    const sc_layout *layout;
    sc_err *err = sc_layout_book_get(nt->book, &entry_def, &layout);
    if (err)
        return err;
    w.entry_size = sc_layout_size(layout);
    bool known = sc_layout_has(layout, E_BITS)
                     ? sc_layout_has(layout, E_RIGHTS)
                     : sc_layout_has(layout, E_OBJECT) && sc_layout_has(layout, E_ACCESS);
    w.object_at = sc_layout_offset(layout, sc_layout_has(layout, E_BITS) ? E_BITS : E_OBJECT);
    if (w.entry_size != 2u * nt->ptr_size || w.object_at > nt->ptr_size || !known)
        return sc_errf(SC_ERR_NOT_FOUND, "nt!_HANDLE_TABLE_ENTRY has a form that is not known");
    if (table->f[NT_HT_CODE].state != NT_READ)
        return sc_errf(SC_ERR_NOT_FOUND, "the dump does not hold the handle table at %llx",
                       (unsigned long long)table->address);
    if (table->level > 2 || !nt_is_kernel(nt, table->base))
        return sc_errf(SC_ERR_NOT_FOUND, "at %llx there is no handle table: its TableCode is %llx",
                       (unsigned long long)table->address,
                       (unsigned long long)table->f[NT_HT_CODE].value);
    w.per_page = PAGE / w.entry_size;
    w.limit = capacity(&w);
    uint64_t room = nt_or(&table->f[NT_HT_NEXT_POOL], w.limit * 4) & 0xffffffff;
    w.claims_more = room / 4 > w.limit;
    if (room / 4 < w.limit)
        w.limit = room / 4;
    err = sc_layout_rec_init(layout, &w.rec);
    if (!err)
        *ret = w;
    return err;
}

void nt_handles_end(struct nt_handles *w) {
    sc_layout_rec_deinit(&w->rec);
    sc_map_free(&w->seen);
}

sc_err *nt_handles_error(const struct nt_handles *w) {
    return w->nomem ? sc_err_nomem() : w->cancelled ? sc_err_cancelled() : NULL;
}

/* The page of the entry with INDEX: NT_ABSENT, or a value that is no address if it is damaged. */
static struct nt_field page_of(const struct nt_handles *w, uint64_t index) {
    const struct nt *nt = w->nt;
    uint64_t page = index / w->per_page, pointers = PAGE / nt->ptr_size;
    if (!w->table->level)
        return (struct nt_field){w->table->base, NT_READ};
    uint64_t base = w->table->base;
    if (w->table->level == 2) {
        struct nt_field mid = nt_pointer(nt, nt_add(nt, base, page / pointers * nt->ptr_size));
        if (mid.state != NT_READ || !nt_is_kernel(nt, mid.value))
            return mid;
        base = mid.value;
    }
    return nt_pointer(nt, nt_add(nt, base, page % pointers * nt->ptr_size));
}

/* Finds the page of the next entry, or passes over the entries that have none. */
static void find_page(struct nt_handles *w) {
    struct nt_field page = page_of(w, w->index);
    uint64_t skip = w->per_page - w->index % w->per_page;
    w->pages++;
    if (page.state != NT_READ)
        w->absent++;
    else if (page.value && (!nt_is_kernel(w->nt, page.value) || seen_before(w, page.value)))
        w->damaged++;
    else if (page.value) {
        w->page = page.value;
        return;
    }
    w->index += skip;
}

/*
 * Passes over entries of the page that are free: the pointer where that of the object would be is
 * zero. Most entries of most tables are, and each would be loaded to find that out.
 */
static void pass_free(struct nt_handles *w) {
    static const uint8_t zero[8];
    uint64_t i = w->index % w->per_page;
    if (w->held != w->page) {
        sc_space_read(w->nt->space, w->page, w->data, PAGE, &w->got);
        w->held = w->page;
    }
    while (i < w->got / w->entry_size && w->index < w->limit &&
           !memcmp(w->data + i * w->entry_size + w->object_at, zero, w->nt->ptr_size)) {
        i++;
        w->index++;
    }
    if (i == w->per_page)
        w->page = 0;
}

bool nt_handles_next(struct nt_handles *w, struct nt_handle *ret) {
    while (w->index < w->limit) {
        if (w->page && w->skip_free)
            pass_free(w);
        if (w->index >= w->limit)
            break;
        uint64_t in_page = w->index % w->per_page;
        if (!w->page) {
            w->cancelled = sc_target_cancelled(w->nt->target);
            if (!w->cancelled)
                find_page(w);
            if (w->cancelled || w->nomem)
                return false;
            continue;
        }
        uint64_t at = nt_add(w->nt, w->page, in_page * w->entry_size), handle = w->index * 4;
        if (load(w, handle, at, ret)) {
            if (++w->index % w->per_page == 0)
                w->page = 0;
            return true;
        }
        w->absent++;
        w->index += w->per_page - in_page;
        w->page = 0;
    }
    return false;
}

bool nt_handles_at(struct nt_handles *w, uint64_t handle, struct nt_handle *ret,
                   const char **ret_why) {
    uint64_t index = handle / 4;
    *ret_why = "the table has no room for it";
    if (index >= w->limit)
        return false;
    struct nt_field page = page_of(w, index);
    *ret_why = "a page of the table is not in the dump";
    if (page.state != NT_READ)
        return false;
    *ret_why = page.value ? "a pointer of the table is damaged" : "the table has no page for it";
    if (!nt_is_kernel(w->nt, page.value))
        return false;
    *ret_why = "its entry is not in the dump";
    return load(w, handle & ~(uint64_t)3,
                nt_add(w->nt, page.value, index % w->per_page * w->entry_size), ret);
}
