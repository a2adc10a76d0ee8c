/* SPDX-License-Identifier: MIT */
/*
 * A file under construction, for tests: bytes that grow, and labels.
 *
 * A label stands for a number that is written before it is known: the offset of a part that comes
 * later, a count, a size. forge_finish() patches every place where it was used; a label that was
 * never given a value, or one that does not fit its slot, fails the build and says which.
 *
 *     struct forge f;
 *     forge_init(&f);
 *     forge_label list = forge_label_new(&f, "driver list");
 *     forge_u32_label(&f, list);          // the slot, four zero bytes for now
 *     …
 *     forge_label_here(&f, list);         // the value: the current offset
 *     struct forge_bytes file;
 *     if (!forge_finish(&f, &file)) puts(forge_error(&f));
 *     forge_deinit(&f);
 *     …
 *     forge_bytes_free(&file);
 *
 * Failure is sticky, so that a builder need not test each call. All numbers are little-endian.
 */
#ifndef STOPCODE_TESTS_FORGE_SECTION_H
#define STOPCODE_TESTS_FORGE_SECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A finished file. */
struct forge_bytes {
    uint8_t *data;
    size_t size;
};
void forge_bytes_free(struct forge_bytes *bytes);

typedef struct {
    unsigned index;
} forge_label;

struct forge_label_state {
    const char *name;
    bool known;
    uint64_t value;
};

/* A place that waits for a label: value + add, in WIDTH bytes at OFFSET. */
struct forge_slot {
    size_t offset;
    unsigned label, width;
    uint64_t add;
};

struct forge {
    uint8_t *data;
    size_t size, room;
    struct forge_label_state *label;
    size_t nlabels, label_room;
    struct forge_slot *slot;
    size_t nslots, slot_room;
    bool failed;
    char why[160];
};

void forge_init(struct forge *f);
void forge_deinit(struct forge *f);
/* The first thing that went wrong; "" when nothing did. */
const char *forge_error(const struct forge *f);
/* Marks the build as failed, unless it is already. */
void forge_fail(struct forge *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Where the next byte goes. */
uint64_t forge_here(const struct forge *f);

void forge_u8(struct forge *f, uint8_t v);
void forge_u16(struct forge *f, uint16_t v);
void forge_u32(struct forge *f, uint32_t v);
void forge_u64(struct forge *f, uint64_t v);
/* WIDTH bytes (1, 2, 4, 8): pointers of either size. */
void forge_uint(struct forge *f, unsigned width, uint64_t v);
void forge_put(struct forge *f, const void *data, size_t size);
/* UTF-16LE of UTF-8 text, without a NUL unit; returns the number of units. */
size_t forge_utf16(struct forge *f, const char *utf8);
/* COUNT bytes of BYTE; SIZE bytes of a repeated 32-bit PATTERN ("PAGE"). */
void forge_fill(struct forge *f, uint8_t byte, size_t count);
void forge_pattern(struct forge *f, uint32_t pattern, size_t size);
/* Zero bytes up to a multiple of N; up to OFFSET (which must not lie behind us). */
void forge_align(struct forge *f, size_t n);
void forge_pad_to(struct forge *f, uint64_t offset);

/* Changes WIDTH bytes (1, 2, 4, 8) that are already there. */
void forge_poke(struct forge *f, uint64_t offset, unsigned width, uint64_t v);
void forge_poke_bytes(struct forge *f, uint64_t offset, const void *data, size_t size);

/* NAME (static) appears in messages. */
forge_label forge_label_new(struct forge *f, const char *name);
void forge_label_set(struct forge *f, forge_label label, uint64_t value);
void forge_label_here(struct forge *f, forge_label label);
void forge_u32_label(struct forge *f, forge_label label);
void forge_u64_label(struct forge *f, forge_label label);
/* The same over bytes that are already there; ADD is added to the label's value. */
void forge_poke_label(struct forge *f, uint64_t offset, unsigned width, forge_label label,
                      uint64_t add);

/* Patches the slots and hands the bytes over; false when anything failed. F stays to be deinited.
 */
bool forge_finish(struct forge *f, struct forge_bytes *ret_file);

#endif
