/* SPDX-License-Identifier: MIT */
/*
 * Prints everything the library reads from a minidump, as JSON lines: one object a line, whose
 * "kind" says what it is. For comparisons with other readers (mdmp_compare.py); bytes of contexts
 * and memory are given as file offsets, for the comparer to look up.
 *
 *     mdmp_facts [--no-mmap] FILE
 *
 * Exit status: 0 read; 1 refused: the only line is then {"kind":"error", …}; 2 usage.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/guid.h"
#include "base/utf.h"
#include "base/vec.h"
#include "dump/dump.h"
#include "stopcode/minidump.h"

/* -- JSON ---------------------------------------------------------------------------------- */

static void text(const char *s) {
    if (!s) {
        printf("null");
        return;
    }
    putchar('"');
    for (size_t left = strlen(s), n; left; s += n, left -= n) {
        uint32_t cp;
        n = sc_utf8_get(s, left, &cp);
        if (cp == '"' || cp == '\\')
            printf("\\%c", (char)cp);
        else if (cp < 0x20 || cp == UINT32_MAX || (cp >= 0xd800 && cp < 0xe000))
            printf("\\u%04x", cp == UINT32_MAX ? 0xfffd : cp);
        else
            printf("%.*s", (int)n, s);
    }
    putchar('"');
}

static void begin(const char *kind) { printf("{\"kind\":\"%s\"", kind); }
static void number(const char *key, uint64_t value) { printf(",\"%s\":%" PRIu64, key, value); }
static void string(const char *key, const char *value) {
    printf(",\"%s\":", key);
    text(value);
}
/* -1 for "unknown", as Python's side finds it easiest to test. */
static void maybe(const char *key, uint64_t value) {
    if (value == SC_UNSET64)
        printf(",\"%s\":-1", key);
    else
        number(key, value);
}
static void guid(const char *key, const struct sc_guid *value) {
    char buf[SC_GUID_BUF];
    string(key, sc_guid_text(value, buf));
}
static void numbers(const char *key, const uint64_t *item, size_t count) {
    printf(",\"%s\":[", key);
    for (size_t i = 0; i < count; i++)
        printf("%s%" PRIu64, i ? "," : "", item[i]);
    putchar(']');
}
static void version(const char *key, const uint16_t *v) {
    printf(",\"%s\":\"%u.%u.%u.%u\"", key, v[0], v[1], v[2], v[3]);
}
static void end(void) { puts("}"); }

/* -- what all targets have ----------------------------------------------------------------- */

static void print_exception(const struct sc_machine *m) {
    const struct sc_exception *e = &m->exception;
    if (!m->has_exception)
        return;
    begin("exception");
    number("code", e->code);
    number("flags", e->flags);
    number("record", e->record);
    number("address", e->address);
    numbers("params", e->param, e->nparams);
    number("offset", m->exception_record);
    maybe("context_off", m->event_context_off);
    number("context_size", m->event_context_size);
    end();
}

static void print_machine(const struct sc_machine *m) {
    begin("machine");
    number("cpu", m->cpu);
    number("windows", m->windows);
    string("platform", m->platform);
    number("ncpus", m->ncpus);
    number("major", m->major);
    number("minor", m->minor);
    number("build", m->build);
    number("revision", m->revision);
    number("product_type", m->product_type);
    number("suite_mask", m->suite_mask);
    string("service_pack", m->service_pack);
    string("lab", m->lab);
    number("time", m->time);
    maybe("uptime", m->uptime);
    number("pid", m->pid);
    number("current", m->current);
    string("comment", m->comment);
    end();
    print_exception(m);
}

static void print_module(const struct sc_module *m) {
    static const char *const kinds[] = {"none", "rsds", "nb10", "elf", "other"};
    begin("module");
    number("base", m->base);
    number("size", m->size);
    number("timestamp", m->timestamp);
    number("checksum", m->checksum);
    string("name", m->name);
    string("image", m->image);
    string("path", m->path);
    number("has_version", m->version.present);
    version("file_version", m->version.file);
    version("product_version", m->version.product);
    number("file_flags", m->version.flags);
    number("file_os", m->version.os);
    number("file_type", m->version.type);
    number("file_subtype", m->version.subtype);
    number("file_date", m->version.date);
    string("cv", kinds[m->codeview.kind]);
    guid("guid", &m->codeview.guid);
    number("signature", m->codeview.signature);
    number("age", m->codeview.age);
    string("pdb", m->codeview.path);
    number("offset", m->record);
    end();
}

static void print_unloaded(const struct sc_unloaded *u) {
    begin("unloaded");
    number("base", u->base);
    number("size", u->size);
    number("timestamp", u->timestamp);
    number("checksum", u->checksum);
    string("name", u->name);
    number("offset", u->record);
    end();
}

/* The registers that lie inside the context, also those that its flags say are not filled. */
static void print_regs(struct sc_source *s, const char *kind, uint64_t index, uint64_t offset,
                       uint32_t size) {
    uint8_t bytes[SC_CONTEXT_MAX];
    size_t got = 0, count;
    struct sc_regs regs;
    if (offset == SC_UNSET64)
        return;
    if (!sc_file_read_some(s->file, offset, bytes, size < sizeof bytes ? size : sizeof bytes, &got))
        return;
    begin(kind);
    number("index", index);
    sc_err *err = sc_regs_init(&regs, s->machine.cpu, bytes, got);
    const struct sc_reg *table = sc_reg_table(s->machine.cpu, &count);
    if (err)
        string("refused", sc_err_text(err));
    for (size_t i = 0; !err && i < count; i++)
        if (table[i].cls < SC_REG_FLOAT && table[i].offset + table[i].size <= (int)regs.size)
            number(table[i].name, sc_reg_value(&regs, &table[i]));
    sc_err_destroy(err);
    end();
}

static void print_thread(const struct sc_thread *t) {
    begin("thread");
    number("index", t->index);
    number("tid", t->tid);
    number("suspend", t->suspend);
    number("priority_class", t->priority_class);
    number("priority", t->priority);
    number("teb", t->teb);
    string("name", t->name);
    number("stack_start", t->stack_start);
    number("stack_size", t->stack_size);
    maybe("context_off", t->context_off);
    number("context_size", t->context_size);
    number("has_info", t->has_info);
    number("start_address", t->start_address);
    maybe("create_time", t->create_time);
    maybe("exit_time", t->exit_time);
    maybe("kernel_time", t->kernel_time);
    maybe("user_time", t->user_time);
    number("affinity", t->affinity);
    number("exit_status", t->exit_status);
    number("dump_flags", t->dump_flags);
    end();
}

static sc_err *print_lists(struct sc_source *s) {
    struct sc_modules modules = {0};
    struct sc_unloadeds unloaded = {0};
    struct sc_threads threads = {0};
    struct sc_ranges virt = {0}, phys = {0};
    sc_err *err = s->ops->load_modules(s, &modules);
    if (!err)
        err = s->ops->load_unloaded(s, &unloaded);
    if (!err)
        err = s->ops->load_threads(s, &threads);
    if (!err)
        err = s->ops->load_memory(s, &virt, &phys);
    for (size_t i = 0; i < modules.count && !err; i++)
        print_module(&modules.item[i]);
    for (size_t i = 0; i < unloaded.count && !err; i++)
        print_unloaded(&unloaded.item[i]);
    for (size_t i = 0; i < threads.count && !err; i++)
        print_thread(&threads.item[i]);
    for (size_t i = 0; i < threads.count && !err; i++)
        print_regs(s, "regs", i, threads.item[i].context_off, threads.item[i].context_size);
    print_regs(s, "event_regs", s->machine.current, s->machine.event_context_off,
               s->machine.event_context_size);
    for (size_t i = 0; i < virt.count && !err; i++) {
        begin("range");
        number("start", virt.item[i].start);
        number("size", virt.item[i].size);
        number("offset", virt.item[i].offset);
        end();
    }
    SC_VEC_FREE(&modules);
    SC_VEC_FREE(&unloaded);
    SC_VEC_FREE(&threads);
    SC_VEC_FREE(&virt);
    SC_VEC_FREE(&phys);
    return err;
}

/* -- what only minidumps have -------------------------------------------------------------- */

static void print_header(const struct sc_source *s) {
    const struct sc_mdmp_header *h = sc_mdmp_header(s);
    char flags[1024];
    sc_mdmp_flag_names(h->flags, flags, sizeof flags);
    begin("header");
    number("version", h->version);
    number("nstreams", h->nstreams);
    number("directory", h->directory_rva);
    number("checksum", h->checksum);
    number("timestamp", h->timestamp);
    number("flags", h->flags);
    string("flag_names", flags);
    end();
    for (uint32_t i = 0; i < h->nstreams; i++) {
        begin("stream");
        number("type", h->streams[i].type);
        number("size", h->streams[i].size);
        number("rva", h->streams[i].rva);
        string("name", h->streams[i].name);
        number("inside", h->streams[i].inside);
        end();
    }
}

static void print_system(const struct sc_source *s) {
    const struct sc_mdmp_system *y = sc_mdmp_system(s);
    if (!y)
        return;
    begin("system");
    number("arch", y->arch);
    number("level", y->level);
    number("revision", y->revision);
    number("ncpus", y->ncpus);
    number("product_type", y->product_type);
    number("major", y->major);
    number("minor", y->minor);
    number("build", y->build);
    number("platform_id", y->platform_id);
    number("suite_mask", y->suite_mask);
    string("csd", y->csd);
    string("vendor", y->vendor);
    number("cpu_version", y->cpu_version);
    number("cpu_features", y->cpu_features);
    number("amd_features", y->amd_features);
    numbers("features", y->features, 2);
    end();
}

static sc_err *print_misc(struct sc_source *s) {
    const struct sc_mdmp_misc *m;
    sc_err *err = sc_mdmp_misc(s, &m);
    if (err || !m)
        return err;
    begin("misc");
    number("size", m->size);
    number("flags", m->flags);
    number("pid", m->pid);
    number("create_time", m->create_time);
    number("user_time", m->user_time);
    number("kernel_time", m->kernel_time);
    number("max_mhz", m->max_mhz);
    number("cur_mhz", m->cur_mhz);
    number("integrity", m->integrity);
    number("execute_flags", m->execute_flags);
    number("protected_process", m->protected_process);
    number("tz_id", m->tz_id);
    printf(",\"tz_bias\":%" PRId32, m->tz_bias);
    string("tz_standard", m->tz_standard);
    string("tz_daylight", m->tz_daylight);
    string("build_string", m->build_string);
    string("dbg_build_string", m->dbg_build_string);
    number("xstate_features", m->xstate_features);
    number("xstate_context_size", m->xstate_context_size);
    number("cookie", m->process_cookie);
    end();
    return NULL;
}

/* Prints the records of a list one by one; the macro's body prints RECORD. */
#define EACH(s, type, read, body)                                                                  \
    for (size_t index_ = 0;; index_++) {                                                           \
        struct type record = {0};                                                                  \
        bool more;                                                                                 \
        sc_err *err_ = read(s, index_, &record, &more);                                            \
        if (err_)                                                                                  \
            return err_;                                                                           \
        if (!more)                                                                                 \
            break;                                                                                 \
        body;                                                                                      \
        end();                                                                                     \
    }

static sc_err *print_handles(struct sc_source *s) {
    EACH(s, sc_mdmp_handle, sc_mdmp_handle, {
        begin("handle");
        number("handle", record.handle);
        string("type", record.type);
        string("object", record.object);
        number("attributes", record.attributes);
        number("access", record.access);
        number("handle_count", record.handle_count);
        number("pointer_count", record.pointer_count);
        number("info_rva", record.info_rva);
    });
    EACH(s, sc_mdmp_handle_op, sc_mdmp_handle_op, {
        begin("handle_op");
        number("handle", record.handle);
        number("pid", record.pid);
        number("tid", record.tid);
        number("operation", record.operation);
        numbers("backtrace", record.backtrace, record.backtrace_frames);
    });
    return NULL;
}

static sc_err *print_tables(struct sc_source *s) {
    EACH(s, sc_mdmp_region, sc_mdmp_region, {
        begin("region");
        number("base", record.base);
        number("alloc_base", record.alloc_base);
        number("size", record.size);
        number("alloc_protect", record.alloc_protect);
        number("state", record.state);
        number("protect", record.protect);
        number("type", record.type);
    });
    EACH(s, sc_mdmp_function_table, sc_mdmp_function_table, {
        begin("function_table");
        number("min", record.min);
        number("max", record.max);
        number("base", record.base);
        number("nentries", record.nentries);
        number("entries_offset", record.entries_offset);
        number("entry_size", record.entry_size);
    });
    EACH(s, sc_mdmp_token, sc_mdmp_token, {
        begin("token");
        number("size", record.size);
        number("id", record.id);
        number("handle", record.handle);
        number("data_offset", record.data_offset);
    });
    return NULL;
}

static sc_err *print_counters(struct sc_source *s) {
    struct sc_mdmp_sysmem m;
    struct sc_mdmp_vm v;
    bool present;
    sc_err *err = sc_mdmp_sysmem(s, &m, &present);
    if (err)
        return err;
    if (present) {
        begin("sysmem");
        number("page_size", m.page_size);
        number("physical_pages", m.physical_pages);
        number("available_pages", m.available_pages);
        number("commit_limit", m.commit_limit);
        end();
    }
    err = sc_mdmp_vm(s, &v, &present);
    if (err || !present)
        return err;
    begin("vm");
    number("revision", v.revision);
    number("page_faults", v.page_faults);
    number("working_set", v.working_set);
    number("virtual_size", v.virtual_size);
    number("private_usage", v.private_usage);
    end();
    return NULL;
}

static sc_err *print_vendors(struct sc_source *s) {
    struct sc_mdmp_breakpad b;
    struct sc_mdmp_assertion a;
    struct sc_mdmp_crashpad c;
    if (sc_mdmp_breakpad(s, &b)) {
        begin("breakpad");
        number("validity", b.validity);
        number("dump_thread", b.dump_thread);
        number("requesting_thread", b.requesting_thread);
        end();
    }
    if (sc_mdmp_assertion(s, &a)) {
        begin("assertion");
        string("expression", a.expression);
        string("function", a.function);
        string("file", a.file);
        number("line", a.line);
        number("type", a.type);
        end();
    }
    if (sc_mdmp_crashpad(s, &c)) {
        begin("crashpad");
        number("version", c.version);
        guid("report_id", &c.report_id);
        guid("client_id", &c.client_id);
        number("address_mask", c.address_mask);
        end();
    }
    EACH(s, sc_mdmp_annotation, sc_mdmp_annotation, {
        begin("annotation");
        string("module", record.module);
        string("name", record.name);
        string("value", record.value);
        number("type", record.type);
        number("size", record.size);
    });
    return NULL;
}

static void print_notes(const struct sc_source *s) {
    for (size_t i = 0; i < s->nnotes; i++) {
        begin("note");
        maybe("offset", s->notes[i].offset);
        string("text", s->notes[i].text);
        end();
    }
}

static sc_err *print_all(struct sc_source *s) {
    if (!sc_mdmp_header(s))
        return sc_errf(SC_ERR_ARG, "not a minidump");
    print_header(s);
    print_machine(&s->machine);
    print_system(s);
    sc_err *(*const parts[])(struct sc_source *) = {print_misc,   print_lists,    print_handles,
                                                    print_tables, print_counters, print_vendors};
    sc_err *err = NULL;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        err = parts[i](s);
        if (err && sc_err_code(err) != SC_ERR_FORMAT)
            break;
        if (err) { /* one list ends early; the others are still worth having */
            begin("damage");
            string("text", sc_err_text(err));
            end();
            sc_err_destroy(err);
            err = NULL;
        }
    }
    print_notes(s);
    return err;
}

int main(int argc, char **argv) {
    unsigned flags = 0;
    if (argc == 3 && !strcmp(argv[1], "--no-mmap"))
        flags = SC_FILE_NO_MMAP;
    else if (argc != 2)
        return fprintf(stderr, "usage: mdmp_facts [--no-mmap] FILE\n"), 2;
    sc_file *file;
    struct sc_source *source = NULL;
    sc_err *err = sc_file_open(argv[argc - 1], flags, &file);
    if (!err)
        err = sc_source_open(file, &source);
    if (!err)
        err = print_all(source);
    if (err) {
        begin("error");
        number("code", sc_err_code(err));
        string("text", sc_err_text(err));
        end();
    }
    sc_source_destroy(source);
    int status = err ? 1 : 0;
    sc_err_destroy(err);
    return status;
}
