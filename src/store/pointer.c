/* SPDX-License-Identifier: MIT */
/*
 * file.ptr, as symstore writes it with /p: one line of text.
 *
 *     PATH:\\server\share\build\x.pdb      the file is there (the prefix may be missing)
 *     MSG: text                            the file is not to be had, and why
 *
 * Learnt from "SymStore Command-Line Options" and from servers. Whatever is behind PATH: is
 * somebody else's text; see who follows it.
 */
#include "store/pointer.h"

#include <string.h>

#include "base/file.h"
#include "base/utf.h"

static const char *skip_blanks(const char *text) { return text + strspn(text, " \t"); }

sc_err *store_pointer_read(sc_arena *arena, const char *path, enum store_pointer_kind *ret_kind,
                           const char **ret_text) {
    sc_file *file;
    sc_err *err = sc_file_open(path, SC_FILE_NO_MMAP, &file);
    if (err)
        return err;
    char *text = sc_arena_alloc(arena, STORE_POINTER_MAX + 1);
    size_t got = 0;
    bool ok = text && sc_file_read_some(file, 0, text, STORE_POINTER_MAX, &got);
    sc_file_close(file);
    if (!text)
        return sc_err_nomem();
    if (!ok)
        return sc_errf(SC_ERR_IO, "cannot read %s", path);
    text[got] = '\0';
    if (strncmp(text, "\xef\xbb\xbf", 3) == 0)
        text += 3;
    text[strcspn(text, "\r\n")] = '\0';
    enum store_pointer_kind kind = STORE_POINTER_PATH;
    if (sc_strncasecmp(text, "MSG:", 4) == 0) {
        kind = STORE_POINTER_MSG;
        text += 4;
    } else if (sc_strncasecmp(text, "PATH:", 5) == 0) {
        text += 5;
    }
    *ret_text = skip_blanks(text);
    *ret_kind = **ret_text ? kind : STORE_POINTER_NONE;
    return NULL;
}
