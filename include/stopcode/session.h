/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Sessions: commands run against a target, as at WinDbg's prompt.
 *
 * A session borrows a target and an output and holds what a person sets at the prompt: the
 * current processor, thread and register context, radix, aliases, pseudo-registers, log file.
 * Threads: as its target.
 */
#ifndef STOPCODE_SESSION_H
#define STOPCODE_SESSION_H

#include "out.h"
#include "target.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sc_session sc_session;

/** TARGET may be NULL (commands that need none still run); both must outlive the session. */
SC_API sc_err *sc_session_create(sc_target *target, sc_out *out, sc_session **ret_session);
SC_API void sc_session_destroy(sc_session *session);

/**
 * Runs a line: one or several commands separated by `;`. A failed command's error is shown
 * through the output; the ones after it still run, as in WinDbg. Returns the number that failed.
 * A cancelled command counts as failed and ends the line; the target's cancel flag is cleared then.
 * Lines of more than 64 KiB are refused. Typography of web pages (dashes, curly quotes, no-break
 * spaces) is forgiven.
 */
SC_API unsigned sc_session_run(sc_session *session, const char *line);

/** `q` was given: stop reading commands. */
SC_API bool sc_session_done(const sc_session *session);

/** The prompt, such as `0: kd> ` or `0:000> `. Always NUL-terminated. */
SC_API void sc_session_prompt(const sc_session *session, char *buf, size_t size);

/**
 * What the debugger prints on opening (target, modules count, the first diagnosis line). In JSON
 * an object like a command's, whose command is ".opendump".
 */
SC_API void sc_session_banner(sc_session *session);

/** Calls ADD for each completion of the word before CURSOR (an index into LINE). */
typedef void (*sc_complete_fn)(void *ctx, const char *word);
SC_API void sc_session_complete(sc_session *session, const char *line, size_t cursor,
                                sc_complete_fn add, void *ctx);

/** Search paths as given by -y and -i; used from the symbol layer on. Copied. */
SC_API sc_err *sc_session_set_paths(sc_session *session, const char *symbols, const char *images);

/** `-lines`: source line display on or off. */
SC_API void sc_session_set_lines(sc_session *session, bool on);

/** `-ee c++`, `.expr /s`: are expressions C++ where nothing else is said? MASM at first. */
SC_API void sc_session_set_cxx(sc_session *session, bool cxx);

/**
 * Commands that take long call FN now and then with what they do and how far they are (TOTAL 0: not
 * known), in bytes; WHAT NULL: whatever was shown of that is in the way of output now. FN NULL:
 * nobody wants to know. Stopping them is sc_target_cancel().
 */
typedef void (*sc_progress_fn)(void *ctx, const char *what, uint64_t done, uint64_t total);
SC_API void sc_session_set_progress(sc_session *session, sc_progress_fn fn, void *ctx);

/** Ends a log opened with .logopen, if any; opens PATH (NULL: none), appending or not. */
SC_API sc_err *sc_session_log(sc_session *session, const char *path, bool append);

#ifdef __cplusplus
}
#endif
#endif
