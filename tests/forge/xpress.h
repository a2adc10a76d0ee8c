/* SPDX-License-Identifier: MIT */
/*
 * Xpress compression for tests: from data, or from a list of literals and matches that the test
 * chose itself, so that every length and distance can be had.
 *
 *     struct forge_tokens tokens = {0};
 *     forge_tokens_find(&tokens, data, size, 8192);
 *     if (!forge_xpress_plain(&tokens, &packed)) … out of memory
 *
 * Written from MS-XCA 2.1 and 2.3 alone, not from the readers.
 */
#ifndef STOPCODE_TESTS_FORGE_XPRESS_H
#define STOPCODE_TESTS_FORGE_XPRESS_H

#include "forge/section.h"

/* A literal byte (length 0), or a match. */
struct forge_token {
    uint32_t length, distance;
    uint8_t literal;
};
struct forge_tokens {
    struct forge_token *item;
    size_t count, room;
};

bool forge_tokens_add(struct forge_tokens *tokens, struct forge_token token);
void forge_tokens_free(struct forge_tokens *tokens);
/* Appends tokens for DATA, with matches of at most FARTHEST bytes back; those that are found soon
 * are taken. Matches stay within chunks of 64 KiB and do not cross their ends. */
bool forge_tokens_find(struct forge_tokens *tokens, const uint8_t *data, size_t size,
                       size_t farthest);
/* What the tokens mean, byte by byte; false: memory, or a match before the start. */
bool forge_tokens_expand(const struct forge_tokens *tokens, struct forge_bytes *ret);

/* Distances up to 8192. False: memory is short. */
bool forge_xpress_plain(const struct forge_tokens *tokens, struct forge_bytes *ret);
/* Distances up to 65535. Chunks end where 64 KiB of output are full: a token must end there. */
bool forge_xpress_huffman(const struct forge_tokens *tokens, struct forge_bytes *ret);

#endif
