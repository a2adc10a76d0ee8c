/* SPDX-License-Identifier: MIT */
/**
 * @file
 * Images in the target: drivers, DLLs, the kernel, and those unloaded before the dump was written.
 */
#ifndef STOPCODE_MODULE_H
#define STOPCODE_MODULE_H

#include <stddef.h>

#include "error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct sc_guid {
    uint32_t a;
    uint16_t b, c;
    uint8_t d[8];
};

/** What VS_FIXEDFILEINFO says; `present` is false when the dump does not carry it. */
struct sc_version {
    bool present;
    uint16_t file[4]; /**< major, minor, build, revision */
    uint16_t product[4];
    uint32_t flags, os, type, subtype;
    uint64_t date; /**< FILETIME, usually 0 */
};

enum sc_cv_kind { SC_CV_NONE, SC_CV_RSDS, SC_CV_NB10, SC_CV_ELF, SC_CV_OTHER };

/** The image's CodeView record: which PDB belongs to it. */
struct sc_codeview {
    enum sc_cv_kind kind;
    struct sc_guid guid; /**< RSDS */
    uint32_t signature;  /**< NB10: the PDB's time stamp */
    uint32_t age;
    const char *path; /**< as the linker wrote it, NULL if none; never used as a path as it is */
};

/** A loaded image. Strings are UTF-8 (lone surrogates kept as three bytes), owned by the target. */
struct sc_module {
    uint64_t base;
    uint64_t size;      /**< SizeOfImage in bytes */
    uint32_t timestamp; /**< TimeDateStamp; a hash in reproducible builds; 0 = not known */
    uint32_t checksum;
    const char *name;  /**< the debugger's name, unique in the target: "nt", "amdppm" */
    const char *image; /**< base name of the image: "ntoskrnl.exe"; never NULL */
    const char *path;  /**< full path as the dump gives it, or the same as `image` */
    struct sc_version version;
    struct sc_codeview codeview;
    uint64_t record; /**< file offset of the dump's record of it: the evidence */
    bool user;       /**< of the process at hand, in the dump of a kernel */
};

/** An image unloaded before the dump was written. */
struct sc_unloaded {
    uint64_t base;
    uint64_t size;
    uint32_t timestamp, checksum; /**< 0 when the dump does not say (kernel dumps) */
    const char *name;             /**< kernel dumps keep at most 12 characters of it */
    uint64_t record;              /**< file offset */
};

#ifdef __cplusplus
}
#endif
#endif
