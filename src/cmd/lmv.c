/* SPDX-License-Identifier: MIT */
/*
 * The verbose block of `lmv`: labels and columns as WinDbg prints them. Versions are shown when
 * the dump has them: user minidumps record the fixed part, and an image whose pages are there has
 * all of it (lmimage.c). The mask of the file flags is known only from there.
 */
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "base/utf.h"
#include "cmd/lm.h"

enum { YEAR_1990 = 631152000, DAY = 86400 };

const char *sc_timestamp_doubt(uint32_t timestamp, uint64_t dump_time) {
    if (!timestamp)
        return NULL;
    if (timestamp < YEAR_1990)
        return "before 1990: likely the hash of a reproducible build";
    /* A day of grace for clocks that are wrong. */
    if (dump_time && sc_time_from_unix(timestamp) > dump_time + DAY * UINT64_C(10000000))
        return "later than the dump: likely the hash of a reproducible build";
    return NULL;
}

static const char *version_text(const uint16_t v[4], sc_arena *arena) {
    return sc_arena_printf(arena, "%u.%u.%u.%u", v[0], v[1], v[2], v[3]);
}

/* "ntkrnlmp.pdb 5278AFF86C341677D7D7835C85B7B8441": the key of a symbol store. */
static const char *symbol_id(const struct sc_codeview *cv, sc_arena *arena) {
    const char *name = cv->path ? sc_base_name(cv->path) : "";
    const char *gap = *name ? " " : "";
    const struct sc_guid *g = &cv->guid;
    if (cv->kind == SC_CV_RSDS)
        return sc_arena_printf(arena, "%s%s%08X%04X%04X%02X%02X%02X%02X%02X%02X%02X%02X%x", name,
                               gap, g->a, g->b, g->c, g->d[0], g->d[1], g->d[2], g->d[3], g->d[4],
                               g->d[5], g->d[6], g->d[7], cv->age);
    return sc_arena_printf(arena, "%s%s%08X%x", name, gap, cv->signature, cv->age);
}

sc_err *sc_lm_version(struct sc_lm_row *row, const struct sc_version *version, sc_arena *arena) {
    row->version = version;
    row->nversions = 1;
    row->file_version = version_text(version->file, arena);
    row->product_version = version_text(version->product, arena);
    return row->file_version && row->product_version ? NULL : sc_err_nomem();
}

sc_err *sc_lm_symbol_id(struct sc_lm_row *row, const struct sc_codeview *cv, sc_arena *arena) {
    if (cv->kind != SC_CV_RSDS && cv->kind != SC_CV_NB10)
        return NULL;
    row->symbol_id = symbol_id(cv, arena);
    return row->symbol_id ? NULL : sc_err_nomem();
}

sc_err *sc_lm_details(struct sc_lm_row *row, const struct sc_module *module, uint64_t dump_time,
                      sc_arena *arena) {
    row->time = row->timestamp ? sc_time_from_unix(row->timestamp) : 0;
    row->time_doubt = sc_timestamp_doubt(row->timestamp, dump_time);
    if (!module)
        return NULL;
    sc_err *err = module->version.present ? sc_lm_version(row, &module->version, arena) : NULL;
    return err ? err : sc_lm_symbol_id(row, &module->codeview, arena);
}

void sc_lm_time_text(sc_out *out, const struct sc_lm_row *r, const struct sc_lm_style *s) {
    char buf[SC_TIME_BUF];
    if (r->reproducible) {
        sc_printf(out, "%08X (This is a reproducible build file hash, not a timestamp)",
                  r->timestamp);
        return;
    }
    sc_printf(out, "%s (%08X)",
              r->timestamp ? sc_time_stamp(r->timestamp, s->tz, buf) : "unavailable", r->timestamp);
    if (r->time_doubt && s->enrich)
        sc_printf(out, "  [%s]", r->time_doubt);
}

static const char *os_high(uint32_t os) {
    static const char *const names[] = {"Unknown", "DOS", "OS/2 16-bit", "OS/2 32-bit", "NT"};
    return os >> 16 < 5 ? names[os >> 16] : "Unknown";
}

static const char *os_low(uint32_t os) {
    static const char *const names[] = {"Base", "Win16", "PM16", "PM32", "Win32"};
    return (os & 0xffff) < 5 ? names[os & 0xffff] : "Unknown";
}

static const char *file_type(uint32_t type) {
    static const char *const names[] = {"Unknown", "App", "Dll", "Driver",
                                        "Font",    "Vxd", "",    "Static library"};
    return type < 8 && *names[type] ? names[type] : "Unknown";
}

static void flag_names(sc_out *out, uint32_t flags) {
    static const char *const names[] = {"Debug",   "Prerelease",    "Patched",
                                        "Private", "Info inferred", "Special"};
    for (unsigned i = 0; i < 6; i++)
        if (flags >> i & 1)
            sc_printf(out, " %s", names[i]);
}

static void fixed_info(sc_out *out, const struct sc_lm_row *r) {
    const struct sc_version *v = r->version;
    sc_printf(out, "    File version:     %s\n", r->file_version);
    sc_printf(out, "    Product version:  %s\n", r->product_version);
    sc_printf(out, "    File flags:       %X", v->flags);
    if (r->has_mask)
        sc_printf(out, " (Mask %X)", r->flags_mask);
    flag_names(out, r->has_mask ? v->flags & r->flags_mask : v->flags);
    sc_printf(out, "\n    File OS:          %X %s %s\n", v->os, os_high(v->os), os_low(v->os));
    sc_printf(out, "    File type:        %u.%u %s\n", v->type, v->subtype, file_type(v->type));
    sc_printf(out, "    File date:        %08X.%08X\n", (uint32_t)(v->date >> 32),
              (uint32_t)v->date);
}

/* WinDbg pads the keys to 18 columns. */
static void resource_strings(sc_out *out, const struct sc_lm_row *r) {
    if (r->translations)
        sc_printf(out, "    Translations:     %s\n", r->translations);
    if (r->nstrings)
        sc_puts(out, "    Information from resource tables:\n");
    for (size_t i = 0; i < r->nstrings; i++) {
        int gap = 16 - (int)strlen(r->strings[i].key);
        sc_printf(out, "        %s: %*s%s\n", r->strings[i].key, gap > 0 ? gap : 0, "",
                  r->strings[i].value);
    }
}

void sc_lm_verbose_text(sc_out *out, const struct sc_lm_row *r, const struct sc_lm_style *s) {
    if (r->unloaded) {
        sc_puts(out, "    Timestamp: ");
        sc_lm_time_text(out, r, s);
        sc_printf(out, "\n    Checksum:  %08X\n    ImageSize:  %08llX\n", r->checksum,
                  (unsigned long long)r->size);
        return;
    }
    if (r->symbol_image)
        sc_printf(out, "    Loaded symbol image file: %s\n", r->symbol_image);
    sc_printf(out, "    Image path: %s\n    Image name: %s\n", r->path, r->image);
    if (r->reproducible)
        sc_puts(out, "    Image was built with /Brepro flag.\n");
    sc_puts(out, "    Timestamp:        ");
    sc_lm_time_text(out, r, s);
    sc_printf(out, "\n    CheckSum:         %08X\n    ImageSize:        %08llX\n", r->checksum,
              (unsigned long long)r->size);
    if (r->version && s->windows)
        fixed_info(out, r);
    else if (r->version) /* Breakpad and Crashpad put the version of a library there */
        sc_printf(out, "    File version:     %s\n", r->file_version);
    resource_strings(out, r);
    if (r->symbol_id && s->enrich)
        sc_printf(out, "    Symbol id:        %s\n", r->symbol_id);
}
