/* SPDX-License-Identifier: MIT */
/*
 * `!object`: an object of the object manager, by address or by path.
 *
 *     Object: ffffc00b07481d00  Type: (ffffe0083b768690) Directory
 *         ObjectHeader: ffffc00b07481cd0 (new version)
 *         HandleCount: 0  PointerCount: 3
 *         Directory Object: ffffc00b07481eb0  Name: Filters
 *
 *         Hash Address          Type          Name
 *         ---- -------          ----          ----
 *          19  ffffe0083c5f56e0 Device        FltMgrMsg
 */
#include "cmd/kobject.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/dispatch.h"
#include "cmd/ktypes.h"
#include "cmd/session_impl.h"
#include "nt/directory.h"
#include "nt/objname.h"

/* ---- strings of one object after another ---- */

sc_err *sc_names_begin(struct sc_names *n, struct nt_objects *om) {
    sc_arena *arena = sc_arena_create();
    if (!arena)
        return sc_err_nomem();
    *n = (struct sc_names){om, om->names};
    om->names = arena;
    return NULL;
}

enum { NAMES_ROOM = 1 << 18 }; /* bytes that may gather */

sc_err *sc_names_again(struct sc_names *n) {
    if (sc_arena_size(n->om->names) < NAMES_ROOM)
        return NULL;
    sc_arena *arena = sc_arena_create();
    if (!arena)
        return sc_err_nomem();
    sc_arena_destroy(n->om->names);
    n->om->names = arena;
    return NULL;
}

void sc_names_end(struct sc_names *n) {
    sc_arena_destroy(n->om->names);
    n->om->names = n->kept;
}

/* ---- the record ---- */

struct optional {
    const char *name;
    uint64_t address;
};
static const struct sc_field optional_fields[] = {SC_FIELD(struct optional, name, SC_F_STR),
                                                  SC_FIELD(struct optional, address, SC_F_ADDR),
                                                  SC_FIELD_END};
static const struct sc_rectype optional_type = {"optional_header", sizeof(struct optional),
                                                optional_fields};

struct row {
    uint64_t address, header, type_address, directory, security;
    const char *type_name, *type_why, *name, *name_why, *target;
    bool new_version, assumed, dynamic;
    int64_t handle_count, pointer_count, flags, drive;
    struct optional optional[NT_OI_COUNT], *headers;
    size_t noptional;
};
static const struct sc_field row_fields[] = {
    SC_FIELD(struct row, address, SC_F_ADDR),
    SC_FIELD(struct row, header, SC_F_ADDR),
    SC_FIELD(struct row, type_address, SC_F_ADDR),
    SC_FIELD(struct row, type_name, SC_F_STR),
    SC_FIELD(struct row, type_why, SC_F_STR),
    SC_FIELD(struct row, new_version, SC_F_BOOL),
    SC_FIELD(struct row, handle_count, SC_F_NUM),
    SC_FIELD(struct row, pointer_count, SC_F_NUM),
    SC_FIELD(struct row, flags, SC_F_NUM),
    SC_FIELD(struct row, security, SC_F_ADDR),
    SC_FIELD(struct row, directory, SC_F_ADDR),
    SC_FIELD(struct row, name, SC_F_STR),
    SC_FIELD(struct row, name_why, SC_F_STR),
    SC_FIELD(struct row, target, SC_F_STR),
    SC_FIELD(struct row, dynamic, SC_F_BOOL),
    SC_FIELD(struct row, drive, SC_F_NUM),
    SC_FIELD_LIST(struct row, headers, noptional, &optional_type),
    SC_FIELD(struct row, assumed, SC_F_BOOL),
    SC_FIELD_END};
static const struct sc_rectype row_type = {"kernel_object", sizeof(struct row), row_fields};

struct text {
    unsigned ptr_size;
    uint64_t flags;
    const char *pad;
};

static void name_line(sc_out *out, const struct row *r, const struct text *t) {
    char a[SC_NT_BUF];
    if (!r->name && !r->name_why)
        return;
    sc_printf(out, "%sDirectory Object: %s  Name: %s", t->pad,
              sc_nt_ptr_text(r->directory, t->ptr_size, a), r->name ? r->name : "?");
    if (r->name_why)
        sc_printf(out, "  [%s]", r->name_why);
    sc_puts(out, "\n");
}

static void link_lines(sc_out *out, const struct row *r, const struct text *t) {
    if (r->target)
        sc_printf(out, "%sTarget String is '%s'\n", t->pad, r->target);
    else if (r->dynamic)
        sc_printf(out, "%sTarget is worked out by a function when the link is used\n", t->pad);
    if (r->drive > 0 && r->drive <= 26)
        sc_printf(out, "%sDrive Letter Index is %" PRId64 " (%c:)\n", t->pad, r->drive,
                  (char)('A' + r->drive - 1));
}

static void row_text(sc_out *out, const void *record, void *ctx) {
    const struct row *r = record;
    const struct text *t = ctx;
    char a[SC_NT_BUF], b[SC_NT_BUF];
    sc_printf(out, "Object: %s  Type: (%s) %s", sc_nt_ptr_text(r->address, t->ptr_size, a),
              sc_nt_ptr_text(r->type_address, t->ptr_size, b), r->type_name ? r->type_name : "?");
    if (r->type_why)
        sc_printf(out, "  [%s]", r->type_why);
    sc_printf(out, "\n    ObjectHeader: %s (%s version)\n",
              sc_nt_ptr_text(r->header, t->ptr_size, a), r->new_version ? "new" : "old");
    if (t->flags & SC_OBJECT_COUNTS) {
        sc_printf(out, "%sHandleCount: %s  PointerCount: %s\n", t->pad,
                  sc_nt_num_text(r->handle_count, a), sc_nt_num_text(r->pointer_count, b));
        name_line(out, r, t);
        link_lines(out, r, t);
    }
    if (!(t->flags & SC_OBJECT_OPTIONAL) || !r->noptional)
        return;
    sc_puts(out, "Optional Headers: \n");
    for (size_t i = 0; i < r->noptional; i++)
        sc_printf(out, "    %s(%s)\n", r->headers[i].name,
                  sc_nt_ptr_text(r->headers[i].address, t->ptr_size, a));
}

static void fill(const struct nt_objects *om, const struct nt_object *o, struct row *r) {
    struct nt_field security = nt_object_security(om, o);
    r->address = o->body;
    r->header = o->header;
    r->type_address = o->type.address ? o->type.address : SC_UNSET64;
    r->type_name = o->type.name;
    r->type_why = o->type_why;
    r->new_version = o->new_version;
    r->assumed = o->assumed;
    r->handle_count = sc_nt_num(&o->f[NT_O_HANDLE_COUNT]);
    r->pointer_count = sc_nt_num(&o->f[NT_O_POINTER_COUNT]);
    r->flags = sc_nt_num(&o->f[NT_O_FLAGS]);
    if (r->flags != INT64_MIN)
        r->flags &= 0xff;
    r->security = sc_nt_addr(&security);
    r->directory = nt_or(&o->directory, o->directory.state == NT_NO_FIELD ? 0 : SC_UNSET64);
    r->drive = INT64_MIN;
    for (unsigned i = 0; i < NT_OI_COUNT; i++)
        if (o->info[i].state != NT_NO_FIELD)
            r->optional[r->noptional++] =
                (struct optional){nt_object_info_name(i), sc_nt_addr(&o->info[i])};
}

/* ---- a directory's content ---- */

struct entry {
    unsigned bucket, shown_before;
    uint64_t address;
    const char *type_name, *type_why, *name;
};
static const struct sc_field entry_fields[] = {
    SC_FIELD(struct entry, bucket, SC_F_U32),    SC_FIELD(struct entry, address, SC_F_ADDR),
    SC_FIELD(struct entry, type_name, SC_F_STR), SC_FIELD(struct entry, type_why, SC_F_STR),
    SC_FIELD(struct entry, name, SC_F_STR),      SC_FIELD_END};
static const struct sc_rectype entry_type = {"directory_entry", sizeof(struct entry), entry_fields};

static void entry_text(sc_out *out, const void *record, void *ctx) {
    const struct entry *e = record;
    const struct text *t = ctx;
    char a[SC_NT_BUF];
    if (e->bucket == e->shown_before)
        sc_puts(out, "         ");
    else
        sc_printf(out, "     %02u  ", e->bucket);
    sc_printf(out, "%s %-13s %s\n", sc_nt_ptr_text(e->address, t->ptr_size, a),
              e->type_name ? e->type_name : "?", e->name ? e->name : "?");
}

static sc_err *show_content(sc_session *s, struct nt_objects *om, uint64_t address,
                            struct text *text) {
    struct nt_directory d;
    struct nt_directory_entry de;
    struct nt_object o;
    struct sc_names names;
    char why[NT_LIST_TEXT];
    unsigned before = NT_BUCKETS;
    sc_err *err = nt_directory_begin(om, address, &d);
    if (!err)
        err = sc_names_begin(&names, om);
    if (err)
        return err;
    sc_printf(s->out, "\n    Hash %-*s Type          Name\n", text->ptr_size == 8 ? 16 : 8,
              "Address");
    sc_printf(s->out, "    ---- %-*s ----          ----\n", text->ptr_size == 8 ? 16 : 8,
              "-------");
    while (!err && nt_directory_next(&d, &de)) {
        err = nt_object_read(om, de.object, &o);
        if (err)
            break;
        struct entry e = {de.bucket, before, de.object, o.type.name, o.type_why, o.name};
        sc_record(s->out, &entry_type, &e, entry_text, text);
        before = de.bucket;
        err = sc_names_again(&names);
    }
    sc_names_end(&names);
    if (err || !d.damaged)
        return err;
    if (d.broken.end == NT_LIST_STOP)
        return sc_err_cancelled();
    sc_remark(s->out, "*** the directory is not whole: %u of its chains %s broken, the last: %s",
              d.damaged, d.damaged == 1 ? "is" : "are", nt_list_end_text(&d.broken, why));
    return NULL;
}

/* ---- an object ---- */

static sc_err *names_of(struct nt_objects *om, const struct nt_object *o, uint64_t flags,
                        struct row *r) {
    struct nt_symlink link;
    sc_err *err = NULL;
    if (flags & SC_OBJECT_COUNTS)
        err = nt_object_name(om, o, &r->name, &r->name_why);
    if (!err && flags & SC_OBJECT_PATH && flags & SC_OBJECT_COUNTS && o->name)
        err = nt_object_path(om, o, &r->name, &r->name_why);
    if (err || !(flags & SC_OBJECT_CONTENT) || !nt_object_is(o, "SymbolicLink"))
        return err;
    err = nt_symlink_read(om, o->body, &link);
    if (err)
        return err;
    r->target = link.target;
    r->dynamic = link.callback;
    r->drive = sc_nt_num(&link.drive);
    return NULL;
}

sc_err *sc_show_object(sc_session *s, struct nt_objects *om, const struct nt_object *o,
                       uint64_t flags, const char *pad) {
    struct row r = {0};
    struct text text = {om->nt->ptr_size, flags, pad};
    fill(om, o, &r);
    r.headers = r.optional;
    sc_err *err = names_of(om, o, flags, &r);
    if (err)
        return err;
    sc_record(s->out, &row_type, &r, row_text, &text);
    const uint64_t both = SC_OBJECT_COUNTS | SC_OBJECT_CONTENT;
    if ((flags & both) == both && nt_object_is(o, "Directory"))
        err = show_content(s, om, o->body, &text);
    return err;
}

sc_err *sc_need_object(struct nt_objects *om, uint64_t address, struct nt_object *ret) {
    char buf[SC_NT_BUF];
    struct nt_object o;
    sc_err *err = nt_object_read(om, address, &o);
    if (err)
        return err;
    sc_nt_asked_text(address, om->nt->ptr_size, buf);
    if (!nt_object_present(&o))
        return sc_errf(SC_ERR_NOT_FOUND, "the dump does not hold an object at %s", buf);
    /* Where the reason is that something is not known, there may well be an object. */
    bool unknown = o.new_version && om->cookie.state == NT_ABSENT;
    if (!o.type.name && !unknown)
        return sc_errf(SC_ERR_NOT_FOUND, "%s: Not a valid object (ObjectType invalid): %s", buf,
                       o.type_why);
    *ret = o;
    return NULL;
}

/* ---- the command ---- */

struct wish {
    bool path;
    const char *text; /* the path, or with address 0 the type's name; NULL none */
    uint64_t address, flags;
};

/* Quotes around a path, and blanks behind it, are not part of it. */
static sc_err *parse_path(sc_arena *arena, const char *text, struct wish *ret) {
    size_t n = strlen(text);
    bool quoted = *text == '"';
    text += quoted;
    n -= quoted;
    while (n && (sc_blank(text[n - 1]) || (quoted && text[n - 1] == '"')))
        n--;
    char *path = sc_arena_strndup(arena, text, n);
    if (!path)
        return sc_err_nomem();
    for (char *p = path; *p && *path == '/'; p++) /* as some type it */
        if (*p == '/' && p != path)
            *p = '\\';
    if (*path == '/')
        *path = '\\';
    ret->path = true;
    ret->text = path;
    return NULL;
}

static sc_err *parse(sc_session *s, const struct sc_args *args, struct wish *ret) {
    const char *text = args->v[0].given ? sc_skip_blanks(args->v[0].text) : "";
    *ret = (struct wish){.flags = SC_OBJECT_DEFAULT};
    if (!*text)
        text = "\\";
    if (*text == '\\' || *text == '/' || (*text == '"' && text[1] == '\\'))
        return parse_path(args->arena, text, ret);
    sc_err *err = sc_session_eval_prefix(s, text, &ret->address, &text);
    if (err)
        return err;
    text = sc_skip_blanks(text);
    if (!*text)
        return ret->address ? NULL
                            : sc_errf(SC_ERR_ARG, "!object 0: of which type? "
                                                  "(!object 0 Event)");
    if (ret->address)
        return sc_session_eval(s, text, &ret->flags);
    ret->text = sc_arena_strndup(args->arena, text, strcspn(text, " \t"));
    return ret->text ? NULL : sc_err_nomem();
}

/* `-p`, `-h`: the letter; 0 for anything else. */
static char option_of(const struct sc_args *args) {
    const char *text = args->v[0].given ? sc_skip_blanks(args->v[0].text) : "";
    bool alone = *text == '-' && text[1] && !*sc_skip_blanks(text + 2);
    return alone && strchr("ph", text[1]) ? text[1] : 0;
}

static sc_err *run_option(sc_session *s, char option, sc_arena *arena) {
    struct nt nt;
    if (option != 'p') {
        sc_session_run_nested(s, "help !object");
        return NULL;
    }
    sc_err *err = sc_session_nt(s, &nt);
    return err ? err : sc_show_private_namespaces(s, &nt, arena);
}

static sc_err *run_object(sc_session *s, const struct sc_args *args) {
    struct nt nt;
    struct nt_objects om;
    struct nt_object o;
    struct wish wish;
    const char *via = NULL;
    if (option_of(args))
        return run_option(s, option_of(args), args->arena);
    sc_err *err = parse(s, args, &wish);
    if (!err)
        err = sc_session_nt(s, &nt);
    if (!err)
        err = nt_objects_init(&nt, args->arena, &om);
    if (!err && !wish.path && !wish.address)
        return sc_show_type_objects(s, &om, wish.text);
    if (!err && wish.path)
        err = nt_object_find(&om, wish.text, &wish.address, &via);
    if (err)
        return err;
    wish.address = sc_space_canon(nt.space, wish.address);
    err = sc_need_object(&om, wish.address, &o);
    if (err)
        return err;
    if (via)
        sc_remark(s->out, "Through symbolic links: %s", via);
    err = sc_show_object(s, &om, &o, wish.flags, "    ");
    if (!err)
        sc_nt_assumed(s, o.assumed || o.type.assumed);
    return err;
}

static const struct sc_arg object_args[] = {{SC_ARG_REST, "path | address [flags] | 0 type | -p",
                                             NULL, true, "the root directory if missing"},
                                            {SC_ARG_END, NULL, NULL, false, NULL}};

const struct sc_command sc_kobject_commands[] = {
    {.name = "!object",
     .brief = "show an object of the object manager, or what is in a directory of them",
     .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
     .instead = "!handle shows the objects that the process had open",
     .args = object_args,
     .help = "!object \\Device lists a directory, !object ffffe0083b85d060 shows an object by the "
             "address of its body, !object 0 Event all of a type that can be found.\n"
             "-p lists the private name spaces of processes, which stand in no directory: the "
             "directory of each, and the boundary that tells who may open it.\n"
             "Flags: 1 counts and names; 8 with 1: what is in a directory, where a symbolic link "
             "leads; 10 optional headers; 20 with 1: the whole path. 9 if none are given.\n"
             "A small dump holds neither directories nor types; the kernel's own dumps hold both.",
     .sample = "!object 0n0 Event",
     .run = run_object},
    {.name = NULL},
};
