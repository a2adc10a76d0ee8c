/* SPDX-License-Identifier: MIT */
/*
 * Handle tables: what `handle` lines say, and the table of ids.
 *
 *   table     of as many levels as its highest handle needs: a page of entries; a page of pointers
 *             to such pages; a page of pointers to pages of pointers. All are linked to
 *             nt!HandleTableListHead, but the table of ids
 *   entry     two pointers wide, at four times its number. Until 7 the header's address with the
 *             attributes in the low bits; since 8 the address shifted, 20 bits of counts below
 *   kernel    the table of the System process, which nt!ObpKernelHandleTable points to
 *   ids       nt!PspCidTable: of processes and threads, as handles of their bodies
 *
 * In whole memory every process has a table, in a pool block. Entries as System Informer and
 * Volatility read them.
 */
#include "forge/world.h"

struct entry {
    uint64_t handle, pointer; /* to a header; in the table of ids to a body */
    uint32_t access;
    unsigned attributes;
};
struct entries {
    FORGE_LIST(entry) list;
};

static void put(struct forge_world *w, uint64_t addr, uint64_t value) {
    forge_world_put_uint(w, 0, addr, w->ptr_size, value);
}

static uint64_t pointer_at(const struct forge_world *w, uint64_t addr) {
    uint8_t b[8] = {0};
    uint64_t v = 0;
    forge_memmap_get(&w->mem, addr, b, w->ptr_size);
    for (unsigned i = 0; i < w->ptr_size; i++)
        v |= (uint64_t)b[i] << 8 * i;
    return v;
}

static void put_entry(struct forge_world *w, uint64_t at, const struct entry *e) {
    unsigned p = w->ptr_size, build = w->s->os.build;
    uint64_t low, access = e->access;
    if (build < 9200) {
        low = e->pointer | 1 | (e->attributes & 6);
        access |= e->attributes & 1 ? 0x2000000u : 0;
    } else if (p == 4) {
        low = e->pointer | (e->attributes >> 1 & 3) << 1 | 1;
        access |= (uint64_t)(e->attributes & 1) << 25;
    } else if (build < 9600) {
        low = e->pointer << 19 | (uint64_t)e->attributes << 20 | 1;
    } else {
        low = e->pointer << 16 | (uint64_t)e->attributes << 17 | 1;
    }
    put(w, at, low);
    forge_world_put_uint(w, 0, at + p, 4, access);
}

/* ---- levels ---- */

struct shape {
    uint64_t per_page, pointers; /* entries and pointers in a page */
    unsigned level;
};

static struct shape shape_of(const struct forge_world *w, uint64_t most) {
    struct shape s = {.per_page = 0x1000 / (2 * w->ptr_size), .pointers = 0x1000 / w->ptr_size};
    s.level = most / 4 < s.per_page ? 0 : most / 4 < s.per_page * s.pointers ? 1 : 2;
    return s;
}

/* What the pointer at SLOT leads to, a page that is made when it is first asked for. */
static uint64_t page_behind(struct forge_world *w, uint64_t slot) {
    if (!pointer_at(w, slot))
        put(w, slot, forge_world_spare(w, 0x1000, 0x1000));
    return pointer_at(w, slot);
}

static uint64_t place_of(struct forge_world *w, uint64_t top, const struct shape *s,
                         uint64_t handle) {
    uint64_t index = handle / 4, page = index / s->per_page;
    if (s->level == 2)
        top = page_behind(w, top + page / s->pointers * w->ptr_size);
    if (s->level)
        top = page_behind(w, top + page % s->pointers * w->ptr_size);
    return top + index % s->per_page * 2 * w->ptr_size;
}

/* Where Windows 8 and later count a table's handles; 0: not there. */
static uint64_t counter(const struct forge_world *w, uint64_t table) {
    struct forge_place list, count;
    if (!forge_world_offset(w, "_HANDLE_TABLE", "FreeLists", &list) ||
        !forge_world_offset(w, "_HANDLE_TABLE_FREE_LIST", "HandleCount", &count))
        return 0;
    return table + list.offset + count.offset;
}

static uint64_t put_table(struct forge_world *w, const struct entries *e) {
    const char *t = "_HANDLE_TABLE";
    uint64_t most = 0;
    for (size_t i = 0; i < e->list.count; i++)
        most = e->list.item[i].handle > most ? e->list.item[i].handle : most;
    struct shape s = shape_of(w, most);
    uint64_t table = w->whole ? forge_world_pool(w, forge_world_sizeof(w, t), "Obtb")
                              : forge_world_spare(w, forge_world_sizeof(w, t), 16);
    uint64_t top = forge_world_spare(w, 0x1000, 0x1000);
    for (size_t i = 0; i < e->list.count; i++)
        put_entry(w, place_of(w, top, &s, e->list.item[i].handle), &e->list.item[i]);
    forge_world_set(w, t, table, "TableCode", top | s.level);
    forge_world_set(w, t, table, "NextHandleNeedingPool",
                    (most / 4 / s.per_page + 1) * s.per_page * 4);
    forge_world_set(w, t, table, "HandleCount", e->list.count);
    if (counter(w, table))
        forge_world_put_uint(w, 0, counter(w, table), 4, e->list.count);
    return table;
}

/* ---- whose ---- */

/* The process of a `handle` line; 0: the System process, or the first one if none is. */
static uint64_t owner_of(const struct forge_world *w, uint64_t process) {
    for (size_t i = 0; !process && i < w->processes.count; i++) {
        const struct forge_wprocess *p = &w->processes.item[i];
        if (p->system || (p->scn && p->scn->pid == 4))
            process = p->address;
    }
    return process ? process : w->process;
}

bool forge_world_variable(struct forge_world *w, const char *name, uint64_t value) {
    uint64_t at;
    if (!forge_world_place(w, 0, w->nt, name, w->ptr_size, FORGE_SYM_DATA, &at))
        return false;
    put(w, at, value);
    return true;
}

static bool put_process_table(struct forge_world *w, uint64_t process, uint64_t body,
                              uint64_t *ret) {
    struct entries e = {{NULL, 0, 0}};
    for (size_t i = 0; i < w->s->handles.count; i++) {
        const struct forge_scn_handle *h = &w->s->handles.item[i];
        if (h->process == process)
            *FORGE_PUSH(w->pool, &e.list) =
                (struct entry){h->handle, h->object - body, h->access, h->attributes};
    }
    uint64_t table = put_table(w, &e), owner = owner_of(w, process);
    forge_world_set(w, "_EPROCESS", owner, "ObjectTable", table);
    forge_world_set(w, "_HANDLE_TABLE", table, "QuotaProcess", process ? owner : 0);
    forge_world_set(w, "_HANDLE_TABLE", table, "UniqueProcessId",
                    forge_world_read(w, "_EPROCESS", owner, "UniqueProcessId"));
    *ret = table;
    return process || forge_world_variable(w, "ObpKernelHandleTable", table);
}

/* All tables of processes, in a ring. */
static bool link_tables(struct forge_world *w, const uint64_t *table, size_t n) {
    struct forge_place entry;
    uint64_t head;
    if (!n || !forge_world_offset(w, "_HANDLE_TABLE", "HandleTableList", &entry))
        return true;
    if (!forge_world_place(w, 0, w->nt, "HandleTableListHead", 2 * w->ptr_size, FORGE_SYM_DATA,
                           &head))
        return false;
    forge_world_link(w, head, table, n, entry.offset);
    return true;
}

static bool put_tables(struct forge_world *w, uint64_t body) {
    size_t n = 0, most = w->s->handles.count + w->processes.count;
    uint64_t *table = forge_pool_get(w->pool, (most + 1) * sizeof *table);
    for (size_t i = 0; i < w->s->handles.count; i++) {
        const struct forge_scn_handle *h = &w->s->handles.item[i];
        bool first = true;
        struct forge_wprocess *p;
        if (h->process && !forge_world_need_process(w, h->line, h->process, &p))
            return false;
        for (size_t k = 0; k < i; k++)
            first = first && w->s->handles.item[k].process != h->process;
        if (first && !put_process_table(w, h->process, body, &table[n++]))
            return false;
    }
    for (size_t i = 0; w->whole && i < w->processes.count; i++) {
        uint64_t process = w->processes.item[i].address;
        if (!forge_world_read(w, "_EPROCESS", process, "ObjectTable") &&
            !put_process_table(w, owner_of(w, 0) == process ? 0 : process, body, &table[n++]))
            return false;
    }
    return link_tables(w, table, n);
}

/* nt!PspCidTable: the ids of processes and threads, as handles of their bodies. */
static bool put_ids(struct forge_world *w) {
    struct entries e = {{NULL, 0, 0}};
    for (size_t i = 0; i < w->s->processes.count; i++) {
        const struct forge_scn_process *p = &w->s->processes.item[i];
        if (p->pid && p->pid % 4 == 0 && p->pid <= FORGE_HANDLE_MOST)
            *FORGE_PUSH(w->pool, &e.list) = (struct entry){p->pid, p->address, 0, 0};
    }
    for (size_t i = 0; i < w->s->threads.count; i++) {
        const struct forge_scn_thread *t = &w->s->threads.item[i];
        if (t->has_cid && t->tid && t->tid % 4 == 0 && t->tid <= FORGE_HANDLE_MOST)
            *FORGE_PUSH(w->pool, &e.list) = (struct entry){t->tid, t->address, 0, 0};
    }
    return !e.list.count || forge_world_variable(w, "PspCidTable", put_table(w, &e));
}

bool forge_world_handles(struct forge_world *w, uint64_t body) {
    return put_tables(w, body) && put_ids(w);
}
