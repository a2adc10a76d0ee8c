/* SPDX-License-Identifier: MIT */
/*
 * Exceptions in words. Windows codes come from the tables of nt/status.h; what is here is what
 * depends on the exception's parameters, and what other systems' minidumps hold in the code:
 *
 *   Linux, Android   the signal's number (POSIX and the kernel's asm-generic/signal.h)
 *   macOS, iOS       the Mach exception's number (mach/exception_types.h)
 *
 * Made-up codes: Breakpad writes 0xffffffff for "dump requested" on Linux (its
 * MD_EXCEPTION_CODE_LIN_DUMP_REQUESTED); Crashpad 0x43507378 ("CPsx") on macOS for a simulated
 * exception and 0x43506e78 ("CPnx") for an Objective-C one that was not caught;
 * Crashpad on Windows 0x0517a7ed for a simulated exception and 0x0cca11ed for a triggered one.
 */
#include "analyze/exception_words.h"

#include <string.h>

#include "nt/status.h"

struct word {
    uint32_t code;
    const char *name, *text;
};

static const struct word linux_words[] = {
    {1, "SIGHUP", "The terminal went away."},
    {2, "SIGINT", "The user interrupted the program."},
    {3, "SIGQUIT", "The user asked the program to quit with a dump."},
    {4, "SIGILL", "The processor met bytes that are no instruction."},
    {5, "SIGTRAP", "A breakpoint or a failed check was met."},
    {6, "SIGABRT", "The program ended itself with abort()."},
    {7, "SIGBUS", "A mapped file or device could not deliver its memory."},
    {8, "SIGFPE", "An arithmetic error, mostly a division by zero."},
    {9, "SIGKILL", "The program was killed."},
    {11, "SIGSEGV", "The program touched memory that it may not touch."},
    {13, "SIGPIPE", "The program wrote to a pipe that nobody reads."},
    {15, "SIGTERM", "The program was asked to end."},
    {31, "SIGSYS", "The program made a system call that it may not make."},
    {0xffffffff, "DUMP_REQUESTED", "The program asked for the dump itself; nothing failed."},
};
static const struct word mach_words[] = {
    {1, "EXC_BAD_ACCESS", "The program touched memory that it may not touch."},
    {2, "EXC_BAD_INSTRUCTION", "The processor met bytes that are no instruction."},
    {3, "EXC_ARITHMETIC", "An arithmetic error, mostly a division by zero."},
    {4, "EXC_EMULATION", "An emulation instruction was met."},
    {5, "EXC_SOFTWARE", "Software raised the exception, such as abort()."},
    {6, "EXC_BREAKPOINT", "A breakpoint or a failed check was met."},
    {7, "EXC_SYSCALL", "A system call raised the exception."},
    {8, "EXC_MACH_SYSCALL", "A Mach system call raised the exception."},
    {10, "EXC_CRASH", "The program ended abnormally."},
    {11, "EXC_RESOURCE", "The program used more of a resource than allowed."},
    {12, "EXC_GUARD", "The program misused a guarded resource."},
    {13, "EXC_CORPSE_NOTIFY", "The program ended abnormally."},
    {0x43506e78, "NSEXCEPTION", "An Objective-C exception was not caught."},
    {0x43507378, "SIMULATED", "The program asked for the dump itself; nothing failed."},
};
static const struct word windows_words[] = {
    {0x0517a7ed, "CRASHPAD_SIMULATED", "The program asked for the dump itself; nothing failed."},
    {0x0cca11ed, "CRASHPAD_TRIGGERED", "Another process asked for the dump; nothing failed."},
};

static const struct word *find(const struct word *words, size_t n, uint32_t code) {
    for (size_t i = 0; i < n; i++)
        if (words[i].code == code)
            return &words[i];
    return NULL;
}

#define FIND(words, code) find(words, sizeof words / sizeof *words, code)

static const struct word *foreign(const struct sc_machine *m, uint32_t code) {
    bool mach = strcmp(m->platform, "macOS") == 0 || strcmp(m->platform, "iOS") == 0;
    return mach ? FIND(mach_words, code) : FIND(linux_words, code);
}

bool sc_case_made_up(const struct sc_machine *m, uint32_t code) {
    if (m->windows)
        return FIND(windows_words, code) != NULL;
    return code == 0xffffffff || code == 0x43507378;
}

static const char *access_text(struct sc_case *c, const struct sc_exception *e) {
    const char *word = nt_access_word(e->param[0]);
    const char *addr = sc_case_addr(c, sc_case_canon(c, e->param[1]));
    if (!word)
        return sc_case_text(c, "The address %s could not be used.", addr);
    return sc_case_text(c, "Attempt to %s %s %s.", word,
                        strcmp(word, "write") == 0     ? "to address"
                        : strcmp(word, "execute") == 0 ? "at address"
                                                       : "from address",
                        addr);
}

static const char *hresult_text(struct sc_case *c, uint32_t hr, const char *message) {
    struct nt_errtext text;
    if (nt_hresult_text(hr, &text))
        return sc_case_text(c, "%s HRESULT 0x%08x (%s).", message, hr, text.name);
    return sc_case_text(c, "%s HRESULT 0x%08x.", message, hr);
}

/*
 * The system's own text has line breaks where the table has blanks: "{EXCEPTION}", "Illegal
 * Instruction", "An attempt was made …". A title's words begin with capitals, and so does the
 * sentence: it begins at the last word of those that do.
 */
const char *sc_status_sentence(const char *message) {
    static const char box[] = "{EXCEPTION}";
    const char *end = message[0] == '{' ? strchr(message, '}') : NULL;
    if (!end)
        return message;
    const char *sentence = end + 1 + strspn(end + 1, " ");
    if (strncmp(message, box, sizeof box - 1) != 0)
        return sentence; /* "{Buffer Overflow} …": the title stands in the braces */
    for (const char *word = sentence; *word >= 'A' && *word <= 'Z';) {
        sentence = word;
        word += strcspn(word, " .");
        if (*word == '.')
            break; /* "…faults. A NaT value": no title before a sentence's end */
        word += strspn(word, " ");
    }
    return sentence;
}

/* What the exception's own parameters tell; NULL when they tell nothing. */
static const char *windows_text(struct sc_case *c, const struct sc_exception *e,
                                const char *message) {
    if ((e->code == 0xc0000005 || e->code == 0xc0000006) && e->nparams >= 2)
        return access_text(c, e);
    if (e->code == 0xc0000409 && e->nparams >= 1 && nt_fastfail_name((uint32_t)e->param[0]))
        return sc_case_text(c, "%s: %s", nt_fastfail_name((uint32_t)e->param[0]),
                            nt_fastfail_text((uint32_t)e->param[0]));
    if ((e->code == 0xe0434352 || e->code == 0xe0434f4d) && e->nparams >= 1)
        return hresult_text(c, (uint32_t)e->param[0], message);
    message = sc_status_sentence(message);
    return message[0] && !strchr(message, '%') ? message : NULL;
}

void sc_case_exception_words(struct sc_case *c) {
    struct sc_analysis *a = c->a;
    struct nt_errtext text;
    if (!a->has_exception)
        return;
    const struct word *w = c->machine->windows ? FIND(windows_words, a->exception.code)
                                               : foreign(c->machine, a->exception.code);
    if (w) {
        a->exception_name = w->name;
        a->exception_text = w->text;
    } else if (c->machine->windows && nt_status_text(a->exception.code, &text)) {
        a->exception_name = text.name;
        a->exception_text = windows_text(c, &a->exception, text.message);
    }
}
