/* SPDX-License-Identifier: MIT */
/* `!address` of kernel dumps; that of processes' dumps is address.c. */
#ifndef STOPCODE_CMD_KADDRESS_H
#define STOPCODE_CMD_KADDRESS_H

#include "cmd/command.h"

/* *ADDRESS, or the whole map when it is not given. */
sc_err *sc_show_kernel_regions(sc_session *session, const struct sc_val *address);

#endif
