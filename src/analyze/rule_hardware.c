/* SPDX-License-Identifier: MIT */
/*
 * hardware: signs that a component failed and not a driver.
 *
 *   STRONG    the processor recorded it: a machine check whose bank status, in the parameters, is
 *             marked valid
 *   LIKELY    the bug check is one that hardware raises; a block of the disk could not be read; a
 *             single bit is wrong where only hardware explains it: in a pointer (bitflip.c), in a
 *             value that the bug check found against the one that it expected, in code of an image
 *             against its file; the processor stands in the middle of an instruction
 *   POSSIBLE  a bit that may also be wrong for other reasons
 *
 * hardware-pages: the list of physical pages was damaged, and nobody is named. POSSIBLE.
 *
 * hardware-damage: a processor that stopped answering; structures of the memory manager that were
 * found damaged, and no driver is suspected. POSSIBLE, and behind the verdict that nobody is known.
 *
 * They name no module. Never the same stack twice is a sign as well, which one dump cannot show.
 */
#include <string.h>

#include "analyze/advice.h"
#include "analyze/bitflip.h"
#include "analyze/codebytes.h"
#include "analyze/codeshape.h"
#include "analyze/fault.h"
#include "analyze/faultregs.h"
#include "analyze/rule.h"
#include "nt/status.h"

enum part { PART_MACHINE, PART_MEMORY, PART_DISK, PART_CPU };

/* A hardware finding in the making; the first sign of the highest confidence gives its sentences.
 */
struct signs {
    struct sc_case *c;
    struct sc_draft d;
    enum part part;
};

static void sign(struct signs *s, enum sc_confidence confidence, enum part part,
                 const char *summary, const char *detail) {
    if (s->d.f.summary && s->d.f.confidence >= confidence)
        return;
    s->d.f.confidence = confidence;
    s->d.f.summary = summary;
    s->d.f.detail = detail;
    s->part = part;
}

/* ---- by the bug check ---- */

/* Codes that are raised for hardware, whatever their parameters. */
static const struct {
    uint32_t code;
    uint64_t low, high; /* of parameter 1 */
    enum sc_confidence confidence;
    enum part part;
    const char *what;
} codes[] = {
    {0x2e, 0, UINT64_MAX, SC_LIKELY, PART_MEMORY, "a parity error of memory or of a bus"},
    {0x7f, 2, 2, SC_LIKELY, PART_MACHINE, "a non-maskable interrupt, which hardware raises"},
    {0x7f, 0x12, 0x12, SC_LIKELY, PART_MACHINE, "a machine check of the processor"},
    {0x80, 0, UINT64_MAX, SC_LIKELY, PART_MACHINE, "a non-maskable interrupt of the hardware"},
    {0x9c, 0, UINT64_MAX, SC_LIKELY, PART_MACHINE, "a machine check of the processor"},
    {0x101, 0, UINT64_MAX, SC_POSSIBLE, PART_CPU, "a processor that stopped answering"},
    {0x124, 0, UINT64_MAX, SC_LIKELY, PART_MACHINE, "an error that the hardware reported"},
    {0x12b, 0, UINT64_MAX, SC_LIKELY, PART_MEMORY, "a page that changed in memory by itself"},
    {0x1cf, 0, UINT64_MAX, SC_POSSIBLE, PART_CPU, "a watchdog of the hardware"},
    {0x1db, 0, UINT64_MAX, SC_POSSIBLE, PART_CPU, "a processor that stopped answering"},
};

/* What was read of the hardware's own error record is in the analysis' facts already. */
static bool show_record(struct signs *s) {
    struct sc_case *c = s->c;
    size_t before = s->d.f.nevidence;
    for (size_t i = 0; i < c->facts.count; i++) {
        const struct sc_evidence *e = &c->facts.item[i];
        if (strncmp(e->command, "!errrec", 7) == 0)
            sc_draft_show(c, &s->d, e->address, e->command, "%s", e->claim);
    }
    return s->d.f.nevidence > before;
}

/* MCi_STATUS in two parameters: bit 63 says that it is valid, bit 61 that it was not corrected. */
static bool machine_check(const struct sc_case *c, uint64_t *ret_status) {
    uint32_t code = sc_plain_code(c->a->code);
    bool has = code == 0x9c || (code == 0x124 && c->a->arg[0].value <= 1);
    *ret_status = c->a->arg[2].value << 32 | (c->a->arg[3].value & UINT32_MAX);
    return has && *ret_status >> 63;
}

/* WEAK: those codes that alone make no more than a possibility; else the others. */
static void by_code(struct signs *s, bool weak) {
    struct sc_case *c = s->c;
    uint32_t code = sc_plain_code(c->a->code);
    uint64_t first = c->a->arg[0].value, status;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (codes[i].code != code || first < codes[i].low || first > codes[i].high ||
            (codes[i].confidence == SC_POSSIBLE) != weak)
            continue;
        bool recorded = machine_check(c, &status), record = show_record(s);
        sign(s, recorded || record ? SC_STRONG : codes[i].confidence, codes[i].part,
             sc_case_text(c, "The hardware is suspected, not a driver: Windows stopped for %s.",
                          codes[i].what),
             sc_case_text(c, "%s (0x%X) is raised for %s.", c->a->name, c->a->code, codes[i].what));
        sc_draft_show(c, &s->d, SC_UNSET64, ".bugcheck", "The code is 0x%X: %s.", c->a->code,
                      codes[i].what);
        if (recorded)
            sc_draft_show(c, &s->d, SC_UNSET64, ".bugcheck",
                          "Parameters 3 and 4 are the status that the processor recorded, "
                          "%016llx: it is valid%s.",
                          (unsigned long long)status,
                          status >> 61 & 1 ? ", and the error was not corrected" : "");
        return;
    }
}

/* ---- the disk ---- */

/* What a device answers when it cannot deliver. */
static bool is_device_status(uint32_t status) {
    static const uint32_t list[] = {
        0xc000009c, /* STATUS_DEVICE_DATA_ERROR */
        0xc000009d, /* STATUS_DEVICE_NOT_CONNECTED */
        0xc000016a, /* STATUS_DISK_OPERATION_FAILED */
        0xc0000185, /* STATUS_IO_DEVICE_ERROR */
        0xc000003e, /* STATUS_DATA_ERROR */
        0xc000003f, /* STATUS_CRC_ERROR */
        0xc000000e, /* STATUS_NO_SUCH_DEVICE */
        0xc00000c0, /* STATUS_DEVICE_DOES_NOT_EXIST */
        0xc0000013, /* STATUS_NO_MEDIA_IN_DEVICE */
        0xc00000a3, /* STATUS_DEVICE_NOT_READY */
        0xc00000b5, /* STATUS_IO_TIMEOUT */
        0xc0000178, /* STATUS_NO_MEDIA */
        0xc000026e, /* STATUS_VOLUME_DISMOUNTED */
        0xc0000483, /* STATUS_DEVICE_HARDWARE_ERROR */
    };
    return sc_code_in(status, list, sizeof list / sizeof *list);
}

static void disk(struct signs *s, uint32_t status, const char *command) {
    struct sc_case *c = s->c;
    struct nt_errtext text;
    const char *name = nt_status_text(status, &text) ? text.name : "an error";
    sign(s, SC_LIKELY, PART_DISK,
         "The disk is suspected, its cable or its controller: data that Windows needed could not "
         "be read.",
         sc_case_text(c, "Reading a page failed with %s (%08x).", name, status));
    sc_draft_show(c, &s->d, SC_UNSET64, command, "Reading the page failed with %s (%08x).", name,
                  status);
}

static void by_disk(struct signs *s) {
    struct sc_case *c = s->c;
    const struct sc_exception *e = &c->a->exception;
    uint32_t code = sc_plain_code(c->a->code);
    for (unsigned i = 0; i < 4 && (code == 0x7a || code == 0x77); i++) {
        if (c->bug.arg[i].kind == SC_BUG_NTSTATUS &&
            is_device_status((uint32_t)c->a->arg[i].value)) {
            disk(s, (uint32_t)c->a->arg[i].value, ".bugcheck");
            return;
        }
    }
    if (c->a->has_exception && e->code == 0xc0000006 && e->nparams >= 3 &&
        is_device_status((uint32_t)e->param[2]))
        disk(s, (uint32_t)e->param[2], sc_case_exr(c));
}

/* ---- single bits ---- */

static void one_bit(struct signs *s, const struct sc_bitflip *flip, const char *whose,
                    const char *command) {
    struct sc_case *c = s->c;
    const char *what = flip->what ? flip->what : "an address of the kernel";
    sign(s, flip->likely ? SC_LIKELY : SC_POSSIBLE, PART_MEMORY,
         "The hardware is suspected, memory first: a single bit of an address was wrong.",
         sc_case_text(c, "%s, %s, is %s with bit %u changed (%s).", whose,
                      sc_case_addr(c, flip->bad), sc_case_addr(c, flip->good), flip->bit, what));
    sc_draft_show(c, &s->d, flip->bad, command, "%s is %s.", whose, sc_case_addr(c, flip->bad));
    sc_draft_show(c, &s->d, flip->good, sc_bitflip_command(c, flip),
                  "With bit %u the other way it is %s.", flip->bit, sc_case_addr(c, flip->good));
    if (flip->what)
        sc_draft_show(c, &s->d, flip->good, flip->command, "That is %s.", flip->what);
    if (!flip->likely)
        sc_draft_against(c, &s->d, flip->bad, command,
                         "Other mistakes make such an address as well, if rarely.");
}

static void by_pointer(struct signs *s) {
    struct sc_case *c = s->c;
    const struct sc_fault *f = &c->fault;
    const struct sc_flips *all = sc_bitflips(c);
    if (all->memory && all->reg)
        one_bit(s, &all->of_memory, sc_case_text(c, "Register %s", all->reg), c->at->command);
    else if (all->memory)
        one_bit(s, &all->of_memory, "The address that was used",
                f->memory_arg ? ".bugcheck"
                : f->computed ? c->at->command
                              : sc_case_exr(c));
    if (all->ip)
        one_bit(s, &all->of_ip, "The instruction's address",
                f->ip_arg         ? ".bugcheck"
                : f->ip_in_record ? sc_case_exr(c)
                                  : c->at->command);
}

/* 0xC1 with parameter 4 being 32: the kernel itself found a single bit changed. */
static void by_special_pool(struct signs *s) {
    struct sc_case *c = s->c;
    if (sc_plain_code(c->a->code) != 0xc1 || c->a->arg[3].value != 0x32)
        return;
    sign(s, SC_LIKELY, PART_MEMORY,
         "The hardware is suspected, memory first: a single bit of it was wrong.",
         sc_case_text(c, "By parameter 4 a single bit has changed near the block at %s.",
                      sc_case_addr(c, c->a->arg[0].value)));
    sc_draft_show(c, &s->d, c->a->arg[1].value, ".bugcheck",
                  "Parameter 4 says that a single bit near the block has changed, at %s.",
                  sc_case_addr(c, c->a->arg[1].value));
}

/* Bug checks whose parameters hold a value and what it should be, by their documentation. */
static const struct {
    uint32_t code;
    uint64_t sub;         /* parameter 1; SC_UNSET64: any */
    uint8_t found, right; /* the parameters; RIGHT 0: zero is right, of two parameters */
    const char *what;
} pairs[] = {
    {0x1a, 0x41792, 3, 0, "a page table entry that should be zero is"},
    {0x1a, 0x5200, 3, 4, "a free block holds"},
    {0x1a, 0x403, 3, 4, "a page table entry holds"},
    {0xf7, SC_UNSET64, 1, 2, "the cookie that guards a function's stack is"},
};

static void value_sign(struct signs *s, const char *text) {
    struct sc_case *c = s->c;
    sign(s, SC_LIKELY, PART_MEMORY,
         "The hardware is suspected, memory first: a single bit of it was wrong.",
         sc_case_text(c, "%s: one bit is wrong.", text));
    sc_draft_show(c, &s->d, SC_UNSET64, ".bugcheck", "%s: one bit is wrong.", text);
}

static void by_value(struct signs *s) {
    struct sc_case *c = s->c;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        bool zero = !pairs[i].right;
        unsigned n = pairs[i].found, right = zero ? n + 1u : pairs[i].right;
        uint64_t one = c->a->arg[n - 1].value, two = c->a->arg[right - 1].value;
        if (pairs[i].code != sc_plain_code(c->a->code) ||
            (pairs[i].sub != SC_UNSET64 && pairs[i].sub != c->a->arg[0].value))
            continue;
        if ((zero ? sc_bits_set(one) + sc_bits_set(two) : sc_bits_set(one ^ two)) != 1)
            continue;
        const char *values =
            zero ? sc_case_text(c, "%llx:%llx", (unsigned long long)two, (unsigned long long)one)
                 : sc_case_text(c, "%llx where %llx was expected", (unsigned long long)one,
                                (unsigned long long)two);
        value_sign(
            s, sc_case_text(c, "By parameters %u and %u, %s %s", n, right, pairs[i].what, values));
        return;
    }
}

/* ---- code against its file ---- */

static void by_code_bytes(struct signs *s) {
    struct sc_case *c = s->c;
    const struct sc_code_diff *diff = sc_code_diff(c);
    if (!sc_code_one_bit(diff))
        return;
    const char *name = sc_case_name(c, diff->module->image);
    sign(s, diff->failed ? SC_LIKELY : SC_POSSIBLE, PART_MEMORY,
         sc_case_text(c,
                      "The hardware is suspected, memory first: a single bit of the code of %s "
                      "was wrong.",
                      name),
         sc_case_text(c, "The byte at %s is %02x in memory and %02x in the file of %s.",
                      sc_case_place(c, diff->first), diff->memory, diff->file, name));
    const char *command = sc_case_text(c, "!chkimg -d %s", sc_case_hex(c, diff->module->base));
    sc_draft_show(c, &s->d, diff->first, command,
                  "Of the code of %s that the dump holds one byte differs from the file, in one "
                  "bit: at %s it is %02x, in the file %02x.",
                  name, sc_case_addr(c, diff->first), diff->memory, diff->file);
    if (diff->failed)
        sc_draft_show(c, &s->d, c->fault.ip, command,
                      "That byte belongs to the instruction that failed, %s, or to one shortly "
                      "before it.",
                      sc_case_place(c, c->fault.ip));
    else
        sc_draft_against(c, &s->d, diff->first, command,
                         "It is not the code that failed: since when it is so is not known, "
                         "and a program that patches code may change a single bit, too.");
}

/*
 * An instruction pointer that no program leads to, in the middle of an instruction. Of exceptions
 * only that the processor raises: a breakpoint may stand behind its instruction.
 */
static void by_alignment(struct signs *s) {
    struct sc_case *c = s->c;
    uint64_t begin;
    if (c->fault.status == 0x80000003 || sc_code_shape(c, &begin) != SC_SHAPE_MIDDLE)
        return;
    const char *command = sc_case_text(c, "u %s L2", sc_case_hex(c, begin));
    sign(
        s, SC_LIKELY, PART_CPU,
        "The hardware is suspected, the processor first: it stood in the middle of an instruction, "
        "where no program leads it.",
        sc_case_text(c, "%s lies inside the instruction that begins at %s.",
                     sc_case_place(c, c->fault.ip), sc_case_addr(c, begin)));
    sc_draft_show(c, &s->d, begin, command,
                  "An instruction begins at %s and goes on beyond %s, where the processor stood.",
                  sc_case_addr(c, begin), sc_case_addr(c, c->fault.ip));
    sc_draft_against(c, &s->d, c->fault.ip, command,
                     "A return address or a pointer to a function that was overwritten leads to "
                     "such a place as well, if rarely into this very function.");
}

/* ---- what would settle it ---- */

static void advise(struct signs *s) {
    struct sc_case *c = s->c;
    struct sc_draft *d = &s->d;
    if (s->part == PART_DISK) {
        sc_draft_next(c, d,
                      "chkdsk C: /r, and what the disk says of itself: Get-PhysicalDisk | "
                      "Get-StorageReliabilityCounter (PowerShell).");
        sc_draft_next(c, d,
                      "Another cable or port; are the firmware and the controller's driver "
                      "up to date?");
        return;
    }
    if (s->part == PART_MACHINE || s->part == PART_CPU)
        sc_draft_next(c, d,
                      "What the hardware reported before: Get-WinEvent -ProviderName "
                      "Microsoft-Windows-WHEA-Logger (PowerShell).");
    if (s->part == PART_CPU)
        sc_draft_next(c, d,
                      "The stack of the processor that does not answer, in a kernel memory "
                      "dump.");
    else
        sc_draft_next(c, d, "A test of the memory, all night: mdsched.exe, or MemTest86+.");
    sc_draft_next(c, d,
                  "Processor and memory at the speed and voltage that their makers give: no "
                  "overclocking, no memory profile (XMP, EXPO); temperatures.");
    sc_draft_next(c, d,
                  "Other dumps of this machine (stopcode analyze FOLDER): never the same "
                  "stack twice speaks for hardware.");
}

static void run(struct sc_case *c) {
    struct signs s = {.c = c};
    sc_draft_init(&s.d, SC_POSSIBLE);
    if (c->a->has_bugcheck) {
        by_code(&s, false);
        by_value(&s);
        by_special_pool(&s);
        by_disk(&s);
    }
    by_pointer(&s);
    by_code_bytes(&s);
    if (c->a->has_bugcheck)
        by_alignment(&s);
    if (!s.d.f.summary)
        return;
    advise(&s);
    sc_case_add(c, &s.d);
}

const struct sc_rule sc_rule_hardware = {
    "hardware",
    "Signs of hardware that failed: what it reported, single bits that are wrong, damage of "
    "nobody.",
    SC_RULE_KERNEL,
    run,
};

/* ---- damage without a suspect ---- */

static bool has_suspect(const struct sc_case *c) {
    for (size_t i = 0; i < c->findings.count; i++)
        if (c->findings.item[i].module && c->findings.item[i].confidence > SC_POSSIBLE)
            return true;
    return false;
}

/* Is there anybody at all, be it as a possibility? */
static bool has_name(const struct sc_case *c) {
    for (size_t i = 0; i < c->findings.count; i++)
        if (c->findings.item[i].module)
            return true;
    return false;
}

static bool has_hardware(const struct sc_case *c) {
    for (size_t i = 0; i < c->findings.count; i++)
        if (strncmp(c->findings.item[i].rule, "hardware", 8) == 0)
            return true;
    return false;
}

/*
 * The memory manager's own records, where their documentation suspects hardware first. Of the list
 * of physical pages (0x4E) nobody hands drivers a pointer; it is large and always in use. So damage
 * in it without any driver near is memory's more often than a stray write's. Sub-code 7 is none:
 * there a page was unlocked too often, which only a caller does.
 */
static bool is_pages(const struct sc_case *c) {
    uint64_t sub = c->a->arg[0].value;
    switch (sc_plain_code(c->a->code)) {
    case 0x4e: return sub != 7;
    case 0x1a: return sub == 0x31 || sub == 0x403 || sub == 0x5003;
    default: return false;
    }
}

static void run_pages(struct sc_case *c) {
    struct signs s = {.c = c};
    sc_draft_init(&s.d, SC_POSSIBLE);
    if (!is_pages(c) || has_name(c) || has_hardware(c))
        return;
    sign(&s, SC_POSSIBLE, PART_MEMORY,
         "Windows found its own records of memory damaged, and no driver is near: memory that "
         "fails is suspected first.",
         sc_case_text(c, "%s (0x%X), sub-code %llx: the records are the memory manager's own.",
                      c->a->name, c->a->code, (unsigned long long)c->a->arg[0].value));
    sc_draft_show(c, &s.d, SC_UNSET64, ".bugcheck",
                  "The code is 0x%X, %s, parameter 1 is %llx: what was damaged is the memory "
                  "manager's own, and no driver is given a pointer to it.",
                  c->a->code, c->a->name, (unsigned long long)c->a->arg[0].value);
    sc_show_no_culprit(c, &s.d);
    sc_draft_against(c, &s.d, SC_UNSET64, ".bugcheck",
                     "A driver that writes where it may not, or locks and unlocks pages in the "
                     "wrong order, does the same damage.");
    sc_advise_all_drivers(c, &s.d);
    advise(&s);
    sc_case_add(c, &s.d);
}
const struct sc_rule sc_rule_hardware_pages = {
    "hardware-pages",
    "The memory manager's own records were damaged, and no driver is near.",
    SC_RULE_KERNEL | SC_RULE_BUGCHECK | SC_RULE_OPEN,
    run_pages,
};

static void by_damage(struct signs *s) {
    struct sc_case *c = s->c;
    sign(s, SC_POSSIBLE, PART_MEMORY,
         "Windows found its own data damaged, and nothing shows a driver that did it: memory that "
         "fails is one possibility.",
         sc_case_text(c, "%s (0x%X): no driver is suspected with more than a possibility.",
                      c->a->name, c->a->code));
    sc_draft_show(c, &s->d, SC_UNSET64, ".bugcheck", "The code is 0x%X, %s, parameter 1 is %llx.",
                  c->a->code, c->a->name, (unsigned long long)c->a->arg[0].value);
    sc_draft_against(c, &s->d, SC_UNSET64, ".bugcheck",
                     "A driver that writes where it may not does the same damage.");
}

static void run_damage(struct sc_case *c) {
    static const uint32_t list[] = {0x1a, 0x4e, 0x109, 0x154, 0x1c7};
    struct signs signs = {.c = c}, *s = &signs;
    sc_draft_init(&s->d, SC_POSSIBLE);
    if (has_hardware(c) || has_suspect(c))
        return;
    by_code(s, true);
    if (sc_code_in(sc_plain_code(c->a->code), list, sizeof list / sizeof *list))
        by_damage(s);
    if (!s->d.f.summary)
        return;
    advise(s);
    sc_case_add(c, &s->d);
}
const struct sc_rule sc_rule_hardware_damage = {
    "hardware-damage",
    "A processor hung, or the memory manager's structures were damaged: nobody is suspected.",
    SC_RULE_KERNEL | SC_RULE_BUGCHECK,
    run_damage,
};
