/* SPDX-License-Identifier: MIT */
/* What the triage files share beyond kdump_impl.h. */
#ifndef STOPCODE_DUMP_TRIAGE_IMPL_H
#define STOPCODE_DUMP_TRIAGE_IMPL_H

#include "dump/kdump_impl.h"

/*
 * Finds the addresses of the thread and process copies, the number of the current processor, and
 * the kernel's build string; what cannot be found stays 0. Cheap: part of opening.
 */
sc_err *sc_triage_find_cpus(struct sc_source *source);
/* Sorts the data blocks and finds the PRCBs among them, once; for memory and processors. */
sc_err *sc_triage_index(struct sc_source *source);

#endif
