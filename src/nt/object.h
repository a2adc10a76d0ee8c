/* SPDX-License-Identifier: MIT */
/*
 * Objects of the object manager: the header in front of a body, the optional headers in front of
 * that, the type, and the name. Directories: directory.h; whole names: objname.h.
 *
 *     struct nt_objects om;
 *     err = nt_objects_init(&nt, arena, &om);        once for a command
 *     err = nt_object_read(&om, body, &object);
 */
#ifndef NT_OBJECT_H
#define NT_OBJECT_H

#include "nt/nt.h"

enum nt_object_field {
    NT_O_POINTER_COUNT,
    NT_O_HANDLE_COUNT,
    NT_O_TYPE,          /* until Vista: the OBJECT_TYPE */
    NT_O_TYPE_INDEX,    /* since 7, as it is stored; see nt_object.type_index */
    NT_O_NAME_OFFSET,   /* until Vista: bytes that the optional headers lie before this one */
    NT_O_HANDLE_OFFSET, /* until Vista */
    NT_O_QUOTA_OFFSET,  /* until Vista */
    NT_O_INFO_MASK,     /* since 7: which optional headers there are */
    NT_O_FLAGS,
    NT_O_CREATE_INFO, /* while it is made; later the quota block that was charged */
    NT_O_SECURITY,    /* the descriptor; low bits count references */
    NT_O_BODY,        /* its place alone is of interest */
    NT_O_FIELDS
};

/* Optional headers: from the header outwards, in the order of their bits in InfoMask. */
enum nt_object_info {
    NT_OI_CREATOR,
    NT_OI_NAME,
    NT_OI_HANDLE,
    NT_OI_QUOTA,
    NT_OI_PROCESS,  /* since 7 */
    NT_OI_AUDIT,    /* since 8 */
    NT_OI_EXTENDED, /* since 14393; before that Windows 10 had its revocation block there */
    NT_OI_PADDING,
    NT_OI_COUNT
};
/* "NameInfo". */
const char *nt_object_info_name(enum nt_object_info info);

/* A type of objects. */
struct nt_objtype {
    uint64_t address;
    const char *name; /* NULL: no type lies there, or it is not in the dump */
    struct nt_field index, objects, handles, key;
    struct nt_field list; /* address of TypeList's head */
    bool assumed;
};

enum { NT_TYPES_MAX = 256 };

/* What is the same for all objects of a target. */
struct nt_objects {
    const struct nt *nt;
    sc_arena *arena;          /* of the types */
    sc_arena *names;          /* of the strings of single objects: at first the same */
    uint64_t body;            /* the body's distance from its header */
    struct nt_field root;     /* the root directory */
    struct nt_field cookie;   /* since Windows 10; NT_NO_FIELD: type indexes are not encoded */
    struct nt_field table;    /* ObTypeIndexTable */
    bool has_table_walk;      /* \ObjectTypes was looked through in its place */
    uint8_t info_offset[256]; /* ObpInfoMaskToOffset */
    bool has_info_offset;
    uint64_t info_size[NT_OI_COUNT];       /* 0: not in this build */
    struct nt_objtype *type[NT_TYPES_MAX]; /* by index since 7; in order of use before */
    size_t ntypes;
};

/* SC_ERR_NOT_FOUND: the symbols lack OBJECT_HEADER. */
sc_err *nt_objects_init(const struct nt *nt, sc_arena *arena, struct nt_objects *ret);

struct nt_object {
    uint64_t body, header;
    bool assumed;
    bool new_version; /* with an index in the place of the type's address */
    struct nt_field f[NT_O_FIELDS];
    struct nt_field type_index;        /* decoded */
    struct nt_objtype type;            /* address 0: not known */
    const char *type_why;              /* why its name is not known; NULL when it is */
    struct nt_field info[NT_OI_COUNT]; /* addresses; NT_NO_FIELD: it has none */
    struct nt_field directory;         /* that it is in; 0: in none */
    const char *name;                  /* its own, NULL none */
    enum nt_state name_state;          /* NT_NO_FIELD: it has no name */
};

/* The object whose body is at ADDRESS. What the dump does not hold is no error. */
sc_err *nt_object_read(struct nt_objects *om, uint64_t address, struct nt_object *ret);
/* Its own name alone; NULL if it has none or that is not in the dump. */
sc_err *nt_object_own_name(struct nt_objects *om, uint64_t address, const char **ret_name);
/* Is the header in the dump, and are its counts and its type those of an object? */
bool nt_object_present(const struct nt_object *object);
bool nt_object_valid(const struct nt_object *object);
/* Does it have the type called NAME? */
bool nt_object_is(const struct nt_object *object, const char *name);
/* The security descriptor; not set if it has none. */
struct nt_field nt_object_security(const struct nt_objects *om, const struct nt_object *object);

/* objtype.c: the type whose OBJECT_TYPE is at ADDRESS, or that has INDEX (7 and later). */
sc_err *nt_object_type_at(struct nt_objects *om, uint64_t address, struct nt_objtype *ret);
sc_err *nt_object_type_of_index(struct nt_objects *om, uint64_t index, struct nt_objtype *ret,
                                const char **ret_why);
/*
 * The type called NAME (case matters, as it does to !handle); *RET_FOUND is false if there is none
 * or the types are not known: then *RET_WHY says which.
 */
sc_err *nt_object_type_named(struct nt_objects *om, const char *name, struct nt_objtype *ret,
                             bool *ret_found, const char **ret_why);

#endif
