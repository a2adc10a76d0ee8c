/* SPDX-License-Identifier: MIT */
/*
 * VADs: what a process has reserved of its address space, as a balanced tree of MMVAD (mapped) and
 * MMVAD_SHORT (private).
 *
 *     struct nt_vads vads;
 *     err = nt_vads_begin(&vads, nt, process.f[NT_P_VAD_ROOT].value);
 *     while (!err && !(err = nt_vads_next(&vads, &vad, &more)) && more) …
 *     if (vads.end != NT_LIST_DONE) … nt_vads_end_text(&vads, buf)
 */
#ifndef NT_VAD_H
#define NT_VAD_H

#include "nt/list.h"

enum { NT_VAD_DEPTH = 64, NT_VADS_MAX = 1 << 20 };

/* _MI_VAD_TYPE */
enum nt_vad_type {
    NT_VAD_NONE,
    NT_VAD_PHYSICAL,
    NT_VAD_IMAGE,
    NT_VAD_AWE,
    NT_VAD_WRITE_WATCH,
    NT_VAD_LARGE_PAGES,
    NT_VAD_ROTATE,
    NT_VAD_LARGE_SECTION,
};

struct nt_vad {
    uint64_t address;
    unsigned level;      /* 0: the root that the walk began with */
    uint64_t start, end; /* pages, both belong to it */
    struct nt_field commit;
    bool has_flags; /* the rest of this line is known */
    unsigned type, protection;
    bool is_private, committed, no_change;
    /* Mapped ones: */
    struct nt_field control_area, subsection, first_proto, last_proto, file;
    bool assumed; /* the layout is that of another build */
};

struct nt_vads {
    const struct nt *nt;
    uint64_t left, right;   /* offsets of the links in a node */
    uint64_t flags, flags1; /* of MMVAD_FLAGS and MMVAD_FLAGS1 in it; SC_UNSET64 none */
    struct nt_vad_step {
        uint64_t node;
        unsigned level;
    } stack[NT_VAD_DEPTH];
    unsigned depth;
    struct nt_vad_step down; /* the subtree to go into next; node 0 none */
    uint64_t count, last;    /* the page behind the last one */
    unsigned max_level;
    uint64_t levels; /* their sum */
    uint64_t absent; /* nodes that are not in the dump: what hangs below them is not seen */
    enum nt_list_end end;
    uint64_t bad;
};

/* ROOT is the address of a node. SC_ERR_NOT_FOUND: the symbols do not know VADs. */
sc_err *nt_vads_begin(struct nt_vads *vads, const struct nt *nt, uint64_t root);
/* The next one by address. */
sc_err *nt_vads_next(struct nt_vads *vads, struct nt_vad *ret_vad, bool *ret_more);
/* One node, as the root of a walk would be read. *RET_FOUND false: it is not in the dump. */
sc_err *nt_vad_read(const struct nt *nt, uint64_t address, struct nt_vad *ret_vad, bool *ret_found);
/* The one below ROOT that contains page VPN. */
sc_err *nt_vad_find(const struct nt *nt, uint64_t root, uint64_t vpn, struct nt_vad *ret_vad,
                    bool *ret_found);

/* Why the walk ended, when it is not NT_LIST_DONE. */
const char *nt_vads_end_text(const struct nt_vads *vads, char buf[NT_LIST_TEXT]);

/* "READWRITE", "EXECUTE_WRITECOPY", of the 5 bits of MM_PROTECTION. */
const char *nt_vad_protection_name(unsigned protection);
/* "Exe", "Phys", …: what stands behind Mapped or Private; "" for nothing special. */
const char *nt_vad_type_name(unsigned type);

/*
 * Address of the prototype entry of page VPN, PTE_SIZE bytes each: in the VAD's array, or in those
 * of the subsections that follow. 0: there is none, or it is not in the dump.
 */
sc_err *nt_vad_prototype(const struct nt *nt, const struct nt_vad *vad, uint64_t vpn,
                         unsigned pte_size, uint64_t *ret_address);

#endif
