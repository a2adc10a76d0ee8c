/* SPDX-License-Identifier: MIT */
/* Exports of an image as a symbol provider: the last resort, and often the only one. */
#ifndef STOPCODE_SYM_EXPORTS_H
#define STOPCODE_SYM_EXPORTS_H

#include "stopcode/pe.h"
#include "stopcode/symbols.h"

/*
 * Reads the export table of PE (borrowed for this call only) and keeps its names, sorted by RVA.
 * SC_ERR_NOT_FOUND when the image exports nothing. PATH (copied, may be NULL) is what info shows.
 */
sc_err *sc_exports_open(const sc_pe *pe, const char *path, sc_symbols **ret_symbols);

#endif
