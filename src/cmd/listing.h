/* SPDX-License-Identifier: MIT */
/*
 * The source file that `ls` lists, how far it has come, and the search for source files below the
 * folders of `.srcpath`. One file at a time is kept, as text.
 */
#ifndef STOPCODE_CMD_LISTING_H
#define STOPCODE_CMD_LISTING_H

#include "base/arena.h"
#include "base/file.h"
#include "stopcode/session.h"

/* How many lines are shown before a line, and from it on. */
struct sc_line_span {
    uint32_t leading, trailing;
};

struct sc_listing {
    char *name; /* owned: as the symbols or the user call it; NULL: no file is loaded */
    char *text; /* owned: `size` bytes and a NUL */
    size_t size;
    uint32_t next; /* the line that `ls` goes on with; 1 is the first */
    uint32_t mark; /* the line an address stands on; 0 none */
    struct sc_line_span step, list;
};

void sc_listing_init(struct sc_listing *listing);
void sc_listing_deinit(struct sc_listing *listing);
/* Forgets the file; the numbers of lines stay. */
void sc_listing_unload(struct sc_listing *listing);
/* Takes the text of FILE, called NAME, in place of what was there. SC_ERR_LIMIT: too large. */
sc_err *sc_listing_load(struct sc_listing *listing, const char *name, const sc_file *file);
/* The lines from FIRST on, at most COUNT. SC_ERR_NOT_FOUND when the file has no line FIRST. */
sc_err *sc_listing_show(sc_session *session, struct sc_listing *listing, uint64_t first,
                        uint64_t count);
/* "file(line)" instead of the text: for a file that is not at hand. */
void sc_listing_show_place(sc_session *session, const char *name, uint32_t line);

/*
 * Opens the file that is RECORDED as a source below the folders of `.srcpath`: from the longest
 * tail of the path to its bare name. *RET_FILE is NULL when there is none.
 */
sc_err *sc_source_find(sc_session *session, const char *recorded, sc_arena *arena,
                       sc_file **ret_file);

#endif
