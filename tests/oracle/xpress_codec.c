/* SPDX-License-Identifier: MIT */
/*
 * Packs and unpacks standard input to standard output; for test_xpress.py.
 *
 *   xpress_codec pack plain|huffman
 *   xpress_codec unpack plain|huffman SIZE
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dump/xpress.h"
#include "forge/xpress.h"

enum { MOST = 16 << 20 };

static int pack(const uint8_t *in, size_t size, bool huffman) {
    struct forge_tokens tokens = {0};
    struct forge_bytes out;
    if (!forge_tokens_find(&tokens, in, size, huffman ? 65535 : 8192) ||
        !(huffman ? forge_xpress_huffman : forge_xpress_plain)(&tokens, &out))
        return 2;
    fwrite(out.data, 1, out.size, stdout);
    free(out.data);
    forge_tokens_free(&tokens);
    return 0;
}

static int unpack(const uint8_t *in, size_t size, bool huffman, size_t want) {
    uint8_t *out = malloc(want + 1);
    if (!out)
        return 2;
    struct sc_xpress r = (huffman ? sc_xpress_huffman : sc_xpress_plain)(in, size, out, want);
    fwrite(out, 1, r.made, stdout);
    if (r.why)
        fprintf(stderr, "%s\n", r.why);
    free(out);
    return r.why ? 1 : 0;
}

int main(int argc, char **argv) {
    uint8_t *in = malloc(MOST);
    if (argc < 3 || !in)
        return 2;
    size_t size = fread(in, 1, MOST, stdin);
    bool huffman = strcmp(argv[2], "huffman") == 0;
    int status = strcmp(argv[1], "pack") == 0 ? pack(in, size, huffman)
                 : argc > 3                   ? unpack(in, size, huffman, strtoul(argv[3], NULL, 0))
                                              : 2;
    free(in);
    return status;
}
