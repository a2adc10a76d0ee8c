/* SPDX-License-Identifier: MIT */
/* CodeView symbol records: kinds, and one decoded form for all that name something. */
#ifndef STOPCODE_PDB_SYMREC_H
#define STOPCODE_PDB_SYMREC_H

#include <stdbool.h>
#include <stdint.h>

enum pdb_sym_kind {
    S_END = 0x0006,
    S_FRAMEPROC = 0x1012,
    S_THUNK32 = 0x1102,
    S_BLOCK32 = 0x1103,
    S_WITH32 = 0x1104,
    S_LABEL32 = 0x1105,
    S_REGISTER = 0x1106,
    S_CONSTANT = 0x1107,
    S_UDT = 0x1108,
    S_BPREL32 = 0x110b,
    S_LDATA32 = 0x110c,
    S_GDATA32 = 0x110d,
    S_PUB32 = 0x110e,
    S_LPROC32 = 0x110f,
    S_GPROC32 = 0x1110,
    S_REGREL32 = 0x1111,
    S_LTHREAD32 = 0x1112,
    S_GTHREAD32 = 0x1113,
    S_PROCREF = 0x1125,
    S_DATAREF = 0x1126,
    S_LPROCREF = 0x1127,
    S_SEPCODE = 0x1132,
    S_LOCAL = 0x113e,
    S_DEFRANGE_REGISTER = 0x1141,
    S_DEFRANGE_FRAMEPOINTER_REL = 0x1142,
    S_DEFRANGE_SUBFIELD_REGISTER = 0x1143,
    S_DEFRANGE_FRAMEPOINTER_REL_FULL_SCOPE = 0x1144,
    S_DEFRANGE_REGISTER_REL = 0x1145,
    S_LPROC32_ID = 0x1146,
    S_GPROC32_ID = 0x1147,
    S_INLINESITE = 0x114d,
    S_INLINESITE_END = 0x114e,
    S_PROC_ID_END = 0x114f,
    S_LPROC32_DPC = 0x1155,
    S_LPROC32_DPC_ID = 0x1156,
    S_INLINESITE2 = 0x115d,
};

/* A record, decoded as far as its kind goes; what the kind has not is 0. */
struct pdb_sym {
    uint16_t kind;
    uint32_t type;             /* TPI, or IPI for the _ID kinds */
    uint32_t seg, off;         /* off: also of TLS, of the frame */
    uint32_t len;              /* bytes of code; S_FRAMEPROC: of the frame */
    uint32_t parent, end;      /* offsets of records in the same stream */
    uint32_t flags;            /* S_PUB32, S_LOCAL, S_FRAMEPROC */
    uint64_t value;            /* S_CONSTANT */
    uint32_t module;           /* S_PROCREF: 1-based */
    uint32_t sym_off;          /* S_PROCREF: offset in that module's stream */
    uint16_t reg;              /* S_REGISTER, S_REGREL32 */
    uint32_t inlinee;          /* S_INLINESITE: IPI */
    const uint8_t *annotation; /* S_INLINESITE: code */
    uint32_t annotation_len;
    const char *name; /* in the record, NUL-terminated; NULL none */
    uint32_t name_len, name_off;
};

/*
 * Decodes the record of LEN bytes at DATA, whose first two bytes are its kind (the length before
 * it is not counted). False when the record is too short for its kind or its name has no end; a
 * kind that is not in the list gives true and nothing but `kind`.
 */
bool pdb_sym_decode(const uint8_t *data, uint32_t len, struct pdb_sym *ret);

/* S_GPROC32 and its kin. */
bool pdb_is_proc(uint16_t kind);
/* Are its types IPI ids? */
bool pdb_is_id_proc(uint16_t kind);
/* Does a record of this kind open a scope that an end record closes? And close one? */
bool pdb_opens_scope(uint16_t kind);
bool pdb_closes_scope(uint16_t kind);

/*
 * A numeric leaf at DATA: *RET_SIZE bytes long. Signed leaves are sign-extended. False when it is
 * cut off or of a kind that is no integer of at most 64 bits.
 */
bool pdb_numeric(const uint8_t *data, uint32_t len, uint64_t *ret_value, uint32_t *ret_size);

/*
 * CodeView register NUMBER as the CPU's register table names it ("rax", "ebp", "x19"), "vframe"
 * for the frame base of x86; NULL when it is not known. CPU: enum sc_cpu.
 */
const char *pdb_register(int cpu, uint32_t number);

#endif
