/* SPDX-License-Identifier: MIT */
/*
 * `stopcode symbols list|check|fetch DUMP…`, `stopcode symbols index STORE…`.
 *
 * A dump needs for each module its PDB and its image. A manifest has one line for each file: its
 * place in a symbol store, which is also what a server calls it, or why that is not known.
 *
 *     MEMORY.DMP: 2 modules
 *     pdb    ntkrnlmp.pdb/5278AFF86C341677D7D7835C85B7B8441/ntkrnlmp.pdb
 *     image  ntoskrnl.exe/0D8333E61046000/ntoskrnl.exe
 *
 * `check` puts "have" or "missing" in front, and the file behind. A PDB's key stands in the image,
 * which kernel dumps rarely hold: so images are looked for first, and `fetch` may have to get an
 * image before it knows which PDB to get.
 */
#include "symbols.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run.h"
#include "signals.h"
#include "stopcode/pe.h"
#include "sym/kernel_index.h"

struct file_rec {
    const char *dump, *module, *kind, *name, *store_path, *found, *from, *why;
    struct sc_guid guid;
    uint32_t age, timestamp, size;
    bool here, downloaded;
};
static const struct sc_field fields[] = {
    SC_FIELD(struct file_rec, dump, SC_F_STR),        SC_FIELD(struct file_rec, module, SC_F_STR),
    SC_FIELD(struct file_rec, kind, SC_F_STR),        SC_FIELD(struct file_rec, name, SC_F_STR),
    SC_FIELD(struct file_rec, guid, SC_F_GUID),       SC_FIELD(struct file_rec, age, SC_F_U32),
    SC_FIELD(struct file_rec, timestamp, SC_F_HEX32), SC_FIELD(struct file_rec, size, SC_F_HEX32),
    SC_FIELD(struct file_rec, store_path, SC_F_STR),  SC_FIELD(struct file_rec, here, SC_F_BOOL),
    SC_FIELD(struct file_rec, downloaded, SC_F_BOOL), SC_FIELD(struct file_rec, found, SC_F_STR),
    SC_FIELD(struct file_rec, why, SC_F_STR),         SC_FIELD_END};
static const struct sc_rectype type = {"needed_file", sizeof(struct file_rec), fields};

enum action { LIST, CHECK, FETCH };

struct job {
    const struct options *opt;
    enum action action;
    struct term term;
    sc_out *out;
    sc_target *target;
    sc_symtab *symtab;
    const char *dump;
    bool progress, shown; /* a line of progress may be, and is on the terminal */
    size_t have, missing, unknown, fetched;
    unsigned failed;
};

/* ---- text ---- */

static void file_text(sc_out *out, const void *record, void *ctx) {
    const struct file_rec *r = record;
    const struct job *job = ctx;
    if (job->action != LIST)
        sc_printf(out, "%-8s ",
                  r->downloaded   ? "fetched"
                  : r->here       ? "have"
                  : r->store_path ? "missing"
                                  : "unknown");
    sc_printf(out, "%-6s ", r->kind);
    if (r->store_path)
        sc_printf(out, "%s", r->store_path);
    else
        sc_printf(out, "%s: the key is not known", r->name);
    if (job->action != LIST && r->here && r->found)
        sc_printf(out, "  %s", r->found);
    if (r->why && !(r->here || (job->action == LIST && r->store_path)))
        sc_printf(out, "  (%s)", r->why);
    sc_puts(out, "\n");
}

static void clear_line(struct job *job) {
    if (job->shown)
        fputs("\r\033[K", stderr);
    job->shown = false;
}

static void on_progress(void *ctx, const char *url, uint64_t done, uint64_t total) {
    struct job *job = ctx;
    const char *name = strrchr(url, '/');
    if (!job->progress)
        return;
    fprintf(stderr, "\r\033[K%s  %.1f MB", name ? name + 1 : url, (double)done / 1e6);
    if (total)
        fprintf(stderr, " of %.1f MB (%u %%)", (double)total / 1e6, (unsigned)(done * 100 / total));
    fflush(stderr);
    job->shown = true;
}

static void on_log(void *ctx, enum sc_log_level level, const char *line) {
    struct job *job = ctx;
    if (level < SC_LOG_WARN && !job->opt->verbose)
        return;
    clear_line(job);
    say("%s", line);
}

/* ---- one file ---- */

static void emit(struct job *job, struct file_rec *r) {
    r->dump = job->dump;
    job->have += r->here;
    job->missing += !r->here && r->store_path;
    job->unknown += !r->here && !r->store_path;
    job->fetched += r->downloaded;
    clear_line(job);
    sc_record(job->out, &type, r, file_text, job);
    sc_out_flush(job->out);
}

/* An image of the right name is the right one when its header says so. */
static sc_err *verify_image(void *ctx, const struct sc_store_key *key, const char *path) {
    sc_pe *pe;
    (void)ctx;
    sc_err *err = sc_pe_open(path, &pe);
    if (err)
        return err;
    const struct sc_pe_headers *h = sc_pe_headers(pe);
    if (h->timestamp != key->timestamp || h->image_size != key->size)
        err = sc_errf(SC_ERR_NOT_FOUND, "it is of another build");
    sc_pe_close(pe);
    return err;
}

/* Out of memory and Ctrl-C end the job; anything else is why a file is not found. */
static bool grave(const sc_err *err) {
    return err && (sc_err_code(err) == SC_ERR_NOMEM || sc_err_code(err) == SC_ERR_CANCELLED);
}

static sc_err *do_image(struct job *job, const struct sc_module *m) {
    struct sc_store_key key = {.kind = SC_STORE_IMAGE,
                               .name = m->image,
                               .timestamp = m->timestamp,
                               .size = (uint32_t)m->size};
    struct sc_store_found found = {.path = NULL};
    struct file_rec r = {.module = m->name,
                         .kind = "image",
                         .name = m->image,
                         .timestamp = m->timestamp,
                         .size = (uint32_t)m->size};
    char *place = m->timestamp && m->size ? sc_store_key_path(&key) : NULL;
    sc_err *err = NULL;
    if (!m->timestamp)
        r.why = "the dump does not record its time stamp";
    else if (!place)
        r.why = "its name is no file's name";
    else if (job->action != LIST)
        err = sc_store_find(sc_symtab_store(job->symtab), &key, verify_image, NULL, &found);
    if (!grave(err)) {
        r.store_path = place;
        r.here = found.path != NULL;
        r.downloaded = found.path && found.origin == SC_ORIGIN_DOWNLOAD;
        r.found = found.path;
        r.why = err ? sc_err_text(err) : found.why ? found.why : r.why;
        emit(job, &r);
        sc_err_destroy(err);
        err = NULL;
    }
    sc_store_found_deinit(&found);
    free(place);
    return err;
}

/* Where the PDB of a CodeView record stands in a store; NULL when it has no key. */
static char *pdb_place(const struct sc_codeview *cv) {
    if ((cv->kind != SC_CV_RSDS && cv->kind != SC_CV_NB10) || !cv->path)
        return NULL;
    struct sc_store_key key = {
        .kind = SC_STORE_PDB, .name = cv->path, .age = cv->age, .signature = cv->signature};
    if (cv->kind == SC_CV_RSDS)
        key.guid = cv->guid;
    return sc_store_key_path(&key);
}

static sc_err *do_pdb(struct job *job, const struct sc_module *m) {
    const struct sc_modsyms *s;
    sc_err *err = sc_symtab_load(job->symtab, m, &s);
    if (grave(err))
        return err;
    if (err) {
        struct file_rec bad = {
            .module = m->name, .kind = "pdb", .name = m->name, .why = sc_err_text(err)};
        emit(job, &bad);
        sc_err_destroy(err);
        return NULL;
    }
    char *place = pdb_place(&s->codeview), name[SC_STORE_NAME_MAX + 1];
    bool named = s->codeview.path && sc_store_base_name(s->codeview.path, name);
    bool file = s->path && s->state != SC_SYMSTATE_EXPORT && s->state != SC_SYMSTATE_NONE;
    struct file_rec r = {.module = m->name,
                         .kind = "pdb",
                         .name = named ? name : m->name,
                         .guid = s->codeview.guid,
                         .age = s->codeview.age,
                         .store_path = place,
                         .here = file,
                         .found = file ? s->path : NULL,
                         .why = s->why};
    emit(job, &r);
    free(place);
    return NULL;
}

/* ---- one dump ---- */

static sc_err *do_modules(struct job *job) {
    const struct sc_modules *modules;
    sc_err *err = sc_target_modules(job->target, &modules);
    if (!err)
        sc_printf(job->out, "%s: %zu module%s\n", job->dump, modules->count,
                  modules->count == 1 ? "" : "s");
    for (size_t i = 0; !err && i < modules->count; i++) {
        if (sc_target_cancelled(job->target))
            return sc_err_cancelled();
        err = do_image(job, &modules->item[i]);
        if (!err)
            err = do_pdb(job, &modules->item[i]);
    }
    return err;
}

static sc_err *do_dump(struct job *job, const char *path) {
    struct sc_store_opts how = {.sz = sizeof how,
                                .log = on_log,
                                .log_ctx = job,
                                .progress = on_progress,
                                .progress_ctx = job,
                                .offline = job->action != FETCH};
    job->dump = path;
    sc_err *err = run_open(job->opt, path, &job->target);
    if (!err)
        err = run_symtab(job->opt, job->target, &how, &job->symtab);
    if (!err) {
        signals_running(job->target);
        err = do_modules(job);
    }
    clear_line(job);
    sc_symtab_destroy(job->symtab);
    if (job->target)
        signals_stopped();
    sc_target_close(job->target);
    job->symtab = NULL;
    job->target = NULL;
    return err;
}

static void summary(struct job *job) {
    if (job->opt->json || job->action == LIST)
        return;
    sc_printf(job->out, "%zu here", job->have);
    if (job->fetched)
        sc_printf(job->out, " (%zu fetched now)", job->fetched);
    sc_printf(job->out, ", %zu missing, %zu not known\n", job->missing, job->unknown);
}

static int run_dumps(struct job *job) {
    for (size_t i = 0; i < job->opt->nfiles; i++) {
        sc_out_begin(job->out, job->opt->action);
        sc_err *err = do_dump(job, job->opt->files[i]);
        sc_out_end(job->out, err);
        bool stop = err && sc_err_code(err) == SC_ERR_CANCELLED;
        if (err)
            say("%s: %s", job->opt->files[i], sc_err_text(err));
        job->failed += err != NULL;
        sc_err_destroy(err);
        if (stop)
            break;
    }
    summary(job);
    return job->failed || (job->action != LIST && job->missing + job->unknown) ? STATUS_FAILED
                                                                               : STATUS_OK;
}

/* ---- index ---- */

static sc_err *index_stores(struct job *job) {
    struct sc_kernel_index index = {0};
    sc_store *store = NULL;
    sc_err *err = sc_store_create(NULL, &store);
    if (!err)
        err = sc_kernel_index_load(&index, sc_store_cache(store));
    for (size_t i = 0; !err && i < job->opt->nfiles; i++)
        err = sc_kernel_index_add(&index, job->opt->files[i], on_log, job);
    if (!err)
        err = sc_kernel_index_save(&index, sc_store_cache(store));
    if (!err) {
        for (size_t i = 0; i < index.count; i++)
            sc_printf(job->out, "%s\n", index.item[i].path);
        sc_remark(job->out, "%zu kernel%s in the index, %zu file%s looked at now.", index.count,
                  index.count == 1 ? "" : "s", index.looked, index.looked == 1 ? "" : "s");
    }
    sc_kernel_index_free(&index);
    sc_store_destroy(store);
    return err;
}

static int run_index(struct job *job) {
    sc_out_begin(job->out, "index");
    sc_err *err = index_stores(job);
    sc_out_end(job->out, err);
    if (err)
        say("%s", sc_err_text(err));
    int status = err ? STATUS_FAILED : STATUS_OK;
    sc_err_destroy(err);
    return status;
}

int symbols_run(const struct options *opt) {
    struct job job = {.opt = opt,
                      .action = !strcmp(opt->action, "fetch")   ? FETCH
                                : !strcmp(opt->action, "check") ? CHECK
                                                                : LIST,
                      .term = {.fd = STDOUT_FILENO},
                      .progress = isatty(STDERR_FILENO)};
    sc_err *err = sc_out_create(opt->json ? SC_RENDER_JSON : SC_RENDER_TEXT, term_write, &job.term,
                                term_color(opt), &job.out);
    if (err) {
        say("%s", sc_err_text(err));
        sc_err_destroy(err);
        return STATUS_FAILED;
    }
    int status = !strcmp(opt->action, "index") ? run_index(&job) : run_dumps(&job);
    sc_out_flush(job.out);
    if (sc_out_failed(job.out))
        status = STATUS_FAILED;
    sc_out_destroy(job.out);
    return status;
}
