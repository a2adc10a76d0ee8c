/* SPDX-License-Identifier: MIT */
/* Small reads of the kernel's memory: what is not there is 0, since the lists may be damaged. */
#include "base/utf.h"
#include "dump/dump.h"
#include "mem/pages.h"
#include "mem/paging_impl.h"
#include "target/kdbg.h"
#include "target/whole.h"

enum { NAME_BYTES_MAX = 2048 };

sc_err *sc_whole_grave(sc_err *err) {
    if (sc_err_code(err) == SC_ERR_NOMEM || sc_err_code(err) == SC_ERR_CANCELLED)
        return err;
    sc_err_destroy(err);
    return NULL;
}

uint64_t sc_whole_uint(sc_target *t, uint64_t va, unsigned size) {
    uint64_t v = 0;
    if (va)
        sc_space_uint(sc_kernel_space(t), sc_space_canon(t->virt, va), size, &v);
    return v;
}

uint64_t sc_whole_ptr(sc_target *t, uint64_t va) {
    return sc_whole_uint(t, va, sc_target_ptr_size(t));
}

uint64_t sc_whole_kd_uint(sc_target *t, uint32_t member, unsigned size) {
    uint64_t va = 0;
    return sc_target_kd_member(t, member, 8, &va) ? sc_whole_uint(t, va, size) : 0;
}

uint64_t sc_whole_kd_ptr(sc_target *t, uint32_t member) {
    return sc_whole_kd_uint(t, member, sc_target_ptr_size(t));
}

const char *sc_whole_string(sc_target *t, uint64_t va, bool *ret_nomem) {
    unsigned ptr = sc_target_ptr_size(t);
    uint8_t raw[NAME_BYTES_MAX];
    uint64_t length = sc_whole_uint(t, va, 2), buffer = sc_whole_ptr(t, va + ptr);
    if (!length || length % 2 || length > sizeof raw || !buffer ||
        sc_space_read(sc_kernel_space(t), buffer, raw, (size_t)length, NULL) != SC_READ_OK)
        return NULL;
    struct sc_cur c = sc_cur_mem(raw, (size_t)length, "name");
    const char *text = sc_cur_utf16(&c, (size_t)length, t->source->arena);
    *ret_nomem |= !text;
    return text;
}

bool sc_whole_is_kernel(sc_target *t, uint64_t va) {
    return sc_paging_is_kernel(t->whole->system.mode, va);
}

uint64_t sc_whole_offset(sc_target *t, uint64_t va) {
    const struct sc_pages *pages = sc_space_pages(t->whole->kernel);
    uint64_t offset;
    if (!pages->ops || !pages->ops->offset(pages->impl, va, &offset))
        return SC_UNSET64;
    return offset;
}
