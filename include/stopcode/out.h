/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Output: records in, text or JSON out.
 *
 * A command emits typed records as it goes. A record type has a field table; JSON (and later
 * HTML) is made from the table alone, text by one formatter function per record type. Text that
 * is not a record (headings, blank lines) is written with sc_printf() and does not appear in JSON.
 *
 * Text: every `%s` and `%c` argument is neutralised: control and escape characters, newlines, C1
 * controls and bytes that are no UTF-8 become `\x1b`; bidi controls, zero-width characters and line
 * separators become `\u202E`, lone surrogates `\uD83D`. Numbers are those of the C locale.
 * sc_puts() takes our own text and lets `\n` and `\t` through.
 *
 * JSON: one object per command and line:
 *   {"command":"lm","records":[{"type":"module",…},…],"error":null}
 * Addresses and codes are strings "0x…", times are UTC ISO 8601 strings, everything streams. A
 * record or remark outside of any frame is an object on a line of its own. What a consumer can
 * rely on is written down in docs/formats/json.md.
 *
 * Writing never fails towards the caller: a broken pipe or a full disk is remembered and reported
 * by sc_out_failed(). Output is buffered; the end of a command flushes it. Nothing is allocated
 * behind sc_out_create(), however much is written.
 *
 * Threads: an output belongs to one thread at a time.
 */
#ifndef STOPCODE_OUT_H
#define STOPCODE_OUT_H

#include <stddef.h>

#include "error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sc_out sc_out;

/** Receives finished bytes; returns false when they could not be written. */
typedef bool (*sc_write_fn)(void *ctx, const char *data, size_t len);

enum sc_render { SC_RENDER_TEXT, SC_RENDER_JSON };

/** How a field is stored in the record, and so how it is shown. */
enum sc_ftype {
    SC_F_END,
    SC_F_BOOL, /**< bool */
    SC_F_U8,   /**< uint8_t, … : decimal numbers */
    SC_F_U16,
    SC_F_U32,
    SC_F_U64,
    SC_F_I64,
    SC_F_HEX32, /**< uint32_t as "0x0000009f" */
    SC_F_HEX64, /**< uint64_t as "0x1a" */
    SC_F_ADDR,  /**< uint64_t as "0xfffff80000000000", always 16 digits; all ones is null */
    SC_F_STR,   /**< const char *, WTF-8; NULL is null */
    SC_F_TIME,  /**< uint64_t FILETIME; 0 and all ones are null */
    SC_F_SPAN,  /**< uint64_t of 100 ns, as seconds with decimals; all ones is null */
    SC_F_GUID,  /**< struct sc_guid */
    SC_F_REC,   /**< an embedded record: `sub` */
    SC_F_LIST,  /**< pointer to records (`sub`), their number a size_t at `count_offset` */
    SC_F_STRS,  /**< pointer to const char *, their number a size_t at `count_offset` */
    SC_F_HEXES, /**< pointer to uint64_t, their number a size_t at `count_offset` */
    SC_F_NUM,   /**< int64_t, decimal; INT64_MIN is null */
};

struct sc_rectype;

/** A row of a field table. */
struct sc_field {
    const char *name; /**< JSON key, snake_case */
    enum sc_ftype type;
    size_t offset;
    size_t count_offset;          /**< SC_F_LIST, SC_F_STRS, SC_F_HEXES */
    const struct sc_rectype *sub; /**< SC_F_REC, SC_F_LIST */
    const char *about;            /**< one phrase, for the manual; may be NULL */
};

/**
 * A record type: its name in JSON, and its fields (ended by a row of SC_F_END). No field may be
 * called "type": that key is the record type's name.
 */
struct sc_rectype {
    const char *name;
    size_t size;
    const struct sc_field *fields;
};

/** Table helpers: SC_FIELD(struct rec, member, SC_F_ADDR). */
#define SC_FIELD(T, member, ftype)                                                                 \
    { #member, ftype, offsetof(T, member), 0, NULL, NULL }
#define SC_FIELD_LIST(T, member, count, subtype)                                                   \
    { #member, SC_F_LIST, offsetof(T, member), offsetof(T, count), subtype, NULL }
#define SC_FIELD_STRS(T, member, count)                                                            \
    { #member, SC_F_STRS, offsetof(T, member), offsetof(T, count), NULL, NULL }
#define SC_FIELD_REC(T, member, subtype)                                                           \
    { #member, SC_F_REC, offsetof(T, member), 0, subtype, NULL }
#define SC_FIELD_END                                                                               \
    { NULL, SC_F_END, 0, 0, NULL, NULL }

/** Text formatter of a record type. CTX is what was given to sc_record(). */
typedef void (*sc_text_fn)(sc_out *out, const void *record, void *ctx);

SC_API sc_err *sc_out_create(enum sc_render render, sc_write_fn write, void *ctx, bool color,
                             sc_out **ret_out);
/** Flushes and ends; NULL is fine. */
SC_API void sc_out_destroy(sc_out *out);
SC_API void sc_out_flush(sc_out *out);
SC_API enum sc_render sc_out_render(const sc_out *out);
/** True once the writer has refused bytes; nothing more is written then. */
SC_API bool sc_out_failed(const sc_out *out);

/**
 * Also writes everything, except colour, to a second writer (`.logopen`) from now on; NULL write
 * ends that, after a flush. When the second writer refuses, only the log ends.
 */
SC_API void sc_out_tee(sc_out *out, sc_write_fn write, void *ctx);
/** True once the second writer has refused bytes; sc_out_tee() clears it. */
SC_API bool sc_out_tee_failed(const sc_out *out);

/**
 * Frames of a command: JSON objects; nothing in text. ERR is borrowed; NULL = done. A frame inside
 * a frame adds to the outer one's records; its error becomes a record of type "error".
 */
SC_API void sc_out_begin(sc_out *out, const char *command);
SC_API void sc_out_end(sc_out *out, const sc_err *err);

/** Emits a record. TEXT may be NULL: then it appears in JSON only. */
SC_API void sc_record(sc_out *out, const struct sc_rectype *type, const void *record,
                      sc_text_fn text, void *ctx);

/**
 * Writes one record as a bare JSON object (no newline), whatever the renderer is. Inside a JSON
 * frame it is one of the frame's records.
 */
SC_API void sc_out_json(sc_out *out, const struct sc_rectype *type, const void *record);

/**
 * Text only. Conversions: everything of printf but `%n`, `%a`, `ls`, `lc` and `%1$d` (a format that
 * has one is shown unconverted from there on); `%s` is neutralised and NULL prints "(null)". The
 * width of `%s` counts characters, its precision bytes.
 */
SC_API void sc_printf(sc_out *out, const char *fmt, ...) SC_PRINTF(2, 3);
/** Text only; our own text. */
SC_API void sc_puts(sc_out *out, const char *text);
/** A remark for the reader: a line of text, and a record {"type":"note","text":…} in JSON. */
SC_API void sc_remark(sc_out *out, const char *fmt, ...) SC_PRINTF(2, 3);

/** Colour of what follows in text, if colour is on. */
enum sc_color { SC_PLAIN, SC_BOLD, SC_RED, SC_YELLOW, SC_GREEN, SC_DIM };
SC_API void sc_out_color(sc_out *out, enum sc_color color);

/**
 * An address as WinDbg's core commands print it: 8 digits, or 16 with a backtick in the middle.
 * BUF needs 18 bytes; returns BUF. PTR_SIZE is 4 or 8.
 */
#define SC_ADDR_BUF 18
SC_API const char *sc_addr_text(uint64_t addr, unsigned ptr_size, char *buf);

#ifdef __cplusplus
}
#endif
#endif
