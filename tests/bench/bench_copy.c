/* SPDX-License-Identifier: MIT */
/*
 * How long a memcpy of pieces of a file takes, in the order of a list; for scripts/bench_memory.py:
 *
 *     bench_copy FILE LIST    prints "seconds N bytes N": processor time, the system's included, of
 *                             copying the pieces of LIST (pairs of 64-bit offset and length) out of
 *                             a fresh mapping of FILE, which is ended then, into memory that was
 *                             touched before
 *
 * It is the yardstick for searches: whoever looks at every byte of the same pages in the same order
 * has at least the same memory to read and the same pages to map.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct piece {
    uint64_t offset, len;
};

static const void *map(const char *path, size_t *ret_size) {
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0 || !st.st_size)
        return NULL;
    void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    *ret_size = (size_t)st.st_size;
    return p == MAP_FAILED ? NULL : p;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Bytes of all pieces; 0: one of them does not lie in the file. */
static uint64_t total(const struct piece *list, size_t count, uint64_t size) {
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        if (list[i].offset > size || list[i].len > size - list[i].offset)
            return 0;
        sum += list[i].len;
    }
    return sum;
}

int main(int argc, char **argv) {
    size_t size = 0, list_size = 0;
    const uint8_t *file = argc == 3 ? map(argv[1], &size) : NULL;
    const struct piece *list = argc == 3 ? map(argv[2], &list_size) : NULL;
    size_t count = list_size / sizeof *list;
    uint64_t bytes = file && list ? total(list, count, size) : 0;
    uint8_t *to = bytes ? malloc(bytes) : NULL;
    if (!to) {
        fprintf(stderr, "bench_copy FILE LIST\n");
        return 2;
    }
    memset(to, 1, bytes);
    double start = now();
    uint8_t *p = to;
    for (size_t i = 0; i < count; i++) {
        memcpy(p, file + list[i].offset, list[i].len);
        p += list[i].len;
    }
    munmap((void *)(uintptr_t)file, size);
    double seconds = now() - start;
    unsigned sum = 0;
    for (uint64_t i = 0; i < bytes; i += 4096)
        sum += to[i]; /* so that the copies are wanted */
    printf("seconds %.6f bytes %llu sum %u\n", seconds, (unsigned long long)bytes, sum);
    free(to);
    return 0;
}
