/* SPDX-License-Identifier: MIT */
/* Raw memory: every page at its address. Where there is no memory, the file has a hole. */
#include "convert/convert_impl.h"

sc_err *conv_write_raw(struct conversion *c) {
    sc_err *err = conv_copy_all(c, 0);
    return err ? err : sc_newfile_grow(c->out, conv_pages_end(&c->pages) * CONV_PAGE);
}
