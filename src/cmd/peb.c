/* SPDX-License-Identifier: MIT */
/*
 * `!peb`: the process environment block, the loader's list of modules and the process's parameters.
 *
 * Offsets (winternl.h and the public layouts; unchanged from Windows XP on):
 *
 *     PEB             32-bit  64-bit
 *     InheritedAddressSpace, ReadImageFileExecOptions, BeingDebugged   +0 +1 +2 in both
 *     ImageBaseAddress  +0x08  +0x10     Ldr            +0x0c  +0x18
 *     ProcessParameters +0x10  +0x20     SubSystemData  +0x14  +0x28
 *     ProcessHeap       +0x18  +0x30     NtGlobalFlag   +0x68  +0xbc
 *     PEB_LDR_DATA: Initialized +4; InLoadOrder +0x0c/+0x10, InMemoryOrder +0x14/+0x20,
 *     InInitializationOrder +0x1c/+0x30
 *     LDR_DATA_TABLE_ENTRY (InLoadOrderLinks +0): DllBase +0x18/+0x30, FullDllName +0x24/+0x48,
 *     TimeDateStamp +0x44/+0x80
 *     RTL_USER_PROCESS_PARAMETERS: CurrentDirectory +0x24/+0x38, DllPath +0x30/+0x50,
 *     ImagePathName +0x38/+0x60, CommandLine +0x40/+0x70, Environment +0x48/+0x80,
 *     WindowTitle +0x70/+0xb0
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "cmd/memtext.h"
#include "cmd/session_impl.h"
#include "cmd/teb.h"
#include "cmd/usermods.h"

enum { MODULES_MAX = 20000, ENVIRONMENT_MAX = 64 << 10 };

static const struct sc_offset peb_base = {8, 0x10}, peb_ldr = {0xc, 0x18},
                              peb_params = {0x10, 0x20}, peb_subsystem = {0x14, 0x28},
                              peb_heap = {0x18, 0x30}, peb_flags = {0x68, 0xbc};
static const struct sc_offset ldr_load = {0xc, 0x10}, ldr_memory = {0x14, 0x20},
                              ldr_init = {0x1c, 0x30}, entry_base = {0x18, 0x30},
                              entry_name = {0x24, 0x48}, entry_stamp = {0x44, 0x80};
static const struct sc_offset params_directory = {0x24, 0x38}, params_path = {0x30, 0x50},
                              params_image = {0x38, 0x60}, params_command = {0x40, 0x70},
                              params_environment = {0x48, 0x80}, params_title = {0x70, 0xb0};

static uint64_t offset_of(const struct sc_fields *f, struct sc_offset at) {
    return f->base + (sc_session_ptr_size(f->session) == 4 ? at.at32 : at.at64);
}

/* --- the block ------------------------------------------------------------------------------ */

struct link {
    uint64_t first, last;
};

struct peb {
    uint64_t address, image_base, nt_global_flag, ldr;
    uint64_t inherited, read_image_options, being_debugged, initialized; /* SC_UNSET64 unknown */
    struct link init, load, memory;
    uint64_t subsystem_data, heap, parameters;
};
#define LINK(member, first_name, last_name)                                                        \
    {first_name, SC_F_ADDR, offsetof(struct peb, member.first), 0, NULL, NULL}, {                  \
        last_name, SC_F_ADDR, offsetof(struct peb, member.last), 0, NULL, NULL                     \
    }
static const struct sc_field peb_fields[] = {
    SC_FIELD(struct peb, address, SC_F_ADDR),
    SC_FIELD(struct peb, image_base, SC_F_ADDR),
    SC_FIELD(struct peb, inherited, SC_F_ADDR),
    SC_FIELD(struct peb, read_image_options, SC_F_ADDR),
    SC_FIELD(struct peb, being_debugged, SC_F_ADDR),
    SC_FIELD(struct peb, initialized, SC_F_ADDR),
    SC_FIELD(struct peb, nt_global_flag, SC_F_ADDR),
    SC_FIELD(struct peb, ldr, SC_F_ADDR),
    LINK(init, "init_order_first", "init_order_last"),
    LINK(load, "load_order_first", "load_order_last"),
    LINK(memory, "memory_order_first", "memory_order_last"),
    SC_FIELD(struct peb, subsystem_data, SC_F_ADDR),
    SC_FIELD(struct peb, heap, SC_F_ADDR),
    SC_FIELD(struct peb, parameters, SC_F_ADDR),
    SC_FIELD_END,
};
static const struct sc_rectype peb_type = {"peb", sizeof(struct peb), peb_fields};

static const char *yes_no(uint64_t value) {
    return value == SC_UNSET64 ? "?" : value ? "Yes" : "No";
}

static void show_link(sc_out *out, sc_session *s, const char *label, const struct link *l) {
    char a[20], b[20];
    sc_printf(out, "    Ldr.%-32s %s . %s\n", label, sc_plain_ptr(s, l->first, a),
              sc_plain_ptr(s, l->last, b));
}

static void peb_text(sc_out *out, const void *record, void *ctx) {
    const struct peb *p = record;
    sc_session *s = ctx;
    char a[20];
    sc_printf(out, "PEB at %s\n", sc_plain_ptr(s, p->address, a));
    sc_printf(out, "    InheritedAddressSpace:    %s\n", yes_no(p->inherited));
    sc_printf(out, "    ReadImageFileExecOptions: %s\n", yes_no(p->read_image_options));
    sc_printf(out, "    BeingDebugged:            %s\n", yes_no(p->being_debugged));
    sc_printf(out, "    ImageBaseAddress:         %s\n", sc_plain_ptr(s, p->image_base, a));
    if (p->nt_global_flag != SC_UNSET64)
        sc_printf(out, "    NtGlobalFlag:             %" PRIx64 "\n", p->nt_global_flag);
    sc_printf(out, "    Ldr                       %s\n", sc_plain_ptr(s, p->ldr, a));
    sc_printf(out, "    Ldr.Initialized:          %s\n", yes_no(p->initialized));
    show_link(out, s, "InInitializationOrderModuleList:", &p->init);
    show_link(out, s, "InLoadOrderModuleList:", &p->load);
    show_link(out, s, "InMemoryOrderModuleList:", &p->memory);
}

static struct link read_link(const struct sc_fields *f, struct sc_offset at) {
    struct sc_offset back = {(uint16_t)(at.at32 + 4), (uint16_t)(at.at64 + 8)};
    return (struct link){sc_field_ptr(f, at), sc_field_ptr(f, back)};
}

static void read_peb(const struct sc_fields *f, struct peb *p) {
    const struct sc_offset first = {0, 0}, second = {1, 1}, third = {2, 2}, fifth = {4, 4};
    p->address = f->base;
    p->inherited = sc_field_num(f, first, 1);
    p->read_image_options = sc_field_num(f, second, 1);
    p->being_debugged = sc_field_num(f, third, 1);
    p->image_base = sc_field_ptr(f, peb_base);
    p->nt_global_flag = sc_field_num(f, peb_flags, 4);
    p->ldr = sc_field_ptr(f, peb_ldr);
    p->subsystem_data = sc_field_ptr(f, peb_subsystem);
    p->heap = sc_field_ptr(f, peb_heap);
    p->parameters = sc_field_ptr(f, peb_params);
    struct sc_fields ldr = {f->session, p->ldr};
    p->initialized = sc_field_num(&ldr, fifth, 1);
    p->load = read_link(&ldr, ldr_load);
    p->memory = read_link(&ldr, ldr_memory);
    p->init = read_link(&ldr, ldr_init);
}

/* --- modules -------------------------------------------------------------------------------- */

struct loaded {
    uint64_t base, timestamp;
    const char *path;
    const char *when; /* text only */
};
static const struct sc_field loaded_fields[] = {
    SC_FIELD(struct loaded, base, SC_F_ADDR),
    SC_FIELD(struct loaded, timestamp, SC_F_HEX64),
    SC_FIELD(struct loaded, path, SC_F_STR),
    SC_FIELD_END,
};
static const struct sc_rectype loaded_type = {"peb_module", sizeof(struct loaded), loaded_fields};

/* "Feb 03 04:45:27 2009": the stamp's moment without the day of the week. */
static void loaded_text(sc_out *out, const void *record, void *ctx) {
    (void)ctx;
    const struct loaded *l = record;
    sc_printf(out, "%16" PRIx64 " %08" PRIx64 " %s %s\n", l->base, l->timestamp, l->when, l->path);
}

static sc_err *show_loaded(sc_session *s, uint64_t entry) {
    struct sc_fields f = {s, entry};
    char when[SC_TIME_BUF];
    struct loaded l = {.base = sc_field_ptr(&f, entry_base)};
    l.timestamp = sc_field_num(&f, entry_stamp, 4);
    sc_arena *arena = sc_arena_create();
    if (!arena)
        return sc_err_nomem();
    sc_err *err = sc_memory_string(s, "msu", offset_of(&f, entry_name), arena, &l.path);
    if (sc_err_catch(&err, SC_ERR_MEMORY))
        l.path = "< Name not readable >";
    if (!err) {
        sc_time_stamp((uint32_t)l.timestamp, sc_session_tz(s), when);
        l.when = strlen(when) > 4 ? when + 4 : when;
        if (strlen(when) > 8 && when[8] == ' ')
            when[8] = '0'; /* here the day has two digits */
        if (l.base != SC_UNSET64 || l.timestamp != SC_UNSET64)
            sc_record(s->out, &loaded_type, &l, loaded_text, NULL);
    }
    sc_arena_destroy(arena);
    return err;
}

/* The list in load order, to its head, to where memory ends, or until it is too long to be one. */
static sc_err *show_modules(sc_session *s, const struct peb *p) {
    struct sc_fields ldr = {s, p->ldr};
    const struct sc_offset link = {0, 0};
    uint64_t head = offset_of(&ldr, ldr_load), at = p->load.first;
    sc_err *err = NULL;
    if (p->ldr == SC_UNSET64 || at == SC_UNSET64) {
        sc_remark(s->out, "        (the dump does not hold the loader's list of modules; lm does)");
        return NULL;
    }
    sc_puts(s->out, "            Base TimeStamp                     Module\n");
    uint64_t mark = 0; /* an element at a power of two: a loop comes back to it */
    for (unsigned i = 1; !err && at && at != head && at != SC_UNSET64 && i < MODULES_MAX; i++) {
        if (sc_target_cancelled(s->target))
            return sc_err_cancelled();
        struct sc_fields f = {s, at};
        err = show_loaded(s, at);
        if ((i & (i - 1)) == 0)
            mark = at;
        at = sc_field_ptr(&f, link);
        if (at == mark) {
            sc_remark(s->out, "        (the list loops back and never ends)");
            break;
        }
    }
    return err;
}

/* --- parameters ----------------------------------------------------------------------------- */

struct parameters {
    uint64_t subsystem_data, heap, address, environment;
    const char *directory, *title, *image, *command, *path;
};
static const struct sc_field parameters_fields[] = {
    SC_FIELD(struct parameters, subsystem_data, SC_F_ADDR),
    SC_FIELD(struct parameters, heap, SC_F_ADDR),
    SC_FIELD(struct parameters, address, SC_F_ADDR),
    SC_FIELD(struct parameters, directory, SC_F_STR),
    SC_FIELD(struct parameters, title, SC_F_STR),
    SC_FIELD(struct parameters, image, SC_F_STR),
    SC_FIELD(struct parameters, command, SC_F_STR),
    SC_FIELD(struct parameters, path, SC_F_STR),
    SC_FIELD(struct parameters, environment, SC_F_ADDR),
    SC_FIELD_END,
};
static const struct sc_rectype parameters_type = {"process_parameters", sizeof(struct parameters),
                                                  parameters_fields};

static void parameters_text(sc_out *out, const void *record, void *ctx) {
    const struct parameters *p = record;
    static const char none[] = "< Name not readable >";
    char a[20];
    sc_printf(out, "    SubSystemData:     %s\n", sc_plain_ptr(ctx, p->subsystem_data, a));
    sc_printf(out, "    ProcessHeap:       %s\n", sc_plain_ptr(ctx, p->heap, a));
    sc_printf(out, "    ProcessParameters: %s\n", sc_plain_ptr(ctx, p->address, a));
    sc_printf(out, "    CurrentDirectory:  '%s'\n", p->directory ? p->directory : none);
    sc_printf(out, "    WindowTitle:  '%s'\n", p->title ? p->title : none);
    sc_printf(out, "    ImageFile:    '%s'\n", p->image ? p->image : none);
    sc_printf(out, "    CommandLine:  '%s'\n", p->command ? p->command : none);
    sc_printf(out, "    DllPath:      '%s'\n", p->path ? p->path : none);
    sc_printf(out, "    Environment:  %s\n", sc_plain_ptr(ctx, p->environment, a));
}

/* A UNICODE_STRING; NULL when memory is absent. */
static sc_err *take_string(const struct sc_fields *f, struct sc_offset at, sc_arena *arena,
                           const char **ret) {
    sc_err *err = sc_memory_string(f->session, "msu", offset_of(f, at), arena, ret);
    sc_err_catch(&err, SC_ERR_MEMORY);
    return err;
}

struct variable {
    const char *text;
};
static const struct sc_field variable_fields[] = {SC_FIELD(struct variable, text, SC_F_STR),
                                                  SC_FIELD_END};
static const struct sc_rectype variable_type = {"environment_variable", sizeof(struct variable),
                                                variable_fields};

static void variable_text(sc_out *out, const void *record, void *ctx) {
    (void)ctx;
    const struct variable *v = record;
    sc_printf(out, "        %s\n", v->text);
}

/* Strings behind each other, up to an empty one. */
static sc_err *show_environment(sc_session *s, uint64_t addr) {
    sc_space *space = sc_target_space(s->target);
    sc_err *err = NULL;
    for (uint64_t done = 0; !err && done < ENVIRONMENT_MAX;) {
        uint64_t first;
        if (sc_space_uint(space, addr + done, 2, &first) != SC_READ_OK || !first)
            return NULL;
        sc_arena *arena = sc_arena_create();
        if (!arena)
            return sc_err_nomem();
        struct variable v;
        size_t units = 0;
        err = sc_memory_string(s, "mu", addr + done, arena, &v.text);
        if (!err) {
            for (const char *p = v.text; *p; p++)
                units += ((unsigned char)*p & 0xc0) != 0x80;
            sc_record(s->out, &variable_type, &v, variable_text, NULL);
        }
        done += 2 * (units + 1);
        sc_arena_destroy(arena);
    }
    return err;
}

static sc_err *show_parameters(sc_session *s, const struct peb *p, sc_arena *arena) {
    struct sc_fields f = {s, p->parameters};
    struct parameters r = {
        p->subsystem_data, p->heap, p->parameters, SC_UNSET64, NULL, NULL, NULL, NULL, NULL};
    sc_err *err = NULL;
    if (p->parameters != SC_UNSET64 && p->parameters) {
        r.environment = sc_field_ptr(&f, params_environment);
        err = take_string(&f, params_directory, arena, &r.directory);
        if (!err)
            err = take_string(&f, params_title, arena, &r.title);
        if (!err)
            err = take_string(&f, params_image, arena, &r.image);
        if (!err)
            err = take_string(&f, params_command, arena, &r.command);
        if (!err)
            err = take_string(&f, params_path, arena, &r.path);
    }
    if (err)
        return err;
    sc_record(s->out, &parameters_type, &r, parameters_text, s);
    return r.environment == SC_UNSET64 ? NULL : show_environment(s, r.environment);
}

/* --- whose block ---------------------------------------------------------------------------- */

/* An address of the kernel's: a process, whose PEB is meant. */
static sc_err *peb_of_process(sc_session *s, uint64_t address, struct sc_visit *visit,
                              uint64_t *ret) {
    struct nt nt;
    struct nt_process p;
    char digits[SC_NT_BUF];
    sc_err *err = sc_session_nt(s, &nt);
    if (!err)
        err = nt_process_read(&nt, address, &p);
    if (!err && !nt_process_valid(&p))
        err = sc_errf(SC_ERR_NOT_FOUND, "at %s there is no process, and PEBs lie in user memory",
                      sc_nt_ptr_text(address, nt.ptr_size, digits));
    *ret = err ? 0 : nt_or(&p.f[NT_P_PEB], 0);
    return err || !*ret ? err : sc_session_visit_process(s, &nt, address, visit);
}

static sc_err *peb_address(sc_session *s, const struct sc_val *v, struct sc_visit *visit,
                           uint64_t *ret) {
    sc_space *space = sc_target_space(s->target);
    uint64_t address = v->num;
    uint8_t first;
    sc_err *err = v->given ? NULL : sc_session_pseudo_get(s, "$peb", &address);
    *ret = sc_space_canon(space, address);
    *visit = (struct sc_visit){.away = false};
    if (v->given && sc_session_is_kernel_address(s, *ret))
        err = peb_of_process(s, *ret, visit, ret);
    if (!err && !*ret && sc_target_machine(s->target)->kernel)
        err = sc_errf(SC_ERR_NOT_FOUND, "the process has no PEB: it runs in the kernel alone, or "
                                        "has ended");
    return err ? err : sc_space_need(space, *ret, &first, 1, "the PEB");
}

static sc_err *show_block(sc_session *s, uint64_t address, sc_arena *arena) {
    struct sc_fields f = {s, address};
    struct peb p = {0};
    read_peb(&f, &p);
    sc_record(s->out, &peb_type, &p, peb_text, s);
    sc_err *err = show_modules(s, &p);
    return err ? err : show_parameters(s, &p, arena);
}

sc_err *sc_run_peb(sc_session *s, const struct sc_args *args) {
    struct sc_visit visit;
    uint64_t address;
    sc_err *err = peb_address(s, &args->v[0], &visit, &address);
    if (!err)
        err = show_block(s, address, args->arena);
    return sc_session_return(s, &visit, err);
}
