/* SPDX-License-Identifier: MIT */
/*
 * Reading OBJECT_HEADER and what lies around it.
 *
 *     [ … quota info | handle info | name info | creator info ] OBJECT_HEADER | Body
 *
 *   XP to Vista   Type is a pointer; NameInfoOffset, HandleInfoOffset and QuotaInfoOffset are bytes
 *                 before the header; creator info, if flag 4 is set, lies directly before it
 *   since 7       TypeIndex; InfoMask has a bit for each optional header that is there, and those
 *                 that are lie in the order of their bits. nt!ObpInfoMaskToOffset tells how far the
 *                 last one of any mask is away; without it their sizes are added up
 *
 * Sources: the kernels' public symbols (data/layouts); the bits are those that Geoff Chappell
 * published. What bit 0x80 stands for is guessed: the padding that Windows 8 brought.
 */
#include "nt/object.h"

#include "nt/ustring.h"

enum { OLD_CREATOR_FLAG = 4 }; /* OBJECT_HEADER.Flags until Vista: there is creator info */

static const struct sc_layout_field header_rows[NT_O_FIELDS] = {
    [NT_O_POINTER_COUNT] = {"PointerCount", 0, true},
    [NT_O_HANDLE_COUNT] = {"HandleCount", 0, true},
    [NT_O_TYPE] = {"Type", 1, true},
    [NT_O_TYPE_INDEX] = {"TypeIndex", 1, true},
    [NT_O_NAME_OFFSET] = {"NameInfoOffset", 1, true},
    [NT_O_HANDLE_OFFSET] = {"HandleInfoOffset", 1, true},
    [NT_O_QUOTA_OFFSET] = {"QuotaInfoOffset", 1, true},
    [NT_O_INFO_MASK] = {"InfoMask", 1, true},
    [NT_O_FLAGS] = {"Flags", 1, true},
    [NT_O_CREATE_INFO] = {"ObjectCreateInfo", 1, true},
    [NT_O_SECURITY] = {"SecurityDescriptor", 1, true},
    [NT_O_BODY] = {"Body", 1, true},
};
static const uint8_t header_pointers[] = {NT_O_TYPE, NT_O_CREATE_INFO, NT_O_SECURITY};
static const struct nt_def header_def = {{"nt!_OBJECT_HEADER", header_rows, NT_O_FIELDS},
                                         NT_O_FIELDS,
                                         NULL,
                                         NT_POINTERS(header_pointers)};

enum { NAME_DIRECTORY, NAME_NAME, NAME_FIELDS };
static const struct sc_layout_field name_rows[NAME_FIELDS] = {{"Directory", 1, true},
                                                              {"Name", 1, true}};
static const uint8_t name_pointers[] = {NAME_DIRECTORY};
static const struct nt_def name_def = {{"nt!_OBJECT_HEADER_NAME_INFO", name_rows, NAME_FIELDS},
                                       NAME_FIELDS,
                                       NULL,
                                       NT_POINTERS(name_pointers)};

/* The optional headers: what they are called, and any field, for the sake of their sizes. */
static const struct sc_layout_field creator_rows[] = {{"TypeList", 1, true}};
static const struct sc_layout_field handle_rows[] = {{"HandleCountDataBase", 1, true}};
static const struct sc_layout_field quota_rows[] = {{"PagedPoolCharge", 1, true}};
static const struct sc_layout_field process_rows[] = {{"ExclusiveProcess", 1, true}};
static const struct sc_layout_field audit_rows[] = {{"SecurityDescriptor", 1, true}};
static const struct sc_layout_field extended_rows[] = {{"Footer|ListEntry", 1, true}};
static const struct sc_layout_field padding_rows[] = {{"PaddingAmount", 1, true}};
static const struct info {
    const char *name;
    struct sc_layout_def def;
} infos[NT_OI_COUNT] = {
    [NT_OI_CREATOR] = {"CreatorInfo", {"nt!_OBJECT_HEADER_CREATOR_INFO", creator_rows, 1}},
    [NT_OI_NAME] = {"NameInfo", {"nt!_OBJECT_HEADER_NAME_INFO", name_rows, 2}},
    [NT_OI_HANDLE] = {"HandleInfo", {"nt!_OBJECT_HEADER_HANDLE_INFO", handle_rows, 1}},
    [NT_OI_QUOTA] = {"QuotaInfo", {"nt!_OBJECT_HEADER_QUOTA_INFO", quota_rows, 1}},
    [NT_OI_PROCESS] = {"ProcessInfo", {"nt!_OBJECT_HEADER_PROCESS_INFO", process_rows, 1}},
    [NT_OI_AUDIT] = {"AuditInfo", {"nt!_OBJECT_HEADER_AUDIT_INFO", audit_rows, 1}},
    [NT_OI_EXTENDED] = {"ExtendedInfo",
                        {"nt!_OBJECT_HEADER_EXTENDED_INFO|nt!_OBJECT_HEADER_HANDLE_REVOCATION_INFO",
                         extended_rows, 1}},
    [NT_OI_PADDING] = {"PaddingInfo", {"nt!_OBJECT_HEADER_PADDING_INFO", padding_rows, 1}},
};

const char *nt_object_info_name(enum nt_object_info info) { return infos[info].name; }

/* ---- what is the same for all ---- */

static sc_err *read_sizes(struct nt_objects *om) {
    for (unsigned i = 0; i < NT_OI_COUNT; i++) {
        const sc_layout *layout;
        sc_err *err = sc_layout_book_get(om->nt->book, &infos[i].def, &layout);
        if (!err)
            om->info_size[i] = sc_layout_size(layout);
        else if (!sc_err_catch(&err, SC_ERR_NOT_FOUND))
            return err;
    }
    return NULL;
}

/* A table that does not say what the sizes of the first headers say is something else. */
static sc_err *read_offsets(struct nt_objects *om) {
    uint64_t at;
    bool found;
    sc_err *err = nt_symbol(om->nt, "nt!ObpInfoMaskToOffset", &at, &found);
    if (err || !found)
        return err;
    if (sc_space_read(om->nt->space, at, om->info_offset, sizeof om->info_offset, NULL) !=
        SC_READ_OK)
        return NULL;
    om->has_info_offset = om->info_offset[0] == 0;
    for (unsigned mask = 1; mask < 1u << NT_OI_PROCESS; mask++) {
        uint64_t sum = 0;
        for (unsigned i = 0; i < NT_OI_PROCESS; i++)
            sum += mask >> i & 1 ? om->info_size[i] : 0;
        om->has_info_offset = om->has_info_offset && om->info_offset[mask] == sum;
    }
    return NULL;
}

/* A pointer in the variable called NAME, else in the one that KDDEBUGGER_DATA64 tells. */
static sc_err *read_variable(const struct nt *nt, const char *name, uint32_t member,
                             struct nt_field *ret) {
    uint64_t at;
    bool found;
    sc_err *err = nt_symbol(nt, name, &at, &found);
    if (err)
        return err;
    *ret = (struct nt_field){0, NT_NO_FIELD};
    if (found)
        *ret = nt_pointer(nt, at);
    if (ret->state != NT_READ && member && sc_target_kd_member(nt->target, member, 8, &at) && at)
        *ret = nt_pointer(nt, at);
    return NULL;
}

/*
 * Windows 10 hides TypeIndex. Where its cookie is not in the dump, the type "Type" gives it away:
 * KDDEBUGGER_DATA64 knows its object, and its index is 2 in every Windows.
 */
enum { KD_ROOT = 0x98, KD_TYPE_TYPE = 0xa0, TYPE_TYPE_INDEX = 2, FIRST_COOKIE_BUILD = 10000 };

static sc_err *read_cookie(struct nt_objects *om) {
    const struct nt *nt = om->nt;
    struct nt_field type, f[NT_O_FIELDS];
    sc_err *err = nt_global(nt, "nt!ObHeaderCookie", 1, &om->cookie);
    if (err || om->cookie.state == NT_READ || nt->build < FIRST_COOKIE_BUILD)
        return err;
    om->cookie.state = NT_ABSENT;
    err = read_variable(nt, "nt!ObpTypeObjectType", KD_TYPE_TYPE, &type);
    if (err || !nt_set(&type) || !nt_is_kernel(nt, type.value))
        return err;
    uint64_t header = nt_add(nt, type.value, 0 - om->body);
    err = nt_load(nt, &header_def, header, f, NULL);
    if (!err && f[NT_O_TYPE_INDEX].state == NT_READ)
        om->cookie = (struct nt_field){
            (f[NT_O_TYPE_INDEX].value ^ header >> 8 ^ TYPE_TYPE_INDEX) & 0xff, NT_READ};
    return err;
}

sc_err *nt_objects_init(const struct nt *nt, sc_arena *arena, struct nt_objects *ret) {
    struct nt_objects om = {.nt = nt, .arena = arena, .names = arena};
    struct nt_field table;
    bool found;
    sc_err *err = nt_offset(nt, &header_def, NT_O_BODY, &om.body, &found);
    if (!err && !found)
        err = sc_errf(SC_ERR_NOT_FOUND, "nt!_OBJECT_HEADER has no Body in this build's symbols");
    if (!err)
        err = read_sizes(&om);
    if (!err)
        err = read_offsets(&om);
    if (!err)
        err = read_cookie(&om);
    if (!err)
        err = read_variable(nt, "nt!ObpRootDirectoryObject", KD_ROOT, &om.root);
    if (!err)
        err = nt_symbol(nt, "nt!ObTypeIndexTable", &table.value, &found);
    if (err)
        return err;
    if (found)
        om.table = (struct nt_field){table.value, NT_READ};
    *ret = om;
    return NULL;
}

/* ---- one of them ---- */

static struct nt_field before(const struct nt *nt, uint64_t header, uint64_t distance) {
    return (struct nt_field){nt_add(nt, header, 0 - distance), NT_READ};
}

static void place_old(const struct nt *nt, struct nt_objects *om, struct nt_object *o) {
    static const struct {
        uint8_t info, field;
    } rows[] = {{NT_OI_NAME, NT_O_NAME_OFFSET},
                {NT_OI_HANDLE, NT_O_HANDLE_OFFSET},
                {NT_OI_QUOTA, NT_O_QUOTA_OFFSET}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct nt_field *f = &o->f[rows[i].field];
        if (f->state == NT_ABSENT)
            o->info[rows[i].info].state = NT_ABSENT;
        else if (nt_set(f))
            o->info[rows[i].info] = before(nt, o->header, f->value & 0xff);
    }
    if (nt_or(&o->f[NT_O_FLAGS], 0) & OLD_CREATOR_FLAG && om->info_size[NT_OI_CREATOR])
        o->info[NT_OI_CREATOR] = before(nt, o->header, om->info_size[NT_OI_CREATOR]);
}

static void place_new(const struct nt *nt, struct nt_objects *om, struct nt_object *o) {
    uint8_t mask = (uint8_t)o->f[NT_O_INFO_MASK].value;
    uint64_t sum = 0;
    bool known = true;
    for (unsigned i = 0; i < NT_OI_COUNT; i++) {
        if (!(mask >> i & 1))
            continue;
        known = known && om->info_size[i];
        sum += om->info_size[i];
        uint8_t upto = (uint8_t)(mask & ((2u << i) - 1));
        o->info[i].state = NT_ABSENT;
        if (om->has_info_offset)
            o->info[i] = before(nt, o->header, om->info_offset[upto]);
        else if (known)
            o->info[i] = before(nt, o->header, sum);
    }
}

static sc_err *read_name(struct nt_objects *om, struct nt_object *o) {
    const struct nt_field *info = &o->info[NT_OI_NAME];
    struct nt_field f[NAME_FIELDS];
    uint64_t offset;
    bool found;
    o->name_state = info->state == NT_NO_FIELD ? NT_NO_FIELD : NT_ABSENT;
    if (info->state != NT_READ)
        return NULL;
    sc_err *err = nt_load_optional(om->nt, &name_def, info->value, f, &o->assumed);
    if (!err && f[NAME_DIRECTORY].state != NT_NO_FIELD) {
        o->directory = f[NAME_DIRECTORY];
        err = nt_offset(om->nt, &name_def, NAME_NAME, &offset, &found);
        if (!err && found)
            err = nt_ustring_read(om->nt, nt_add(om->nt, info->value, offset), om->names, &o->name);
    }
    if (!err && o->name)
        o->name_state = *o->name ? NT_READ : NT_NO_FIELD;
    if (o->name && !*o->name)
        o->name = NULL;
    return err;
}

static sc_err *read_type(struct nt_objects *om, struct nt_object *o) {
    if (!o->new_version) {
        const struct nt_field *f = &o->f[NT_O_TYPE];
        o->type_why = "the header is not in the dump";
        if (f->state != NT_READ)
            return NULL;
        sc_err *err = nt_object_type_at(om, f->value, &o->type);
        if (!err)
            o->type_why =
                o->type.name ? NULL : "no object type lies there, or it is not in the dump";
        return err;
    }
    const struct nt_field *f = &o->f[NT_O_TYPE_INDEX];
    o->type_why = "the header is not in the dump";
    if (f->state != NT_READ)
        return NULL;
    o->type_why = "nt!ObHeaderCookie, which hides its index, is not known";
    if (om->cookie.state == NT_ABSENT)
        return NULL;
    uint64_t hide = om->cookie.state == NT_READ ? om->cookie.value ^ o->header >> 8 : 0;
    o->type_index = (struct nt_field){(f->value ^ hide) & 0xff, NT_READ};
    return nt_object_type_of_index(om, o->type_index.value, &o->type, &o->type_why);
}

/* The header, and where the optional ones are. */
static sc_err *read_header(struct nt_objects *om, uint64_t address, struct nt_object *ret) {
    const struct nt *nt = om->nt;
    struct nt_object o = {.body = address, .header = nt_add(nt, address, 0 - om->body)};
    sc_err *err = nt_load(nt, &header_def, o.header, o.f, &o.assumed);
    if (err)
        return err;
    o.new_version = o.f[NT_O_TYPE_INDEX].state != NT_NO_FIELD;
    if (!o.new_version)
        place_old(nt, om, &o);
    else if (o.f[NT_O_INFO_MASK].state == NT_READ)
        place_new(nt, om, &o);
    else
        o.info[NT_OI_NAME].state = NT_ABSENT;
    *ret = o;
    return NULL;
}

sc_err *nt_object_own_name(struct nt_objects *om, uint64_t address, const char **ret) {
    struct nt_object o;
    sc_err *err = read_header(om, address, &o);
    if (!err)
        err = read_name(om, &o);
    if (!err)
        *ret = o.name;
    return err;
}

sc_err *nt_object_read(struct nt_objects *om, uint64_t address, struct nt_object *ret) {
    struct nt_object o;
    sc_err *err = read_header(om, address, &o);
    if (!err)
        err = read_type(om, &o);
    if (!err)
        err = read_name(om, &o);
    if (!err)
        *ret = o;
    return err;
}

bool nt_object_present(const struct nt_object *o) {
    return o->f[NT_O_POINTER_COUNT].state == NT_READ;
}

bool nt_object_valid(const struct nt_object *o) { return nt_object_present(o) && o->type.name; }

bool nt_object_is(const struct nt_object *o, const char *name) {
    const char *own = o->type.name;
    if (!own)
        return false;
    while (*own && *own == *name) {
        own++;
        name++;
    }
    return *own == *name;
}

/* An EX_FAST_REF: the low bits count references. */
struct nt_field nt_object_security(const struct nt_objects *om, const struct nt_object *o) {
    struct nt_field f = o->f[NT_O_SECURITY];
    f.value &= ~(uint64_t)(om->nt->ptr_size == 8 ? 15 : 7);
    return f;
}
