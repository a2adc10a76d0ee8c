/* SPDX-License-Identifier: MIT */
/* A PDB with a little of everything, record by record; see pdbparts.h. */
#include "forge/pdbparts.h"

void pdbparts_put(struct forge_pdb *p) {
    forge_pdb_section(p, 0x1000, 0x4000, 0x60000020);
    forge_pdb_section(p, 0x5000, 0x1000, 0x40000040);
    uint16_t module = forge_pdb_module_new(p, "a.obj");
    forge_pdb_contrib(p, module, 1, 0x100, 0x40);
    struct forge_fields f = forge_fields("22422", 0x150du, 3u, 0x74u, 4u, 0x61u);
    uint32_t fields = forge_pdb_type(p, 0x1203, f.data, f.size, NULL);
    uint32_t s = forge_pdb_struct(p, 0x1505, 1, 0, fields, 8, "_S");
    forge_pdb_struct(p, 0x1505, 0, 0x80, 0, 0, "_S");
    f = forge_fields("44", s, 0x1000cu);
    forge_pdb_type(p, 0x1002, f.data, f.size, NULL);
    f = forge_fields("442", 0u, 0u, 0x66u);
    uint32_t id = forge_pdb_id(p, 0x1601, f.data, f.size);
    uint32_t name = forge_pdb_name(p, "c:\\a.c");
    f = forge_fields("4112", name, 0u, 0u, 0u);
    forge_pdb_c13(p, module, 0xf4, f.data, f.size);
    f = forge_fields("42244444444", 0x100u, 1u, 0u, 0x40u, 0u, 2u, 28u, 0u, 10u, 8u, 11u);
    forge_pdb_c13(p, module, 0xf2, f.data, f.size);
    f = forge_fields("4444", 0u, id, 0u, 5u);
    forge_pdb_c13(p, module, 0xf6, f.data, f.size);
    uint32_t proc = forge_pdb_proc(p, module, 0x1110, 1, 0x100, 0x40, 0x74, "main");
    f = forge_fields("42", s, 1u);
    forge_pdb_sym(p, module, 0x113e, f.data, f.size, "v");
    f = forge_fields("2242222", 330u, 0u, 0x100u, 1u, 0x40u, 4u, 4u);
    forge_pdb_sym(p, module, 0x1141, f.data, f.size, NULL);
    f = forge_fields("44411111", 0u, 0u, id, 0x0bu, 0x25u, 4u, 8u, 0u);
    uint32_t site = forge_pdb_sym(p, module, 0x114d, f.data, f.size, NULL);
    forge_pdb_end(p, module, 0x114e, site);
    forge_pdb_end(p, module, 6, proc);
    forge_pdb_procref(p, module, proc, "main");
    forge_pdb_public(p, "main", 1, 0x100, 2);
    forge_pdb_public(p, "?g@@3HA", 2, 0x10, 0);
    forge_pdb_data(p, 0x110d, s, 2, 0x10, "g");
    f = forge_fields("444444224", 0x1100u, 0x40u, 4u, 4u, 0u, name, 3u, 4u, 5u);
    forge_put(forge_pdb_slot(p, 9), f.data, f.size);
}
