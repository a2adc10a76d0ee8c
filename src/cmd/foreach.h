/* SPDX-License-Identifier: MIT */
/* What commands that run others for each of something share: names in their text. */
#ifndef STOPCODE_CMD_FOREACH_H
#define STOPCODE_CMD_FOREACH_H

#include "cmd/command.h"
#include "cmd/textbuf.h"

/* `@#NAME` and `${@#NAME}` stand for VALUE. */
struct sc_named {
    const char *name, *value;
};
/* TEXT with its names replaced; others stay as they are. */
void sc_replace_names(const struct sc_named *list, size_t count, const char *text,
                      struct sc_textbuf *out);
/*
 * The commands that were given, or OTHERWISE; quotes around all of them are WinDbg's way to keep
 * ';'. NULL: out of memory.
 */
const char *sc_each_text(const struct sc_args *args, const char *otherwise);

/* kforeach.c */
sc_err *sc_run_for_each_process(sc_session *session, const struct sc_args *args);
sc_err *sc_run_for_each_thread(sc_session *session, const struct sc_args *args);

#endif
