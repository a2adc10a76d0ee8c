/* SPDX-License-Identifier: MIT */
/*
 * Reading a line from a person: with editing, history and completion when libedit is installed,
 * without them when it is not. The library is opened when the first prompt is shown and not before.
 */
#ifndef STOPCODE_TOOL_EDIT_H
#define STOPCODE_TOOL_EDIT_H

#include <stdbool.h>

#include "stopcode/session.h"

struct edit;

/* SESSION completes words. NULL when memory is short. */
struct edit *edit_create(sc_session *session);
void edit_destroy(struct edit *edit);

enum edit_got { EDIT_LINE, EDIT_INTERRUPTED, EDIT_END };
/* Shows PROMPT and reads a line, without its end; *RET_LINE is valid until the next call. */
enum edit_got edit_read(struct edit *edit, const char *prompt, const char **ret_line);
/* Puts a line into the history and saves it. */
void edit_remember(struct edit *edit, const char *line);

#endif
