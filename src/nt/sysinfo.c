/* SPDX-License-Identifier: MIT */
/*
 * Finding values and tables in a dump.
 *
 * Secondary data of Windows' own (seen in a real dump of 19041; other builds are taken to be
 * alike):
 *
 *   values     { uint32 bytes of the name, name (UTF-16 with NUL), uint32 type,
 *                uint32 bytes of the data, data } …
 *   ACPI       tables one behind the other, some cut off, each with the head of ACPI's
 *              specification: signature (4), length (32 bits), revision, checksum, OEM id (6), OEM
 *              table id (8), …
 *   SMBIOS     the table alone, or behind RawSMBIOSData { calling method, major, minor, DMI
 *              revision: 8 bits each; uint32 length }: not seen in a real dump
 *
 * In whole memory the SMBIOS table lies at nt!WmipSMBiosTablePhysicalAddress, with
 * nt!WmipSMBiosTableLength and nt!WmipSMBiosVersionInfo, the first four bytes of RawSMBIOSData.
 */
#include "nt/sysinfo.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/utf.h"
#include "base/vec.h"
#include "stopcode/kdump.h"

enum {
    BLOB_MAX = 1 << 18,
    NAME_MAX_BYTES = 512,
    VALUES_MAX = 64,
    ACPI_HEAD = 36,
    ACPI_MAX = 64,
    RAW_HEAD = 8
};

static uint32_t le32(const uint8_t *p) {
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* ---- values ---- */

struct values {
    struct nt_regvalue *item;
    size_t count, room;
};

/* One value at *AT; false: what stands there is none. */
static bool next_value(const uint8_t *p, size_t size, size_t *at, size_t *ret_name,
                       struct nt_regvalue *ret) {
    size_t i = *at;
    if (size - i < 12)
        return false;
    uint32_t name = le32(p + i);
    if (name < 4 || name > NAME_MAX_BYTES || name & 1 || name > size - i - 12 ||
        p[i + 4 + name - 2] || p[i + 4 + name - 1])
        return false;
    *ret_name = i + 4;
    i += 4 + name;
    ret->type = le32(p + i);
    ret->size = le32(p + i + 4);
    i += 8;
    if (ret->size > size - i || !nt_regvalue_type(ret->type))
        return false;
    ret->data = p + i;
    *at = i + ret->size;
    return true;
}

static sc_err *add_value(sc_arena *arena, const uint8_t *p, size_t name, struct nt_regvalue *v,
                         struct values *values) {
    struct nt_regvalue *slot = SC_VEC_PUSH(values);
    if (!slot)
        return sc_err_nomem();
    v->name = sc_utf16_to_utf8(arena, p + name, le32(p + name - 4) - 2);
    v->text = NULL;
    if (v->name && v->type == 1)
        v->text = sc_utf16_to_utf8(arena, v->data, v->size >= 2 ? (v->size & ~1u) - 2 : 0);
    if (!v->name || (v->type == 1 && !v->text))
        return sc_err_nomem();
    *slot = *v;
    return NULL;
}

/* The whole of it has to be values, and one of them the processor's clock. */
static sc_err *try_values(sc_arena *arena, const uint8_t *p, size_t size, struct nt_sysinfo *info) {
    struct values values = {0};
    struct nt_regvalue v = {0};
    size_t at = 0, name;
    bool clock = false;
    sc_err *err = NULL;
    while (!err && at < size && values.count < VALUES_MAX && next_value(p, size, &at, &name, &v)) {
        err = add_value(arena, p, name, &v, &values);
        clock |= !err && !strcmp(v.name, "~MHz");
    }
    if (!err && clock && at == size && !info->ncpu) {
        info->cpu = sc_arena_array(arena, values.count, sizeof *info->cpu);
        err = info->cpu ? NULL : sc_err_nomem();
        if (!err)
            memcpy(info->cpu, values.item, values.count * sizeof *info->cpu);
        info->ncpu = err ? 0 : values.count;
    }
    SC_VEC_FREE(&values);
    return err;
}

/* ---- ACPI ---- */

static bool printable(const uint8_t *p, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (p[i] && (p[i] < 0x20 || p[i] > 0x7e))
            return false;
    return p[0] != 0;
}

static bool is_signature(const uint8_t *p) {
    for (size_t i = 0; i < 4; i++)
        if (!(p[i] >= 'A' && p[i] <= 'Z') && !(p[i] >= '0' && p[i] <= '9'))
            return false;
    return true;
}

/* Does a table begin here? Its length may reach behind the end: it is cut off then. */
static bool acpi_at(const uint8_t *p, size_t left, struct nt_acpi_table *ret) {
    if (left < ACPI_HEAD)
        return false;
    *ret = (struct nt_acpi_table){.length = le32(p + 4), .revision = p[8]};
    if (ret->length < ACPI_HEAD || ret->length > BLOB_MAX || !is_signature(p) ||
        !printable(p + 10, 6) || !printable(p + 16, 8))
        return false;
    memcpy(ret->signature, p, 4);
    memcpy(ret->oem_id, p + 10, 6);
    memcpy(ret->oem_table, p + 16, 8);
    return true;
}

/* Bytes that the dump has of the table at P: up to the next one, at most all of it. */
static void measure(const uint8_t *p, size_t left, struct nt_acpi_table *t) {
    struct nt_acpi_table next;
    uint8_t sum = 0;
    t->held = t->length < left ? t->length : (uint32_t)left;
    for (uint32_t i = ACPI_HEAD; i < t->held; i += 4)
        if (acpi_at(p + i, left - i, &next)) {
            t->held = i;
            break;
        }
    for (uint32_t i = 0; i < t->held; i++)
        sum = (uint8_t)(sum + p[i]);
    t->sound = !sum && t->held == t->length;
}

/* The first has to be sound, so that nothing is taken for a table that is none. */
static sc_err *try_acpi(sc_arena *arena, const uint8_t *p, size_t size, struct nt_sysinfo *info) {
    struct nt_acpi_table t, list[ACPI_MAX];
    size_t count = 0, at = 0;
    for (; !info->nacpi && count < ACPI_MAX && acpi_at(p + at, size - at, &t); at += t.held) {
        measure(p + at, size - at, &t);
        if (!count && !t.sound)
            return NULL;
        list[count++] = t;
    }
    if (!count)
        return NULL;
    info->acpi = sc_arena_array(arena, count, sizeof *info->acpi);
    if (!info->acpi)
        return sc_err_nomem();
    memcpy(info->acpi, list, count * sizeof *list);
    info->nacpi = count;
    return NULL;
}

/* ---- SMBIOS ---- */

static void try_smbios(const uint8_t *p, size_t size, struct nt_sysinfo *info) {
    size_t length;
    if (info->smbios.size)
        return;
    if (nt_smbios_valid(p, size, &length)) {
        info->smbios = (struct nt_smbios){.data = p, .size = length};
        info->smbios_from = "secondary data";
    } else if (size > RAW_HEAD && le32(p + 4) <= size - RAW_HEAD &&
               nt_smbios_valid(p + RAW_HEAD, le32(p + 4), &length)) {
        info->smbios = (struct nt_smbios){p + RAW_HEAD, length, true, p[0], p[1], p[2], p[3]};
        info->smbios_from = "secondary data";
    }
}

/* LENGTH bytes of physical memory; none when the dump lacks them or they are no table. */
static sc_err *table_of_memory(const struct nt *nt, uint64_t address, uint64_t length,
                               sc_arena *arena, struct nt_sysinfo *info) {
    sc_space *phys = sc_target_phys(nt->target);
    size_t size;
    uint8_t *bytes = sc_arena_array(arena, length, 1);
    if (!bytes)
        return sc_err_nomem();
    if (sc_space_read(phys, address, bytes, length, NULL) != SC_READ_OK)
        info->smbios_from = "nt!WmipSMBiosTablePhysicalAddress: that memory is not in the dump";
    else if (!nt_smbios_valid(bytes, length, &size))
        info->smbios_from = "nt!WmipSMBiosTablePhysicalAddress: no table stands there";
    else {
        info->smbios = (struct nt_smbios){.data = bytes, .size = size};
        info->smbios_from = "nt!WmipSMBiosTablePhysicalAddress";
    }
    return NULL;
}

static sc_err *smbios_of_memory(const struct nt *nt, sc_arena *arena, struct nt_sysinfo *info) {
    struct nt_field address, length, version;
    sc_err *err = nt_global(nt, "nt!WmipSMBiosTablePhysicalAddress", 8, &address);
    if (!err)
        err = nt_global(nt, "nt!WmipSMBiosTableLength", 4, &length);
    if (!err)
        err = nt_global(nt, "nt!WmipSMBiosVersionInfo", 4, &version);
    if (err)
        return err;
    if (!nt_set(&address) || !nt_set(&length)) {
        info->smbios_from =
            address.state == NT_NO_FIELD
                ? "nt!WmipSMBiosTablePhysicalAddress is not known: no symbols have it"
                : "nt!WmipSMBiosTablePhysicalAddress is not in the dump, or 0";
        return NULL;
    }
    if (length.value > NT_SMBIOS_MAX)
        length.value &= 0xffff; /* older kernels have 16 bits there */
    err = table_of_memory(nt, address.value, length.value, arena, info);
    if (!err && info->smbios.size && version.state == NT_READ) {
        struct nt_smbios *s = &info->smbios;
        s->version_known = true;
        s->calling20 = version.value & 0xff;
        s->major = version.value >> 8 & 0xff;
        s->minor = version.value >> 16 & 0xff;
        s->revision = version.value >> 24 & 0xff;
    }
    return err;
}

/* ---- secondary data ---- */

sc_err *nt_sysinfo_take(const uint8_t *data, size_t size, sc_arena *arena,
                        struct nt_sysinfo *info) {
    sc_err *err = try_values(arena, data, size, info);
    if (!err)
        err = try_acpi(arena, data, size, info);
    if (!err)
        try_smbios(data, size, info);
    return err;
}

static sc_err *try_blob(const struct nt *nt, const struct sc_source *source,
                        const struct sc_blob *blob, sc_arena *arena, struct nt_sysinfo *info) {
    if (sc_target_cancelled(nt->target))
        return sc_err_cancelled();
    if (blob->size < 12 || blob->size > BLOB_MAX ||
        !sc_file_has(source->file, blob->offset, blob->size))
        return NULL;
    uint8_t *bytes = sc_arena_array(arena, blob->size, 1);
    if (!bytes)
        return sc_err_nomem();
    sc_err *err = sc_file_read(source->file, blob->offset, bytes, blob->size);
    return err ? err : nt_sysinfo_take(bytes, blob->size, arena, info);
}

sc_err *nt_sysinfo_read(const struct nt *nt, sc_arena *arena, struct nt_sysinfo *ret) {
    /* The target's own source: the blobs are walked when first asked for. */
    struct sc_source *source = (struct sc_source *)sc_target_source(nt->target);
    const struct sc_blobs *blobs = NULL;
    struct nt_sysinfo info = {0};
    sc_err *err = source && sc_kdump_header(source) ? sc_kdump_blobs(source, &blobs) : NULL;
    for (size_t i = 0; !err && blobs && i < blobs->count; i++)
        err = try_blob(nt, source, &blobs->item[i], arena, &info);
    if (!err && !info.smbios.size)
        err = smbios_of_memory(nt, arena, &info);
    if (!err)
        *ret = info;
    return err;
}

const struct nt_regvalue *nt_sysinfo_value(const struct nt_sysinfo *info, const char *name) {
    for (size_t i = 0; i < info->ncpu; i++)
        if (!strcmp(info->cpu[i].name, name))
            return &info->cpu[i];
    return NULL;
}

bool nt_regvalue_number(const struct nt_regvalue *v, uint64_t *ret) {
    if (!((v->type == 4 && v->size == 4) || (v->type == 11 && v->size == 8)))
        return false;
    *ret = le32(v->data) | (v->size == 8 ? (uint64_t)le32(v->data + 4) << 32 : 0);
    return true;
}

const char *nt_regvalue_type(uint32_t type) {
    static const char *const names[] = {"REG_NONE",
                                        "REG_SZ",
                                        "REG_EXPAND_SZ",
                                        "REG_BINARY",
                                        "REG_DWORD",
                                        "REG_DWORD_BIG_ENDIAN",
                                        "REG_LINK",
                                        "REG_MULTI_SZ",
                                        "REG_RESOURCE_LIST",
                                        "REG_FULL_RESOURCE_DESCRIPTOR",
                                        "REG_RESOURCE_REQUIREMENTS_LIST",
                                        "REG_QWORD"};
    return type < sizeof names / sizeof *names ? names[type] : NULL;
}
