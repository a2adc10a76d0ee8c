/* SPDX-License-Identifier: MIT */
/*
 * Stands between the library and the C library's allocator, by the linker's --wrap. Blocks handed
 * out while counting are kept in a table by address, so that freeing one that is older, or that the
 * C library made by itself, is told apart from freeing one of ours.
 */
#include "harness/heap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
void __real_free(void *p);
ssize_t __real_pread(int fd, void *buf, size_t len, off_t offset);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);
void __wrap_free(void *p);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t len);
ssize_t __wrap_pread(int fd, void *buf, size_t len, off_t offset);

struct slot {
    void *p; /* NULL free, TOMB deleted */
    size_t size;
};
static char tomb_byte;
#define TOMB ((void *)&tomb_byte)

static struct {
    bool on, keep;
    uint64_t calls, fail_at;
    bool failed;
    size_t live, peak;
    struct slot *slot;
    size_t room, used, count; /* used counts tombs too */
} heap;

static size_t place(void *p) {
    uint64_t h = (uint64_t)(uintptr_t)p * 0x9e3779b97f4a7c15ull;
    return (size_t)(h >> 20) & (heap.room - 1);
}

static void insert(void *p, size_t size);

static void grow_table(void) {
    struct slot *old = heap.slot;
    size_t old_room = heap.room;
    heap.room = heap.count * 4 > 1024 ? heap.count * 4 : 1024;
    while (heap.room & (heap.room - 1))
        heap.room &= heap.room - 1; /* a power of two, at least twice the count */
    heap.slot = __real_calloc(heap.room, sizeof *heap.slot);
    if (!heap.slot) {
        fputs("harness: no memory for the table of blocks\n", stderr);
        abort();
    }
    heap.used = heap.count = 0;
    for (size_t i = 0; i < old_room; i++)
        if (old[i].p && old[i].p != TOMB)
            insert(old[i].p, old[i].size);
    __real_free(old);
}

static void insert(void *p, size_t size) {
    if (heap.used * 2 >= heap.room)
        grow_table();
    size_t i = place(p);
    while (heap.slot[i].p && heap.slot[i].p != TOMB)
        i = (i + 1) & (heap.room - 1);
    heap.used += heap.slot[i].p == NULL;
    heap.count++;
    heap.slot[i] = (struct slot){p, size};
}

/* Takes P out of the table; false when it is not one of ours. */
static bool take(void *p, size_t *ret_size) {
    if (!heap.room || !p)
        return false;
    for (size_t i = place(p); heap.slot[i].p; i = (i + 1) & (heap.room - 1)) {
        if (heap.slot[i].p != p)
            continue;
        *ret_size = heap.slot[i].size;
        heap.slot[i].p = TOMB;
        heap.count--;
        return true;
    }
    return false;
}

static bool refuse(void) {
    if (!heap.on)
        return false;
    heap.calls++;
    if (!heap.fail_at || (heap.keep ? heap.calls < heap.fail_at : heap.calls != heap.fail_at))
        return false;
    heap.failed = true;
    errno = ENOMEM;
    return true;
}

static void *note(void *p, size_t size) {
    if (!p || !heap.on)
        return p;
    insert(p, size);
    heap.live += size;
    if (heap.live > heap.peak)
        heap.peak = heap.live;
    return p;
}

void *__wrap_malloc(size_t size) { return refuse() ? NULL : note(__real_malloc(size), size); }

void *__wrap_calloc(size_t count, size_t size) {
    return refuse() ? NULL : note(__real_calloc(count, size), count * size);
}

void *__wrap_realloc(void *p, size_t size) {
    if (refuse())
        return NULL;
    size_t old = 0;
    bool ours = take(p, &old);
    void *q = __real_realloc(p, size);
    if (!q) {
        if (ours && size)
            insert(p, old);
        return NULL;
    }
    if (ours)
        heap.live -= old;
    if (ours && !heap.on) { /* still counted until it is freed */
        insert(q, size);
        heap.live += size;
        return q;
    }
    return note(q, size);
}

void __wrap_free(void *p) {
    size_t size = 0;
    if (take(p, &size))
        heap.live -= size;
    __real_free(p);
}

char *__wrap_strndup(const char *text, size_t len) {
    size_t n = strnlen(text, len);
    char *copy = __wrap_malloc(n + 1);
    if (copy) {
        memcpy(copy, text, n);
        copy[n] = 0;
    }
    return copy;
}

char *__wrap_strdup(const char *text) { return __wrap_strndup(text, (size_t)-1); }

void heap_begin(uint64_t fail_at) {
    __real_free(heap.slot);
    memset(&heap, 0, sizeof heap);
    heap.fail_at = fail_at;
    heap.on = true;
}

uint64_t heap_calls(void) { return heap.calls; }

void heap_stop_failing(void) { heap.fail_at = 0; }
void heap_keep_failing(void) { heap.keep = true; }

void heap_end(struct heap_stats *ret_stats) {
    heap.on = false;
    struct heap_stats s = {.calls = heap.calls,
                           .failed = heap.failed,
                           .peak = heap.peak,
                           .leaked = heap.live,
                           .nleaked = heap.count};
    for (size_t i = 0; i < heap.room && !s.leak; i++)
        if (heap.slot[i].p && heap.slot[i].p != TOMB) {
            s.leak = heap.slot[i].p;
            s.leak_size = heap.slot[i].size;
        }
    *ret_stats = s;
}

void *heap_real_alloc(size_t size) { return __real_malloc(size); }
void heap_real_free(void *p) { __real_free(p); }

static struct {
    enum read_fault fault;
    uint64_t calls, fail_at;
    bool failed;
} reads;

void read_begin(enum read_fault fault, uint64_t fail_at) {
    memset(&reads, 0, sizeof reads);
    reads.fault = fault;
    reads.fail_at = fail_at;
}

uint64_t read_end(bool *ret_failed) {
    reads.fault = READ_OK;
    if (ret_failed)
        *ret_failed = reads.failed;
    return reads.calls;
}

ssize_t __wrap_pread(int fd, void *buf, size_t len, off_t offset) {
    reads.calls++;
    if (reads.fault == READ_FAIL && reads.calls == reads.fail_at) {
        reads.failed = true;
        errno = EIO;
        return -1;
    }
    if (reads.fault == READ_SHORT && len > 1)
        len = len / 2 + len % 2;
    return __real_pread(fd, buf, len, offset);
}
