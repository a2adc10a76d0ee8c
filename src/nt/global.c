/* SPDX-License-Identifier: MIT */
/* Variables of the kernel: the debugger's data block gives addresses of some. */
#include "nt/global.h"

#include <stdio.h>

sc_err *nt_var_address(const struct nt *nt, const struct nt_var *var, struct nt_field *ret) {
    uint64_t address = 0;
    bool found = false;
    sc_err *err = sc_symtab_lookup_exact(nt->symtab, var->symbol, &address, &found);
    if (sc_err_catch(&err, SC_ERR_NOT_FOUND))
        found = false;
    if (err)
        return err;
    if (!found && var->kd && sc_target_kd_member(nt->target, var->kd, 8, &address))
        found = nt_is_kernel(nt, address);
    *ret = (struct nt_field){found ? address : 0, found ? NT_READ : NT_NO_FIELD};
    return NULL;
}

sc_err *nt_var_read(const struct nt *nt, const struct nt_var *var, unsigned size,
                    struct nt_field *ret) {
    struct nt_field at;
    uint64_t value;
    sc_err *err = nt_var_address(nt, var, &at);
    if (err)
        return err;
    *ret = (struct nt_field){0, at.state == NT_READ ? NT_ABSENT : NT_NO_FIELD};
    if (at.state == NT_READ &&
        sc_space_uint(nt->space, at.value, size ? size : nt->ptr_size, &value) == SC_READ_OK)
        *ret = (struct nt_field){value, NT_READ};
    return NULL;
}

sc_err *nt_var_named(const struct nt *nt, const char *symbol, unsigned size, struct nt_field *ret) {
    return nt_var_read(nt, &(struct nt_var){symbol, 0}, size, ret);
}

const char *nt_var_lacked(const char *symbol, enum nt_state state, char buf[NT_LACKED]) {
    snprintf(buf, NT_LACKED, "%s %s", state == NT_ABSENT ? "the page of" : "the symbol", symbol);
    return buf;
}
