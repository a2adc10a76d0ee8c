/* SPDX-License-Identifier: MIT */
/* Who allocates with a tag, in WinDbg's words. */
#include "cmd/pooltag.h"

#include "nt/pooltag.h"

void sc_tag_owner(uint32_t tag, struct sc_tag_owner *ret) {
    struct nt_pooltag row;
    *ret = (struct sc_tag_owner){0};
    nt_tag_text(tag & 0x7fffffff, ret->tag);
    if (!nt_pooltag_find(tag, 0, &row))
        return;
    ret->text = row.text;
    ret->binary = row.binary[0] ? row.binary : NULL;
}

/* All are texts of ours, and a tag has had what cannot be printed replaced. */
void sc_tag_owner_used(sc_out *out, const struct sc_tag_owner *o) {
    if (!o->text) {
        sc_puts(out, "UNKNOWN pooltag '");
        sc_puts(out, o->tag);
        sc_puts(out, "', please update pooltag.txt\n");
        return;
    }
    sc_puts(out, o->text);
    if (o->binary) {
        sc_puts(out, " , Binary: ");
        sc_puts(out, o->binary);
    }
    sc_puts(out, "\n");
}

void sc_tag_owner_line(sc_out *out, const struct sc_tag_owner *o) {
    if (!o->text)
        sc_puts(out, "\t\tOwning component : Unknown (update pooltag.txt)\n");
    else if (o->binary)
        sc_printf(out, "\t\tPooltag %s : %s, Binary : %s\n", o->tag, o->text, o->binary);
    else
        sc_printf(out, "\t\tPooltag %s : %s\n", o->tag, o->text);
}

sc_err *sc_tag_operand(const char *command, const char *text, struct nt_tagpattern *ret) {
    if (nt_tagpattern_parse(text, ret))
        return NULL;
    return sc_errf(SC_ERR_ARG,
                   "%s: \"%s\" is no pool tag: four characters, or fewer with * in them, or 0x and "
                   "a number",
                   command, text);
}
