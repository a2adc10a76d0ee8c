/* SPDX-License-Identifier: MIT */
/* Tokens, and the plain form of Xpress (MS-XCA 2.3). */
#include "forge/xpress.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"

enum { CHUNK = 0x10000, HASHES = 4096, LENGTH_MIN = 3, TRIES = 8 };

bool forge_tokens_add(struct forge_tokens *tokens, struct forge_token token) {
    struct forge_token *slot = SC_VEC_PUSH(tokens);
    if (slot)
        *slot = token;
    return slot != NULL;
}

void forge_tokens_free(struct forge_tokens *tokens) { SC_VEC_FREE(tokens); }

bool forge_tokens_expand(const struct forge_tokens *tokens, struct forge_bytes *ret) {
    size_t size = 0;
    for (size_t i = 0; i < tokens->count; i++)
        size += tokens->item[i].length ? tokens->item[i].length : 1;
    uint8_t *data = malloc(size ? size : 1);
    size_t n = 0;
    for (size_t i = 0; data && i < tokens->count; i++) {
        const struct forge_token *t = &tokens->item[i];
        if (!t->length) {
            data[n++] = t->literal;
            continue;
        }
        if (t->distance > n || !t->distance) {
            free(data);
            return false;
        }
        for (uint32_t k = 0; k < t->length; k++, n++)
            data[n] = data[n - t->distance];
    }
    if (data)
        *ret = (struct forge_bytes){.data = data, .size = n};
    return data != NULL;
}

/* --- finding matches --- */

struct finder {
    size_t head[HASHES]; /* the last place with this hash, plus 1 */
    size_t *before;      /* the place before it with the same hash, plus 1 */
};

static unsigned hash(const uint8_t *p) {
    return ((unsigned)p[0] * 506832829u + p[1] * 2654435u + p[2] * 40503u) >> 7 & (HASHES - 1);
}

static void remember(struct finder *f, const uint8_t *data, size_t size, size_t at) {
    if (size - at < LENGTH_MIN)
        return;
    unsigned h = hash(data + at);
    f->before[at] = f->head[h];
    f->head[h] = at + 1;
}

static struct forge_token longest(const struct finder *f, const uint8_t *data, size_t size,
                                  size_t at, size_t farthest) {
    struct forge_token best = {.literal = data[at]};
    size_t begin = at / CHUNK * CHUNK, end = begin + CHUNK < size ? begin + CHUNK : size;
    if (end - at < LENGTH_MIN)
        return best;
    size_t from = f->head[hash(data + at)];
    for (unsigned tries = 0; from && tries < TRIES; from = f->before[from - 1], tries++) {
        size_t start = from - 1, n = 0;
        if (start < begin || at - start > farthest)
            break;
        while (at + n < end && data[start + n] == data[at + n])
            n++;
        if (n >= LENGTH_MIN && n > best.length) {
            best.length = (uint32_t)n;
            best.distance = (uint32_t)(at - start);
        }
    }
    return best;
}

bool forge_tokens_find(struct forge_tokens *tokens, const uint8_t *data, size_t size,
                       size_t farthest) {
    struct finder *f = calloc(1, sizeof *f);
    size_t *before = calloc(size ? size : 1, sizeof *before);
    bool ok = f && before;
    if (f)
        f->before = before;
    for (size_t at = 0; ok && at < size;) {
        struct forge_token t = longest(f, data, size, at, farthest);
        size_t step = t.length ? t.length : 1;
        ok = forge_tokens_add(tokens, t);
        for (size_t i = 0; i < step; i++)
            remember(f, data, size, at + i);
        at += step;
    }
    free(before);
    free(f);
    return ok;
}

/* --- the plain form --- */

struct plain {
    uint8_t *out;
    size_t size, room;
    size_t flags_at, nibble_at; /* nibble_at: plus 1, 0 none is half used */
    uint32_t flags;
    unsigned nflags;
    bool failed;
};

static void put(struct plain *p, uint64_t value, size_t bytes) {
    size_t want = 2 * p->room + 8;
    if (!p->failed && p->room < p->size + 8)
        p->failed = !sc_vec_reserve((void **)&p->out, &p->room, want, 1);
    for (size_t i = 0; i < bytes && !p->failed; i++)
        p->out[p->size++] = (uint8_t)(value >> 8 * i);
}

static void put_flags(struct plain *p) {
    for (size_t i = 0; i < 4 && !p->failed; i++)
        p->out[p->flags_at + i] = (uint8_t)(p->flags >> 8 * i);
    p->flags_at = p->size;
    p->flags = 0;
    p->nflags = 0;
}

static void flag(struct plain *p, bool is_match) {
    p->flags = p->flags << 1 | is_match;
    if (++p->nflags == 32) {
        put_flags(p);
        put(p, 0, 4);
    }
}

static void put_length(struct plain *p, uint32_t length) {
    uint32_t nibble = length - 7 < 15 ? length - 7 : 15;
    if (p->nibble_at) {
        if (!p->failed)
            p->out[p->nibble_at - 1] |= (uint8_t)(nibble << 4);
        p->nibble_at = 0;
    } else {
        put(p, nibble, 1);
        p->nibble_at = p->size;
    }
    if (nibble < 15)
        return;
    uint32_t rest = length - 7 - 15;
    put(p, rest < 255 ? rest : 255, 1);
    if (rest < 255)
        return;
    put(p, length < 0x10000 ? length : 0, 2);
    if (length >= 0x10000)
        put(p, length, 4);
}

static void put_token(struct plain *p, const struct forge_token *t) {
    if (!t->length) {
        put(p, t->literal, 1);
        flag(p, false);
        return;
    }
    uint32_t length = t->length - 3;
    put(p, (t->distance - 1) << 3 | (length < 7 ? length : 7), 2);
    if (length >= 7)
        put_length(p, length);
    flag(p, true);
}

bool forge_xpress_plain(const struct forge_tokens *tokens, struct forge_bytes *ret) {
    struct plain p = {0};
    put(&p, 0, 4);
    for (size_t i = 0; i < tokens->count; i++)
        put_token(&p, &tokens->item[i]);
    /* What is left of the flags says: a match, and then there are no bytes. */
    uint32_t ones = p.nflags ? (1u << (32 - p.nflags)) - 1 : UINT32_MAX;
    p.flags = p.nflags ? p.flags << (32 - p.nflags) | ones : ones;
    put_flags(&p);
    if (p.failed) {
        free(p.out);
        return false;
    }
    *ret = (struct forge_bytes){.data = p.out, .size = p.size};
    return true;
}
