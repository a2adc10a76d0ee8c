/* SPDX-License-Identifier: MIT */
/* `!sysinfo`: values, ACPI and SMBIOS tables; every byte of them cut off or changed. */
#include "kernel_world.h"
#include "nt/sysinfo.h"

/* ---- SMBIOS ---- */

/* The firmware, machine and board of a published output, a processor and an empty socket. */
static const uint8_t table[] =
    "\x00\x18\x00\x00\x01\x02\x00\xf0\x03\x0f\x80\x9a\x00\x00\x00\x00\x00\x00\x00\x00\x02\x06\xff"
    "\xff"
    "Dell Inc.\0"
    "2.6.0\0"
    "05/19/2008\0\0"
    "\x01\x1b\x00\x01\x01\x02\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
    "\x10\x06\x00\x00"
    "Dell Inc.\0"
    "Precision WorkStation 390    \0\0"
    "\x02\x08\x00\x02\x01\x02\x03\x00"
    "Dell Inc.\0"
    "0GH911\0"
    "A00\0\0"
    "\x04\x20\x00\x04\x01\x03\xb3\x02\xf6\x06\x00\x00\xff\xfb\xeb\xbf\x00\x8c\x0b\x01\x60\x09\x60"
    "\x09\x41\x02\xff\xff\xff\xff\xff\xff"
    "CPU\0"
    "Intel\0\0"
    "\x11\x15\x00\x11\x00\x10\xff\xff\x48\x00\x40\x00\x00\x00\x09\x01\x01\x00\x02\x00\x00"
    "DIMM_1\0\0"
    "\x7f\x04\x00\x7f\x00"; /* the literal's own NUL is the second one */

static void structures_and_their_texts_are_read(void **state) {
    (void)state;
    struct nt_smbios t = {.data = table, .size = sizeof table};
    struct nt_smbios_entry e;
    char buf[NT_SMBIOS_STRING];
    size_t size, at = 0;
    uint64_t v;
    assert_true(nt_smbios_valid(table, sizeof table, &size));
    assert_int_equal(size, sizeof table);
    assert_true(nt_smbios_next(&t, &at, &e));
    assert_string_equal(nt_smbios_string(&e, 1, buf), "Dell Inc.");
    assert_string_equal(nt_smbios_string(&e, 3, buf), "05/19/2008");
    assert_string_equal(nt_smbios_string(&e, 4, buf), "");
    assert_string_equal(nt_smbios_string(&e, 0, buf), "");
    assert_true(nt_smbios_number(&e, 0x14, 1, &v));
    assert_int_equal(v, 2);
    assert_false(nt_smbios_number(&e, 0x18, 1, &v));
    assert_true(nt_smbios_next(&t, &at, &e));
    assert_string_equal(nt_smbios_string(&e, 2, buf), "Precision WorkStation 390");
    unsigned left = 0;
    while (nt_smbios_next(&t, &at, &e))
        left++;
    assert_int_equal(left, 4);
}

/* Walks all of it, so that a sanitizer sees every byte that is looked at. */
static void walk(const uint8_t *bytes, size_t size) {
    struct nt_smbios t = {.data = bytes, .size = size};
    struct nt_smbios_entry e;
    char buf[NT_SMBIOS_STRING];
    size_t at = 0, n = 0, length;
    uint64_t v;
    nt_smbios_valid(bytes, size, &length);
    while (nt_smbios_next(&t, &at, &e)) {
        assert_true(n++ < size);
        for (unsigned i = 0; i < 6; i++)
            nt_smbios_string(&e, i, buf);
        nt_smbios_number(&e, e.length - 1u, 1, &v);
    }
}

static void a_table_that_is_cut_or_changed_is_survived(void **state) {
    (void)state;
    for (size_t size = 0; size <= sizeof table; size++) {
        uint8_t *copy = malloc(size ? size : 1);
        assert_non_null(copy);
        memcpy(copy, table, size);
        walk(copy, size);
        free(copy);
    }
    for (size_t i = 0; i < sizeof table; i++) {
        uint8_t *copy = malloc(sizeof table);
        assert_non_null(copy);
        memcpy(copy, table, sizeof table);
        copy[i] ^= 0xff;
        walk(copy, sizeof table);
        copy[i] = 0;
        walk(copy, sizeof table);
        free(copy);
    }
}

/* ---- values ---- */

static size_t put_value(uint8_t *p, const char *name, uint32_t type, const void *data,
                        uint32_t size) {
    size_t n = 0, length = strlen(name) + 1;
    fix_put(p, 0, length * 2, 4);
    n = 4;
    for (size_t i = 0; i < length; i++, n += 2)
        fix_put(p, n, (uint8_t)name[i], 2);
    fix_put(p, n, type, 4);
    fix_put(p, n + 4, size, 4);
    memcpy(p + n + 8, data, size);
    return n + 8 + size;
}

static size_t put_values(uint8_t *p) {
    static const uint8_t mhz[] = {0x09, 0x0e, 0, 0}, signature[] = {0, 0, 0, 0, 0x36, 0, 0, 0};
    static const uint8_t vendor[] = "I\0n\0t\0e\0l\0\0";
    size_t n = put_value(p, "~MHz", 4, mhz, 4);
    n += put_value(p + n, "Update Signature", 3, signature, 8);
    return n + put_value(p + n, "VendorIdentifier", 1, vendor, sizeof vendor);
}

static void values_are_read_when_all_of_it_is_values(void **state) {
    (void)state;
    uint8_t bytes[512];
    struct nt_sysinfo info = {0};
    sc_arena *arena = sc_arena_create();
    uint64_t v;
    size_t size = put_values(bytes);
    assert_null(nt_sysinfo_take(bytes, size, arena, &info));
    assert_int_equal(info.ncpu, 3);
    assert_true(nt_regvalue_number(nt_sysinfo_value(&info, "~MHz"), &v));
    assert_int_equal(v, 3593);
    assert_string_equal(nt_sysinfo_value(&info, "VendorIdentifier")->text, "Intel");
    assert_false(nt_regvalue_number(nt_sysinfo_value(&info, "Update Signature"), &v));
    assert_null(nt_sysinfo_value(&info, "Other"));
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *copy = malloc(cut ? cut : 1);
        struct nt_sysinfo part = {0};
        assert_non_null(copy);
        memcpy(copy, bytes, cut);
        assert_null(nt_sysinfo_take(copy, cut, arena, &part));
        for (size_t i = 0; i < part.ncpu; i++)
            assert_true(part.cpu[i].data + part.cpu[i].size <= copy + cut);
        free(copy);
    }
    sc_arena_destroy(arena);
}

/* ---- ACPI ---- */

static void put_acpi(uint8_t *p, const char *signature, uint32_t length) {
    uint8_t sum = 0;
    memset(p, 0, length);
    memcpy(p, signature, 4);
    fix_put(p, 4, length, 4);
    memcpy(p + 10, "OEMID ", 6);
    memcpy(p + 16, "OEMTABLE", 8);
    for (uint32_t i = 0; i < length; i++)
        sum = (uint8_t)(sum + p[i]);
    p[9] = (uint8_t)-sum;
}

static void tables_that_are_cut_off_do_not_hide_the_next(void **state) {
    (void)state;
    uint8_t bytes[400];
    struct nt_sysinfo info = {0};
    sc_arena *arena = sc_arena_create();
    put_acpi(bytes, "MCFG", 60);
    put_acpi(bytes + 60, "FACP", 276);
    put_acpi(bytes + 60 + 68, "APIC", 100); /* of the one before it 68 bytes are there */
    assert_null(nt_sysinfo_take(bytes, 60 + 68 + 100, arena, &info));
    assert_int_equal(info.nacpi, 3);
    assert_true(info.acpi[0].sound);
    assert_int_equal(info.acpi[1].held, 68);
    assert_int_equal(info.acpi[1].length, 276);
    assert_false(info.acpi[1].sound);
    assert_string_equal(info.acpi[2].signature, "APIC");
    assert_true(info.acpi[2].sound);
    bytes[20] ^= 1; /* then nothing says that these are tables */
    info = (struct nt_sysinfo){0};
    assert_null(nt_sysinfo_take(bytes, 60 + 68 + 100, arena, &info));
    assert_int_equal(info.nacpi, 0);
    sc_arena_destroy(arena);
}

static void a_table_behind_its_windows_head_is_found(void **state) {
    (void)state;
    uint8_t bytes[sizeof table + 8] = {0, 2, 3, 35};
    struct nt_sysinfo info = {0};
    sc_arena *arena = sc_arena_create();
    fix_put(bytes, 4, sizeof table, 4);
    memcpy(bytes + 8, table, sizeof table);
    assert_null(nt_sysinfo_take(bytes, sizeof bytes, arena, &info));
    assert_int_equal(info.smbios.size, sizeof table);
    assert_int_equal(info.smbios.minor, 3);
    assert_int_equal(info.smbios.revision, 35);
    sc_arena_destroy(arena);
}

/* ---- the command ---- */

static void what_is_lacking_is_said(void **state) {
    (void)state;
    struct world *w = world_new(SC_CPU_X64, 19041, 0xfffff80003200000);
    world_open(w, SC_RENDER_TEXT);
    fix_fails(&w->f, "!sysinfo cpuinfo",
              "!sysinfo: the dump does not hold the registry's values of the processor; !cpuinfo "
              "shows what the kernel has");
    fix_fails(&w->f, "!sysinfo machineid",
              "!sysinfo: the dump holds no SMBIOS table: nt!WmipSMBiosTablePhysicalAddress is not "
              "known: no symbols");
    fix_fails(&w->f, "!sysinfo gbl", "!sysinfo: the dump holds no tables of ACPI");
    fix_fails(&w->f, "!sysinfo cpumicrocode",
              "!sysinfo: the dump does not hold the nt!_KPRCB of processor 0");
    fix_fails(&w->f, "!sysinfo registers",
              "!sysinfo registers: a dump does not hold machine-specific registers, only a live "
              "machine has them");
    fix_fails(&w->f, "!sysinfo other",
              "!sysinfo: 'other' is none of cpuinfo, cpumicrocode, cpuspeed, gbl, machineid, "
              "registers, smbios");
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(structures_and_their_texts_are_read),
        cmocka_unit_test(a_table_that_is_cut_or_changed_is_survived),
        cmocka_unit_test(values_are_read_when_all_of_it_is_values),
        cmocka_unit_test(tables_that_are_cut_off_do_not_hide_the_next),
        cmocka_unit_test(a_table_behind_its_windows_head_is_found),
        cmocka_unit_test(what_is_lacking_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
