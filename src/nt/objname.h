/* SPDX-License-Identifier: MIT */
/*
 * What an object is called beyond its own name: the path up to the root directory, the file of a
 * file object, the registry key of a key object.
 */
#ifndef NT_OBJNAME_H
#define NT_OBJNAME_H

#include "nt/object.h"

enum { NT_PATH_PARTS = 64 };

/*
 * The name that the debugger shows: that of a file with its device ("\Windows\x.dll
 * {HarddiskVolume1}") and of a key from the registry's root on, else the object's own. *RET_NAME is
 * NULL when there is none. *RET_WHY (static, NULL: it is whole): why a part of it is missing.
 */
sc_err *nt_object_name(struct nt_objects *om, const struct nt_object *object, const char **ret_name,
                       const char **ret_why);
/* The path from the root directory on; *RET_NAME is NULL if it has no name of its own. */
sc_err *nt_object_path(struct nt_objects *om, const struct nt_object *object, const char **ret_name,
                       const char **ret_why);

#endif
