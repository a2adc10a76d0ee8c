/* SPDX-License-Identifier: MIT */
/*
 * Output that commands read instead of people: while text is captured, the session writes plain
 * text into a buffer, whatever its own renderer is. The log does not see it.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/script.h"
#include "cmd/session_impl.h"

static bool keep(void *ctx, const char *data, size_t len) {
    struct sc_textbuf *text = ctx;
    sc_textbuf_add(text, data, len);
    return !text->full && !text->nomem;
}

sc_err *sc_capture(sc_session *s, const char *text, size_t len, struct sc_textbuf *ret,
                   bool *ret_ok) {
    sc_out *inner = NULL, *before = s->out;
    sc_err *err = sc_out_create(SC_RENDER_TEXT, keep, ret, false, &inner);
    if (err)
        return err;
    s->out = inner;
    bool ok = sc_run_block(s, text, len, NULL, 0);
    s->out = before;
    sc_out_destroy(inner);
    err = sc_textbuf_error(ret, "the output to be kept");
    if (!err)
        *ret_ok = ok;
    return err;
}
