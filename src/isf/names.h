/* SPDX-License-Identifier: MIT */
/* Names of types: C's as the tables have them, WinDbg's as its users know them. */
#ifndef STOPCODE_ISF_NAMES_H
#define STOPCODE_ISF_NAMES_H

#include "isf/build.h"

/* Defines the base type NAME (in C): "unsigned long" of 4 bytes becomes "Uint4B". */
sc_err *isf_define_base(struct isf_build *b, uint32_t name, enum sc_type_kind kind, uint64_t size,
                        bool is_signed, uint64_t where);
/* Is NAME one that the tables made up for an unnamed type ("__anonymous_13fd")? */
bool isf_made_up(const char *name);

#endif
