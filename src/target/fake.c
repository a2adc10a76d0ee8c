/* SPDX-License-Identifier: MIT */
/*
 * Fake targets: a source whose "file" is the bytes given, one range after the other. What stands
 * above cannot tell it from a dump, so it can be tested without one.
 */
#include <stdlib.h>
#include <string.h>

#include "dump/dump.h"
#include "target/target_impl.h"

struct fake_source {
    struct sc_ranges virt;
    struct sc_modules modules;
    struct sc_unloadeds unloaded;
    struct sc_threads threads;
    uint8_t *bytes;
};

static void fake_destroy(struct sc_source *source) {
    struct fake_source *f = source->impl;
    if (f) {
        SC_VEC_FREE(&f->virt);
        SC_VEC_FREE(&f->modules);
        SC_VEC_FREE(&f->unloaded);
        SC_VEC_FREE(&f->threads);
        free(f->bytes);
    }
    free(f);
}

static sc_err *fake_memory(struct sc_source *source, struct sc_ranges *virt,
                           struct sc_ranges *phys) {
    (void)phys;
    struct fake_source *f = source->impl;
    for (size_t i = 0; i < f->virt.count; i++) {
        struct sc_range *r = SC_VEC_PUSH(virt);
        if (!r)
            return sc_err_nomem();
        *r = f->virt.item[i];
    }
    return NULL;
}

static sc_err *fake_modules(struct sc_source *source, struct sc_modules *ret) {
    struct fake_source *f = source->impl;
    for (size_t i = 0; i < f->modules.count; i++) {
        struct sc_module *m = SC_VEC_PUSH(ret);
        if (!m)
            return sc_err_nomem();
        *m = f->modules.item[i];
    }
    return NULL;
}

static sc_err *fake_unloaded(struct sc_source *source, struct sc_unloadeds *ret) {
    struct fake_source *f = source->impl;
    for (size_t i = 0; i < f->unloaded.count; i++) {
        struct sc_unloaded *u = SC_VEC_PUSH(ret);
        if (!u)
            return sc_err_nomem();
        *u = f->unloaded.item[i];
    }
    return NULL;
}

static sc_err *fake_threads(struct sc_source *source, struct sc_threads *ret) {
    struct fake_source *f = source->impl;
    for (size_t i = 0; i < f->threads.count; i++) {
        struct sc_thread *t = SC_VEC_PUSH(ret);
        if (!t)
            return sc_err_nomem();
        *t = f->threads.item[i];
    }
    return NULL;
}

static const struct sc_source_ops fake_ops = {
    .name = "fake",
    .destroy = fake_destroy,
    .load_memory = fake_memory,
    .load_modules = fake_modules,
    .load_unloaded = fake_unloaded,
    .load_threads = fake_threads,
};

/* Lays the pieces of memory out behind each other: the fake's file. */
static sc_err *copy_memory(struct fake_source *f, const struct sc_fake *fake, size_t *ret_size) {
    size_t total = 0;
    for (size_t i = 0; i < fake->nmemory; i++)
        total += fake->memory[i].size;
    f->bytes = malloc(total ? total : 1);
    if (!f->bytes)
        return sc_err_nomem();
    size_t at = 0;
    for (size_t i = 0; i < fake->nmemory; i++) {
        struct sc_range *r = SC_VEC_PUSH(&f->virt);
        if (!r)
            return sc_err_nomem();
        *r = (struct sc_range){fake->memory[i].addr, fake->memory[i].size, at};
        if (fake->memory[i].size)
            memcpy(f->bytes + at, fake->memory[i].data, fake->memory[i].size);
        at += fake->memory[i].size;
    }
    *ret_size = total;
    return NULL;
}

static const char *dup_or(sc_arena *arena, const char *text, const char *fallback) {
    return sc_arena_strdup(arena, text ? text : fallback ? fallback : "");
}

static sc_err *copy_modules(struct fake_source *f, const struct sc_fake *fake, sc_arena *arena) {
    for (size_t i = 0; i < fake->nmodules; i++) {
        const struct sc_module *from = &fake->modules[i];
        struct sc_module *m = SC_VEC_PUSH(&f->modules);
        if (!m)
            return sc_err_nomem();
        *m = *from;
        m->path = dup_or(arena, from->path, from->image ? from->image : from->name);
        if (!m->path || !sc_module_names(arena, m->path, &m->name, &m->image))
            return sc_err_nomem();
        if (from->image)
            m->image = dup_or(arena, from->image, NULL);
        if (from->name)
            m->name = dup_or(arena, from->name, NULL);
        if (from->codeview.path)
            m->codeview.path = dup_or(arena, from->codeview.path, NULL);
        if (!m->name || !m->image)
            return sc_err_nomem();
    }
    return NULL;
}

static sc_err *copy_unloaded(struct fake_source *f, const struct sc_fake *fake, sc_arena *arena) {
    for (size_t i = 0; i < fake->nunloaded; i++) {
        struct sc_unloaded *u = SC_VEC_PUSH(&f->unloaded);
        if (!u)
            return sc_err_nomem();
        *u = fake->unloaded[i];
        u->name = dup_or(arena, u->name, NULL);
        if (!u->name)
            return sc_err_nomem();
    }
    return NULL;
}

/* A fake without threads has one: everything above counts on a current one. */
static sc_err *copy_threads(struct fake_source *f, const struct sc_fake *fake, sc_arena *arena) {
    if (!fake->nthreads) {
        struct sc_thread *t = SC_VEC_PUSH(&f->threads);
        if (!t)
            return sc_err_nomem();
        *t = (struct sc_thread){.context_off = SC_UNSET64};
    }
    for (size_t i = 0; i < fake->nthreads; i++) {
        struct sc_thread *t = SC_VEC_PUSH(&f->threads);
        if (!t)
            return sc_err_nomem();
        *t = fake->threads[i];
        if (t->name && !(t->name = sc_arena_strdup(arena, t->name)))
            return sc_err_nomem();
    }
    return NULL;
}

static sc_err *copy_machine(struct sc_source *s, const struct sc_fake *fake) {
    struct sc_machine *m = &s->machine;
    if (fake->machine)
        *m = *fake->machine;
    m->cpu = fake->cpu;
    m->kernel = fake->kernel;
    if (!fake->machine)
        m->ncpus = 1;
    m->platform = dup_or(s->arena, m->platform, "Windows");
    m->service_pack = dup_or(s->arena, m->service_pack, "");
    if (m->lab)
        m->lab = dup_or(s->arena, m->lab, NULL);
    if (m->comment)
        m->comment = dup_or(s->arena, m->comment, NULL);
    m->event_context_off = SC_UNSET64;
    return m->platform && m->service_pack ? NULL : sc_err_nomem();
}

sc_err *sc_target_fake(const struct sc_fake *fake, sc_target **ret_target) {
    struct sc_source *s;
    sc_err *err = sc_source_create(NULL, &s);
    if (err)
        return err;
    struct fake_source *f = calloc(1, sizeof *f);
    s->impl = f;
    s->ops = &fake_ops;
    s->probe = (struct sc_probe){.name = "fake target", .readable = true, .is64 = true};
    size_t size = 0;
    struct sc_regs *regs = sc_arena_alloc(s->arena, sizeof *regs);
    err = f && regs ? copy_memory(f, fake, &size) : sc_err_nomem();
    if (!err)
        err = copy_modules(f, fake, s->arena);
    if (!err)
        err = copy_unloaded(f, fake, s->arena);
    if (!err)
        err = copy_threads(f, fake, s->arena);
    if (!err)
        err = copy_machine(s, fake);
    if (!err)
        err = sc_file_memory("(fake)", f->bytes, size, 0, &s->file);
    if (err) {
        sc_source_destroy(s);
        return err;
    }
    err = sc_target_adopt(s, NULL, ret_target);
    if (!err && fake->regs) {
        *regs = *fake->regs;
        (*ret_target)->fake_regs = regs;
    }
    return err;
}
