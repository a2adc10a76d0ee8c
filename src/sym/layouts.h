/* SPDX-License-Identifier: MIT */
/*
 * Built-in layouts: the structures of the kernel (and, for some builds, of the filter manager and
 * NDIS), build by build, as a symbol provider that has types only. It is what is left when neither
 * a PDB nor an ISF of the kernel can be had.
 *
 * How sure a layout is, has two sides. The set: it is the target's own build, or the nearest that
 * there is (`assumed`, and only when the caller asks for that). The structure: see sc_layout_trust.
 * A reader that follows an assumed or unproved layout must say so.
 *
 * A member whose type is not known for the build has type 0: its offset is a fact all the same. A
 * structure whose size is not known has size 0. Names are those of the debugging symbols.
 */
#ifndef STOPCODE_SYM_LAYOUTS_H
#define STOPCODE_SYM_LAYOUTS_H

#include "stopcode/symbols.h"

enum sc_layout_trust {
    SC_LAYOUT_PROVED, /* the fact tables have it, and symbol tables of the build agree */
    SC_LAYOUT_VARIES, /* right for the build's first release; updates of it changed this one */
    SC_LAYOUT_LISTED, /* one published listing has it, confirmed by nothing */
};

/* Which set was opened. */
struct sc_layouts_facts {
    uint32_t build; /* of the set */
    bool assumed;   /* it is another build than the one asked for */
    size_t structs;
};

/* Exactly BUILD. SC_ERR_NOT_FOUND names the builds that there are. */
sc_err *sc_layouts_open(enum sc_cpu cpu, uint32_t build, sc_symbols **ret_symbols);
/*
 * BUILD, or the nearest one of the same CPU (of two equally near ones the older), which *RET_FACTS
 * tells apart. SC_ERR_NOT_FOUND when there is none for the CPU.
 */
sc_err *sc_layouts_open_nearest(enum sc_cpu cpu, uint32_t build, sc_symbols **ret_symbols,
                                struct sc_layouts_facts *ret_facts);
/* How sure structure NAME of exactly this build is; false when there is none. */
bool sc_layouts_trust(enum sc_cpu cpu, uint32_t build, const char *name,
                      enum sc_layout_trust *ret_trust);
/* The INDEX-th set; false behind the last. */
bool sc_layouts_set(size_t index, enum sc_cpu *ret_cpu, uint32_t *ret_build);

#endif
