/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Errors as returned objects.
 *
 * Every fallible function returns `sc_err *`: NULL is success, anything else is an error that the
 * caller owns and ends with sc_err_destroy() (or hands on by returning it). Out-parameters come
 * last, are named `ret_…`, and are untouched when an error is returned.
 *
 * Out of memory and "cancelled" are static objects: returning them allocates nothing and
 * destroying them is harmless, so an error path can never fail by itself.
 *
 * A missing page of the target's memory is *not* an error object but a status (see space.h).
 *
 * Threads: an error belongs to whoever holds it; the static ones may be shared.
 */
#ifndef STOPCODE_ERROR_H
#define STOPCODE_ERROR_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SC_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define SC_API                __attribute__((visibility("default")))
#else
#define SC_PRINTF(fmt, first)
#define SC_API
#endif

/** What kind of thing went wrong; the text says exactly what. */
enum sc_err_code {
    SC_ERR_NOMEM = 1,   /**< an allocation failed (static object) */
    SC_ERR_CANCELLED,   /**< the target's cancel flag was set (static object) */
    SC_ERR_IO,          /**< the operating system refused: open, read, map */
    SC_ERR_FORMAT,      /**< the file is damaged or lies; sc_err_offset() says where */
    SC_ERR_UNSUPPORTED, /**< understood, but not handled: the text says what is */
    SC_ERR_NOT_FOUND,   /**< no such symbol, module, thread, command, … */
    SC_ERR_ARG,         /**< the user's or the caller's argument is wrong */
    SC_ERR_MEMORY,      /**< target memory could not be read; sc_err_address() says which */
    SC_ERR_LIMIT,       /**< a named bound was exceeded: more than we are willing to follow */
};

typedef struct sc_err sc_err;

/** A new error. Never returns NULL: when memory is short it returns the out-of-memory object. */
SC_API sc_err *sc_errf(enum sc_err_code code, const char *fmt, ...) SC_PRINTF(2, 3);

/**
 * An error about a place in a file. The text becomes `FILE: offset 0xOFFSET: …`.
 * FILE is copied; NULL means that no name is known.
 */
SC_API sc_err *sc_err_at(enum sc_err_code code, const char *file, uint64_t offset, const char *fmt,
                         ...) SC_PRINTF(4, 5);

/** An error about an address of the target's memory (SC_ERR_MEMORY). */
SC_API sc_err *sc_err_mem(uint64_t address, const char *fmt, ...) SC_PRINTF(2, 3);

/** The static out-of-memory and cancelled objects. */
SC_API sc_err *sc_err_nomem(void);
SC_API sc_err *sc_err_cancelled(void);

/** Puts "PREFIX: " before the text of ERR and returns it (or another error object in its place). */
SC_API sc_err *sc_err_prefix(sc_err *err, const char *fmt, ...) SC_PRINTF(2, 3);

/**
 * One line without a final newline; controls that names or texts of files brought in are written
 * as `\xNN`. Owned by ERR. "no error" for NULL.
 */
SC_API const char *sc_err_text(const sc_err *err);
SC_API enum sc_err_code sc_err_code(const sc_err *err);
/** File offset of an SC_ERR_FORMAT / SC_ERR_IO error; false when it has none. */
SC_API bool sc_err_offset(const sc_err *err, uint64_t *ret_offset);
/** Target address of an SC_ERR_MEMORY error; false when it has none. */
SC_API bool sc_err_address(const sc_err *err, uint64_t *ret_address);

/** Ends ERR; NULL and the static objects are fine. */
SC_API void sc_err_destroy(sc_err *err);

/** When *ERR has CODE, destroys it, sets *ERR to NULL and returns true. */
SC_API bool sc_err_catch(sc_err **err, enum sc_err_code code);

#ifdef __cplusplus
}
#endif
#endif
