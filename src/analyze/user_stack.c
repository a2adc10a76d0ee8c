/* SPDX-License-Identifier: MIT */
/*
 * The frames of a process' stack, with what each is for.
 *
 * Functions are looked up one byte below return addresses: a call that never returns may be the
 * last instruction of its function. The nearest export is no function's name when it is far away,
 * nor is a symbol whose size ends before the address. A frame that was found by looking for return
 * addresses, and lies in no function of symbols that know all of them, is a number by chance.
 */
#include <string.h>

#include "analyze/user.h"
#include "base/utf.h"

enum {
    EXPORT_REACH = 0x800,
    SHOWN_BY_DEFAULT = 0x14, /* frames that `k` shows without a count */
};

bool sc_user_is_system(const struct sc_case *c, const struct sc_module *m) {
    if (!m)
        return false;
    if (nt_userfunc_roles(m->image, NULL) & NT_UF_SYSTEM)
        return !c->machine->windows;
    if (!c->machine->windows) /* of macOS and iOS: the sealed part of the system */
        return m->path && (strstr(m->path, "/System/Library/") ||
                           (strncmp(c->machine->platform, "Linux", 5) != 0 &&
                            strncmp(m->path, "/usr/lib/", 9) == 0));
    enum nt_driver_kind kind = sc_case_driver(m).kind;
    return kind == NT_DRIVER_FRAMEWORK || kind == NT_DRIVER_KERNEL;
}

/* Is NEAR the function that the address lies in, or only the nearest name below it? */
static bool is_function(const struct sc_near *near) {
    const struct sc_symbol *s = &near->symbol;
    if (s->size)
        return near->displacement < s->size;
    bool far = near->displacement >= EXPORT_REACH;
    bool exports = s->kind == SC_SYM_EXPORT || near->modsyms->state == SC_SYMSTATE_EXPORT;
    return !(exports && far);
}

/* *RET_OUTSIDE: there are symbols, and the address lies in none of their functions. */
static const char *function_at(struct sc_case *c, uint64_t addr, bool *ret_outside) {
    struct sc_near near;
    bool found = false;
    *ret_outside = false;
    if (!c->symtab)
        return NULL;
    sc_err *err = sc_symtab_near(c->symtab, addr, &near, &found);
    if (err && sc_err_code(err) == SC_ERR_NOMEM)
        c->nomem = true;
    bool good = !err && found && is_function(&near);
    *ret_outside = !err && found && !good && near.symbol.size;
    sc_err_destroy(err);
    return good ? near.name : NULL;
}

static void fill(struct sc_case *c, const struct sc_frame *f, struct sc_user_frame *to) {
    *to = (struct sc_user_frame){.f = f, .module = f->module, .at = f->ip};
    if (!f->exact_ip && f->ip && f->number)
        to->at--;
    bool is_inline = f->how == SC_FRAME_INLINE && f->inline_name, outside = false;
    to->function = is_inline ? f->inline_name : f->module ? function_at(c, to->at, &outside) : NULL;
    to->chance = outside && f->how == SC_FRAME_SCAN;
    to->system = sc_user_is_system(c, f->module);
    if (f->module)
        to->roles = nt_userfunc_roles(f->module->image, to->function);
}

void sc_user_frames_of(struct sc_case *c, const struct sc_stack *stack, const char *command,
                       struct sc_user_frames *ret) {
    *ret = (struct sc_user_frames){.command = command};
    if (!stack->count)
        return;
    ret->item = sc_arena_array(c->arena, stack->count, sizeof *ret->item);
    if (!ret->item) {
        c->nomem = true;
        return;
    }
    unsigned percent = 100;
    bool sure = true;
    for (size_t i = 0; i < stack->count; i++) {
        const struct sc_frame *f = &stack->frame[i];
        struct sc_user_frame *to = &ret->item[ret->count++];
        fill(c, f, to);
        bool is_inline = f->how == SC_FRAME_INLINE;
        if (!is_inline && f->confidence < percent)
            percent = f->confidence;
        sure = sure && !f->suspect && (is_inline || sc_frame_exact(f->how));
        to->sure = sure;
        to->percent = percent;
    }
}

void sc_user_frames(struct sc_case *c, struct sc_user_frames *ret) {
    const char *regs = c->a->regs_command;
    bool thread = regs && regs[0] == '~';
    const char *command = thread ? sc_case_text(c, "~%ukn", c->machine->current)
                          : regs ? sc_case_text(c, "%s; kn", regs)
                                 : "kn";
    sc_user_frames_of(c, &c->a->stack, command, ret);
    for (size_t i = 0; i < ret->count; i++)
        ret->item[i].name = c->a->stack_symbol[i];
}

bool sc_user_blame(const struct sc_user_frames *frames, size_t from, size_t *ret_index) {
    size_t fallback = SIZE_MAX;
    for (size_t i = from; i < frames->count; i++) {
        const struct sc_user_frame *u = &frames->item[i];
        if (!u->module || u->system || u->chance)
            continue;
        if (!(u->roles & SC_USER_PASSED)) {
            *ret_index = i;
            return true;
        }
        if (fallback == SIZE_MAX && !(u->roles & NT_UF_START))
            fallback = i;
    }
    if (fallback == SIZE_MAX)
        return false;
    *ret_index = fallback;
    return true;
}

uint32_t sc_user_signs(const struct sc_user_frames *frames, size_t end) {
    uint32_t roles = 0;
    for (size_t i = 0; i < frames->count && i < end && i < SC_USER_SIGNS_MAX; i++)
        roles |= frames->item[i].roles;
    return roles;
}

const char *sc_user_show(struct sc_case *c, const struct sc_user_frames *frames, size_t last) {
    if (last < SHOWN_BY_DEFAULT)
        return frames->command;
    return sc_case_text(c, "%s %zx", frames->command, last + 1);
}
