/* SPDX-License-Identifier: MIT */
/*
 * `.enumtag`: secondary dump data, which drivers' bug check callbacks leave under a GUID of their
 * own: its tag, size, and bytes as WinDbg prints them. No public list of such GUIDs exists, so
 * none is named.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/guid.h"
#include "cmd/show.h"
#include "stopcode/kdump.h"

struct row {
    struct sc_guid tag;
    uint32_t size;
    uint64_t offset;
    const char *data; /* hexadecimal, for JSON */
};
static const struct sc_field fields[] = {
    SC_FIELD(struct row, tag, SC_F_GUID), SC_FIELD(struct row, size, SC_F_U32),
    SC_FIELD(struct row, offset, SC_F_HEX64), SC_FIELD(struct row, data, SC_F_STR), SC_FIELD_END};
static const struct sc_rectype type = {"secondary_data", sizeof(struct row), fields};

enum { ROW = 16, CHUNK = 4096 };

/* One line: up to 16 bytes and their ASCII. */
static void line(sc_out *out, const uint8_t *p, size_t n) {
    char hex[ROW * 3 + 1], ascii[ROW + 1];
    memset(hex, ' ', sizeof hex);
    for (size_t i = 0; i < n; i++) {
        char two[3];
        snprintf(two, sizeof two, "%02X", p[i]);
        memcpy(hex + 3 * i, two, 2);
        ascii[i] = p[i] >= ' ' && p[i] <= '~' ? (char)p[i] : '.';
    }
    hex[ROW * 3] = 0;
    ascii[n] = 0;
    sc_printf(out, "  %s %s\n", hex, ascii);
}

struct text_ctx {
    const sc_file *file;
    sc_err *err;
};

static void row_text(sc_out *out, const void *record, void *ctx) {
    const struct row *r = record;
    struct text_ctx *t = ctx;
    char guid[SC_GUID_BUF];
    uint8_t chunk[CHUNK];
    sc_printf(out, "%s - 0x%x bytes\n", sc_guid_text(&r->tag, guid), r->size);
    for (uint32_t at = 0; at < r->size && !sc_out_failed(out);) {
        uint32_t n = r->size - at < CHUNK ? r->size - at : CHUNK;
        t->err = sc_file_read(t->file, r->offset + at, chunk, n);
        if (t->err)
            return;
        for (uint32_t i = 0; i < n; i += ROW)
            line(out, chunk + i, n - i < ROW ? n - i : ROW);
        at += n;
    }
    sc_puts(out, "\n");
}

/* The bytes as a string of hexadecimal digits; freed by the caller. */
static sc_err *hex_of(const sc_file *file, const struct sc_blob *blob, char **ret_hex) {
    uint8_t chunk[CHUNK];
    char *hex = malloc(2 * (size_t)blob->size + 1);
    if (!hex)
        return sc_err_nomem();
    hex[0] = 0;
    for (uint32_t at = 0; at < blob->size;) {
        uint32_t n = blob->size - at < CHUNK ? blob->size - at : CHUNK;
        sc_err *err = sc_file_read(file, blob->offset + at, chunk, n);
        if (err) {
            free(hex);
            return err;
        }
        for (uint32_t i = 0; i < n; i++)
            snprintf(hex + 2 * (size_t)(at + i), 3, "%02x", chunk[i]);
        at += n;
    }
    *ret_hex = hex;
    return NULL;
}

static sc_err *show_blob(sc_session *session, const sc_file *file, const struct sc_blob *blob) {
    sc_out *out = sc_session_out(session);
    struct row r = {blob->tag, blob->size, blob->offset, NULL};
    struct text_ctx t = {file, NULL};
    char *hex = NULL;
    if (!sc_file_has(file, blob->offset, blob->size))
        return sc_err_at(SC_ERR_FORMAT, sc_file_name(file), blob->header,
                         "secondary data of 0x%x bytes at 0x%llx reaches behind the file's end",
                         blob->size, (unsigned long long)blob->offset);
    if (sc_out_render(out) != SC_RENDER_TEXT) {
        sc_err *err = hex_of(file, blob, &hex);
        if (err)
            return err;
        r.data = hex;
    }
    sc_record(out, &type, &r, row_text, &t);
    free(hex);
    return t.err;
}

static sc_err *run_enumtag(sc_session *session, const struct sc_args *args) {
    (void)args;
    sc_target *target = sc_session_target(session);
    /* The target's own source: the blobs are walked when first asked for. */
    struct sc_source *source = (struct sc_source *)sc_target_source(target);
    const struct sc_blobs *blobs = NULL;
    sc_err *err = sc_kdump_header(source) ? sc_kdump_blobs(source, &blobs) : NULL;
    if (err)
        return err;
    if (!blobs || !blobs->count) {
        sc_remark(sc_session_out(session), "This dump has no secondary data.");
        return NULL;
    }
    for (size_t i = 0; !err && i < blobs->count; i++)
        err = sc_target_cancelled(target) ? sc_err_cancelled()
                                          : show_blob(session, source->file, &blobs->item[i]);
    return err;
}

const struct sc_command sc_secondary_commands[] = {
    {.name = ".enumtag",
     .brief = "show the secondary data that drivers added to the dump",
     .needs = SC_NEED_KERNEL,
     .help = "Each block has the GUID under which a driver's bug check callback left it.",
     .sample = ".enumtag",
     .run = run_enumtag},
    {.name = NULL},
};
