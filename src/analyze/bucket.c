/* SPDX-License-Identifier: MIT */
/*
 * Buckets: one short name for "the same crash", so that dumps of many machines can be counted.
 *
 *     WHAT [ "_" WHO ]
 *
 *   WHAT  the class of the exception: AV (access violation, and the bug checks that report a bad
 *         memory reference), IN_PAGE_ERROR, BREAKPOINT, STACK_OVERFLOW, FAIL_FAST_3, …; an
 *         exception without a name of its own is its code in hex (c0000420);
 *         without an exception the bug check, and its sub-code where parameter 1 chooses one:
 *         0x9F_3, 0x1C8; with neither NO_EXCEPTION.
 *   WHO   from the best finding, if it is better than "possible": the function that the finding is
 *         about ("amdppm!WriteIoMemRawEx"); without symbols module+offset of its address
 *         ("amdppm+334c"); unloaded_NAME+offset; the image's name when the
 *         finding is about a driver as a whole ("IMAGE_foo.sys");
 *         else, for a fault in the kernel, "nt+offset"; else, for a jump into nowhere,
 *         "unknown_ip"; for a process's dump without a module, the program's name.
 *
 * Load addresses never appear, nor values that differ from crash to crash. An offset belongs to
 * one build of its module: unless symbols give the function's name, a new build of that module
 * makes a new bucket; new builds of everything else do not. Names are in lower case and have
 * nothing but letters, digits, '.', '_', '-' and '+'; functions keep their case, behind a '!', and
 * may have
 * ':', '~', '<', '>' and ',' besides. At most SC_BUCKET_MAX characters.
 */
#include "analyze/bucket.h"

#include <string.h>

#include "base/utf.h"

static const char *status_class(struct sc_case *c, uint32_t status) {
    const struct sc_exception *e = &c->a->exception;
    switch (status) {
    case 0x80000003:
    case 0x4000001f: return "BREAKPOINT";
    case 0xc0000005: return "AV";
    case 0xc0000006: return "IN_PAGE_ERROR";
    case 0xc000001d: return "ILLEGAL_INSTRUCTION";
    case 0xc0000094: return "INTEGER_DIVIDE_BY_ZERO";
    case 0xc0000096: return "PRIVILEGED_INSTRUCTION";
    case 0xc00000fd: return "STACK_OVERFLOW";
    case 0xc0000374: return "HEAP_CORRUPTION";
    case 0xc0000409:
        if (c->a->has_bugcheck && sc_plain_code(c->a->code) == 0x139)
            return sc_case_text(c, "FAIL_FAST_%x", (uint32_t)c->a->arg[0].value);
        return c->a->has_exception && e->nparams
                   ? sc_case_text(c, "FAIL_FAST_%x", (uint32_t)e->param[0])
                   : "FAIL_FAST";
    case 0xe06d7363: return "CPP_EXCEPTION";
    case 0xe0434352:
    case 0xe0434f4d: return "CLR_EXCEPTION";
    default: return sc_case_text(c, "%08x", status);
    }
}

static const char *what(struct sc_case *c) {
    if (!c->machine->windows && c->a->has_exception && c->a->exception_name)
        return c->a->exception_name;
    if (c->fault.status)
        return status_class(c, c->fault.status);
    if (!c->a->has_bugcheck)
        return "NO_EXCEPTION";
    uint32_t code = sc_plain_code(c->a->code);
    if (c->fault.memory != SC_UNSET64)
        return "AV";
    bool by_first = c->bug.arg[0].kind == SC_BUG_SUBCODE || code == 0x139;
    if (by_first && c->a->arg[0].value <= UINT32_MAX)
        return sc_case_text(c, "0x%X_%llx", code, (unsigned long long)c->a->arg[0].value);
    return sc_case_text(c, "0x%X", code);
}

/* "amdppm+0x334c" and "<Unloaded_foo.sys>+0x10", as they are about one address. */
static const char *symbol_who(struct sc_case *c, const char *symbol) {
    static const char mark[] = "<Unloaded_";
    const char *plus = strrchr(symbol, '+');
    if (strchr(symbol, '!')) { /* the function: its inside changes from build to build */
        bool inside = plus && strncmp(plus, "+0x", 3) == 0;
        return sc_case_text(c, "%.*s", (int)(inside ? (size_t)(plus - symbol) : strlen(symbol)),
                            symbol);
    }
    if (!plus || strncmp(plus, "+0x", 3) != 0)
        return sc_case_text(c, "IMAGE_%s", symbol);
    size_t len = (size_t)(plus - symbol);
    if (strncmp(symbol, mark, sizeof mark - 1) != 0)
        return sc_case_text(c, "%.*s+%s", (int)len, symbol, plus + 3);
    symbol += sizeof mark - 1;
    len -= sizeof mark; /* and the closing bracket */
    return sc_case_text(c, "unloaded_%.*s+%s", (int)len, symbol, plus + 3);
}

static const char *who(struct sc_case *c) {
    const struct sc_finding *best = c->findings.count ? &c->findings.item[0] : NULL;
    if (best && best->confidence > SC_POSSIBLE && best->symbol)
        return symbol_who(c, best->symbol);
    if (best && best->confidence > SC_POSSIBLE && best->module)
        return sc_case_text(c, "IMAGE_%s", sc_case_name(c, best->module->image));
    if (best && best->confidence == SC_CERTAIN) /* nobody is to blame */
        return c->machine->kernel ? NULL : c->a->process;
    const struct sc_module *m =
        c->fault.ip == SC_UNSET64 ? NULL : sc_target_module_at(c->target, c->fault.ip);
    if (m)
        return symbol_who(c, sc_case_where(c, c->fault.ip));
    if (c->fault.ip != SC_UNSET64)
        return "unknown_ip";
    return c->machine->kernel ? NULL : c->a->process;
}

/* WHO with the case of letters and odd characters taken out. */
static void append_clean(char *buf, size_t room, const char *text) {
    size_t at = strlen(buf);
    bool prefix = strncmp(text, "IMAGE_", 6) == 0, function = false;
    for (size_t i = 0; text[i] && at + 1 < room; i++) {
        function |= text[i] == '!';
        char ch = function || (prefix && i < 6) ? text[i] : sc_lower(text[i]);
        bool plain = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
                     (ch >= '0' && ch <= '9') || strchr(function ? "!._-+:~<>," : "._-+", ch);
        buf[at++] = plain ? ch : '_';
    }
    buf[at] = 0;
}

const char *sc_bucket(struct sc_case *c) {
    char buf[SC_BUCKET_MAX + 1] = "";
    const char *first = what(c), *second = who(c);
    size_t len = strnlen(first, SC_BUCKET_MAX);
    memcpy(buf, first, len);
    buf[len] = 0;
    if (second && second[0]) {
        append_clean(buf, sizeof buf, "_");
        append_clean(buf, sizeof buf, second);
    }
    return sc_case_text(c, "%s", buf);
}
