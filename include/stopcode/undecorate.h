/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Undecoration of the names that Microsoft's compilers (and clang-cl) give to functions and data.
 *
 *     ?Read@Stream@io@@QEAA_NPEAXI@Z
 *         public: bool __cdecl io::Stream::Read(void *, unsigned int)     whole
 *         io::Stream::Read                                                SC_UNDECORATE_NAME_ONLY
 *
 * The whole form is written as llvm-undname writes it, the name alone as debuggers show it in
 * stacks: no class keywords, no blank behind a comma, "> >", "`scalar deleting destructor'",
 * "`string'" for string literals (" ?? ::FNODOBFM::`string'" where the kernel's build named a
 * section).
 *
 * Names come from files, so they can be anything. Time, memory and the depth of recursion are
 * bounded, whatever they are.
 */
#ifndef STOPCODE_UNDECORATE_H
#define STOPCODE_UNDECORATE_H

#include <stddef.h>

#include "error.h"

#ifdef __cplusplus
extern "C" {
#endif

enum sc_undecorate_flags {
    SC_UNDECORATE_NAME_ONLY = 1,
    /**
     * Also what C functions get: _name@12, \@name\@8, name@@16, _name. Debuggers take one
     * underscore from every public symbol (_imp_x for __imp_x); names that are not decorated lose
     * theirs too, so it is for publics and exports only.
     */
    SC_UNDECORATE_C = 2,
};

enum sc_undecorated {
    SC_UNDECORATED_DONE,  /**< BUF holds the undecorated name */
    SC_UNDECORATED_PLAIN, /**< the name is not decorated: BUF holds it as it is */
    SC_UNDECORATED_BROKEN /**< decorated, but damaged, of an unknown kind or larger than our
                               bounds: BUF holds it as it is */
};

/** Enough for all but a few in a million. */
enum { SC_UNDECORATE_BUF = 4096 };

/**
 * Undecorates NAME into the SIZE bytes at BUF (SIZE > 0). Text that is too long for BUF is cut and
 * ends in "...". The only error is SC_ERR_NOMEM, and then BUF is untouched.
 */
SC_API sc_err *sc_undecorate(const char *name, unsigned flags, char *buf, size_t size,
                             enum sc_undecorated *ret_how);

#ifdef __cplusplus
}
#endif
#endif
