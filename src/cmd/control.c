/* SPDX-License-Identifier: MIT */
/*
 * Command programs: .if, .block, .catch and the small tokens; `j` and `z`. The grammar is that of
 * the public pages "Debugger Command Program" and of each token.
 *
 *     .if (condition) { commands } .elsif (condition) { commands } .else { commands }
 *     .block { commands }     .catch { commands }     .leave     .break     .continue
 *     j condition 'commands' ; 'commands'
 *     commands ; z (condition)
 */
#include "cmd/control.h"
#include "cmd/foreach.h"

#include <string.h>

#include "base/utf.h"
#include "cmd/dispatch.h"
#include "cmd/session_impl.h"

/* --- parts ---------------------------------------------------------------------------------- */

sc_err *sc_take_part(const char **text, char open, const char *name, struct sc_part *ret) {
    const char *p = sc_skip_separators(*text);
    if (*p != open)
        return sc_errf(SC_ERR_ARG, "%s: '%c' is missing%s%.20s", name, open, *p ? " before " : "",
                       p);
    const char *close = sc_match(p);
    if (!close)
        return sc_errf(SC_ERR_ARG, "%s: the '%c' before \"%.20s\" is never closed", name, open,
                       p + 1);
    *ret = (struct sc_part){p + 1, (size_t)(close - p - 1)};
    *text = close + 1;
    return NULL;
}

sc_err *sc_part_true(sc_session *s, const struct sc_part *part, sc_arena *arena, bool *ret_true) {
    char *text = sc_arena_strndup(arena, part->text, part->len);
    if (!text)
        return sc_err_nomem();
    for (char *p = text; *p; p++)
        *p = *p == '\n' ? ' ' : *p;
    uint64_t value;
    sc_err *err = sc_session_eval(s, text, &value);
    if (!err)
        *ret_true = value != 0;
    return err;
}

bool sc_run_part(sc_session *s, const struct sc_part *part) {
    return sc_run_block(s, part->text, part->len, NULL, 0);
}

bool sc_take_token(const char **text, const char *word) {
    const char *p = sc_skip_separators(*text);
    size_t n = strlen(word);
    if (sc_strncasecmp(p, word, n) != 0)
        return false;
    *text = p + n;
    return true;
}

static const char *operands(const struct sc_args *args) {
    return args->v[0].given ? args->v[0].text : "";
}

/* Something behind the last part would otherwise be lost silently. */
static sc_err *check_end(const char *p, const char *name) {
    p = sc_skip_separators(p);
    if (*p)
        return sc_errf(SC_ERR_ARG, "%s: \"%.20s\" is not expected here", name, p);
    return NULL;
}

/* --- .if ------------------------------------------------------------------------------------ */

/* Reads all of it before anything runs, so that a mistake behind a block is found in time. */
static sc_err *choose(sc_session *s, const char *p, sc_arena *arena, struct sc_part *ret_block) {
    bool decided = false;
    for (bool last = false;; last = sc_take_token(&p, ".else")) {
        struct sc_part condition = {NULL, 0}, block;
        bool is_true = last;
        sc_err *err = last ? NULL : sc_take_part(&p, '(', ".if", &condition);
        if (!err)
            err = sc_take_part(&p, '{', ".if", &block);
        if (!err && !last && !decided)
            err = sc_part_true(s, &condition, arena, &is_true);
        if (err)
            return err;
        if (is_true && !decided)
            *ret_block = block;
        decided |= is_true;
        const char *next = p;
        if (last || !(sc_take_token(&next, ".elsif") || sc_take_token(&next, ".else")))
            return check_end(p, ".if");
        sc_take_token(&p, ".elsif");
    }
}

static sc_err *run_if(sc_session *s, const struct sc_args *args) {
    struct sc_part block = {NULL, 0};
    sc_err *err = choose(s, operands(args), args->arena, &block);
    if (!err && block.text)
        sc_run_part(s, &block);
    return err;
}

static sc_err *run_else(sc_session *s, const struct sc_args *args) {
    (void)s;
    return sc_errf(SC_ERR_ARG, "%s stands behind the block of an .if", args->command);
}

/* --- .block, .catch ------------------------------------------------------------------------- */

static sc_err *take_block(const struct sc_args *args, struct sc_part *ret) {
    const char *p = operands(args);
    sc_err *err = sc_take_part(&p, '{', args->command, ret);
    return err ? err : check_end(p, args->command);
}

static sc_err *run_block(sc_session *s, const struct sc_args *args) {
    struct sc_part block;
    sc_err *err = take_block(args, &block);
    if (!err)
        sc_run_part(s, &block);
    return err;
}

static sc_err *run_catch(sc_session *s, const struct sc_args *args) {
    struct sc_part block;
    sc_err *err = take_block(args, &block);
    if (err)
        return err;
    unsigned failures = s->script.failures;
    s->script.catches++;
    sc_run_part(s, &block);
    s->script.catches--;
    s->script.failures = failures; /* shown, and dealt with */
    if (s->script.flow == SC_JUMP_ERROR || s->script.flow == SC_JUMP_LEAVE)
        s->script.flow = SC_JUMP_NONE;
    return NULL;
}

static sc_err *run_leave(sc_session *s, const struct sc_args *args) {
    (void)args;
    if (!s->script.catches)
        return sc_errf(SC_ERR_ARG, ".leave stands inside a .catch block");
    s->script.flow = SC_JUMP_LEAVE;
    return NULL;
}

static sc_err *leave_turn(sc_session *s, const char *name, enum sc_jump flow) {
    if (!s->script.loops)
        return sc_errf(SC_ERR_ARG, "%s stands inside a loop", name);
    s->script.flow = flow;
    return NULL;
}

static sc_err *run_break(sc_session *s, const struct sc_args *args) {
    (void)args;
    return leave_turn(s, ".break", SC_JUMP_BREAK);
}

static sc_err *run_continue(sc_session *s, const struct sc_args *args) {
    (void)args;
    return leave_turn(s, ".continue", SC_JUMP_CONTINUE);
}

/* --- j, z ----------------------------------------------------------------------------------- */

/* A command of `j`: in single quotes, or up to the next ';'. */
static struct sc_part take_choice(const char **text) {
    const char *p = sc_skip_blanks(*text);
    const char *close = *p == '\'' ? strchr(p + 1, '\'') : NULL;
    struct sc_part part = {p + (close != NULL), 0};
    const char *end = close ? close : sc_piece_end(p, false);
    part.len = (size_t)(end - part.text);
    *text = sc_skip_blanks(close ? close + 1 : end);
    return part;
}

static sc_err *run_j(sc_session *s, const struct sc_args *args) {
    const char *p = operands(args), *end;
    uint64_t value;
    sc_err *err = sc_session_eval_prefix(s, p, &value, &end);
    if (err)
        return err;
    p = end;
    struct sc_part yes = take_choice(&p), no = {"", 0};
    if (*p == ';') {
        p++;
        no = take_choice(&p);
    }
    sc_run_part(s, value ? &yes : &no);
    return NULL;
}

static sc_err *run_z(sc_session *s, const struct sc_args *args) {
    uint64_t value = args->v[0].num;
    sc_err *err = sc_turn(s);
    if (!err && value)
        s->script.flow = SC_JUMP_AGAIN;
    return err;
}

/* --- the rows ------------------------------------------------------------------------------- */

static const struct sc_arg if_args[] = {
    {SC_ARG_LINE, "(condition) {commands} [.elsif …] [.else {…}]", NULL, true, NULL},
    {0},
};
static const struct sc_arg while_args[] = {
    {SC_ARG_LINE, "(condition) {commands}", NULL, true, NULL},
    {0},
};
static const struct sc_arg do_args[] = {
    {SC_ARG_LINE, "{commands} (condition)", NULL, true, NULL},
    {0},
};
static const struct sc_arg for_args[] = {
    {SC_ARG_LINE, "(first; condition; next) {commands}", NULL, true, NULL},
    {0},
};
static const struct sc_arg foreach_args[] = {
    {SC_ARG_LINE, "[/pS n] [/ps n] (name {commands}) {commands}", NULL, true, NULL},
    {0},
};
static const struct sc_arg block_args[] = {{SC_ARG_LINE, "{commands}", NULL, true, NULL}, {0}};
static const struct sc_arg j_args[] = {
    {SC_ARG_LINE, "condition 'commands' ; 'commands'", NULL, false, NULL},
    {0},
};
static const struct sc_arg z_args[] = {
    {SC_ARG_EXPR, "condition", NULL, false, "while it is not 0, the line runs again"},
    {0},
};
static const struct sc_arg printf_args[] = {
    {SC_ARG_REST, "\"format\", value, …", NULL, false, NULL},
    {0},
};
static const struct sc_arg line_file_args[] = {{SC_ARG_LINE, "file", NULL, false, NULL}, {0}};
static const struct sc_arg file_args[] = {{SC_ARG_REST, "file", NULL, false, NULL}, {0}};
static const struct sc_arg arg_file_args[] = {
    {SC_ARG_WORD, "file", NULL, false, NULL},
    {SC_ARG_WORDS, "argument", NULL, true, "${$arg1}, ${$arg2}, … in the file"},
    {0},
};
static const struct sc_arg each_args[] = {
    {SC_ARG_REST, "commands", NULL, true, "in quotes if there are several"},
    {0},
};

const struct sc_command sc_script_commands[] = {
    {
        .name = ".if",
        .brief = "run commands when a condition holds",
        .args = if_args,
        .end = sc_end_if,
        .help = "The condition is an expression; anything but 0 is true. An error in a block ends\n"
                "the blocks around it, up to a .catch or to the line that was typed.",
        .sample = ".if (@$ptrsize == 8) { .echo 64 bits } .else { .echo 32 bits }",
        .run = run_if,
    },
    {
        .name = ".elsif",
        .aliases = ".else",
        .brief = "the other blocks of an .if",
        .args = if_args,
        .end = sc_end_if,
        .sample = ".if (0) { .echo a } .elsif (1) { .echo b } .else { .echo c }",
        .run = run_else,
    },
    {
        .name = ".for",
        .brief = "run commands again and again, counting",
        .args = for_args,
        .end = sc_end_block,
        .help = "Ctrl-C ends a loop. In a session without a dump, loops end after a million turns.",
        .sample = ".for (r $t0 = 0; @$t0 < 3; r $t0 = @$t0 + 1) { ? @$t0 }",
        .run = sc_run_for,
    },
    {
        .name = ".while",
        .brief = "run commands while a condition holds",
        .args = while_args,
        .end = sc_end_block,
        .sample = "r $t0 = 2; .while (@$t0) { r $t0 = @$t0 - 1 }; ? @$t0",
        .run = sc_run_while,
    },
    {
        .name = ".do",
        .brief = "run commands once, and again while a condition holds",
        .args = do_args,
        .end = sc_end_do,
        .sample = ".do { .echo once } (0)",
        .run = sc_run_do,
    },
    {
        .name = ".break",
        .brief = "leave the loop",
        .sample = ".while (1) { .break }; .echo out",
        .run = run_break,
    },
    {
        .name = ".continue",
        .brief = "go on with the loop's next turn",
        .sample = ".foreach /s (x \"1 2 3\") { .continue }; .echo done",
        .run = run_continue,
    },
    {
        .name = ".foreach",
        .brief = "run commands for each word of an output, a string or a file",
        .args = foreach_args,
        .end = sc_end_block,
        .help = "  .foreach (name {commands}) {commands}     words that commands print\n"
                "  .foreach /s (name \"text\") {commands}      words of a text\n"
                "  .foreach /f (name \"file\") {commands}      words of a file\n"
                "In the last block the name is replaced by the word where it stands alone, and\n"
                "${name} anywhere. /pS n skips the first n words, /ps n as many behind each.",
        .sample = ".foreach /s (x \"1 2 3\") { .echo <${x}> }",
        .run = sc_run_foreach,
    },
    {
        .name = ".block",
        .brief = "run commands in a block of their own, with the aliases as they are now",
        .args = block_args,
        .end = sc_end_block,
        .sample = "aS /x six 5 + 1; .block { .echo six }",
        .run = run_block,
    },
    {
        .name = ".catch",
        .brief = "run commands; an error ends only this block",
        .args = block_args,
        .end = sc_end_block,
        .sample = ".catch { .echo in; .leave; .echo not reached }; .echo on",
        .run = run_catch,
    },
    {
        .name = ".leave",
        .brief = "leave a .catch block",
        .sample = ".catch { .leave }; .echo left",
        .run = run_leave,
    },
    {
        .name = "j",
        .brief = "run one command or another",
        .args = j_args,
        .sample = "j (1 > 0) '.echo yes' ; '.echo no'",
        .run = run_j,
    },
    {
        .name = "z",
        .brief = "run the line's commands before it again while a condition holds",
        .touch = true,
        .args = z_args,
        .sample = "r $t0 = @$t0 + 1; z(@$t0 < 3); ? @$t0",
        .run = run_z,
    },
    {
        .name = ".printf",
        .brief = "print values in a format",
        .args = printf_args,
        .help =
            "Conversions are C's, of 32 bits; with I64 or ll of 64. %p an address, %N the same\n"
            "number plain, %y a symbol, %ly with its line, %ma and %mu a string in memory, %msa\n"
            "and %msu an ANSI_STRING and UNICODE_STRING, %f of a 32-bit float, %lf of a double.\n"
            "\\n, \\t, \\\" and \\\\ in the format. /D takes out DML tags; /o… is accepted.",
        .sample = ".printf \"%d of %p\\n\", 0n12, @$ptrsize",
        .run = sc_run_printf,
    },
    {
        .name = "!for_each_module",
        .brief = "run commands for each module",
        .needs = SC_NEED_TARGET,
        .args = each_args,
        .end = sc_end_braces,
        .help =
            "@#ModuleName, @#ImageName, @#LoadedImageName, @#MappedImageName, @#SymbolFileName,\n"
            "@#Base, @#End, @#Size, @#ModuleIndex, @#TimeDateStamp, @#Checksum, @#Flags,\n"
            "@#SymbolType, @#FileVersion, @#ProductVersion and the names' …Size are replaced.",
        .sample = "!for_each_module .echo @#Base @#ModuleName",
        .run = sc_run_for_each_module,
    },
    {
        .name = "!for_each_process",
        .brief = "run commands for each process of a kernel",
        .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
        .args = each_args,
        .end = sc_end_braces,
        .help = "@#Process is replaced by the address of its EPROCESS. Without commands: "
                "!process @#Process 0.",
        .sample = "!for_each_process .echo @#Process",
        .run = sc_run_for_each_process,
    },
    {
        .name = "!for_each_thread",
        .brief = "run commands for each thread of all processes of a kernel",
        .needs = SC_NEED_KERNEL | SC_NEED_WINDOWS,
        .args = each_args,
        .end = sc_end_braces,
        .help = "@#Thread is replaced by the address of its ETHREAD. Without commands: "
                "!thread @#Thread 2.",
        .sample = "!for_each_thread .echo @#Thread",
        .run = sc_run_for_each_thread,
    },
    {
        .name = "$<",
        .brief = "run the lines of a file, which may have ';' in its name",
        .touch = true,
        .args = line_file_args,
        .sample = ".if (0) { $<script.txt }",
        .run = sc_run_file_lines,
    },
    {
        .name = "$$<",
        .brief = "run the lines of a file",
        .touch = true,
        .args = file_args,
        .sample = ".if (0) { $$<script.txt }",
        .run = sc_run_file_lines,
    },
    {
        .name = "$><",
        .brief = "run a file as one block; it may have ';' in its name",
        .touch = true,
        .args = line_file_args,
        .sample = ".if (0) { $><script.txt }",
        .run = sc_run_file_block,
    },
    {
        .name = "$$><",
        .brief = "run a file as one block",
        .touch = true,
        .args = file_args,
        .help = "Aliases are replaced once for the whole file, and again in each block of it. An\n"
                "error ends it.",
        .sample = ".if (0) { $$><script.txt }",
        .run = sc_run_file_block,
    },
    {
        .name = "$$>a<",
        .brief = "run a file as one block, with arguments",
        .touch = true,
        .args = arg_file_args,
        .sample = ".if (0) { $$>a<script.txt 1 2 }",
        .run = sc_run_file_args,
    },
    {0},
};
