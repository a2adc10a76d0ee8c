/* SPDX-License-Identifier: MIT */
/*
 * Epilogs of functions with unwind information of version 1, recognised by their instructions, as
 * Windows does it: from ip on there stand
 *
 *     48 83 c4 ib, 48 81 c4 id            add rsp, n                at most one of these two
 *     48|49 8d 60+r ib, a0+r id           lea rsp, [frame register + n]
 *     58+r, 4x 58+r                       pop r64                   any number
 *     [f2|f3] c3, c2 iw                   ret
 *     [f2] eb ib, e9 id                   jmp to another function, or to this one's start
 *     ff 25 id                            jmp [rip + n], an import
 *     48…4f ff /4                         jmp through a register or memory: the needless prefix
 *                                         marks a jump that leaves the function
 *     ff /4 with a mod of 00              the same without the prefix: only behind one of the
 *                                         instructions above, since alone it may be a switch
 *
 * What was matched is what is still to be done. A jump that leaves the function is a return for us:
 * its target finds the stack as a function does when it begins.
 *
 * Learnt from Microsoft's "x64 prolog and epilog" and from the .NET runtime's unwinder.
 */
#include <string.h>

#include "unwind/x64.h"

enum { WINDOW = 64, POPS_MAX = 16 };

/* The bytes from ip on, as many as there are; reads behind them yield 0, which matches nothing. */
struct code {
    uint8_t byte[WINDOW];
    unsigned at;
};

static uint8_t peek(const struct code *c, unsigned ahead) {
    return c->at + ahead < WINDOW ? c->byte[c->at + ahead] : 0;
}

static int32_t signed8(const struct code *c, unsigned ahead) { return (int8_t)peek(c, ahead); }

static int32_t signed32(const struct code *c, unsigned ahead) {
    uint32_t v = 0;
    for (unsigned i = 4; i-- > 0;)
        v = v << 8 | peek(c, ahead + i);
    return (int32_t)v;
}

/* add rsp, n or lea rsp, [frame register + n]; none is fine. */
static enum sc_step_status put_release(struct code *c, const struct x64_info *info,
                                       struct x64_build *b) {
    uint8_t rex = peek(c, 0), op = peek(c, 1), modrm = peek(c, 2);
    if (rex == 0x48 && modrm == 0xc4 && (op == 0x83 || op == 0x81)) {
        int32_t n = op == 0x83 ? signed8(c, 3) : signed32(c, 3);
        c->at += op == 0x83 ? 4 : 7;
        return x64_put(b, X64_OP_ADD, 0, n);
    }
    if ((rex == 0x48 || rex == 0x49) && op == 0x8d &&
        ((modrm & 0xf8) == 0x60 || (modrm & 0xf8) == 0xa0)) {
        unsigned reg = (rex & 1u) << 3 | (modrm & 7u);
        bool is_short = (modrm & 0xf8) == 0x60;
        if (!info->frame_register || reg != info->frame_register || (modrm & 7) == 4)
            return SC_STEP_DONE;
        int32_t n = is_short ? signed8(c, 3) : signed32(c, 3);
        c->at += is_short ? 4 : 7;
        return x64_put(b, X64_OP_SET_SP, reg, n);
    }
    return SC_STEP_DONE;
}

static enum sc_step_status put_pops(struct code *c, struct x64_build *b) {
    enum sc_step_status st = SC_STEP_DONE;
    for (unsigned i = 0; st == SC_STEP_DONE && i < POPS_MAX; i++) {
        uint8_t first = peek(c, 0);
        bool rex = (first & 0xf0) == 0x40;
        uint8_t op = rex ? peek(c, 1) : first;
        if ((op & 0xf8) != 0x58)
            break;
        unsigned reg = (rex ? (first & 1u) << 3 : 0) | (op & 7u);
        if (reg == X64_RSP)
            break; /* no epilog pops rsp */
        c->at += rex ? 2 : 1;
        st = x64_put(b, X64_OP_POP, reg, 0);
    }
    return st;
}

/*
 * Does a jump to the RVA leave the function? Parts of a function may have entries of their own,
 * which are chained to one root. Where that cannot be read, it is taken to stay inside, as then the
 * unwind codes apply.
 */
static enum sc_step_status leaves(const struct x64_entry *entry, const struct x64_info *info,
                                  uint32_t target, const struct x64_build *b, bool *ret) {
    struct x64_entry other, root, other_root;
    bool found = false;
    uint64_t missing;
    if (target >= entry->begin && target < entry->end) {
        *ret = target == entry->begin && !info->chained;
        return SC_STEP_DONE;
    }
    enum sc_step_status st = x64_find(b->region, target, &other, &found, &missing);
    if (st == SC_STEP_DONE && !found) {
        *ret = true; /* a leaf function, or another module */
        return SC_STEP_DONE;
    }
    if (st == SC_STEP_DONE)
        st = x64_root(b->region, entry, &root, &missing);
    if (st == SC_STEP_DONE)
        st = x64_root(b->region, &other, &other_root, &missing);
    *ret = st == SC_STEP_DONE && (root.begin != other_root.begin || target == root.begin);
    return st == SC_STEP_ERROR ? st : SC_STEP_DONE;
}

/* Is the next instruction one that ends an epilog? SOME: there was one of an epilog before it. */
static enum sc_step_status ends(struct code *c, const struct x64_entry *entry,
                                const struct x64_info *info, struct x64_build *b, bool some,
                                bool *ret) {
    uint8_t first = peek(c, 0);
    if (first == 0xf2 || (first == 0xf3 && peek(c, 1) == 0xc3)) {
        c->at++;
        first = peek(c, 0);
    }
    uint8_t next = peek(c, 1);
    *ret = first == 0xc3 || first == 0xc2 || (first == 0xff && next == 0x25) ||
           ((first & 0xf8) == 0x48 && next == 0xff && (peek(c, 2) & 0x38) == 0x20) ||
           (some && first == 0xff && (next & 0xf8) == 0x20);
    if (first != 0xeb && first != 0xe9)
        return SC_STEP_DONE;
    uint32_t target = b->rva + c->at;
    target += first == 0xeb ? 2 + (uint32_t)signed8(c, 1) : 5 + (uint32_t)signed32(c, 1);
    return leaves(entry, info, target, b, ret);
}

enum sc_step_status x64_epilog_put(const struct x64_entry *entry, const struct x64_info *info,
                                   struct x64_build *b, bool *ret_inside) {
    struct code c = {0};
    size_t before = b->nops;
    bool inside = false;
    /* Absent code is no epilog: a caller is hardly ever stopped in one. */
    sc_space_read(b->region->space, b->ip, c.byte, sizeof c.byte, NULL);
    enum sc_step_status st = put_release(&c, info, b);
    if (st == SC_STEP_DONE)
        st = put_pops(&c, b);
    bool some = c.at > 0;
    if (st == SC_STEP_DONE)
        st = ends(&c, entry, info, b, some, &inside);
    if (st != SC_STEP_DONE || !inside)
        b->nops = before;
    *ret_inside = st == SC_STEP_DONE && inside;
    return st;
}
