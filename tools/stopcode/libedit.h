/* SPDX-License-Identifier: MIT */
/*
 * The part of libedit (libedit.so.2, <histedit.h>) that is used, loaded by hand: a debugger that
 * runs `-c .bugcheck` a thousand times must not load a line editor each time, and one that is
 * built where libedit-dev is missing must still edit lines where libedit is installed.
 */
#ifndef STOPCODE_TOOL_LIBEDIT_H
#define STOPCODE_TOOL_LIBEDIT_H

#include <stdbool.h>
#include <stdio.h>

/* Numbers of libedit's interface (el_set, history), stable since version 2. */
enum {
    EDIT_SET_PROMPT = 0,
    EDIT_SET_EDITOR = 2,
    EDIT_SET_SIGNAL = 3,
    EDIT_SET_BIND = 4,
    EDIT_SET_ADDFN = 9,
    EDIT_SET_HIST = 10,
    EDIT_SET_GETCFN = 13,
    HIST_SET_SIZE = 1,
    HIST_ENTER = 10,
    HIST_LOAD = 17,
    HIST_SAVE = 18,
    HIST_SET_UNIQUE = 20,
    EDIT_CC_REFRESH = 4,
    EDIT_CC_ERROR = 6,
    EDIT_CC_REDISPLAY = 8,
};

typedef struct editline EditLine;
typedef struct history History;

typedef struct {
    int num;
    const char *str;
} HistEvent;

typedef struct {
    const char *buffer, *cursor, *lastchar;
} LineInfo;

struct libedit {
    void *handle;
    EditLine *(*el_init)(const char *, FILE *, FILE *, FILE *);
    void (*el_end)(EditLine *);
    void (*el_reset)(EditLine *);
    const char *(*el_gets)(EditLine *, int *);
    int (*el_set)(EditLine *, int, ...);
    int (*el_wset)(EditLine *, int, ...);
    void (*el_resize)(EditLine *);
    const LineInfo *(*el_line)(EditLine *);
    int (*el_insertstr)(EditLine *, const char *);
    History *(*history_init)(void);
    void (*history_end)(History *);
    int (*history)(History *, HistEvent *, int, ...);
};

/* False when it is not installed or lacks something. */
bool libedit_load(struct libedit *lib);
void libedit_unload(struct libedit *lib);

#endif
