/* SPDX-License-Identifier: MIT */
/*
 * Load configuration, hybrid (CHPE, ARM64EC) metadata, thread-local storage.
 *
 *     IMAGE_LOAD_CONFIG_DIRECTORY32/64   +0x00 u32 Size, then fields that every Windows release
 *       has added to; both forms have the same order but for ProcessHeapFlags and
 *       ProcessAffinityMask. SecurityCookie +0x3c / +0x58, SEHandlerTable +0x40 / +0x60,
 *       GuardFlags +0x58 / +0x90, CHPEMetadataPointer +0x7c / +0xc8, GuardMemcpy +0xbc / +0x138
 *     CHPE metadata  +0x00 version  +0x04 RVA of the code map  +0x08 number of its ranges
 *       ARM64EC: +0x40 RVA and +0x44 size of a second function table
 *     code map  { u32 start | kind, u32 length }  x86: kind 1 bit, 1 = ARM64;
 *       ARM64EC: kind 2 bits, 0 = ARM64, 1 = ARM64EC, 2 = x64
 *     TLS directory  VAs of start, end, index, callbacks; u32 zero fill, u32 characteristics
 *
 * Learnt from Microsoft's "PE Format" document and winnt.h. The size that counts is the
 * structure's own: the directory's is 0x40 in images for old systems, whatever follows.
 */
#include <inttypes.h>

#include "pe/pe_impl.h"

enum { CONFIG_MAX = 0x1000, CALLBACKS_MAX = 0x10000 };

static const char what_config[] = "load configuration";

static void read_first(struct pe_cur *c, struct sc_pe_load_config *l) {
    l->timestamp = pe_u32(c);
    l->major = pe_u16(c);
    l->minor = pe_u16(c);
    l->global_flags_clear = pe_u32(c);
    l->global_flags_set = pe_u32(c);
    l->critical_section_timeout = pe_u32(c);
    l->decommit_free_block = pe_uptr(c);
    l->decommit_total_free = pe_uptr(c);
    l->lock_prefix_table = pe_uptr(c);
    l->max_allocation = pe_uptr(c);
    l->vm_threshold = pe_uptr(c);
    if (c->pe->h.is64) {
        l->affinity_mask = pe_u64(c);
        l->process_heap_flags = pe_u32(c);
    } else {
        l->process_heap_flags = pe_u32(c);
        l->affinity_mask = pe_u32(c);
    }
    l->csd_version = pe_u16(c);
    l->dependent_load_flags = pe_u16(c);
    l->edit_list = pe_uptr(c);
    l->security_cookie = pe_uptr(c);
    l->se_table = pe_uptr(c);
    l->se_count = pe_uptr(c);
}

static void read_guard(struct pe_cur *c, struct sc_pe_load_config *l) {
    l->guard_check = pe_uptr(c);
    l->guard_dispatch = pe_uptr(c);
    l->guard_table = pe_uptr(c);
    l->guard_count = pe_uptr(c);
    l->guard_flags = pe_u32(c);
    l->integrity_flags = pe_u16(c);
    l->integrity_catalog = pe_u16(c);
    l->integrity_catalog_offset = pe_u32(c);
    pe_skip(c, 4);
    l->guard_iat_table = pe_uptr(c);
    l->guard_iat_count = pe_uptr(c);
    l->guard_longjump_table = pe_uptr(c);
    l->guard_longjump_count = pe_uptr(c);
}

static void read_last(struct pe_cur *c, struct sc_pe_load_config *l) {
    l->dynamic_reloc_table = pe_uptr(c);
    l->chpe_metadata = pe_uptr(c);
    l->guard_rf_failure = pe_uptr(c);
    l->guard_rf_failure_pointer = pe_uptr(c);
    l->dynamic_reloc_offset = pe_u32(c);
    l->dynamic_reloc_section = pe_u16(c);
    pe_skip(c, 2);
    l->guard_rf_verify = pe_uptr(c);
    l->hotpatch_offset = pe_u32(c);
    pe_skip(c, 4);
    l->enclave = pe_uptr(c);
    l->volatile_metadata = pe_uptr(c);
    l->guard_eh_table = pe_uptr(c);
    l->guard_eh_count = pe_uptr(c);
    l->xfg_check = pe_uptr(c);
    l->xfg_dispatch = pe_uptr(c);
    l->xfg_table_dispatch = pe_uptr(c);
    l->cast_guard_failure = pe_uptr(c);
    l->guard_memcpy = pe_uptr(c);
}

sc_err *sc_pe_load_config(const sc_pe *pe, struct sc_pe_load_config *ret) {
    struct sc_pe_directory dir;
    struct sc_pe_load_config l = {0};
    sc_err *err = pe_need_dir(pe, SC_PE_DIR_LOAD_CONFIG, what_config, &dir);
    if (err || (err = pe_u32_at(pe, dir.rva, what_config, &l.size)))
        return err;
    uint32_t size = l.size ? l.size : dir.size;
    struct pe_cur c = pe_cur_at(pe, dir.rva, size < CONFIG_MAX ? size : CONFIG_MAX, what_config);
    pe_skip(&c, 4);
    read_first(&c, &l);
    read_guard(&c, &l);
    read_last(&c, &l);
    /* Past the structure's end the fields are 0; missing bytes inside of it are an error. */
    if (c.failed && c.status != SC_READ_OK)
        return pe_cur_err(&c);
    l.size = size;
    *ret = l;
    return NULL;
}

uint32_t sc_pe_guard_stride(const struct sc_pe_load_config *config) {
    return 4 + (config->guard_flags >> 28);
}

static enum sc_pe_hybrid hybrid_kind(const sc_pe *pe) {
    switch (pe->h.machine) {
    case SC_PE_MACHINE_X86: return SC_PE_CHPE_X86;
    case SC_PE_MACHINE_X64:
    case SC_PE_MACHINE_ARM64EC: return SC_PE_ARM64EC;
    case SC_PE_MACHINE_ARM64:
    case SC_PE_MACHINE_ARM64X: return SC_PE_ARM64X;
    default: return SC_PE_PURE;
    }
}

sc_err *sc_pe_chpe(const sc_pe *pe, struct sc_pe_chpe *ret) {
    struct sc_pe_load_config l = {0};
    struct sc_pe_chpe h = {.kind = hybrid_kind(pe)};
    sc_err *err = sc_pe_load_config(pe, &l);
    if (err)
        return err;
    if (!l.chpe_metadata || h.kind == SC_PE_PURE)
        return pe_errf(pe, SC_ERR_NOT_FOUND, "the image has no hybrid code");
    if (!sc_pe_va_to_rva(pe, l.chpe_metadata, &h.rva))
        return pe_bad(pe, pe->h.dir[SC_PE_DIR_LOAD_CONFIG].rva,
                      "CHPE metadata pointer 0x%" PRIx64 " lies outside of the image",
                      l.chpe_metadata);
    struct pe_cur c = pe_cur_at(pe, h.rva, 0x48, "CHPE metadata");
    h.version = pe_u32(&c);
    h.code_map = pe_u32(&c);
    h.ncode_map = pe_u32(&c);
    if (h.kind != SC_PE_CHPE_X86) {
        pe_skip(&c, 0x40 - 0xc);
        h.extra_functions = pe_u32(&c);
        h.extra_functions_size = pe_u32(&c);
    }
    if (c.failed)
        return pe_cur_err(&c);
    *ret = h;
    return NULL;
}

static uint16_t range_machine(const sc_pe *pe, enum sc_pe_hybrid kind, uint32_t start) {
    if (kind == SC_PE_CHPE_X86)
        return start & 1 ? SC_PE_MACHINE_ARM64 : SC_PE_MACHINE_X86;
    switch (start & 3) {
    case 0: return SC_PE_MACHINE_ARM64;
    case 1: return SC_PE_MACHINE_ARM64EC;
    case 2: return SC_PE_MACHINE_X64;
    default: return pe->h.machine;
    }
}

sc_err *sc_pe_machine_at(const sc_pe *pe, uint32_t rva, uint16_t *ret_machine) {
    struct sc_pe_chpe h;
    struct sc_pe_directory dir;
    bool config = sc_pe_directory(pe, SC_PE_DIR_LOAD_CONFIG, &dir);
    sc_err *err = config ? sc_pe_chpe(pe, &h) : NULL;
    if (!config || sc_err_catch(&err, SC_ERR_NOT_FOUND)) {
        *ret_machine = pe->h.machine;
        return NULL;
    }
    if (err)
        return err;
    if (h.ncode_map > pe_room(pe, 8))
        return pe_bad(pe, h.rva, "CHPE code map: %" PRIu32 " ranges do not fit", h.ncode_map);
    uint32_t mask = h.kind == SC_PE_CHPE_X86 ? 1 : 3;
    struct pe_cur c = pe_cur_at(pe, h.code_map, 8ull * h.ncode_map, "CHPE code map");
    for (uint32_t i = 0; i < h.ncode_map; i++) {
        uint32_t start = pe_u32(&c), length = pe_u32(&c);
        if (c.failed)
            return pe_cur_err(&c);
        if (rva - (start & ~mask) < length) {
            *ret_machine = range_machine(pe, h.kind, start);
            return NULL;
        }
    }
    *ret_machine = pe->h.machine;
    return NULL;
}

sc_err *sc_pe_tls(const sc_pe *pe, struct sc_pe_tls *ret) {
    struct sc_pe_directory dir;
    struct sc_pe_tls t;
    sc_err *err = pe_need_dir(pe, SC_PE_DIR_TLS, "TLS directory", &dir);
    if (err)
        return err;
    struct pe_cur c = pe_cur_at(pe, dir.rva, 0x28, "TLS directory");
    t.start = pe_uptr(&c);
    t.end = pe_uptr(&c);
    t.index = pe_uptr(&c);
    t.callbacks = pe_uptr(&c);
    t.zero_fill = pe_u32(&c);
    t.characteristics = pe_u32(&c);
    if (c.failed)
        return pe_cur_err(&c);
    *ret = t;
    return NULL;
}

sc_err *sc_pe_tls_callback(const sc_pe *pe, size_t index, uint64_t *ret_va) {
    struct sc_pe_tls t;
    uint32_t rva = 0;
    uint64_t va = 0;
    sc_err *err = sc_pe_tls(pe, &t);
    if (err)
        return err;
    if (t.callbacks && !sc_pe_va_to_rva(pe, t.callbacks, &rva))
        return pe_bad(pe, pe->h.dir[SC_PE_DIR_TLS].rva,
                      "TLS callbacks at 0x%" PRIx64 " lie outside of the image", t.callbacks);
    struct pe_cur c = pe_cur_at(pe, rva, UINT32_MAX, "TLS callbacks");
    for (size_t i = 0; rva && i <= index && index < CALLBACKS_MAX; i++) {
        va = pe_uptr(&c);
        if (c.failed)
            return pe_cur_err(&c);
        if (!va)
            break;
    }
    if (!va)
        return pe_errf(pe, SC_ERR_NOT_FOUND, "no TLS callback %zu", index);
    *ret_va = va;
    return NULL;
}
