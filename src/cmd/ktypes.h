/* SPDX-License-Identifier: MIT */
/* All objects of a type: ktypes.c. */
#ifndef STOPCODE_CMD_KTYPES_H
#define STOPCODE_CMD_KTYPES_H

#include "cmd/kernel.h"
#include "nt/object.h"

/* `!object 0 NAME`. */
sc_err *sc_show_type_objects(sc_session *session, struct nt_objects *om, const char *name);

#endif
