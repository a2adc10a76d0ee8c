/* SPDX-License-Identifier: MIT */
/* What the files of unwind_facts share. */
#ifndef STOPCODE_TESTS_CORPUS_UNWIND_FACTS_H
#define STOPCODE_TESTS_CORPUS_UNWIND_FACTS_H

#include "stopcode/target.h"

/* Prints the functions of the ARM64 image that lies at BASE; or (RUN) what running them shows. */
sc_err *arm64_facts(sc_target *target, uint64_t base, bool run);

#endif
