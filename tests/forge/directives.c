/* SPDX-License-Identifier: MIT */
/* Directives about the machine and what happened to it: os, cpu, bugcheck, time, dump, … */
#include <stdio.h>
#include <string.h>

#include "forge/reader.h"

static bool read_os(struct forge_reader *r) {
    struct forge_scn_os *os = &r->s->os;
    static const char *const products[] = {"workstation", "dc", "server"};
    if (!forge_once(r, &os->line) || !forge_take_decimal(r, "a build number", &os->build))
        return false;
    while (forge_next(r)) {
        const char *text;
        if (forge_take_is(r, "checked")) {
            os->checked = true;
        } else if (forge_take_is(r, "sp")) {
            if (!forge_take_decimal(r, "a service pack", &os->sp))
                return false;
        } else if (forge_take_is(r, "revision")) {
            if (!forge_take_decimal(r, "a revision", &os->revision))
                return false;
        } else if (forge_take_is(r, "lab")) {
            if (!forge_take_text(r, "a build string", &os->lab))
                return false;
        } else if (forge_take_is(r, "product")) {
            if (!forge_take_text(r, "workstation, server or dc", &text))
                return false;
            for (unsigned i = 0; i < 3; i++)
                if (!strcmp(products[i], text))
                    os->product = i + 1;
            if (!os->product)
                return forge_reader_wrong(r, "product: \"%s\" is not workstation, server or dc",
                                          text);
        } else {
            return forge_take_end(r);
        }
    }
    return true;
}

static bool read_machine(struct forge_reader *r, uint16_t *ret) {
    static const struct {
        const char *name;
        uint16_t machine;
    } machines[] = {{"x64", 0x8664}, {"x86", 0x14c}, {"arm64", 0xaa64}};
    const char *text;
    if (!forge_take_text(r, "x64, x86 or arm64", &text))
        return false;
    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++)
        if (!strcmp(machines[i].name, text)) {
            *ret = machines[i].machine;
            return true;
        }
    return forge_reader_wrong(r, "\"%s\" is not x64, x86 or arm64", text);
}

static bool read_cpu(struct forge_reader *r) {
    struct forge_scn_cpu *cpu = &r->s->cpu;
    if (!forge_once(r, &cpu->line) || !read_machine(r, &cpu->machine))
        return false;
    const struct {
        const char *name;
        unsigned *to;
    } numbers[] = {{"count", &cpu->count}, {"current", &cpu->current},
                   {"mhz", &cpu->mhz},     {"family", &cpu->family},
                   {"model", &cpu->model}, {"stepping", &cpu->stepping}};
    while (forge_next(r)) {
        size_t i = 0;
        if (forge_take_is(r, "vendor")) {
            if (!forge_take_text(r, "a vendor", &cpu->vendor))
                return false;
            if (strlen(cpu->vendor) > 12)
                return forge_reader_wrong(r, "vendor: \"%s\" is longer than 12 characters",
                                          cpu->vendor);
            continue;
        }
        while (i < sizeof numbers / sizeof *numbers && !forge_take_is(r, numbers[i].name))
            i++;
        if (i == sizeof numbers / sizeof *numbers)
            return forge_take_end(r);
        if (!forge_take_decimal(r, numbers[i].name, numbers[i].to))
            return false;
    }
    if (cpu->count > 64)
        return forge_reader_wrong(r, "count: at most 64 processors can be made");
    if (cpu->current >= (cpu->count ? cpu->count : 1))
        return forge_reader_wrong(r, "current: there is no processor %u among %u (from 0)",
                                  cpu->current, cpu->count ? cpu->count : 1);
    return true;
}

static bool read_bugcheck(struct forge_reader *r) {
    struct forge_scn_bugcheck *b = &r->s->bugcheck;
    if (!forge_once(r, &b->line) || !forge_take_hex(r, "a code", &b->code))
        return false;
    if (b->code > UINT32_MAX)
        return forge_reader_wrong(r, "a code has 32 bits");
    while (forge_next(r) && b->nargs < 4)
        if (!forge_take_expr(r, "a parameter", &b->arg[b->nargs++]))
            return false;
    return true;
}

static bool read_exception(struct forge_reader *r) {
    struct forge_scn_exception *e = &r->s->exception;
    if (!forge_once(r, &e->line) || !forge_take_hex(r, "a code", &e->code) ||
        !forge_take_expr(r, "an address", &e->address))
        return false;
    if (e->code > UINT32_MAX)
        return forge_reader_wrong(r, "a code has 32 bits");
    for (const struct forge_word *w; (w = forge_next(r)) != NULL;) {
        if (w->key && !strcmp(w->key, "flags")) {
            if (!forge_number(w->value, &e->flags) || e->flags > UINT32_MAX)
                return forge_reader_wrong(r, "flags: \"%s\" is no number of 32 bits", w->value);
            r->at++;
            continue;
        }
        if (e->nparams == FORGE_PARAMS_MAX)
            return forge_reader_wrong(r, "an exception has at most %d parameters",
                                      FORGE_PARAMS_MAX);
        if (!forge_take_expr(r, "a parameter", &e->param[e->nparams++]))
            return false;
    }
    return true;
}

static bool read_time(struct forge_reader *r) {
    const char *text;
    if (!forge_once(r, &r->s->time_line) || !forge_take_rest(r, "a date and time", &text))
        return false;
    return forge_date(text, &r->s->time) || forge_debugger_date(text, &r->s->time) ||
           forge_reader_wrong(r,
                              "\"%s\" is no date: write 2013-05-02 14:33:10 (UTC) or what the "
                              "debugger prints",
                              text);
}

static bool read_uptime(struct forge_reader *r) {
    const char *text;
    if (!forge_once(r, &r->s->uptime_line) || !forge_take_rest(r, "a duration", &text))
        return false;
    return forge_duration(text, &r->s->uptime) ||
           forge_reader_wrong(r, "\"%s\" is no duration: write 3 days 4:05:06.789", text);
}

bool forge_dump_from_name(struct forge_scenario *s, const char *name) {
    s->whole = FORGE_WHOLE_NONE;
    if (!strcmp(name, "triage"))
        s->dump = FORGE_DUMP_TRIAGE;
    else if (!strcmp(name, "minidump"))
        s->dump = FORGE_DUMP_MINIDUMP;
    else if (forge_whole_from_name(name, &s->whole))
        s->dump = FORGE_DUMP_WHOLE;
    else
        return false;
    return true;
}

static bool read_dump(struct forge_reader *r) {
    const char *text;
    if (!forge_once(r, &r->s->dump_line) ||
        !forge_take_text(r, "triage, minidump, full, kernel, raw, …", &text))
        return false;
    if (!forge_dump_from_name(r->s, text))
        return forge_reader_wrong(r,
                                  "\"%s\" is not triage, minidump or a container of whole "
                                  "memory (full, kernel, raw, elf, …)",
                                  text);
    return !forge_next(r) || forge_take_text(r, "a file name", &r->s->file);
}

static bool read_room(struct forge_reader *r) {
    return forge_once(r, &r->s->room_line) && forge_take_hex(r, "an address", &r->s->spare);
}

static bool read_verifier(struct forge_reader *r) {
    return forge_once(r, &r->s->verifier_line) && forge_take_hex32(r, "a level", &r->s->verifier);
}

static bool read_comment(struct forge_reader *r) {
    return forge_take_rest(r, "a text", &r->s->comment);
}

static bool read_broken(struct forge_reader *r) {
    return forge_take_text(r, "a driver's file name", &r->s->broken);
}

const struct forge_directive forge_machine_directives[] = {
    {"os", read_os},           {"cpu", read_cpu},       {"bugcheck", read_bugcheck},
    {"time", read_time},       {"uptime", read_uptime}, {"exception", read_exception},
    {"dump", read_dump},       {"room", read_room},     {"verifier", read_verifier},
    {"comment", read_comment}, {"broken", read_broken}, {NULL, NULL},
};
