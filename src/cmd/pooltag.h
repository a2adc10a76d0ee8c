/* SPDX-License-Identifier: MIT */
/* Pool tags in output: who allocates with a tag, in the words of the commands about pools. */
#ifndef STOPCODE_CMD_POOLTAG_H
#define STOPCODE_CMD_POOLTAG_H

#include "base/arena.h"
#include "cmd/command.h"
#include "nt/tagpattern.h"

/* What the table of tags knows of TAG; text and binary are NULL when it is nothing. */
struct sc_tag_owner {
    char tag[NT_TAG_TEXT];
    const char *text, *binary;
};
void sc_tag_owner(uint32_t tag, struct sc_tag_owner *ret);

/* "Thread objects , Binary: nt!ps", "UNKNOWN pooltag 'Leak', please update pooltag.txt" */
void sc_tag_owner_used(sc_out *out, const struct sc_tag_owner *owner);
/* "Pooltag Proc : Process objects, Binary : nt!ps", or that the owner is not known. */
void sc_tag_owner_line(sc_out *out, const struct sc_tag_owner *owner);

/* A tag as an operand of COMMAND. */
sc_err *sc_tag_operand(const char *command, const char *text, struct nt_tagpattern *ret);

#endif
