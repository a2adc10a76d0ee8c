/* SPDX-License-Identifier: MIT */
/* ls, lsa, lsc, lsf and lsp on a source file of 40 lines in a folder of the test's own. */
#include <sys/stat.h>
#include <unistd.h>

#include "symbol_session.h"

struct place {
    struct fix f; /* first: sym_open() takes it */
    char folder[64], path[96];
};

static void write_source(const char *path) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    for (int i = 1; i <= 40; i++)
        fprintf(file, i == 7 ? "line %d\x1b[2J\r\n" : "line %d\r\n", i);
    assert_int_equal(fclose(file), 0);
}

static int setup(void **state) {
    struct place *p = calloc(1, sizeof *p);
    assert_non_null(p);
    sym_open(&p->f, SC_RENDER_TEXT);
    strcpy(p->folder, "/tmp/stopcode-ls-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    snprintf(p->path, sizeof p->path, "%s/start.c", p->folder);
    write_source(p->path);
    *state = p;
    return 0;
}

static int teardown(void **state) {
    struct place *p = *state;
    fix_close(&p->f);
    unlink(p->path);
    rmdir(p->folder);
    free(p);
    return 0;
}

/* FORMAT with the file's path in it. */
static const char *with(char *buf, size_t size, const char *format, const char *path) {
    snprintf(buf, size, format, path);
    return buf;
}

static void load(struct place *p) {
    char line[160];
    fix_prints(&p->f, with(line, sizeof line, "lsf %s", p->path), "");
}

static unsigned lines_shown(struct fix *f) {
    unsigned n = 0;
    for (const char *c = fix_text(f); *c; c++)
        n += *c == '\n';
    return n;
}

static void without_a_file_it_says_how_to_name_one(void **state) {
    struct place *p = *state;
    fix_fails(&p->f, "ls", "no source file is loaded: `lsf file` loads one");
    fix_fails(&p->f, "lsc", "`lsf file` loads one");
    fix_fails(&p->f, "lsf", "needs the name of a source file");
    fix_fails(&p->f, "lsf /nowhere/at/all.c", "/nowhere/at/all.c");
    fix_fails(&p->f, "ls .", "c:\\src\\start.c is in no folder of the source path");
}

static void ls_goes_on_where_it_ended(void **state) {
    struct place *p = *state;
    char text[128];
    load(p);
    fix_prints(&p->f, "ls ,2", "      1: line 1\n      2: line 2\n");
    fix_prints(&p->f, "ls ,1", "      3: line 3\n");
    fix_prints(&p->f, "lsc", with(text, sizeof text, "%s(4)\n", p->path));
    fix_prints(&p->f, "ls 20, 2", "     32: line 32\n     33: line 33\n");
    fix_run(&p->f, "ls");
    assert_int_equal(lines_shown(&p->f), 7); /* 34 to 40 */
    fix_fails(&p->f, "ls", "has no line 41: it ends with line 40");
    fix_run(&p->f, "ls 1");
    assert_int_equal(lines_shown(&p->f), 20);
    fix_prints(&p->f, "ls 1,0", "");
}

static void what_a_file_holds_cannot_command_the_terminal(void **state) {
    struct place *p = *state;
    load(p);
    fix_run(&p->f, "ls 7,1");
    fix_has(&p->f, "      7: line 7");
    assert_null(strchr(fix_text(&p->f), '\x1b'));
    assert_null(strchr(fix_text(&p->f), '\r'));
}

static void wrong_operands_are_refused(void **state) {
    struct place *p = *state;
    load(p);
    fix_fails(&p->f, "ls 0", "counted from 1");
    fix_fails(&p->f, "ls 1 2", "one operand too many");
    fix_fails(&p->f, "ls 1,2,3", "one operand too many");
    fix_fails(&p->f, "ls nosuchname", "nosuchname");
    fix_fails(&p->f, "ls ffffffffffffffff", "has no line");
    fix_fails(&p->f, "lsa", "lsa needs an address");
    fix_fails(&p->f, "lsa nt!KiStart,1,2,3", "one operand too many");
}

static void lsa_shows_the_file_below_the_source_path(void **state) {
    struct place *p = *state;
    char line[160];
    fix_prints(&p->f, "lsa nt!KiStart+4", "c:\\src\\start.c(23)\n");
    fix_run(&p->f, with(line, sizeof line, ".srcpath %s", p->folder));
    fix_run(&p->f, "lsa nt!KiStart+4");
    assert_int_equal(lines_shown(&p->f), 20);
    fix_has(&p->f, "     13: line 13\n");
    fix_has(&p->f, "     22: line 22\n>    23: line 23\n     24: line 24\n");
    fix_prints(&p->f, "lsc", "c:\\src\\start.c(33)\n");
    fix_prints(&p->f, "lsa nt!KiStart+4,,2", ">    23: line 23\n     24: line 24\n");
    fix_prints(&p->f, "lsa nt!KiStart + 4, 16, 2", "     22: line 22\n>    23: line 23\n");
    fix_run(&p->f, "lsa .");
    fix_has(&p->f, ">    23: line 23\n");
    fix_prints(&p->f, "ls . ,1", ">    23: line 23\n");
    fix_prints(&p->f, "ls 16,1", "     22: line 22\n");
}

static void lsf_looks_below_the_source_path_first(void **state) {
    struct place *p = *state;
    char line[160], text[160];
    fix_run(&p->f, with(line, sizeof line, ".srcpath %s", p->folder));
    fix_prints(&p->f, "lsf d:\\build\\start.c", "");
    fix_prints(&p->f, "lsc", with(text, sizeof text, "%s(1)\n", p->path));
    fix_fails(&p->f, "lsf- other.c", "other.c is not loaded: the current source file is ");
    fix_prints(&p->f, "lsf- start.c", "");
    fix_fails(&p->f, "lsc", "no source file is loaded");
    fix_fails(&p->f, "lsf- start.c", "start.c is not loaded");
}

static void a_file_too_large_for_a_source_is_refused(void **state) {
    struct place *p = *state;
    char line[160];
    assert_int_equal(truncate(p->path, (16 << 20) + 1), 0);
    fix_fails(&p->f, with(line, sizeof line, "lsf %s", p->path), "too large for a source file");
}

static void lsp_sets_how_many_lines_are_listed(void **state) {
    struct place *p = *state;
    fix_prints(&p->f, "lsp", "Stepping: 0 lines before the current line, 1 from it on\n");
    fix_prints(&p->f, "lsp -a 5", "ls and lsa: 2 lines before the current line, 3 from it on\n");
    load(p);
    fix_run(&p->f, "ls");
    assert_int_equal(lines_shown(&p->f), 5);
    fix_prints(&p->f, "lsp -a 1 a", "ls and lsa: 1 lines before the current line, 10 from it on\n");
    fix_prints(&p->f, "lsp -a -l 3",
               "ls and lsa: 3 lines before the current line, 10 from it on\n");
    fix_prints(&p->f, "lsp -t 2", "Stepping: 0 lines before the current line, 2 from it on\n");
    fix_prints(&p->f, "lsp -a",
               "Stepping: 0 lines before the current line, 2 from it on\n"
               "ls and lsa: 3 lines before the current line, 10 from it on\n");
    fix_fails(&p->f, "lsp -a 10001 1", "at most 0x10000 lines");
}

static void json_has_the_lines(void **state) {
    struct place *p = *state;
    struct fix f;
    char line[160];
    sym_open(&f, SC_RENDER_JSON);
    fix_run(&f, with(line, sizeof line, "lsf %s; ls 2,1", p->path));
    fix_has(&f, "\"line\":2,\"current\":false,\"text\":\"line 2\"");
    fix_close(&f);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(without_a_file_it_says_how_to_name_one),
        CASE(ls_goes_on_where_it_ended),
        CASE(what_a_file_holds_cannot_command_the_terminal),
        CASE(wrong_operands_are_refused),
        CASE(lsa_shows_the_file_below_the_source_path),
        CASE(lsf_looks_below_the_source_path_first),
        CASE(a_file_too_large_for_a_source_is_refused),
        CASE(lsp_sets_how_many_lines_are_listed),
        CASE(json_has_the_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
