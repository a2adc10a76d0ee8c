/* SPDX-License-Identifier: MIT */
/*
 * Clean lines out of what was copied from a web page. Typesetting turns ` into a left quote, ' into
 * a right one, - into a dash, ... into one character and blanks into ones that do not break; a
 * debugger printed none of these, so that they can all be turned back.
 */
#include "forge/listing_text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *from, *to; /* `to` is never longer */
} typeset[] = {
    {"\xe2\x80\x98", "`"},  {"\xe2\x80\x9b", "`"},   {"\xe2\x80\x99", "'"}, {"\xc2\xb4", "'"},
    {"\xe2\x80\x9c", "\""}, {"\xe2\x80\x9d", "\""},  {"\xe2\x80\x90", "-"}, {"\xe2\x80\x91", "-"},
    {"\xe2\x80\x92", "-"},  {"\xe2\x80\x93", "-"},   {"\xe2\x80\x94", "-"}, {"\xe2\x88\x92", "-"},
    {"\xc2\xa0", " "},      {"\xe2\x80\x87", " "},   {"\xe2\x80\x89", " "}, {"\xe2\x80\xaf", " "},
    {"\xe2\x80\x82", " "},  {"\xe2\x80\x83", " "},   {"\xe3\x80\x80", " "}, {"\xe2\x80\x8b", ""},
    {"\xef\xbb\xbf", ""},   {"\xe2\x80\xa6", "..."}, {"\xef\xbc\x88", "("}, {"\xef\xbc\x89", ")"},
};

/* The end of what was written at OUT for the character at *IN. */
static char *mend(const char **in, char *out) {
    for (size_t i = 0; i < sizeof typeset / sizeof *typeset; i++) {
        size_t len = strlen(typeset[i].from);
        if (strncmp(*in, typeset[i].from, len) != 0)
            continue;
        *in += len;
        len = strlen(typeset[i].to);
        memcpy(out, typeset[i].to, len);
        return out + len;
    }
    char c = *(*in)++;
    *out = (unsigned char)c < ' ' && c != '\n' ? ' ' : c;
    return out + 1;
}

bool listing_open(const char *text, struct listing *ret) {
    size_t lines = 1;
    for (const char *p = text; *p; p++)
        lines += *p == '\n';
    struct listing l = {.text = malloc(strlen(text) + 1), .line = calloc(lines, sizeof *l.line)};
    if (!l.text || !l.line) {
        listing_close(&l);
        return false;
    }
    char *out = l.text;
    while (*text)
        out = mend(&text, out);
    *out = '\0';
    for (char *p = l.text; p;) {
        char *end = strchr(p, '\n');
        if (end)
            *end++ = '\0';
        listing_trim_end(p);
        l.line[l.count] = (struct listing_line){(unsigned)l.count + 1, p + strspn(p, " ")};
        l.count++;
        p = end;
    }
    *ret = l;
    return true;
}

void listing_close(struct listing *l) {
    free(l->text);
    free(l->line);
    *l = (struct listing){0};
}

const char *listing_blanks(const char *text) { return text + strspn(text, " "); }

void listing_trim_end(char *text) {
    size_t len = strlen(text);
    while (len && text[len - 1] == ' ')
        text[--len] = '\0';
}

/* "0: kd", "lkd", "0:008", with ":x86" behind them, and ">". */
bool listing_is_prompt(const char *line) {
    size_t at = strspn(line, "0123456789:");
    bool user = at >= 3 && strchr(line, ':') < line + at;
    if (line[at] == ' ')
        at++;
    size_t kd = !strncmp(line + at, "lkd", 3) ? 3 : !strncmp(line + at, "kd", 2) ? 2 : 0;
    at += kd;
    if (line[at] == ':')
        at++;
    if (!strncmp(line + at, "x86", 3) || !strncmp(line + at, "arm", 3))
        at += strspn(line + at, "xarm0123456789");
    return (user || kd) && line[at] == '>';
}

bool listing_is_gap(const char *line) {
    if (*line && !line[strspn(line, ".")])
        return true;
    return !strncmp(line, "<snip", 5) || !strncmp(line, "[snip", 5);
}

bool listing_is_notice(const char *line) { return !strncmp(line, "***", 3); }

void listing_uncomment(char *line) {
    for (char *p = line; *p; p++) {
        bool here = !strncmp(p, "//", 2) || !strncmp(p, "<-", 2) || !strncmp(p, "<<", 2);
        if (here && (p == line || p[-1] == ' ')) {
            *p = '\0';
            break;
        }
    }
    listing_trim_end(line);
}

bool listing_is_hex(char c) { return isxdigit((unsigned char)c) != 0; }

size_t listing_hex_run(const char *text) {
    size_t n = 0;
    while (listing_is_hex(text[n]))
        n++;
    return n;
}

static unsigned digit(char c) {
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a' + 10);
}

bool listing_digits(const char **text, unsigned digits, uint64_t *ret) {
    uint64_t value = 0;
    for (unsigned i = 0; i < digits; i++) {
        if (!listing_is_hex((*text)[i]))
            return false;
        value = value << 4 | digit((*text)[i]);
    }
    *text += digits;
    *ret = value;
    return true;
}

static bool is_tick(char c) { return c == '`' || c == '\''; }

bool listing_pointer(const char **text, unsigned ptr_size, uint64_t *ret) {
    const char *p = *text;
    uint64_t high = 0, low;
    if (ptr_size == 8) {
        if (!listing_digits(&p, 8, &high))
            return false;
        if (is_tick(*p))
            p++;
    }
    if (!listing_digits(&p, 8, &low))
        return false;
    *ret = high << 32 | low;
    *text = p;
    return true;
}

bool listing_number(const char **text, uint64_t *ret) {
    const char *p = *text;
    uint64_t value = 0;
    unsigned n = 0;
    for (; n < 16; n++) {
        if (n && is_tick(*p) && listing_is_hex(p[1]))
            p++;
        if (!listing_is_hex(*p))
            break;
        value = value << 4 | digit(*p++);
    }
    if (!n || listing_is_hex(*p))
        return false;
    *ret = value;
    *text = p;
    return true;
}

void listing_mend_name(char *name, size_t room) {
    const char *p = listing_blanks(name);
    if (strncmp(p, "??", 2) != 0 || strncmp(listing_blanks(p + 2), "::", 2) != 0) {
        memmove(name, p, strlen(p) + 1);
        return;
    }
    char rest[FORGE_NAME];
    snprintf(rest, sizeof rest, "%s", listing_blanks(p + 2));
    snprintf(name, room, " ?? %s", rest);
}

bool listing_wrong(char *why, unsigned line, const char *fmt, ...) {
    int n = line ? snprintf(why, FORGE_WHY, "line %u: ", line) : 0;
    va_list args;
    va_start(args, fmt);
    vsnprintf(why + n, (size_t)(FORGE_WHY - n), fmt, args);
    va_end(args);
    return false;
}

bool listing_nomem(char *why) { return listing_wrong(why, 0, "out of memory"); }

void *listing_push(void **item, size_t *room, size_t *count, size_t size) {
    if (*count == *room) {
        size_t more = *room ? *room * 2 : 16;
        void *grown = realloc(*item, more * size);
        if (!grown)
            return NULL;
        *item = grown;
        *room = more;
    }
    void *at = (char *)*item + (*count)++ * size;
    return memset(at, 0, size);
}
