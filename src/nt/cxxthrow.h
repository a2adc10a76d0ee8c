/* SPDX-License-Identifier: MIT */
/*
 * What a C++ exception (0xE06D7363) threw: the types it can be caught as, read from the target's
 * memory. User dumps without the module's image usually lack that memory; then there are none.
 */
#ifndef NT_CXXTHROW_H
#define NT_CXXTHROW_H

#include "base/arena.h"
#include "stopcode/target.h"

enum { NT_CXX_TYPES_MAX = 32 };

struct nt_cxxthrow {
    uint64_t object, throw_info; /* 0 both: `throw;` */
    const char *type[NT_CXX_TYPES_MAX];
    size_t ntypes;
};

/*
 * Is EXCEPTION a C++ one? Then fills *RET with what could be read; strings in ARENA. Memory that
 * is not in the dump shortens the list; false also when the record is none of the known form.
 */
bool nt_cxxthrow(sc_target *target, const struct sc_exception *exception, sc_arena *arena,
                 struct nt_cxxthrow *ret);

/* ".?AVruntime_error@std@@" as "class std::runtime_error", ".H" as "int"; others unchanged. */
const char *nt_cxx_type_name(const char *decorated, sc_arena *arena);

#endif
