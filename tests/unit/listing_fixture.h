/* SPDX-License-Identifier: MIT */
/*
 * The published listings to test with: those that stand in the tests, and those of the documents
 * beside the corpus, found by their header lines and prompts.
 */
#ifndef STOPCODE_TESTS_UNIT_LISTING_FIXTURE_H
#define STOPCODE_TESTS_UNIT_LISTING_FIXTURE_H

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "forge/listing.h"

/* Stacks of the documents: how many frames each listing has, in order; ended by 0. */
struct document {
    const char *path; /* under the folder that holds the corpus */
    bool bare;        /* its stack has no columns */
    unsigned frames[12];
};
static const struct document documents[] = {
    {"seeds/000_fa73f292557e82a3.txt", true, {18}},
    {"seeds/001_76b90eb078b6fcc2.txt", false, {6, 6}},
    {"seeds/002_057968894f01db56.txt", false, {23, 7, 10, 11, 36, 11, 15, 13, 1, 7}},
    {"seeds/003_f5fb1de6fe438750.txt", false, {8, 8, 9}},
    {"seeds/004_80cb412e617e181f.txt", false, {13}},
    {"corpus/windbg-output/varelaia+bsod-forensics/case-studies/dxgkrnl-iswsl2guest/analysis.txt",
     false,
     {30}},
};
enum { DOCUMENTS = sizeof documents / sizeof *documents };

static inline char *file_text(const char *path) {
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    char *text = NULL;
    if (!fseek(f, 0, SEEK_END)) {
        long size = ftell(f);
        rewind(f);
        text = size >= 0 ? malloc((size_t)size + 1) : NULL;
        if (text)
            text[fread(text, 1, (size_t)size, f)] = '\0';
    }
    fclose(f);
    return text;
}

/* The document's text, or the test is skipped aloud. */
static inline char *document_text(const struct document *d) {
    const char *const folders[] = {getenv("STOPCODE_CORPUS"), "../shared/corpus",
                                   "../../shared/corpus", "../../../shared/corpus",
                                   "../../../../shared/corpus"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        char path[600];
        if (!folders[i])
            continue;
        snprintf(path, sizeof path, "%s/../%s", folders[i], d->path);
        char *text = file_text(path);
        if (text)
            return text;
    }
    print_message("SKIPPED: %s is not here; set STOPCODE_CORPUS\n", d->path);
    skip();
    return NULL;
}

static inline size_t hex_run(const char *p) {
    size_t n = 0;
    while (isxdigit((unsigned char)p[n]))
        n++;
    return n;
}

/* Behind the blanks, and the frame number of kn or the line number of uf. */
static inline const char *listed(const char *p) {
    p += strspn(p, " \t\r\xc2\xa0");
    size_t run = hex_run(p);
    if (run && run < 4 && p[run] == ' ')
        p += run + strspn(p + run, " ");
    return p;
}

static inline bool is_stack_header(const char *line) {
    return strstr(line, "Child-SP") || strstr(line, "ChildEBP RetAddr") ||
           !strncmp(line, "STACK_TEXT", 10);
}

static inline bool is_stack_line(const char *line) {
    const char *p = listed(line);
    return !*p || hex_run(p) >= 8 || !strncmp(p, "(Inline", 7) || !strncmp(p, "----", 4) ||
           !strncmp(p, "WARNING:", 8) || !strncmp(p, "***", 3);
}

static inline bool is_bare_line(const char *line) {
    const char *p = listed(line);
    return *p && (!strncmp(p, "...", 3) || (strchr(p, '+') && !strchr(p, ' ')));
}

/*
 * Calls FN with each stack of TEXT, which is changed and put right again. FN gets the number of the
 * stack. Returns how many there were.
 */
typedef void (*stack_fn)(void *ctx, const char *listing, unsigned number);
static inline unsigned each_stack(char *text, bool bare, stack_fn fn, void *ctx) {
    unsigned count = 0;
    char *start = NULL;
    for (char *line = text; line;) {
        char *end = strchr(line, '\n');
        if (end)
            *end = '\0';
        bool begins = !start && (bare ? is_bare_line(line) : is_stack_header(line));
        bool goes_on = bare ? is_bare_line(line) : begins || is_stack_line(line);
        if (end)
            *end = '\n';
        if (begins)
            start = line;
        if (start && (!goes_on || !end)) {
            char kept = *line;
            if (!goes_on)
                *line = '\0';
            fn(ctx, start, count++);
            *line = kept;
            start = NULL;
            if (!goes_on)
                continue;
        }
        line = end ? end + 1 : NULL;
    }
    return count;
}

#endif
