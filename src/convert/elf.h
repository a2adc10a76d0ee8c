/* SPDX-License-Identifier: MIT */
/* The notes of ELF cores: elf_notes.c makes them, elf.c puts them into the file. */
#ifndef STOPCODE_CONVERT_ELF_H
#define STOPCODE_CONVERT_ELF_H

#include "convert/convert_impl.h"

struct conv_notes {
    uint8_t *item;
    size_t count, room;
};

/* The source's own notes where it is an ELF core; else those of its processors, and its header. */
sc_err *conv_notes_make(struct conversion *c, uint64_t end_of_full_dump, struct conv_notes *ret);

#endif
