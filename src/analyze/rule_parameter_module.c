/* SPDX-License-Identifier: MIT */
/*
 * parameter-module: a parameter of the bug check leads to a driver.
 *
 * By the parameter's kind, where the bug check's documentation says that it is the one to suspect:
 *   - CERTAIN when it *names* a driver: a driver's name as text, or exactly the base of its image;
 *   - STRONG when it is the address of a routine of the driver, or a driver or device object or an
 *     IRP whose structure leads to the image; and for a name of which no driver is in the lists;
 *   - LIKELY when it is any other address inside the image, or when a pending APC has a routine of
 *     the driver.
 * A driver that comes with Windows and is not named is LIKELY at most: it works for others. So is
 * one that has what a watchdog of power requests waited for; of Windows' own POSSIBLE: it may wait
 * for its hardware. A framework that no name names is POSSIBLE, of nobody: whose code it ran there
 * is not recorded. A routine or image that is merely mentioned by a parameter is POSSIBLE; so is,
 * where nothing else is known, an image that any parameter happens to point into. Not where the bug
 * check has nothing to do with who was at work (data/blame.tsv: none): there the image is that of
 * the victim.
 *
 * Structures (public, wdm.h):   x64 / ARM64   x86 / ARM
 *   DRIVER_OBJECT.Type == 4     +00           +00
 *   DRIVER_OBJECT.DriverStart   +18           +0c
 *   DEVICE_OBJECT.Type == 3     +00           +00
 *   DEVICE_OBJECT.DriverObject  +08           +08
 *   IRP.Type == 6               +00           +00
 *   IRP.Tail.Overlay.CurrentStackLocation     +b8 / +60
 *   IO_STACK_LOCATION.DeviceObject            +28 / +14
 *   KAPC.Type == 18             +00           +00
 *   KAPC.KernelRoutine, RundownRoutine, NormalRoutine   +20, +28, +30 / +14, +18, +1c
 */
#include <string.h>

#include "analyze/advice.h"
#include "analyze/records.h"
#include "analyze/rule.h"
#include "base/utf.h"

enum { UNLOADED_CHARS = 12, APC_TYPE = 18, APC_ROUTINES = 3, APC_PENDING = 0x20 };

/* Where a parameter led to. */
struct lead {
    const struct sc_module *module;
    const char *name; /* text that names a driver, when that is what the parameter is */
    uint64_t device;  /* the DEVICE_OBJECT that an IRP led to, 0 = none */
    uint64_t object;  /* the DRIVER_OBJECT that was followed, 0 = none */
    uint64_t start;   /* its DriverStart */
    uint64_t slot;    /* where an APC's routine stands, 0 = none */
    uint64_t routine; /* that routine */
    enum sc_confidence confidence;
};

static bool follow_driver_object(struct sc_case *c, uint64_t object, struct lead *ret) {
    sc_space *space = sc_target_space(c->target);
    uint64_t type, start;
    if (sc_space_uint(space, object, 2, &type) != SC_READ_OK || type != 4)
        return false;
    if (sc_space_ptr(space, object + (c->is32 ? 0xc : 0x18), &start) != SC_READ_OK)
        return false;
    ret->module = sc_target_module_at(c->target, start);
    ret->object = object;
    ret->start = start;
    ret->confidence = SC_STRONG;
    return ret->module != NULL;
}

static bool follow_device_object(struct sc_case *c, uint64_t device, struct lead *ret) {
    sc_space *space = sc_target_space(c->target);
    uint64_t type, object;
    if (sc_space_uint(space, device, 2, &type) != SC_READ_OK || type != 3)
        return false;
    return sc_space_ptr(space, device + 8, &object) == SC_READ_OK &&
           follow_driver_object(c, object, ret);
}

/* The device of the current stack location: its driver has the request. */
static bool follow_irp(struct sc_case *c, uint64_t irp, struct lead *ret) {
    sc_space *space = sc_target_space(c->target);
    uint64_t type, location, device;
    if (sc_space_uint(space, irp, 2, &type) != SC_READ_OK || type != 6)
        return false;
    if (sc_space_ptr(space, irp + (c->is32 ? 0x60 : 0xb8), &location) != SC_READ_OK ||
        sc_space_ptr(space, location + (c->is32 ? 0x14 : 0x28), &device) != SC_READ_OK ||
        !follow_device_object(c, device, ret))
        return false;
    ret->device = device;
    return true;
}

/* A pending APC belongs to whoever's routine it is to call. */
static bool follow_apc(struct sc_case *c, uint64_t apc, struct lead *ret) {
    sc_space *space = sc_target_space(c->target);
    uint64_t type, routine, at = apc + (c->is32 ? 0x14 : 0x20);
    if (sc_space_uint(space, apc, 1, &type) != SC_READ_OK || type != APC_TYPE)
        return false;
    for (unsigned i = 0; i < APC_ROUTINES; i++, at += c->ptr_size) {
        if (sc_space_ptr(space, at, &routine) != SC_READ_OK)
            continue;
        const struct sc_module *m = sc_target_module_at(c->target, routine);
        if (!m || sc_case_is_kernel(m))
            continue;
        ret->module = m;
        ret->slot = at;
        ret->routine = routine;
        ret->confidence = SC_LIKELY;
        return true;
    }
    return false;
}

/* The kernel's list keeps the first characters of a name only. */
static bool was_unloaded(struct sc_case *c, const char *name) {
    const struct sc_unloadeds *list;
    sc_err *err = sc_target_unloaded(c->target, &list);
    if (err) {
        sc_err_destroy(err);
        return false;
    }
    for (size_t i = 0; i < list->count; i++) {
        const char *was = list->item[i].name;
        size_t len = was ? strlen(was) : 0;
        if (len && (sc_strcasecmp(was, name) == 0 ||
                    (len >= UNLOADED_CHARS && sc_strncasecmp(was, name, len) == 0)))
            return true;
    }
    return false;
}

static bool follow_name(struct sc_case *c, const char *text, struct lead *ret) {
    if (!text || !sc_base_name(text)[0])
        return false;
    ret->name = sc_base_name(text);
    ret->module = sc_target_module_named(c->target, ret->name);
    ret->confidence = ret->module || was_unloaded(c, ret->name) ? SC_CERTAIN : SC_STRONG;
    return true;
}

static bool follow_address(struct sc_case *c, enum sc_bug_kind kind, uint64_t value,
                           struct lead *ret) {
    ret->module = sc_target_module_at(c->target, value);
    if (!ret->module)
        return false;
    ret->confidence = kind == SC_BUG_CODE ? SC_STRONG : SC_LIKELY;
    if (kind == SC_BUG_MODULE)
        ret->confidence = value == ret->module->base ? SC_CERTAIN : SC_STRONG;
    return true;
}

static bool follow(struct sc_case *c, enum sc_bug_kind kind, uint64_t value, struct lead *ret) {
    *ret = (struct lead){0};
    if (!value)
        return false;
    switch (kind) {
    case SC_BUG_CODE:
    case SC_BUG_MODULE:
    case SC_BUG_ADDRESS: return follow_address(c, kind, value, ret);
    case SC_BUG_DRVOBJ: return follow_driver_object(c, value, ret);
    case SC_BUG_DEVOBJ: return follow_device_object(c, value, ret);
    case SC_BUG_IRP: return follow_irp(c, value, ret);
    case SC_BUG_STRING:
    case SC_BUG_UNISTRING: return follow_name(c, sc_load_text(c, value), ret);
    case SC_BUG_NONE:
    case SC_BUG_VALUE:
    case SC_BUG_POOL: return sc_case_in_kernel(c, value) && follow_address(c, kind, value, ret);
    default: return false;
    }
}

/* Shows the device object of an IRP's current stack location. */
static const char *irp_command(struct sc_case *c, uint64_t irp) {
    return sc_case_text(c, "? poi(poi(%s+%x)+%x)", sc_case_hex(c, irp), c->is32 ? 0x60 : 0xb8,
                        c->is32 ? 0x14 : 0x28);
}

/* The address that lies in the driver's image. */
static uint64_t lead_place(const struct lead *lead, uint64_t value) {
    return lead->object ? lead->start : lead->slot ? lead->routine : value;
}

static void show(struct sc_case *c, struct sc_draft *d, unsigned n, const struct lead *lead) {
    const struct sc_bugarg *arg = &c->a->arg[n - 1];
    const struct sc_module *m = lead->module;
    if (lead->name)
        sc_draft_show(c, d, arg->value, ".bugcheck", "Parameter %u is the address of the name %s.",
                      n, sc_case_name(c, lead->name));
    else
        sc_draft_show(c, d, arg->value, ".bugcheck", "Parameter %u (%s) is %s.", n,
                      arg->text[0] ? arg->text : "not documented", sc_case_place(c, arg->value));
    if (lead->device)
        sc_draft_show(c, d, lead->device, irp_command(c, arg->value),
                      "The request's current stack location is for the device object at %s.",
                      sc_case_addr(c, lead->device));
    if (lead->object)
        sc_draft_show(
            c, d, lead->object,
            sc_case_text(c, "? poi(%s+%x)", sc_case_hex(c, lead->object), c->is32 ? 0xc : 0x18),
            "The driver object at %s starts its image at %s.", sc_case_addr(c, lead->object),
            sc_case_addr(c, lead->start));
    if (lead->slot)
        sc_draft_show(c, d, lead->slot, sc_case_text(c, "? poi(%s)", sc_case_hex(c, lead->slot)),
                      "It is an APC; one of its routines is %s.", sc_case_addr(c, lead->routine));
    if (!m)
        sc_draft_against(c, d, SC_UNSET64, "lm", "No module of that name is loaded.");
    else if (lead->name)
        sc_draft_show(c, d, m->base, sc_case_lmvm(c, m), "It is loaded: %s.", sc_case_extent(c, m));
    else
        sc_draft_show(c, d, lead_place(lead, arg->value),
                      sc_case_lm(c, lead_place(lead, arg->value)), "That lies in %s.",
                      sc_case_extent(c, m));
}

/* A framework that only an address leads to: it ran somebody's code there. */
static bool is_anonymous(const struct lead *lead) {
    return !lead->name && !lead->object && lead->module &&
           sc_case_driver(lead->module).kind == NT_DRIVER_FRAMEWORK;
}

static const char *summary(struct sc_case *c, const struct lead *lead, bool culprit) {
    const char *who = lead->module ? sc_case_who(c, lead->module) : sc_case_name(c, lead->name);
    if (is_anonymous(lead))
        return sc_case_text(c,
                            "%s It happened in %s, which runs what other drivers hand to it: whose "
                            "code that was the dump does not say.",
                            c->a->brief, who);
    return culprit
               ? sc_case_text(c, "%s is the driver that this stop points to: %s", who, c->a->brief)
               : sc_case_text(c,
                              "%s A parameter points into %s; that alone proves nothing against "
                              "it.",
                              c->a->brief, who);
}

static void say_next(struct sc_case *c, struct sc_draft *d, const struct lead *lead) {
    if (lead->module && strcmp(sc_case_driver(lead->module).role, "file system") == 0 &&
        is_anonymous(lead))
        sc_draft_next(c, d,
                      "fltmc instances: the file system filters; lm: which are loaded. "
                      "Without one after the other the stop goes away with the guilty one.");
    if (lead->module)
        sc_advise_module(c, d, lead->module);
}

/*
 * A stop for what took too long, and the driver has the request or the device: whether it is slow
 * or waits for its hardware is not recorded.
 */
static bool is_held_up(const struct sc_case *c, const struct lead *lead) {
    static const uint32_t codes[] = {0x9f, 0x14f, 0x15f};
    return lead->object && sc_code_in(sc_plain_code(c->a->code), codes, 3);
}

static void write(struct sc_case *c, unsigned n, const struct lead *lead, bool culprit) {
    struct sc_draft d;
    struct nt_driver driver = sc_case_driver(lead->module);
    bool framework = driver.kind == NT_DRIVER_FRAMEWORK;
    enum sc_confidence how = culprit && !is_anonymous(lead) ? lead->confidence : SC_POSSIBLE;
    bool inbox = lead->module && driver.kind != NT_DRIVER_VENDOR;
    unsigned doubts = (!lead->name && inbox) + is_held_up(c, lead);
    enum sc_confidence most = !doubts ? SC_CERTAIN : doubts == 1 ? SC_LIKELY : SC_POSSIBLE;
    sc_draft_init(&d, how > most ? most : how);
    const struct sc_bugarg *arg = &c->a->arg[n - 1];
    d.f.module = is_anonymous(lead) ? NULL : lead->module;
    d.f.symbol = lead->name || lead->object
                     ? sc_case_name(c, lead->module ? lead->module->image : lead->name)
                     : sc_case_where(c, lead_place(lead, arg->value));
    d.f.summary = summary(c, lead, culprit);
    d.f.detail = sc_case_text(c, "Parameter %u of %s (0x%X), %s, leads to %s.", n, c->a->name,
                              c->a->code, arg->text[0] ? arg->text : "not documented", d.f.symbol);
    show(c, &d, n, lead);
    if (framework)
        sc_draft_against(c, &d, arg->value, ".bugcheck",
                         "This is a part of Windows (%s) that works with what other drivers hand "
                         "to it.",
                         driver.what);
    say_next(c, &d, lead);
    sc_case_add(c, &d);
}

/* True when parameter N is dealt with elsewhere: it is the instruction, or nobody's. */
static bool skip(struct sc_case *c, unsigned n, const struct lead *lead) {
    if (lead->module && sc_case_is_kernel(lead->module))
        return true;
    if (c->fault.ip_arg == n)
        return true;
    return lead->module && sc_case_blamed(c, lead->module);
}

/* Kinds of which it says something when they lie in a driver's image. */
static bool points_into_image(enum sc_bug_kind kind) {
    return kind == SC_BUG_ADDRESS || kind == SC_BUG_POOL || kind == SC_BUG_NONE ||
           kind == SC_BUG_VALUE;
}

static void run(struct sc_case *c) {
    struct lead lead = {0};
    bool done[5] = {false};
    bool found = false;
    if (sc_plain_code(c->a->code) == APC_PENDING && follow_apc(c, c->a->arg[0].value, &lead)) {
        write(c, 1, &lead, true);
        found = done[1] = true;
    }
    for (unsigned i = 0; i < c->bug.nculprit; i++) {
        unsigned n = c->bug.culprit[i];
        if (n < 1 || n > 4 || done[n])
            continue;
        done[n] = true;
        if (!follow(c, c->bug.arg[n - 1].kind, c->a->arg[n - 1].value, &lead) || skip(c, n, &lead))
            continue;
        write(c, n, &lead, true);
        found = true;
    }
    /* What a page holds that could not be read, or memory that failed, is whose victim it is. */
    bool telling = sc_case_blame(c).worth != SC_WORTH_NONE;
    bool any = telling && !c->findings.count && !found;
    for (unsigned n = 1; n <= 4 && telling && !found; n++) {
        enum sc_bug_kind kind = c->bug.arg[n - 1].kind;
        bool plain = kind == SC_BUG_CODE || kind == SC_BUG_MODULE;
        if (done[n] || n == c->fault.memory_arg || !(plain || (any && points_into_image(kind))) ||
            !follow(c, kind, c->a->arg[n - 1].value, &lead) || skip(c, n, &lead))
            continue;
        write(c, n, &lead, false);
    }
}

const struct sc_rule sc_rule_parameter_module = {
    "parameter-module",
    "A parameter of the bug check leads to a driver: its name, its image, a routine or object.",
    SC_RULE_KERNEL | SC_RULE_BUGCHECK,
    run,
};
