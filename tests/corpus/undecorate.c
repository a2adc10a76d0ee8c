/* SPDX-License-Identifier: MIT */
/*
 * Undecorates names, one a line, from stdin to stdout; for undecorate_compare.py.
 *
 *     undecorate [name] [c]
 *
 * name: the name only; c: C decorations too. A name that cannot be undecorated becomes an empty
 * line, one that is not decorated is given back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stopcode/undecorate.h"

enum { SIZE = 1 << 20 };

int main(int argc, char **argv) {
    char *line = malloc(SIZE), *text = malloc(SIZE);
    unsigned flags = 0;
    for (int i = 1; i < argc; i++)
        flags |= strcmp(argv[i], "name") == 0 ? SC_UNDECORATE_NAME_ONLY
                 : strcmp(argv[i], "c") == 0  ? SC_UNDECORATE_C
                                              : 0;
    while (line && text && fgets(line, SIZE, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        enum sc_undecorated how;
        sc_err *err = sc_undecorate(line, flags, text, SIZE, &how);
        if (err) {
            fprintf(stderr, "undecorate: %s\n", sc_err_text(err));
            sc_err_destroy(err);
            return 1;
        }
        puts(how == SC_UNDECORATED_BROKEN ? "" : text);
    }
    free(line);
    free(text);
    return 0;
}
