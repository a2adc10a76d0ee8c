/* SPDX-License-Identifier: MIT */
/* `!teb`, `!peb`, `!gle` on made processes of 32 and 64 bits. */
#include "memory_fixture.h"

static uint8_t teb[0x1800], peb[0x200], ldr[0x100], entry[0x100], params[0x200];
static uint8_t name[64], block[64];

static size_t put_wide(uint8_t *to, const char *text) {
    size_t n = strlen(text);
    for (size_t i = 0; i < n; i++)
        to[2 * i] = (uint8_t)text[i];
    return 2 * n;
}

/* A UNICODE_STRING of LEN bytes at BUFFER. */
static void put_counted(uint8_t *raw, size_t at, size_t ptr, size_t len, uint64_t buffer) {
    fix_put(raw, at, len, 2);
    fix_put(raw, at + 2, len + 2, 2);
    fix_put(raw, at + ptr, buffer, ptr);
}

/* The same process with pointers of PTR bytes: PEB 0x8000, LDR 0x9000, one module at 0xa000. */
static void make_process(size_t ptr) {
    bool w = ptr == 8;
    memset(teb, 0, sizeof teb);
    memset(peb, 0, sizeof peb);
    memset(ldr, 0, sizeof ldr);
    memset(entry, 0, sizeof entry);
    memset(params, 0, sizeof params);
    fix_put(teb, ptr, 0x130000, ptr);
    fix_put(teb, 2 * ptr, 0x12d000, ptr);
    fix_put(teb, 6 * ptr, 0x7000, ptr);
    fix_put(teb, 8 * ptr, 0x12c4, ptr);
    fix_put(teb, 9 * ptr, 0xd34, ptr);
    fix_put(teb, 12 * ptr, 0x8000, ptr);
    fix_put(teb, w ? 0x68 : 0x34, 2, 4);
    fix_put(teb, w ? 0x1250 : 0xbf4, 0xc0000034, 4);
    peb[2] = 1;
    fix_put(peb, 2 * ptr, 0x1000000, ptr);
    fix_put(peb, 3 * ptr, 0x9000, ptr);
    fix_put(peb, 4 * ptr, 0xb000, ptr);
    fix_put(peb, 6 * ptr, 0x20000, ptr);
    fix_put(peb, w ? 0xbc : 0x68, 0x70, 4);
    ldr[4] = 1;
    size_t load = w ? 0x10 : 0xc;
    fix_put(ldr, load, 0xa000, ptr);
    fix_put(ldr, load + ptr, 0xa000, ptr);
    fix_put(entry, 0, 0x9000 + load, ptr);
    fix_put(entry, w ? 0x30 : 0x18, 0x1000000, ptr);
    fix_put(entry, w ? 0x80 : 0x44, 0x49882047, 4);
    size_t len = put_wide(name, "C:\\services.exe");
    put_counted(entry, w ? 0x48 : 0x24, ptr, len, 0xc000);
    put_counted(params, w ? 0x60 : 0x38, ptr, len, 0xc000);
    put_counted(params, w ? 0x70 : 0x40, ptr, len, 0xf0000);
    fix_put(params, w ? 0x80 : 0x48, 0xd000, ptr);
    put_wide(block, "A=1");
    put_wide(block + 8, "B=2");
}

static void open_process(struct fix *f, size_t ptr, enum sc_render render) {
    make_process(ptr);
    const struct sc_fake_bytes memory[] = {{0x7000, teb, sizeof teb < 0x1000 ? sizeof teb : 0x1000},
                                           {0x8000, peb, sizeof peb},
                                           {0x9000, ldr, sizeof ldr},
                                           {0xa000, entry, sizeof entry},
                                           {0xb000, params, sizeof params},
                                           {0xc000, name, sizeof name},
                                           {0xd000, block, sizeof block},
                                           {0x40000, teb, sizeof teb}};
    mem_open_as(f, ptr == 8 ? SC_CPU_X64 : SC_CPU_X86, false, memory, 8, render);
}

static void a_thread_block_is_shown_field_by_field(void **state) {
    (void)state;
    struct fix f;
    open_process(&f, 8, SC_RENDER_TEXT);
    fix_prints(&f, "!teb 40000",
               "TEB at 0000000000040000\n"
               "    ExceptionList:        0000000000000000\n"
               "    StackBase:            0000000000130000\n"
               "    StackLimit:           000000000012d000\n"
               "    SubSystemTib:         0000000000000000\n"
               "    FiberData:            0000000000000000\n"
               "    ArbitraryUserPointer: 0000000000000000\n"
               "    Self:                 0000000000007000\n"
               "    EnvironmentPointer:   0000000000000000\n"
               "    ClientId:             00000000000012c4 . 0000000000000d34\n"
               "    RpcHandle:            0000000000000000\n"
               "    Tls Storage:          0000000000000000\n"
               "    PEB Address:          0000000000008000\n"
               "    LastErrorValue:       2\n"
               "    LastStatusValue:      c0000034\n"
               "    Count Owned Locks:    0\n"
               "    HardErrorMode:        0\n"
               "`Self` is not its own address: this is a copy, or no TEB.\n");
    fix_run(&f, "!teb");
    assert_null(strstr(fix_text(&f), "`Self`"));
    fix_has(&f, "TEB at 0000000000007000\n");
    fix_has(&f, "    LastStatusValue:      ????????\n");
    fix_fails(&f, "!teb 5", "memory at 0x5 is absent");
    fix_close(&f);
}

static void a_thread_block_of_32_bits_has_its_own_offsets(void **state) {
    (void)state;
    struct fix f;
    open_process(&f, 4, SC_RENDER_TEXT);
    fix_run(&f, "!teb");
    fix_has(&f, "TEB at 00007000\n");
    fix_has(&f, "    StackBase:            00130000\n");
    fix_has(&f, "    ClientId:             000012c4 . 00000d34\n");
    fix_has(&f, "    LastStatusValue:      c0000034\n");
    fix_close(&f);
}

static void the_last_error_has_its_text(void **state) {
    (void)state;
    struct fix f;
    open_process(&f, 4, SC_RENDER_TEXT);
    fix_prints(&f, "!gle",
               "LastErrorValue: (Win32) 0x2 (2) - The system cannot find the file specified.\n"
               "LastStatusValue: (NTSTATUS) 0xc0000034 - Object Name not found.\n");
    fix_run(&f, "!gle -all");
    fix_has(&f, "Last error for thread 0:\nLastErrorValue: (Win32) 0x2 (2)");
    fix_close(&f);
    open_process(&f, 8, SC_RENDER_TEXT);
    fix_run(&f, "!gle");
    fix_has(&f, "LastStatusValue: ???????? (the dump does not hold it)\n");
    fix_close(&f);
}

static void a_process_block_lists_modules_and_parameters(void **state) {
    (void)state;
    struct fix f;
    open_process(&f, 8, SC_RENDER_TEXT);
    fix_prints(&f, "!peb",
               "PEB at 0000000000008000\n"
               "    InheritedAddressSpace:    No\n"
               "    ReadImageFileExecOptions: No\n"
               "    BeingDebugged:            Yes\n"
               "    ImageBaseAddress:         0000000001000000\n"
               "    NtGlobalFlag:             70\n"
               "    Ldr                       0000000000009000\n"
               "    Ldr.Initialized:          Yes\n"
               "    Ldr.InInitializationOrderModuleList: 0000000000000000 . 0000000000000000\n"
               "    Ldr.InLoadOrderModuleList:           000000000000a000 . 000000000000a000\n"
               "    Ldr.InMemoryOrderModuleList:         0000000000000000 . 0000000000000000\n"
               "            Base TimeStamp                     Module\n"
               "         1000000 49882047 Feb 03 10:45:27 2009 C:\\services.exe\n"
               "    SubSystemData:     0000000000000000\n"
               "    ProcessHeap:       0000000000020000\n"
               "    ProcessParameters: 000000000000b000\n"
               "    CurrentDirectory:  ''\n"
               "    WindowTitle:  ''\n"
               "    ImageFile:    'C:\\services.exe'\n"
               "    CommandLine:  '< Name not readable >'\n"
               "    DllPath:      ''\n"
               "    Environment:  000000000000d000\n"
               "        A=1\n"
               "        B=2\n");
    fix_close(&f);
    open_process(&f, 4, SC_RENDER_TEXT);
    fix_run(&f, "!peb 8000");
    fix_has(&f, "    Ldr.InLoadOrderModuleList:           0000a000 . 0000a000\n");
    fix_has(&f, "         1000000 49882047 Feb 03 10:45:27 2009 C:\\services.exe\n");
    fix_has(&f, "    ImageFile:    'C:\\services.exe'\n");
    fix_has(&f, "        A=1\n        B=2\n");
    fix_close(&f);
}

static void a_module_list_that_loops_ends(void **state) {
    (void)state;
    struct fix f;
    make_process(8);
    fix_put(entry, 0, 0xa000, 8);
    const struct sc_fake_bytes memory[] = {
        {0x8000, peb, sizeof peb}, {0x9000, ldr, sizeof ldr}, {0xa000, entry, sizeof entry}};
    mem_open_as(&f, SC_CPU_X64, false, memory, 3, SC_RENDER_TEXT);
    fix_run(&f, "!peb 8000");
    fix_has(&f, "Module\n         1000000 49882047 Feb 03 10:45:27 2009 < Name not readable >\n"
                "        (the list loops back and never ends)\n    SubSystemData:");
    fix_close(&f);
}

static void they_need_a_windows_process(void **state) {
    (void)state;
    struct fix f;
    fix_open(&f, FIX_KERNEL);
    fix_fails(&f, "!teb", "needs a user dump");
    fix_fails(&f, "!peb", "needs a user dump");
    fix_close(&f);
    fix_open(&f, FIX_LINUX);
    fix_fails(&f, "!gle", "needs a Windows dump");
    fix_close(&f);
    open_process(&f, 8, SC_RENDER_JSON);
    fix_run(&f, "!peb");
    fix_has(&f, "{\"type\":\"peb_module\",\"base\":\"0x0000000001000000\"");
    fix_has(&f, "\"command\":null");
    fix_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_block_is_shown_field_by_field),
        cmocka_unit_test(a_thread_block_of_32_bits_has_its_own_offsets),
        cmocka_unit_test(the_last_error_has_its_text),
        cmocka_unit_test(a_process_block_lists_modules_and_parameters),
        cmocka_unit_test(a_module_list_that_loops_ends),
        cmocka_unit_test(they_need_a_windows_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
