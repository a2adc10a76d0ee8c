/* SPDX-License-Identifier: MIT */
/*
 * u, ub, uu and uf on made targets. The first listings are those of the published documents: their
 * bytes are the target's memory, their names its symbols, and what the documents show must come
 * out (blanks that a web page has lost are put back).
 */
#include "symtab_support.h"

#include "fake_session.h"
#include "stopcode/pe.h"

/* ---- a target with one module, some code and some symbols ---- */

struct scene {
    enum sc_cpu cpu;
    bool user;
    struct sc_module module;
    uint64_t addr;    /* of the code */
    const char *code; /* hexadecimal */
    const void *data; /* instead of the code, SIZE bytes */
    size_t size;
    uint64_t stack; /* 64 bytes of ff at this address; 0: none */
    const struct sc_symbol *symbols;
    size_t nsymbols;
    const struct sc_line *line;
    struct sc_regs *regs;
    struct fakesyms syms;
};

static size_t unhex(const char *hex, uint8_t *ret) {
    size_t n = strlen(hex) / 2;
    for (size_t i = 0; i < n; i++) {
        char two[3] = {hex[2 * i], hex[2 * i + 1], 0};
        ret[i] = (uint8_t)strtoul(two, NULL, 16);
    }
    return n;
}

static void scene_open(struct scene *s, struct fix *f, enum sc_render render) {
    uint8_t code[4096], stack[64];
    struct sc_fake_bytes memory[2] = {{s->addr, s->data ? s->data : code, s->size}};
    size_t nmemory = 1;
    if (!s->data)
        memory[0].size = unhex(s->code, code);
    memset(stack, 0xff, sizeof stack);
    if (s->stack)
        memory[nmemory++] = (struct sc_fake_bytes){s->stack, stack, sizeof stack};
    static const struct sc_thread thread = {.teb = 0x7ffdf000, .context_off = UINT64_MAX};
    struct sc_fake fake = {.sz = sizeof fake,
                           .cpu = s->cpu,
                           .kernel = !s->user,
                           .modules = &s->module,
                           .nmodules = s->module.size ? 1 : 0,
                           .memory = memory,
                           .nmemory = nmemory,
                           .threads = &thread,
                           .nthreads = 1,
                           .regs = s->regs};
    fake_open(f, &fake, render);
    no_error(sc_session_set_paths(f->s, NULL, NULL));
    if (!s->nsymbols)
        return;
    s->syms = (struct fakesyms){.provider = "pdb",
                                .has_private = true,
                                .symbols = s->symbols,
                                .nsymbols = s->nsymbols,
                                .line = s->line};
    sc_symbols *symbols = fakesyms_open(&s->syms);
    assert_non_null(symbols);
    no_error(sc_symtab_attach(sc_session_symtab(f->s),
                              sc_target_module_named(f->target, s->module.name), symbols,
                              "by hand"));
    sc_symbols_unref(symbols);
}

/* Opens, runs LINE, compares, closes. */
static void scene_prints(struct scene *s, const char *line, const char *want) {
    struct fix f;
    scene_open(s, &f, SC_RENDER_TEXT);
    fix_prints(&f, line, want);
    fix_close(&f);
}

#define MODULE(n, b, s)                                                                            \
    { .name = n, .image = n ".sys", .path = n ".sys", .base = b, .size = s }
#define CODE(n, r)                                                                                 \
    { .name = n, .kind = SC_SYM_FUNCTION, .rva = r, .code = true }
#define COUNT(a) (sizeof(a) / sizeof *(a))

/* ---- published listings ---- */

static const struct sc_symbol echo_symbols[] = {
    CODE("EchoEvtTimerFunc", 0x338c),
    {.name = "__imp_KeStallExecutionProcessor", .kind = SC_SYM_PUBLIC, .rva = 0x4000},
    {.name = "WdfFunctions", .kind = SC_SYM_DATA, .rva = 0x51d0},
    {.name = "WdfDriverGlobals", .kind = SC_SYM_DATA, .rva = 0x5e58},
};
static struct scene echo(void) {
    return (struct scene){.cpu = SC_CPU_X64,
                          .module = MODULE("ECHO", 0xfffff88004be0000, 0x8000),
                          .addr = 0xfffff88004be33e0,
                          .code = "448b4320488b0d6d2a00004883631800488bd7ff150f260000bbc0d40100b964"
                                  "000000ff15f70b00004883eb0175ef488b5c24304883c4205fc3cccc",
                          .symbols = echo_symbols,
                          .nsymbols = COUNT(echo_symbols)};
}

static void ub_shows_the_code_before_a_return_address(void **state) {
    (void)state;
    struct scene s = echo();
    scene_prints(&s, "ub fffff880`04be3409",
                 "ECHO!EchoEvtTimerFunc+0x54:\n"
                 "fffff880`04be33e0 448b4320        mov     r8d,dword ptr [rbx+20h]\n"
                 "fffff880`04be33e4 488b0d6d2a0000  mov     rcx,qword ptr [ECHO!WdfDriverGlobals "
                 "(fffff880`04be5e58)]\n"
                 "fffff880`04be33eb 4883631800      and     qword ptr [rbx+18h],0\n"
                 "fffff880`04be33f0 488bd7          mov     rdx,rdi\n"
                 "fffff880`04be33f3 ff150f260000    call    qword ptr [ECHO!WdfFunctions+0x838 "
                 "(fffff880`04be5a08)]\n"
                 "fffff880`04be33f9 bbc0d40100      mov     ebx,1D4C0h\n"
                 "fffff880`04be33fe b964000000      mov     ecx,64h\n"
                 "fffff880`04be3403 ff15f70b0000    call    qword ptr "
                 "[ECHO!_imp_KeStallExecutionProcessor (fffff880`04be4000)]\n");
}

static void u_shows_what_follows(void **state) {
    (void)state;
    struct scene s = echo();
    scene_prints(
        &s, "u fffff880`04be3409",
        "ECHO!EchoEvtTimerFunc+0x7d:\n"
        "fffff880`04be3409 4883eb01        sub     rbx,1\n"
        "fffff880`04be340d 75ef            jne     ECHO!EchoEvtTimerFunc+0x72 (fffff880`04be33fe)\n"
        "fffff880`04be340f 488b5c2430      mov     rbx,qword ptr [rsp+30h]\n"
        "fffff880`04be3414 4883c420        add     rsp,20h\n"
        "fffff880`04be3418 5f              pop     rdi\n"
        "fffff880`04be3419 c3              ret\n"
        "fffff880`04be341a cc              int     3\n"
        "fffff880`04be341b cc              int     3\n");
}

static void ub_finds_its_step_among_several_functions(void **state) {
    (void)state;
    static const struct sc_symbol symbols[] = {
        CODE("KiIpiSendRequest", 0xaa570),
        {.name = "KeActiveProcessors", .kind = SC_SYM_DATA, .rva = 0x2c3220}};
    struct scene s = {.cpu = SC_CPU_X64,
                      .module = MODULE("nt", 0xfffff80003200000, 0x500000),
                      .addr = 0xfffff800032aa85b,
                      .code = "5e5dc38bc6e9e2feffff0fb70db48921000fb705af8921008bfa",
                      .symbols = symbols,
                      .nsymbols = COUNT(symbols)};
    scene_prints(
        &s, "ub nt!KiIpiSendRequest+0x305",
        "nt!KiIpiSendRequest+0x2eb:\n"
        "fffff800`032aa85b 5e              pop     rsi\n"
        "fffff800`032aa85c 5d              pop     rbp\n"
        "fffff800`032aa85d c3              ret\n"
        "fffff800`032aa85e 8bc6            mov     eax,esi\n"
        "fffff800`032aa860 e9e2feffff      jmp     nt!KiIpiSendRequest+0x1d7 (fffff800`032aa747)\n"
        "fffff800`032aa865 0fb70db4892100  movzx   ecx,word ptr [nt!KeActiveProcessors "
        "(fffff800`034c3220)]\n"
        "fffff800`032aa86c 0fb705af892100  movzx   eax,word ptr [nt!KeActiveProcessors+0x2 "
        "(fffff800`034c3222)]\n"
        "fffff800`032aa873 8bfa            mov     edi,edx\n");
}

static void u_takes_a_symbol_and_a_count(void **state) {
    (void)state;
    static const struct sc_symbol symbols[] = {CODE("VfAfterCallDriver", 0x6810)};
    struct scene s = {.cpu = SC_CPU_X64,
                      .module = MODULE("nt", 0xfffff80001b60000, 0x10000),
                      .addr = 0xfffff80001b66810,
                      .code = "48895c241048896c2418488974242057415441554883ec30488bfa488bd9",
                      .symbols = symbols,
                      .nsymbols = COUNT(symbols)};
    scene_prints(&s, "u nt!VfAfterCallDriver L9",
                 "nt!VfAfterCallDriver:\n"
                 "fffff800`01b66810 48895c2410      mov     qword ptr [rsp+10h],rbx\n"
                 "fffff800`01b66815 48896c2418      mov     qword ptr [rsp+18h],rbp\n"
                 "fffff800`01b6681a 4889742420      mov     qword ptr [rsp+20h],rsi\n"
                 "fffff800`01b6681f 57              push    rdi\n"
                 "fffff800`01b66820 4154            push    r12\n"
                 "fffff800`01b66822 4155            push    r13\n"
                 "fffff800`01b66824 4883ec30        sub     rsp,30h\n"
                 "fffff800`01b66828 488bfa          mov     rdi,rdx\n"
                 "fffff800`01b6682b 488bd9          mov     rbx,rcx\n");
}

static void a_module_with_exports_alone_names_what_it_can(void **state) {
    (void)state;
    static const struct sc_symbol symbols[] = {
        {.name = "PlugControl", .kind = SC_SYM_EXPORT, .rva = 0xe560}};
    struct scene s = {
        .cpu = SC_CPU_X64,
        .user = true,
        .module = MODULE("ThirdPartyServiceMonitor", 0xe50000, 0x20000),
        .addr = 0xe53020,
        .code = "898324040000488b47384c8b40104d85c07412488d8b28040000ba00020000ff1553b40100eb16",
        .symbols = symbols,
        .nsymbols = COUNT(symbols)};
    scene_prints(&s, "ub 00000000`00e53045; u 00e53045 L1",
                 "ThirdPartyServiceMonitor+0x3020:\n"
                 "00000000`00e53020 898324040000    mov     dword ptr [rbx+424h],eax\n"
                 "00000000`00e53026 488b4738        mov     rax,qword ptr [rdi+38h]\n"
                 "00000000`00e5302a 4c8b4010        mov     r8,qword ptr [rax+10h]\n"
                 "00000000`00e5302e 4d85c0          test    r8,r8\n"
                 "00000000`00e53031 7412            je      ThirdPartyServiceMonitor+0x3045 "
                 "(00000000`00e53045)\n"
                 "00000000`00e53033 488d8b28040000  lea     rcx,[rbx+428h]\n"
                 "00000000`00e5303a ba00020000      mov     edx,200h\n"
                 "00000000`00e5303f ff1553b40100    call    qword ptr "
                 "[ThirdPartyServiceMonitor!PlugControl+0xff38 (00000000`00e6e498)]\n"
                 "ThirdPartyServiceMonitor+0x3045:\n"
                 "00000000`00e53045 eb16            jmp     ThirdPartyServiceMonitor+0x305d "
                 "(00000000`00e5305d)\n");
}

/* ---- where it starts, goes on and ends ---- */

static struct sc_regs regs_at(enum sc_cpu cpu, uint64_t ip) {
    struct sc_regs r = full_regs(cpu);
    set_reg(&r, cpu == SC_CPU_X64 ? "rip" : "eip", ip);
    return r;
}

static const struct sc_symbol two_symbols[] = {CODE("First", 0x1000), CODE("Second", 0x1002)};
static struct scene small(struct sc_regs *regs) {
    return (struct scene){.cpu = SC_CPU_X86,
                          .user = true,
                          .module = MODULE("app", 0x400000, 0x8000),
                          .addr = 0x401000,
                          .code = "90c35589e5cccccccccccc",
                          .symbols = two_symbols,
                          .nsymbols = COUNT(two_symbols),
                          .regs = regs};
}

static void u_goes_on_where_it_ended_and_a_symbol_has_its_line(void **state) {
    (void)state;
    struct fix f;
    struct sc_regs r = regs_at(SC_CPU_X86, 0x401000);
    struct scene s = small(&r);
    scene_open(&s, &f, SC_RENDER_TEXT);
    fix_prints(&f, "u .  L3",
               "app!First:\n"
               "00401000 90              nop\n"
               "00401001 c3              ret\n"
               "app!Second:\n"
               "00401002 55              push    ebp\n");
    fix_prints(&f, "u L1",
               "app!Second+0x1:\n"
               "00401003 89e5            mov     ebp,esp\n");
    fix_prints(&f, "u L1",
               "app!Second+0x3:\n"
               "00401005 cc              int     3\n");
    fix_run(&f, "? .");
    fix_has(&f, "Evaluate expression: 4198406 = 00401006");
    fix_prints(&f, "ub L2",
               "app!Second+0x1:\n"
               "00401003 89e5            mov     ebp,esp\n"
               "00401005 cc              int     3\n");
    fix_close(&f);
}

static void the_first_u_is_at_the_instruction_pointer_and_a_new_context_goes_back(void **state) {
    (void)state;
    struct fix f;
    struct sc_regs r = regs_at(SC_CPU_X86, 0x401002);
    struct scene s = small(&r);
    scene_open(&s, &f, SC_RENDER_TEXT);
    fix_prints(&f, "u L1", "app!Second:\n00401002 55              push    ebp\n");
    fix_prints(&f, "u L1", "app!Second+0x1:\n00401003 89e5            mov     ebp,esp\n");
    fix_run(&f, ".cxr");
    fix_prints(&f, "u L1", "app!Second:\n00401002 55              push    ebp\n");
    fix_close(&f);
}

static void u_takes_a_last_address_and_a_count_backwards(void **state) {
    (void)state;
    struct sc_regs r = regs_at(SC_CPU_X86, 0x401000);
    struct scene s = small(&r);
    scene_prints(&s, "u 401000 401001",
                 "app!First:\n00401000 90              nop\n00401001 c3              ret\n");
    scene_prints(&s, "u 401005 L-1", "app!Second+0x1:\n00401003 89e5            mov     ebp,esp\n");
    struct fix f;
    scene_open(&s, &f, SC_RENDER_TEXT);
    fix_fails(&f, "ub 401000 401005", "ub address [L count]");
    fix_close(&f);
}

/* The caret stands under the command's last character, where the prompt has put it. */
static void unreadable_memory_ends_u_as_in_windbg(void **state) {
    (void)state;
    struct fix f;
    struct sc_regs r = regs_at(SC_CPU_X86, 0x401000);
    struct scene s = small(&r);
    s.module.size = 0;
    s.nsymbols = 0;
    scene_open(&s, &f, SC_RENDER_TEXT);
    assert_int_equal(fix_run(&f, "u 5d38a57f"), 1);
    assert_string_equal(fix_text(&f), "5d38a57f ??              ???\n"
                                      "                ^ Memory access error in 'u 5d38a57f'\n");
    assert_int_equal(fix_run(&f, "u 40100a"), 1);
    fix_has(&f, "0040100a cc              int     3\n0040100b ??              ???\n");
    fix_prints(&f, "uu 40100a L3",
               "0040100a cc              int     3\n"
               "0040100b ??              ???\n"
               "0040100c ??              ???\n");
    assert_int_equal(fix_run(&f, "ub 5d38a57f"), 1);
    fix_has(&f, "^ Unable to find valid previous instruction for 'ub 5d38a57f'\n");
    assert_int_equal(fix_run(&f, "uf 5d38a57f"), 1);
    fix_has(&f, "No code found, aborting");
    fix_close(&f);
}

static void the_last_address_is_not_passed(void **state) {
    (void)state;
    struct sc_regs r = regs_at(SC_CPU_X86, 0x401000);
    struct scene s = small(&r);
    s.addr = 0xfffffffe;
    s.code = "9090";
    s.module.size = 0;
    s.nsymbols = 0;
    scene_prints(&s, "u fffffffe", "fffffffe 90              nop\nffffffff 90              nop\n");
    s.cpu = SC_CPU_X64;
    s.addr = 0xfffffffffffffffe;
    r = regs_at(SC_CPU_X64, 0);
    scene_prints(&s, "u ffffffff`fffffffe",
                 "ffffffff`fffffffe 90              nop\nffffffff`ffffffff 90              nop\n");
}

static void lines_stand_in_brackets_and_uf_has_their_numbers(void **state) {
    (void)state;
    static const struct sc_line line = {
        .file = "c:\\src\\main.c", .line = 12, .rva = 0x1000, .size = 9};
    struct sc_regs r = regs_at(SC_CPU_X86, 0x401000);
    struct scene s = small(&r);
    struct fix f;
    s.line = &line;
    scene_open(&s, &f, SC_RENDER_TEXT);
    fix_prints(&f, "u 401000 L1",
               "app!First [c:\\src\\main.c @ 12]:\n00401000 90              nop\n");
    fix_prints(&f, "uf 401000",
               "app!First [c:\\src\\main.c @ 12]:\n"
               "   12 00401000 90              nop\n"
               "   12 00401001 c3              ret\n");
    fix_run(&f, ".lines -d");
    fix_prints(&f, "u 401000 L1", "app!First:\n00401000 90              nop\n");
    fix_close(&f);
}

static void json_has_the_parts(void **state) {
    (void)state;
    struct fix f;
    struct sc_regs r = regs_at(SC_CPU_X86, 0x401000);
    struct scene s = small(&r);
    s.code = "ebfe";
    scene_open(&s, &f, SC_RENDER_JSON);
    fix_run(&f, "u 401000 L1");
    fix_has(&f,
            "{\"type\":\"instruction\",\"address\":\"0x0000000000401000\",\"symbol\":\"app!First\","
            "\"bytes\":\"ebfe\",\"mnemonic\":\"jmp\",\"operands\":\"app!First (00401000)\","
            "\"flow\":\"jump\",\"target\":\"0x0000000000401000\"");
    fix_close(&f);
}

/* ---- uf ---- */

/*
 * x64 with unwind data: Main (1000 … 1010) jumps to a part that was moved in front of it (0f00 is
 * not possible, so it lies at 1400, chained) and calls through an import; Other (1100) is not part.
 */
static void build_image(struct peimg *p) {
    static const uint32_t functions[] = {0x1000, 0x1010, 0x3000, 0x1100, 0x1106,
                                         0x3000, 0x1400, 0x1406, 0x3010};
    static const uint32_t iat[] = {0x2240, 0, 0, 0x2280, 0x2300};
    peimg_init(p, 0x8664);
    memset(p->data + PEIMG_TEXT, 0xcc, 0x1000);
    unhex("85c90f84f8030000ff15f2120000" /* test; je 1400; call [2300] */
          "90c3",
          p->data + 0x1000);
    unhex("e8fbfeffffc3", p->data + 0x1100);
    unhex("ffd0e901fcffff", p->data + 0x1400); /* call rax; jmp 1008 */
    peimg_u8(p, 0x1406, 0xff);
    peimg_dir(p, SC_PE_DIR_EXCEPTION, 0x2100, sizeof functions);
    peimg_u32s(p, 0x2100, functions, COUNT(functions));
    peimg_u8(p, 0x3000, 1);          /* version 1, no flags, no codes */
    peimg_u8(p, 0x3010, 1 | 4 << 3); /* chained to the first */
    peimg_u32s(p, 0x3014, functions, 3);
    peimg_dir(p, SC_PE_DIR_IMPORT, 0x2200, 0x28);
    peimg_dir(p, SC_PE_DIR_IAT, 0x2300, 0x10);
    peimg_u32s(p, 0x2200, iat, 5);
    peimg_u64(p, 0x2240, 0x22a0);
    peimg_text(p, 0x2280, "HAL.dll");
    peimg_text(p, 0x22a2, "KeStall");
    peimg_u64(p, 0x2300, 0x22a0);
}

static const struct sc_symbol image_symbols[] = {CODE("Main", 0x1000), CODE("Other", 0x1100)};

static struct scene image_scene(const struct peimg *p) {
    return (struct scene){.cpu = SC_CPU_X64,
                          .module = MODULE("app", 0x140000000, PEIMG_SIZE),
                          .addr = 0x140000000,
                          .data = p->data,
                          .size = PEIMG_SIZE,
                          .symbols = image_symbols,
                          .nsymbols = COUNT(image_symbols)};
}

#define MAIN_BLOCKS                                                                                \
    "app!Main:\n"                                                                                  \
    "00000001`40001000 85c9            test    ecx,ecx\n"                                          \
    "00000001`40001002 0f84f8030000    je      app!Other+0x300 (00000001`40001400)\n"              \
    "\n"                                                                                           \
    "app!Main+0x8:\n"                                                                              \
    "00000001`40001008 ff15f2120000    call    qword ptr [app!_imp_KeStall (00000001`40002300)]\n" \
    "00000001`4000100e 90              nop\n"                                                      \
    "00000001`4000100f c3              ret\n"                                                      \
    "\n"                                                                                           \
    "app!Other+0x300:\n"                                                                           \
    "00000001`40001400 ffd0            call    rax\n"                                              \
    "00000001`40001402 e901fcffff      jmp     app!Main+0x8 (00000001`40001008)\n"

static void uf_follows_control_into_chained_parts(void **state) {
    (void)state;
    struct peimg p;
    build_image(&p);
    struct scene s = image_scene(&p);
    scene_prints(&s, "uf app!Main", MAIN_BLOCKS);
    scene_prints(&s, "uf 140001402", MAIN_BLOCKS); /* from anywhere in it */
    scene_prints(&s, "uf /i /o /m app!Main", "7 instructions scanned\n\n" MAIN_BLOCKS);
    scene_prints(&s, "uf app!Other",
                 "app!Other:\n"
                 "00000001`40001100 e8fbfeffff      call    app!Main (00000001`40001000)\n"
                 "00000001`40001105 c3              ret\n");
}

static void uf_shows_calls_alone(void **state) {
    (void)state;
    struct peimg p;
    build_image(&p);
    struct scene s = image_scene(&p);
    scene_prints(&s, "uf /c /D app!Main",
                 "app!Main (00000001`40001000)\n"
                 "  app!Main+0x8 (00000001`40001008):\n"
                 "    call to 00000000`000022a0\n"
                 "  app!Other+0x300 (00000001`40001400):\n"
                 "    unresolvable call: call    rax\n");
    scene_prints(&s, "uf /c app!Other",
                 "app!Other (00000001`40001100)\n"
                 "  app!Other (00000001`40001100):\n"
                 "    call to app!Main (00000001`40001000)\n");
}

/* A part at a lower address than the function's start: last in its order, first by address. */
static void uf_orders_by_function_or_by_address(void **state) {
    (void)state;
    static const struct sc_symbol symbols[] = {
        CODE("Main", 0x1000), CODE("Main", 0x1010)}; /* what the linker moved keeps its name */
    struct sc_regs r = regs_at(SC_CPU_X86, 0x401010);
    struct scene s = {.cpu = SC_CPU_X86,
                      .user = true,
                      .module = MODULE("app", 0x400000, 0x8000),
                      .addr = 0x401000,
                      .code = "c3",
                      .symbols = symbols,
                      .nsymbols = 1,
                      .regs = &r};
    s.code = "eb05cccccc90c3ebfccccc";
    scene_prints(&s, "uf app!Main",
                 "app!Main:\n"
                 "00401000 eb05            jmp     app!Main+0x7 (00401007)\n"
                 "\n"
                 "app!Main+0x5:\n"
                 "00401005 90              nop\n"
                 "00401006 c3              ret\n"
                 "\n"
                 "app!Main+0x7:\n"
                 "00401007 ebfc            jmp     app!Main+0x5 (00401005)\n");
    struct peimg p;
    build_image(&p);
    peimg_u32s(&p, 0x2100, (const uint32_t[]){0x1000, 0x1010, 0x3010, 0x1100, 0x1106, 0x3000}, 6);
    peimg_u32s(&p, 0x3014, (const uint32_t[]){0x1400, 0x1407, 0x3000}, 3);
    peimg_u32s(&p, 0x2118, (const uint32_t[]){0x1400, 0x1407, 0x3000}, 3);
    s = image_scene(&p);
    struct fix f;
    scene_open(&s, &f, SC_RENDER_TEXT);
    fix_run(&f, "uf 140001000");
    assert_ptr_equal(strstr(fix_text(&f), "app!Other+0x300:\n"), fix_text(&f));
    fix_run(&f, "uf /o 140001000");
    assert_ptr_equal(strstr(fix_text(&f), "app!Main+0x8:\n"), fix_text(&f));
    fix_close(&f);
}

static void uf_says_when_code_is_missing(void **state) {
    (void)state;
    struct sc_regs r = regs_at(SC_CPU_X86, 0x401000);
    struct scene s = small(&r);
    s.code = "909090";
    s.nsymbols = 0;
    scene_prints(&s, "uf 401001",
                 "Flow analysis was incomplete, some code may be missing\n"
                 "app+0x1001:\n"
                 "00401001 90              nop\n"
                 "00401002 90              nop\n");
}

static void breakpoints_behind_the_last_call_are_padding(void **state) {
    (void)state;
    struct sc_regs r = regs_at(SC_CPU_X86, 0x401002);
    struct scene s = small(&r);
    scene_prints(&s, "uf",
                 "app!Second:\n"
                 "00401002 55              push    ebp\n"
                 "00401003 89e5            mov     ebp,esp\n"
                 "00401005 cc              int     3\n");
}

/* ---- the line below r ---- */

/* Only the last line of the output is looked at. */
static void at_ip(enum sc_cpu cpu, struct sc_regs *r, const char *code, uint64_t stack,
                  const char *want) {
    struct fix f;
    set_reg(r, cpu == SC_CPU_X64 ? "rip" : "eip", 0x401000);
    struct scene s = {.cpu = cpu,
                      .user = true,
                      .module = MODULE("app", 0x400000, 0x8000),
                      .addr = 0x401000,
                      .code = code,
                      .symbols = two_symbols,
                      .nsymbols = COUNT(two_symbols),
                      .stack = stack,
                      .regs = r};
    scene_open(&s, &f, SC_RENDER_TEXT);
    fix_run(&f, "r");
    const char *text = fix_text(&f), *last = strstr(text, "app!First:\n");
    assert_non_null(last);
    assert_string_equal(last + 11, want);
    fix_close(&f);
}

static void r_shows_what_x86_is_about_to_touch(void **state) {
    (void)state;
    struct sc_regs r = full_regs(SC_CPU_X86);
    set_reg(&r, "ds", 0x23);
    set_reg(&r, "es", 0x23);
    set_reg(&r, "ss", 0x23);
    set_reg(&r, "fs", 0x3b);
    set_reg(&r, "esp", 0x12f000);
    set_reg(&r, "esi", 0x12f000);
    /* What stands behind the operands ends at column 79. */
    at_ip(SC_CPU_X86, &r, "8b01", 0,
          "00401000 8b01            mov     eax,dword ptr [ecx]  ds:0023:00000000=????????\n");
    at_ip(SC_CPU_X86, &r, "8b442404", 0x12f000,
          "00401000 8b442404        mov     eax,dword ptr [esp+4] ss:0023:0012f004=ffffffff\n");
    at_ip(SC_CPU_X86, &r, "f3a5", 0x12f000,
          "00401000 f3a5            rep movs dword ptr es:[edi],dword ptr [esi] "
          "es:0023:00000000=???????? ds:0023:0012f000=ffffffff\n");
    at_ip(SC_CPU_X86, &r, "64a118000000", 0x7ffdf000,
          "00401000 64a118000000    mov     eax,dword ptr fs:[00000018h] "
          "fs:003b:00000018=ffffffff\n");
    at_ip(SC_CPU_X86, &r, "ff150610400000104000", 0,
          "00401000 ff1506104000    call    dword ptr [app!Second+0x4 (00401006)] "
          "ds:0023:00401006={app!First (00401000)}\n");
}

static void r_foretells_branches(void **state) {
    (void)state;
    struct sc_regs r = full_regs(SC_CPU_X86);
    set_reg(&r, "efl", 0x246);
    at_ip(SC_CPU_X86, &r, "7400", 0,
          "00401000 7400            je      app!Second (00401002)                   [br=1]\n");
    at_ip(SC_CPU_X86, &r, "7500", 0,
          "00401000 7500            jne     app!Second (00401002)                   [br=0]\n");
    at_ip(SC_CPU_X86, &r, "eb00", 0, "00401000 eb00            jmp     app!Second (00401002)\n");
    at_ip(SC_CPU_X86, &r, "8d01", 0, "00401000 8d01            lea     eax,[ecx]\n");
}

static void r_shows_wide_and_pointed_to_memory_of_x64(void **state) {
    (void)state;
    struct sc_regs r = full_regs(SC_CPU_X64);
    set_reg(&r, "ds", 0x2b);
    set_reg(&r, "rcx", 0);
    at_ip(SC_CPU_X64, &r, "8a8164010000", 0,
          "00000000`00401000 8a8164010000    mov     al,byte ptr [rcx+164h] "
          "ds:002b:00000000`00000164=??\n");
    at_ip(SC_CPU_X64, &r, "ff10", 0,
          "00000000`00401000 ff10            call    qword ptr [rax] "
          "ds:002b:00000000`00000000=????????????????\n");
    set_reg(&r, "rax", 0x12f000);
    at_ip(SC_CPU_X64, &r, "0f1000", 0x12f000,
          "00000000`00401000 0f1000          movups  xmm0,xmmword ptr [rax] "
          "ds:002b:00000000`0012f000=ffffffffffffffffffffffffffffffff\n");
    set_reg(&r, "rax", 0x401008);
    at_ip(SC_CPU_X64, &r,
          "ff10909090909090"
          "0010400000000000",
          0,
          "00000000`00401000 ff10            call    qword ptr [rax] "
          "ds:002b:00000000`00401008={app!First (00000000`00401000)}\n");
    set_reg(&r, "ds", 0); /* no selector, none shown */
    at_ip(SC_CPU_X64, &r, "8a8164010000", 0,
          "00000000`00401000 8a8164010000    mov     al,byte ptr [rcx+164h] "
          "ds:00000000`00000164=??\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ub_shows_the_code_before_a_return_address),
        cmocka_unit_test(u_shows_what_follows),
        cmocka_unit_test(ub_finds_its_step_among_several_functions),
        cmocka_unit_test(u_takes_a_symbol_and_a_count),
        cmocka_unit_test(a_module_with_exports_alone_names_what_it_can),
        cmocka_unit_test(u_goes_on_where_it_ended_and_a_symbol_has_its_line),
        cmocka_unit_test(the_first_u_is_at_the_instruction_pointer_and_a_new_context_goes_back),
        cmocka_unit_test(u_takes_a_last_address_and_a_count_backwards),
        cmocka_unit_test(unreadable_memory_ends_u_as_in_windbg),
        cmocka_unit_test(the_last_address_is_not_passed),
        cmocka_unit_test(lines_stand_in_brackets_and_uf_has_their_numbers),
        cmocka_unit_test(json_has_the_parts),
        cmocka_unit_test(uf_follows_control_into_chained_parts),
        cmocka_unit_test(uf_shows_calls_alone),
        cmocka_unit_test(uf_orders_by_function_or_by_address),
        cmocka_unit_test(uf_says_when_code_is_missing),
        cmocka_unit_test(breakpoints_behind_the_last_call_are_padding),
        cmocka_unit_test(r_shows_what_x86_is_about_to_touch),
        cmocka_unit_test(r_foretells_branches),
        cmocka_unit_test(r_shows_wide_and_pointed_to_memory_of_x64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
