/* SPDX-License-Identifier: MIT */
/* What scenarios say: every directive as it is understood, and every complaint with its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "forge/memmap.h"
#include "forge/scenario.h"

static char why[FORGE_WHY_MAX];

static struct forge_scenario parse(const char *text) {
    struct forge_scenario s;
    if (!forge_scenario_parse("case", text, &s, why))
        fail_msg("%s", why);
    return s;
}

static void machine_lines(void **state) {
    (void)state;
    struct forge_scenario s = parse(
        "os 7601 sp 1 revision 17514 product server lab 7601.17514.amd64fre checked\n"
        "cpu x64 count 4 current 2 vendor AuthenticAMD family 16 model 4 stepping 3 mhz 2666\n"
        "bugcheck c4 c5 fltmgr!FltpDispatch 0xffff 0n10   # a comment\n"
        "exception c0000005 nt+10 flags=1 0 0x28\n"
        "room fffffa80`12340000\n"
        "verifier 810\n"
        "comment made by hand\n"
        "broken bad.sys\n"
        "dump triage out.dmp\n");
    assert_int_equal(s.os.build, 7601);
    assert_int_equal(s.os.sp, 1);
    assert_int_equal(s.os.revision, 17514);
    assert_int_equal(s.os.product, 3);
    assert_true(s.os.checked);
    assert_string_equal(s.os.lab, "7601.17514.amd64fre");
    assert_int_equal(s.cpu.machine, 0x8664);
    assert_int_equal(s.cpu.count, 4);
    assert_int_equal(s.cpu.current, 2);
    assert_string_equal(s.cpu.vendor, "AuthenticAMD");
    assert_int_equal(s.cpu.family, 16);
    assert_int_equal(s.cpu.model, 4);
    assert_int_equal(s.cpu.stepping, 3);
    assert_int_equal(s.cpu.mhz, 2666);
    assert_int_equal(s.bugcheck.code, 0xc4);
    assert_int_equal(s.bugcheck.nargs, 4);
    assert_string_equal(s.bugcheck.arg[1].text, "fltmgr!FltpDispatch");
    assert_int_equal(s.exception.code, 0xc0000005);
    assert_int_equal(s.exception.flags, 1);
    assert_int_equal(s.exception.nparams, 2);
    assert_string_equal(s.exception.address.text, "nt+10");
    assert_int_equal(s.spare, 0xfffffa8012340000);
    assert_int_equal(s.verifier, 0x810);
    assert_string_equal(s.comment, "made by hand");
    assert_string_equal(s.broken, "bad.sys");
    assert_int_equal(s.dump, FORGE_DUMP_TRIAGE);
    assert_string_equal(s.file, "out.dmp");
    forge_scenario_free(&s);
}

static void times(void **state) {
    (void)state;
    struct forge_scenario s = parse("time 2021-02-10 20:14:55.1234567\nuptime 1 days 2:03:04.5\n");
    assert_int_equal(s.time, 132574616951234567);
    assert_int_equal(s.uptime, (((24ull + 2) * 60 + 3) * 60 + 4) * 10000000 + 5000000);
    forge_scenario_free(&s);
    /* As a debugger prints it, with and without a zone: 09:29 at four hours west is 13:29. */
    s = parse("time Thu Sep 14 09:29:23.125 2006 (GMT-4)\nuptime 0 days 0:19:46.125\n");
    uint64_t zoned = s.time;
    forge_scenario_free(&s);
    s = parse("time Thu Sep 14 13:29:23.125 2006\nuptime 0:19:46\n");
    assert_int_equal(s.time, zoned);
    assert_int_equal(s.uptime, 1186 * 10000000ull);
    forge_scenario_free(&s);
    s = parse("time Fri Nov 20 18:59:23.000 2020 (UTC + 5:30)\n");
    uint64_t east = s.time;
    forge_scenario_free(&s);
    s = parse("time 2020-11-20 13:29:23\n");
    assert_int_equal(s.time, east);
    forge_scenario_free(&s);
    s = parse("time 1601-01-02\n");
    assert_int_equal(s.time, 864000000000);
    forge_scenario_free(&s);
    s = parse("time 2000-03-01\n");
    uint64_t march = s.time;
    forge_scenario_free(&s);
    s = parse("time 2000-02-28\n");
    assert_int_equal(march - s.time, 2 * 864000000000); /* 2000 was a leap year */
    forge_scenario_free(&s);
}

static void modules(void **state) {
    (void)state;
    struct forge_scenario s = parse(
        "module nt fffff800`01644000 fffff80001c2e000 image ntkrnlmp.exe private inmemory\n"
        "module srv2 fffff88004027000 +66000 path \\SystemRoot\\System32\\DRIVERS\\srv2.sys \\\n"
        "    time \"Tue Jul 14 01:19:35 2009\" checksum 6b1a2 version 6.1.7601.17514 \\\n"
        "    company \"Microsoft Corporation\" product \"Windows \"\"7\"\"\" description SMB "
        "exports\n"
        "module a 1000 2000 pdb a.pdb {3844DBB9-2017-4967-BE7A-A4A2C20430FA} 2 nosymbols noimage\n"
        "module b 3000 4000 stamp 4A5BC84E pdb c.pdb\n"
        "unloaded BadDriver.sys 5000 +1000\n");
    assert_int_equal(s.modules.count, 4);
    const struct forge_scn_module *m = s.modules.item;
    assert_string_equal(m[0].name, "nt");
    assert_int_equal(m[0].start, 0xfffff80001644000);
    assert_int_equal(m[0].end, 0xfffff80001c2e000);
    assert_string_equal(m[0].image, "ntkrnlmp.exe");
    assert_int_equal(m[0].symbols, FORGE_SYMBOLS_PRIVATE);
    assert_true(m[0].in_memory);
    assert_int_equal(m[1].line, 2);
    assert_int_equal(m[1].end, 0xfffff8800408d000);
    assert_string_equal(m[1].path, "\\SystemRoot\\System32\\DRIVERS\\srv2.sys");
    assert_int_equal(m[1].stamp, 0x4a5bdd27);
    assert_int_equal(m[1].checksum, 0x6b1a2);
    assert_int_equal(m[1].version[3], 17514);
    assert_string_equal(m[1].company, "Microsoft Corporation");
    assert_string_equal(m[1].product, "Windows \"7\"");
    assert_int_equal(m[1].symbols, FORGE_SYMBOLS_EXPORTS);
    assert_true(m[2].has_guid);
    assert_int_equal(m[2].guid[0], 0xb9); /* stored little-endian */
    assert_int_equal(m[2].guid[4], 0x17);
    assert_int_equal(m[2].guid[15], 0xfa);
    assert_int_equal(m[2].age, 2);
    assert_int_equal(m[2].symbols, FORGE_SYMBOLS_NONE);
    assert_true(m[2].no_image);
    assert_false(m[3].has_guid);
    assert_string_equal(m[3].pdb, "c.pdb");
    assert_int_equal(s.unloaded.item[0].end, 0x6000);
    assert_int_equal(s.unloaded.item[0].line, 7);
    forge_scenario_free(&s);
}

static void a_module_listing(void **state) {
    (void)state;
    struct forge_scenario s = parse(
        "modules\n"
        "0: kd> lm t n\n"
        "start             end                 module name\n"
        "fffff800`01644000 fffff800`01c2e000   nt       ntkrnlmp.exe Sat Nov 20 09:30:02 2010 "
        "(4CE7951A)\n"
        "fffff880`04027000 fffff880`0408d000   srv2       (deferred)\n"
        "\n"
        "Unloaded modules:\n"
        "fffff880`05000000 fffff880`05010000   bad.sys\n"
        "  end\n"
        "dump triage\n");
    assert_int_equal(s.modules.count, 2);
    assert_int_equal(s.modules.item[0].stamp, 0x4ce7951a);
    assert_string_equal(s.modules.item[0].image, "ntkrnlmp.exe");
    assert_false(s.modules.item[1].has_stamp);
    assert_null(s.modules.item[1].image);
    assert_int_equal(s.modules.item[1].line, 5);
    assert_int_equal(s.unloaded.count, 1);
    assert_string_equal(s.unloaded.item[0].name, "bad.sys");
    assert_int_equal(s.dump_line, 10);
    forge_scenario_free(&s);
}

static void objects(void **state) {
    (void)state;
    struct forge_scenario s = parse(
        "process System fffffa8048cad9e0 pid 4 Pcb.BasePriority=8\n"
        "process fffffa8048cad000\n"
        "process \"dead\" fffffa8048cae000 ImageFileName=\"a b\"\n"
        "thread fffffa804b5be040 cid 0004.082c process fffffa8048cad9e0 teb 7ff000 name worker \\\n"
        "  stack fffff88005cc7000 fffff88005cc1000 fffff88005cc6db0 fffff88005cc69b0 \\\n"
        "  start srv2!SrvProcWorkerThread Tcb.KernelApcDisable=ffff\n"
        "processor 1 fffff88002f64180 MHz=0n2666\n"
        "struct _DEVICE_OBJECT fffffa804a3b0060 Type=3 Name=L\"wide text\"\n"
        "symbol nt!KeBugCheckEx fffff80001b66810 size 120 static\n"
        "symbol \"nt! ?? ::FNODOBFM::`string'\" nt+1234 label\n"
        "symbol nt!MmX nt+20 type Uint4B\n"
        "line srv2!F+12 d:\\w7\\srv2.c 0123\n"
        "local srv2!F Context \"_CONTEXT*\" param at rbp-18\n"
        "local srv2!F i int in rbx\n");
    assert_int_equal(s.processes.count, 3);
    assert_string_equal(s.processes.item[0].name, "System");
    assert_int_equal(s.processes.item[0].pid, 4);
    assert_string_equal(s.processes.item[0].member.item[0].word.key, "Pcb.BasePriority");
    assert_null(s.processes.item[1].name);
    assert_string_equal(s.processes.item[2].name, "dead");
    assert_true(s.processes.item[2].member.item[0].word.quoted);
    assert_string_equal(s.processes.item[2].member.item[0].word.value, "a b");
    const struct forge_scn_thread *t = &s.threads.item[0];
    assert_int_equal(t->line, 4);
    assert_int_equal(t->pid, 4);
    assert_int_equal(t->tid, 0x82c);
    assert_int_equal(t->process, 0xfffffa8048cad9e0);
    assert_int_equal(t->teb, 0x7ff000);
    assert_string_equal(t->name, "worker");
    assert_int_equal(t->stack_limit, 0xfffff88005cc1000);
    assert_true(t->has_init && t->has_current);
    assert_int_equal(t->stack_current, 0xfffff88005cc69b0);
    assert_string_equal(t->start.text, "srv2!SrvProcWorkerThread");
    assert_string_equal(t->member.item[0].word.value, "ffff");
    assert_int_equal(s.processors.item[0].number, 1);
    assert_int_equal(s.processors.item[0].address, 0xfffff88002f64180);
    assert_true(s.structs.item[0].member.item[1].word.wide);
    assert_string_equal(s.structs.item[0].member.item[1].word.value, "wide text");
    assert_int_equal(s.symbols.item[0].size, 0x120);
    assert_int_equal(s.symbols.item[0].kind, FORGE_SYM_STATIC);
    assert_string_equal(s.symbols.item[1].name, " ?? ::FNODOBFM::`string'");
    assert_int_equal(s.symbols.item[1].kind, FORGE_SYM_LABEL);
    assert_string_equal(s.symbols.item[2].type, "Uint4B");
    assert_int_equal(s.lines.item[0].number, 123);
    assert_string_equal(s.lines.item[0].file, "d:\\w7\\srv2.c");
    assert_true(s.locals.item[0].local.parameter && s.locals.item[0].local.has_offset);
    assert_int_equal(s.locals.item[0].local.offset, -0x18);
    assert_string_equal(s.locals.item[0].local.reg, "rbp");
    assert_string_equal(s.locals.item[1].local.reg, "rbx");
    forge_scenario_free(&s);
}

static void blocks(void **state) {
    (void)state;
    struct forge_scenario s = parse("stack\n"
                                    "# Child-SP          RetAddr           Call Site\n"
                                    "00 fffff880`05db1b08 fffff800`0174a9c0 nt!KeBugCheckEx\n"
                                    "end\n"
                                    "stack thread fffffa804b5be040\n"
                                    "end\n"
                                    "stack user\nend\n"
                                    "memory dq\n"
                                    "fffffa80`4b729830  fffffa80`4a3b0060\n"
                                    "end\n"
                                    "memory dd 01 02\n"
                                    "memory nt!X \"text\" L\"t\" 00 # not this\n"
                                    "code\nend\n"
                                    "code ub\nend\n"
                                    "code nt!F 90cc\n"
                                    "layout srv2!_X size 20 union\n   +0x000 A : Uint4B\nend\n"
                                    "expect k\nanything \"at all\nend\n"
                                    "room 10\n");
    assert_int_equal(s.stacks.count, 3);
    assert_int_equal(s.stacks.item[0].of, FORGE_STACK_CURRENT);
    assert_int_equal(s.stacks.item[0].listing.line, 2);
    assert_string_equal(s.stacks.item[0].listing.text,
                        "# Child-SP          RetAddr           Call Site\n"
                        "00 fffff880`05db1b08 fffff800`0174a9c0 nt!KeBugCheckEx\n");
    assert_int_equal(s.stacks.item[1].of, FORGE_STACK_THREAD);
    assert_int_equal(s.stacks.item[1].thread, 0xfffffa804b5be040);
    assert_int_equal(s.stacks.item[2].of, FORGE_STACK_USER);
    assert_int_equal(s.memory.count, 6);
    const struct forge_scn_memory *m = s.memory.item;
    assert_string_equal(m[0].command, "dq");
    assert_null(m[1].command); /* "dd" is an address here */
    assert_int_equal(m[1].words.count, 2);
    assert_int_equal(m[2].words.count, 3);
    assert_true(m[2].words.item[0].quoted && !m[2].words.item[0].wide);
    assert_true(m[2].words.item[1].wide);
    assert_true(m[3].code);
    assert_string_equal(m[3].command, "u");
    assert_string_equal(m[4].command, "ub");
    assert_null(m[5].command);
    assert_string_equal(s.layouts.item[0].type, "srv2!_X");
    assert_int_equal(s.layouts.item[0].size, 0x20);
    assert_true(s.layouts.item[0].is_union);
    assert_int_equal(s.room_line, 25);
    forge_scenario_free(&s);
}

static void registers(void **state) {
    (void)state;
    struct forge_scenario s =
        parse("registers\n"
              "0: kd> .frame /r 2\n"
              "02 fffff880`05db1b50 fffff800`01b6cc2e nt!VfAfterCallDriver+0x33e\n"
              "rax=0000000000000000 rbx=fffffa804b729790 rcx=00000000000000c4\n"
              " r8=fffff88001345610  r9=000000000000ffff r10=fffff80001b7a640\n"
              "iopl=0         nv up ei ng nz na pe nc\n"
              "cs=0010  ss=0018\xc2\xa0\xc2\xa0"
              "ds=002b             efl=00000282\n"
              "nt!VfAfterCallDriver+0x33e:\n"
              "fffff800`01b66b4e 8b00  mov eax,dword ptr [rax] ds:002b:00000000`00000000=????????\n"
              "end\n"
              "registers dr7=400\n");
    assert_int_equal(s.registers.count, 11);
    assert_string_equal(s.registers.item[1].name, "rbx");
    assert_int_equal(s.registers.item[1].value, 0xfffffa804b729790);
    assert_int_equal(s.registers.item[1].line, 4);
    assert_string_equal(s.registers.item[3].name, "r8");
    assert_string_equal(s.registers.item[8].name, "ds");
    assert_int_equal(s.registers.item[8].value, 0x2b);
    assert_string_equal(s.registers.item[10].name, "dr7");
    assert_int_equal(s.registers.item[10].line, 11);
    forge_scenario_free(&s);
}

static void texts_are_read_as_they_come(void **state) {
    (void)state;
    /* A byte order mark, carriage returns, no line end at the end. */
    struct forge_scenario s = parse("\xef\xbb\xbfos 7601\r\nmemory 10 \"a#b\" 00\r\n"
                                    "\t# only a comment\r\n\r\nstack\r\nx\r\n end \r\nroom 1000");
    assert_int_equal(s.os.build, 7601);
    assert_string_equal(s.memory.item[0].words.item[0].text, "a#b");
    assert_int_equal(s.spare, 0x1000);
    assert_int_equal(s.room_line, 8);
    forge_scenario_free(&s);
    s = parse("");
    assert_int_equal(s.os.line, 0);
    forge_scenario_free(&s);
}

/* What is wrong, and what is said about it. */
static const struct {
    const char *text, *why;
} errors[] = {
    {"os 7601\nmodul nt 1000 2000\n",
     "case:2: there is no directive \"modul\": did you mean \"module\"?"},
    {"xyzzy\n", "case:1: there is no directive \"xyzzy\""},
    {"comment \"open\n", "case:1: a quote that does not end"},
    {"os 7601\n\nos 7600\n", "case:3: os: said already in line 1"},
    {"os seven\n", "case:1: os: a build number: \"seven\" is no decimal number"},
    {"os\n", "case:1: os: a build number is missing"},
    {"os 7601 sp\n", "case:1: os: a service pack is missing"},
    {"os 7601 product home\n", "case:1: os: product: \"home\" is not workstation, server or dc"},
    {"os 7601 fast\n", "case:1: os: \"fast\" is not understood here"},
    {"cpu mips\n", "case:1: cpu: \"mips\" is not x64, x86 or arm64"},
    {"cpu x64 count 2 current 2\n",
     "case:1: cpu: current: there is no processor 2 among 2 (from 0)"},
    {"cpu x64 count 65\n", "case:1: cpu: count: at most 64 processors can be made"},
    {"cpu x64 vendor GenuineIntelligence\n",
     "case:1: cpu: vendor: \"GenuineIntelligence\" is longer than 12 characters"},
    {"bugcheck\n", "case:1: bugcheck: a code is missing"},
    {"bugcheck xx\n", "case:1: bugcheck: a code: \"xx\" is no hexadecimal number"},
    {"bugcheck 100000000\n", "case:1: bugcheck: a code has 32 bits"},
    {"bugcheck 1 2 3 4 5 6\n", "case:1: bugcheck: \"6\" is not understood here"},
    {"exception c0000005\n", "case:1: exception: an address is missing"},
    {"exception 1 2 flags=x\n", "case:1: exception: flags: \"x\" is no number of 32 bits"},
    {"exception 1 2 0 1 2 3 4 5 6 7 8 9 a b c d e f\n",
     "case:1: exception: an exception has at most 15 parameters"},
    {"time yesterday\n",
     "case:1: time: \"yesterday\" is no date: write 2013-05-02 14:33:10 (UTC) or what the debugger "
     "prints"},
    {"time 2013-13-02 14:33:10\n",
     "case:1: time: \"2013-13-02 14:33:10\" is no date: write 2013-05-02 14:33:10 (UTC) or what "
     "the debugger prints"},
    {"uptime long\n", "case:1: uptime: \"long\" is no duration: write 3 days 4:05:06.789"},
    {"dump whole\n", "case:1: dump: \"whole\" is not triage, minidump or a container of whole "
                     "memory (full, kernel, raw, elf, …)"},
    {"ram 64\n", "case:1: ram: \"64\" is no size: write 512M or 64G"},
    {"ram 4M\n", "case:1: ram: Windows does not run in less than 16M"},
    {"paging arm\n", "case:1: paging: \"arm\" is not x86, pae, x64 or la57"},
    {"paging x64 selfmap 5\n", "case:1: paging: selfmap: an index lies between 100 and 1ff"},
    {"kdbg hidden\n", "case:1: kdbg: say how it stands in memory: plain or encoded"},
    {"in process\n", "case:1: in: the process's address is missing"},
    {"in process 1000\nram 64M\n", "case:1: in: the block has no line \"end\""},
    {"in process 1000\nin process 2000\n", "case:2: in: the one in line 1 has no \"end\" yet"},
    {"end\n", "case:1: end: there is nothing to end"},
    {"pte 1000 valid\n", "case:1: pte: say how the page stands: transition, pagefile N PAGE, "
                         "prototype, vad, demandzero, subsection ADDRESS, raw VALUE"},
    {"pte 1000 prototype vad\n", "case:1: pte: a prototype entry does not lead to another one"},
    {"pte 1000 pagefile 16 1\n", "case:1: pte: pagefile: there are 16 of them at most"},
    {"vad 1000 1000\n", "case:1: vad: write the first address, on a page, and the one behind the "
                        "last page"},
    {"dump triage a b\n", "case:1: dump: \"b\" is not understood here"},
    {"module nt 2000 1000\n", "case:1: module: the end 1000 must lie above the start 2000"},
    {"module nt 1000\n", "case:1: module: an end address or +size is missing"},
    {"module nt 1000 +\n", "case:1: module: \"+\" is no end address or +size"},
    {"module nt 1000 2000 version 6.1\n", "case:1: module: version: \"6.1\" is not 1.2.3.4"},
    {"module nt 1000 2000 version 6.1.99999.1\n",
     "case:1: module: version: \"6.1.99999.1\" is not 1.2.3.4"},
    {"module nt 1000 2000 time soon\n", "case:1: module: time: \"soon\" is no date"},
    {"module nt 1000 2000 time 1960-01-01\n",
     "case:1: module: time: a time stamp lies between 1970 and 2106"},
    {"module nt 1000 2000 stamp 123456789\n",
     "case:1: module: stamp: 123456789 has more than 32 bits"},
    {"module nt 1000 2000 pdb a.pdb {3844DBB9-2017-4967-BE7A-A4A2C20430FA}\n",
     "case:1: module: the PDB's age is missing"},
    {"module nt 1000 2000 publics\n", "case:1: module: \"publics\" is not understood here"},
    {"modules\nnothing here\nend\n", "case:1: modules: no module stands in the block"},
    {"modules\n1000 2000\nend\n", "case:2: this is not \"start end module\" as lm prints it"},
    {"modules\n1000 2000 nt\n", "case:1: modules: the block has no line \"end\""},
    {"unloaded a.sys\n", "case:1: unloaded: a start address is missing"},
    {"symbol KeBugCheckEx 1000\n",
     "case:1: symbol: \"KeBugCheckEx\" is no symbol: write module!name"},
    {"symbol nt! 1000\n", "case:1: symbol: \"nt!\" is no symbol: write module!name"},
    {"symbol nt!A\n", "case:1: symbol: an address is missing"},
    {"symbol nt!A 1000 funktion\n", "case:1: symbol: \"funktion\" is not understood here"},
    {"process System\n", "case:1: process: an address is missing"},
    {"process System 1000 pid x\n", "case:1: process: pid: \"x\" is no hexadecimal number"},
    {"process System 1000 Pcb\n",
     "case:1: process: \"Pcb\" is not understood here: write member=value"},
    {"thread 1000 cid 4\n", "case:1: thread: cid: \"4\" is not process.thread"},
    {"thread 1000 stack 2000 3000\n",
     "case:1: thread: stack: the base 2000 must lie above the limit 3000"},
    {"thread 1000 stack fffff88003007000 1000\n",
     "case:1: thread: stack: fffff88003006000 bytes are too many"},
    {"thread 1000 stack 2000\n", "case:1: thread: stack: the limit is missing"},
    {"thread 1000 sleeping\n",
     "case:1: thread: \"sleeping\" is not understood here: write member=value"},
    {"processor one\n", "case:1: processor: a number: \"one\" is no decimal number"},
    {"struct _X\n", "case:1: struct: an address is missing"},
    {"stack\n00 1 2 nt!A\n", "case:1: stack: the block has no line \"end\""},
    {"stack mine\nend\n", "case:1: stack: \"mine\" is not understood here"},
    {"stack thread\nend\n", "case:1: stack: the thread's address is missing"},
    {"memory\n", "case:1: memory: an address, or dps, dq, dd, dc, db, da, du is missing"},
    {"memory 1000\n", "case:1: memory: bytes are missing"},
    {"memory dq\n1000 1\n", "case:1: memory: the block has no line \"end\""},
    {"code 1000\n", "case:1: code: bytes are missing"},
    {"line nt!A a.c ten\n", "case:1: line: a line's number: \"ten\" is no decimal number"},
    {"local nt!A i int\n", "case:1: local: say where i is: in rbx, or at rbp-18"},
    {"local nt!A i int at rbp\n", "case:1: local: \"rbp\" is not register+offset"},
    {"registers rax\n", "case:1: registers: \"rax\" is not register=number"},
    {"registers rax=zero\n", "case:1: registers: \"rax=zero\" is not register=number"},
    {"registers\nnothing\nend\n", "case:1: registers: no register stands in the block"},
    {"layout _X size\nend\n", "case:1: layout: size is missing"},
    {"expect k\n", "case:1: expect: the block has no line \"end\""},
    {"room\n", "case:1: room: an address is missing"},
    {"verifier 100000000\n", "case:1: verifier: a level: 100000000 has more than 32 bits"},
};

static void complaints(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        struct forge_scenario s;
        if (forge_scenario_parse("case", errors[i].text, &s, why))
            fail_msg("understood: %s", errors[i].text);
        assert_string_equal(why, errors[i].why);
        forge_scenario_free(&s);
    }
}

static void numbers(void **state) {
    (void)state;
    uint64_t v;
    assert_true(forge_number("fffff800`01644000", &v) && v == 0xfffff80001644000);
    assert_true(forge_number("0n10", &v) && v == 10);
    assert_true(forge_number("0x10", &v) && v == 16);
    assert_false(forge_number("10000000000000000", &v)); /* 65 bits */
    assert_false(forge_number("", &v) || forge_number("0x", &v) || forge_number("`1", &v));
    assert_false(forge_number("12h", &v) || forge_number("0n1f", &v));
    assert_false(forge_decimal("99999999999999999999", &v));
}

static void nearest_names(void **state) {
    (void)state;
    static const char *const names[] = {"KernelApcDisable", "SpecialApcDisable", "Teb"};
    assert_string_equal(forge_nearest_name("KernelAPCDisabled", names, 3), "KernelApcDisable");
    assert_string_equal(forge_nearest_name("teb", names, 3), "Teb");
    assert_null(forge_nearest_name("Unrelated", names, 3));
    assert_null(forge_nearest_name("X", names, 0));
}

static void memory_remembers_who_said_what(void **state) {
    (void)state;
    struct forge_pool pool = {0};
    struct forge_memmap m = {.pool = &pool};
    unsigned other;
    uint64_t at, start, size;
    uint8_t b[8];
    assert_true(forge_memmap_put(&m, 0x1ffc, "12345678", 8, 0, &other, &at));
    assert_true(forge_memmap_put(&m, 0x1ffe, "AB", 2, 7, &other, &at));  /* a line wins */
    assert_true(forge_memmap_put(&m, 0x1ffe, "xyz", 3, 0, &other, &at)); /* and stays */
    assert_true(forge_memmap_put(&m, 0x1fff, "B", 1, 9, &other, &at));   /* the same again */
    assert_false(forge_memmap_put(&m, 0x1fff, "C", 1, 9, &other, &at));
    assert_int_equal(other, 7);
    assert_int_equal(at, 0x1fff);
    assert_int_equal(forge_memmap_get(&m, 0x1ffb, b, 8), 7);
    assert_memory_equal(b,
                        "\0"
                        "12ABz67",
                        8);
    forge_memmap_fill(&m, 0x3000, 0x1800);
    assert_true(forge_memmap_run(&m, 0, &start, &size));
    assert_true(start == 0x1ffc && size == 8);
    assert_true(forge_memmap_run(&m, start + size, &start, &size));
    assert_true(start == 0x3000 && size == 0x1800);
    assert_false(forge_memmap_run(&m, start + size, &start, &size));
    /* Up to the very end of the address space. */
    forge_memmap_fill(&m, 0xfffffffffffff000, 0x1000);
    assert_true(forge_memmap_run(&m, 0x5000, &start, &size));
    assert_true(start == 0xfffffffffffff000 && size == 0x1000);
    forge_pool_free(&pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(machine_lines), cmocka_unit_test(times),
        cmocka_unit_test(modules),       cmocka_unit_test(a_module_listing),
        cmocka_unit_test(objects),       cmocka_unit_test(blocks),
        cmocka_unit_test(registers),     cmocka_unit_test(texts_are_read_as_they_come),
        cmocka_unit_test(complaints),    cmocka_unit_test(numbers),
        cmocka_unit_test(nearest_names), cmocka_unit_test(memory_remembers_who_said_what),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
