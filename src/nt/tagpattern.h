/* SPDX-License-Identifier: MIT */
/*
 * Pool tags as they are typed: `Leak`, `Mm*`, `?rp `, `0x6b61654c`. Upper and lower case differ.
 */
#ifndef NT_TAGPATTERN_H
#define NT_TAGPATTERN_H

#include <stdbool.h>
#include <stdint.h>

/* A tag fits when (tag & mask) == value, and the text when that is not all that was asked. */
struct nt_tagpattern {
    uint32_t value, mask;
    char text[16]; /* "" unless an asterisk stands before other characters */
};

/* What a tag itself is; the bit of protected allocations is not compared. */
void nt_tagpattern_of(uint32_t tag, struct nt_tagpattern *ret);
/*
 * `*` stands for any number of characters, `?` for one; a shorter text without an asterisk is
 * padded with blanks. A text that begins with "0x" is a number, lowest byte first as in memory.
 * False when it is empty, or names more than four characters.
 */
bool nt_tagpattern_parse(const char *text, struct nt_tagpattern *ret);
bool nt_tagpattern_fits(const struct nt_tagpattern *pattern, uint32_t tag);

/* The four characters of TAG, with a dot for what cannot be printed. */
enum { NT_TAG_TEXT = 5 };
const char *nt_tag_text(uint32_t tag, char buf[NT_TAG_TEXT]);

#endif
