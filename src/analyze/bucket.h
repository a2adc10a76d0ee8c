/* SPDX-License-Identifier: MIT */
/* The bucket of an analysis: see bucket.c for the rule. */
#ifndef STOPCODE_ANALYZE_BUCKET_H
#define STOPCODE_ANALYZE_BUCKET_H

#include "analyze/case.h"

enum { SC_BUCKET_MAX = 160 };

/* Never NULL; "" only with c->nomem set. The findings must be ranked. */
const char *sc_bucket(struct sc_case *c);

#endif
