/* SPDX-License-Identifier: MIT */
/*
 * Who makes a driver or a system library and what it is for, by the name of its image: for wording
 * a verdict, and for knowing which modules run other people's code (so that a crash inside them
 * says less about them). Look-ups in constant tables; a name proves nothing about who is guilty.
 * Sources: data/drivers.tsv, and the list of assigned altitudes for file system filters.
 */
#ifndef NT_DRIVER_H
#define NT_DRIVER_H

#include <stdbool.h>

enum nt_driver_kind {
    NT_DRIVER_KERNEL,    /* the kernel, the HAL: where every crash is reported from */
    NT_DRIVER_FRAMEWORK, /* comes with Windows and calls or is called by other drivers throughout */
    NT_DRIVER_INBOX,     /* comes with Windows, an ordinary driver or library */
    NT_DRIVER_VENDOR,    /* made by somebody else, or not known to come with Windows */
};

struct nt_driver {
    enum nt_driver_kind kind;
    const char *role;   /* "storage", "file system", "graphics", …; never NULL */
    const char *vendor; /* "Microsoft", "NVIDIA"; may be empty */
    const char *what;   /* "AMD processor driver": a phrase without article; never empty */
};

/*
 * By the base name of an image ("amdppm.sys"), any case. False when neither table knows it: RET is
 * untouched then. RET may be NULL.
 */
bool nt_driver_find(const char *image, struct nt_driver *ret);

/* "kernel", "framework", "inbox", "vendor". */
const char *nt_driver_kind_name(enum nt_driver_kind kind);

#endif
