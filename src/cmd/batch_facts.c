/* SPDX-License-Identifier: MIT */
/* The facts of one dump, from its analysis; and checking what another process says they are. */
#include "cmd/batch_facts.h"

#include <stdio.h>
#include <string.h>

#include "base/utf.h"
#include "nt/driver.h"

/* Cuts between characters. NULL is "". */
static void put(char *to, size_t size, const char *text) {
    size_t len = text ? strlen(text) : 0;
    size_t at = 0;
    while (at < len) {
        uint32_t cp;
        size_t n = sc_utf8_get(text + at, len - at, &cp);
        if (at + n >= size)
            break;
        at += n;
    }
    memset(to, 0, size);
    if (at)
        memcpy(to, text, at);
}
#define PUT(array, text) put(array, sizeof(array), text)

static uint32_t confidence_of(const char *name) {
    for (uint32_t c = SC_CERTAIN; name && c > SC_POSSIBLE; c--)
        if (!strcmp(name, sc_confidence_name((enum sc_confidence)c)))
            return c;
    return SC_POSSIBLE;
}

static uint32_t cause_of(const char *name) {
    for (uint32_t c = 0; name && c < SC_CAUSES; c++)
        if (!strcmp(name, sc_cause_name((enum sc_cause)c)))
            return c;
    return SC_CAUSE_UNKNOWN;
}

static void put_version(char *to, size_t size, const struct sc_finding_row *f) {
    char text[64] = "";
    if (!f->version && f->timestamp)
        snprintf(text, sizeof text, "time stamp %.40s", f->timestamp + strlen("0x"));
    put(to, size, f->version ? f->version : text);
}

/* Adds the image of F, or raises the confidence with which it is named already. */
static void name_image(struct sc_batch_facts *facts, const struct sc_finding_row *f) {
    struct sc_batch_named n = {.confidence = confidence_of(f->confidence)};
    struct nt_driver driver;
    PUT(n.image, f->image);
    for (uint32_t i = 0; i < facts->nnamed; i++) {
        struct sc_batch_named *known = &facts->named[i];
        if (sc_strcasecmp(known->image, n.image) != 0)
            continue;
        if (known->confidence < n.confidence)
            known->confidence = n.confidence;
        return;
    }
    if (facts->nnamed == SC_BATCH_NAMED)
        return;
    PUT(n.vendor, f->vendor);
    PUT(n.about, f->about);
    put_version(n.version, sizeof n.version, f);
    n.framework = nt_driver_find(f->image, &driver) &&
                  (driver.kind == NT_DRIVER_KERNEL || driver.kind == NT_DRIVER_FRAMEWORK);
    facts->named[facts->nnamed++] = n;
}

static void name_images(const struct sc_analysis_record *r, struct sc_batch_facts *facts) {
    facts->blamed = r->nfindings && r->findings[0].image;
    for (size_t i = 0; i < r->nfindings; i++)
        if (r->findings[i].image)
            name_image(facts, &r->findings[i]);
}

static uint64_t add_hash(uint64_t hash, const void *data, size_t len) {
    const unsigned char *byte = data;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ byte[i]) * 0x100000001b3ULL;
    return hash;
}

/* One machine writes no two dumps at one moment: the rest guards against machines of a batch. */
static uint64_t identity(const struct sc_analysis_record *r) {
    if (!r->time)
        return 0;
    uint64_t hash = add_hash(0xcbf29ce484222325ULL, &r->time, sizeof r->time);
    hash = add_hash(hash, &r->uptime, sizeof r->uptime);
    hash = add_hash(hash, &r->instruction, sizeof r->instruction);
    hash = add_hash(hash, r->bucket, strlen(r->bucket));
    for (size_t i = 0; i < r->narguments; i++)
        hash = add_hash(hash, &r->arguments[i].value, sizeof r->arguments[i].value);
    return hash ? hash : 1;
}

static void put_stop(struct sc_batch_facts *facts, const struct sc_analysis_record *r) {
    const char *code = r->bugcheck ? r->bugcheck : r->exception;
    const char *name = r->bugcheck ? r->name : r->exception_name;
    char text[sizeof facts->stop] = "";
    if (code)
        snprintf(text, sizeof text, "%s%s%.70s", code, name ? " " : "", name ? name : "");
    PUT(facts->stop, text);
}

void sc_batch_facts_take(const struct sc_analysis_record *r, struct sc_batch_facts *ret) {
    memset(ret, 0, sizeof *ret);
    ret->cause = cause_of(r->cause);
    ret->confidence = confidence_of(r->confidence);
    ret->kernel = r->kind && !strcmp(r->kind, "kernel");
    ret->processors = r->processors;
    ret->boot_id = r->boot_id;
    ret->time = r->time;
    ret->uptime = r->uptime;
    ret->identity = identity(r);
    PUT(ret->cpu, r->cpu);
    PUT(ret->os, r->os);
    PUT(ret->process, r->process);
    PUT(ret->bucket, r->bucket);
    PUT(ret->verdict, r->verdict);
    PUT(ret->place, r->nfindings ? r->findings[0].symbol : NULL);
    put_stop(ret, r);
    name_images(r, ret);
}

#define END(array) (array)[sizeof(array) - 1] = '\0'

void sc_batch_facts_check(struct sc_batch_facts *f) {
    END(f->cpu);
    END(f->os);
    END(f->stop);
    END(f->process);
    END(f->bucket);
    END(f->place);
    END(f->verdict);
    for (size_t i = 0; i < SC_BATCH_NAMED; i++) {
        struct sc_batch_named *n = &f->named[i];
        END(n->image);
        END(n->vendor);
        END(n->about);
        END(n->version);
        if (n->confidence > SC_CERTAIN)
            n->confidence = SC_POSSIBLE;
        n->framework = n->framework != 0;
    }
    if (f->nnamed > SC_BATCH_NAMED)
        f->nnamed = 0;
    if (!f->nnamed)
        f->blamed = 0;
    f->blamed = f->blamed != 0;
    f->kernel = f->kernel != 0;
    if (f->cause >= SC_CAUSES)
        f->cause = SC_CAUSE_UNKNOWN;
    if (f->confidence > SC_CERTAIN)
        f->confidence = SC_POSSIBLE;
}
