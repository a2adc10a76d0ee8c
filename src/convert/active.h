/* SPDX-License-Identifier: MIT */
/* Which pages are in use, as the PFN database has it. */
#ifndef STOPCODE_CONVERT_ACTIVE_H
#define STOPCODE_CONVERT_ACTIVE_H

#include "convert/convert_impl.h"

/*
 * Takes out of the selection what is not in use, and counts it. SC_ERR_NOT_FOUND: there is no
 * database to be read, or none to be believed.
 */
sc_err *conv_active_select(struct conversion *c);

#endif
