/* SPDX-License-Identifier: MIT */
/*
 * Command lines, on a fake target. Byte 0 chooses CPU, kind and renderer; the rest is lines. Also
 * completes each line. Lines that would open files are left out.
 */
#include <ctype.h>
#include <string.h>

#include "cmd/command.h"
#include "fuzz/fuzz.h"
#include "harness/drive.h"
#include "stopcode/session.h"
#include "stopcode/target.h"

const char fuzz_name[] = "dispatch";

enum { LINE = 512, LINES = 8, TURNS = 500 };

/*
 * `.logopen` and `.writemem` write where the line says, `$<` and `/f` read it: not for a fuzzer.
 * Nor may a line put such a name together from parts.
 */
static bool opens_files(const char *line) {
    for (; *line; line++) {
        char a = (char)tolower((unsigned char)line[1]);
        char b = a ? (char)tolower((unsigned char)line[2]) : 0;
        if (line[0] == '.' && ((a == 'l' && b != 'e') || (a == 'w' && b != 'h') || a == '$'))
            return true;
        if ((line[0] == '$' && strchr(line, '<')) || (line[0] == '/' && a == 'f'))
            return true;
    }
    return false;
}

static sc_err *fake(unsigned choice, sc_target **ret_target) {
    static const uint8_t bytes[256] = {0x4d, 0x5a, 0x90, 0, 3, 0, 0, 0, 'n', 't', 0, 1, 2, 3};
    enum sc_cpu cpu = choice & 1 ? SC_CPU_X86 : choice & 2 ? SC_CPU_ARM64 : SC_CPU_X64;
    const struct sc_module modules[] = {
        {.base = 0x80000000, .size = 0x10000, .timestamp = 1, .path = "\\x\\ntoskrnl.exe"},
        {.base = 0x90000000, .size = 0x1000, .path = "\\x\\bad driver.sys"},
    };
    const struct sc_fake_bytes memory[] = {{0x80000000, bytes, sizeof bytes},
                                           {0x1000, bytes, sizeof bytes}};
    const struct sc_thread threads[] = {{.index = 0, .tid = 0x1a4, .context_off = SC_UNSET64},
                                        {.index = 1, .tid = 0x1a8, .context_off = SC_UNSET64}};
    uint8_t context[SC_CONTEXT_MAX];
    for (size_t i = 0; i < sizeof context; i++)
        context[i] = (uint8_t)i;
    struct sc_regs regs;
    sc_err *err = sc_regs_init(&regs, cpu, context, sc_context_size(cpu));
    if (err)
        return err;
    const struct sc_machine machine = {.ncpus = 2,
                                       .major = 10,
                                       .build = 19041,
                                       .has_bugcheck = !(choice & 4),
                                       .bugcheck = 0xd1,
                                       .bugcheck_arg = {0x28, 2, 0, 0x90000010},
                                       .platform = "Windows",
                                       .windows = true,
                                       .service_pack = "",
                                       .time = 132574616951234567};
    const struct sc_fake f = {.sz = sizeof f,
                              .cpu = cpu,
                              .kernel = !(choice & 4),
                              .machine = &machine,
                              .modules = modules,
                              .nmodules = 2,
                              .threads = threads,
                              .nthreads = 2,
                              .memory = memory,
                              .nmemory = 2,
                              .regs = &regs};
    return sc_target_fake(&f, ret_target);
}

static bool sink(void *ctx, const char *data, size_t len) {
    uint64_t *total = ctx;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)data[i] < 0x20 && data[i] != '\n' && data[i] != '\t')
            fuzz_broken("the output holds a control character %02x", (unsigned char)data[i]);
    *total += len;
    return *total < (64u << 20);
}

static void count_word(void *ctx, const char *word) { *(size_t *)ctx += strlen(word); }

static void run_lines(sc_session *session, const uint8_t *data, size_t size) {
    for (unsigned n = 0; size && n < LINES; n++) {
        char line[LINE], prompt[64];
        size_t len = 0, words = 0;
        while (len < size && data[len] != '\n')
            len++;
        size_t keep = len < LINE - 1 ? len : LINE - 1;
        memcpy(line, data, keep);
        line[keep] = 0;
        if (!opens_files(line))
            sc_session_run(session, line);
        sc_session_complete(session, line, strlen(line), count_word, &words);
        sc_session_complete(session, line, strlen(line) / 2, count_word, &words);
        sc_session_prompt(session, prompt, sizeof prompt);
        data += len < size ? len + 1 : len;
        size -= len < size ? len + 1 : len;
    }
}

void fuzz_one(const uint8_t *data, size_t size) {
    sc_target *target = NULL;
    sc_out *out = NULL;
    sc_session *session = NULL;
    uint64_t total = 0;
    if (!size)
        return;
    sc_err *err = data[0] & 0x10 ? NULL : fake(data[0], &target);
    if (!err)
        err =
            sc_out_create(data[0] & 8 ? SC_RENDER_JSON : SC_RENDER_TEXT, sink, &total, false, &out);
    if (!err)
        err = sc_session_create(target, out, &session);
    if (!err) {
        sc_session_limit_turns(session, TURNS);
        run_lines(session, data + 1, size - 1);
    }
    sc_err_destroy(err);
    sc_session_destroy(session);
    sc_out_destroy(out);
    sc_target_close(target);
}

void fuzz_seeds(fuzz_add add, void *ctx) {
    static const char *const lines[] = {
        "!analyze -v\nlm; lmv; lmvm nt",
        "r; r rax; r @rip=5; r zf",
        "~; ~1s; ~*; ~.",
        ".exr -1; .ecxr; .cxr; .lastevent",
        "? 1+2; ?? 3; .formats 1c407e62; n 10",
        "!error c0000005; !error 5 1",
        "lm a nt; lm m *driver*; lm v k",
        ".dumpdebug; .enumtag",
        "vertarget; version; .time; .tz +1:00; .bugcheck",
        "help; help lm; .hh r; .chain",
        ".echo \"a;b\"; * remark; $$ r; $$$ x",
        "r $t0 = nt + 8; ? @$t0; r?",
        ".enrich off; ~",
        "!address; !handle; .comment",
        "lmvm\xe2\x80\x93nt; r \xe2\x80\x9crax\xe2\x80\x9d",
        "lm1m; lm f; lmDvm bad_driver; nosuch; !nosuch",
        ".cxr 1000; .exr 1000; .time nonsense",
        "? poi(80000000)+@rsp; ? nt!x; ? (1",
        ".reload made.sys=1000,1000,5; ln 1010; lm m made; .reload",
        "lsf- x.c; lsa .,1,2; ls ,5; lsp -a 3 4; lsc",
        "q",
        "db 80000000; d; dd 1000 L4; dps 1000; da 80000008; dl 1000",
        "s -a 0 L?ffffffff nt; s -[1]d 1000 L40 'nt'; s -sa 1000 L99",
        ".for (r $t0=0; @$t0<3; r $t0=@$t0+1) { .echo ${x}; .break }",
        ".foreach /pS 1 (v {db 1000 L8}) {.if (1) {? v} .else {}}",
        "as X .block{X}\nX\nal; ad X; r $.u1=1+$u1\n? $u1",
        ".printf \"%d %p %mu %y %I64x\\n\", 1, @rip, 1000, nt, 5",
        ".catch { nosuch; .leave }; .while (1) { .continue }; z(1)",
        "!for_each_module .echo @#Base ${@#ModuleName}; j 1 'r' ; 'k'",
        "!teb 1000; !peb 1000; !gle; c 1000 L4 1001; eb 1 2",
        "r rip, rsp; r:x; rM 3; rX; rF",
        "k; kvnf 5; kPL; kd 3; k = 1000 2000 3; .kframes 2; kn9; kb=1",
        ".frame /r 1; .f+; .f-; dv /i /t /V a*; dv /f 1000; .frame /c = 1000 2000",
        "!for_each_frame .frame; !uniqstack -v; !findstack nt 2; .trap 1000; ~*kv"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char seed[256];
        seed[0] = (char)(i * 5 & 0x1f);
        strcpy(seed + 1, lines[i]);
        add(ctx, seed, 1 + strlen(lines[i]));
    }
}
