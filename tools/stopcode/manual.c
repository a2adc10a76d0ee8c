/* SPDX-License-Identifier: MIT */
/* The manual, in Markdown, from the rows of commands and options. */
#include "manual.h"

#include <string.h>

#include "cmd/command.h"
#include "cmd/dispatch.h"
#include "run.h"

static void print_escaped(const char *text) {
    for (; *text; text++) {
        if (strchr("|<>*_`\\", *text))
            putchar('\\');
        putchar(*text);
    }
}

static const char *needs_text(unsigned needs) {
    if (needs & SC_NEED_KERNEL)
        return "a kernel dump";
    if (needs & SC_NEED_USER)
        return needs & SC_NEED_WINDOWS ? "a user dump of a Windows process" : "a user dump";
    if (needs & SC_NEED_PROCESS)
        return "a user dump of a Windows process, or whole memory";
    if (needs & SC_NEED_WINDOWS)
        return "a dump of Windows";
    return needs & SC_NEED_TARGET ? "a dump" : NULL;
}

static void print_args(const struct sc_command *row) {
    bool any = false;
    for (const struct sc_arg *a = row->args; a && a->kind != SC_ARG_END; a++)
        any |= a->name && a->about;
    if (!any)
        return;
    fputs("\n| argument | meaning |\n|---|---|\n", stdout);
    for (const struct sc_arg *a = row->args; a->kind != SC_ARG_END; a++) {
        if (!a->name || !a->about)
            continue;
        printf("| ");
        print_escaped(a->name);
        printf(" | ");
        print_escaped(a->about);
        printf(" |\n");
    }
}

static bool print_command(const struct sc_command *row) {
    sc_arena *arena = sc_arena_create();
    const char *usage = arena ? sc_usage(row, arena) : NULL;
    if (usage) {
        printf("\n### `%s`\n\n%s.\n\n```\n%s\n```\n", row->name, row->brief, usage);
        print_args(row);
        /* Help is laid out for a screen: kept as it is. */
        if (row->help)
            printf("\n```text\n%s%s```\n", row->help,
                   row->help[0] && row->help[strlen(row->help) - 1] == '\n' ? "" : "\n");
        if (row->aliases)
            printf("\nAlso: `%s`.\n", row->aliases);
        if (needs_text(row->needs))
            printf("\nNeeds %s.\n", needs_text(row->needs));
        if (row->sample)
            printf("\nFor example: `%s`\n", row->sample);
    }
    sc_arena_destroy(arena);
    return usage != NULL;
}

int manual_print(void) {
    fputs("# Commands\n\nMade from the program's own tables by `make doc`: `help` at the prompt "
          "shows the same.\n",
          stdout);
    for (const struct sc_family *family = sc_families; family->title; family++) {
        printf("\n## %s\n", family->title);
        for (const struct sc_command *row = family->commands; row->name; row++)
            if (!print_command(row))
                return STATUS_FAILED;
    }
    fputs("\n## Options of the program\n\n", stdout);
    options_manual(stdout);
    return ferror(stdout) || fflush(stdout) ? STATUS_FAILED : STATUS_OK;
}
