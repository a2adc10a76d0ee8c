/* SPDX-License-Identifier: MIT */
/*
 * stopcode-forge SCENARIO -o OUT: makes the dump that a scenario describes, and beside it
 * OUT.store, a symbol store with the images and PDBs. The language: docs/forge.md.
 *
 * Status: 0 made, 1 the scenario is wrong or a file cannot be written, 2 wrong usage.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "forge/scenario.h"

enum { TEXT_MAX = 16 << 20 };

static const char usage[] =
    "stopcode-forge SCENARIO [-o OUT] [--store DIR] [--as KIND] [--isf FILE] [--quiet]\n"
    "  makes the dump OUT that the text SCENARIO describes (- reads standard input), and\n"
    "  OUT.store (or DIR), a symbol store with its images and PDBs\n"
    "  KIND instead of what the scenario's dump line says: triage, minidump, full, summary, "
    "bitmap,\n"
    "  kernel, automatic, live, rdmp-k, rdmp-ka, rdmp-f, elf, elf-nonotes, elf-bare, elf-paging,\n"
    "  vbox, raw, lime, vmem (and OUT's .vmss), vmss; page files go to OUT.pagefileN\n"
    "  FILE: the kernel is that of this symbol table (Volatility's .json or .json.xz)\n"
    "  OUT may be left out where the scenario names a file: dump triage NAME\n"
    "then:  stopcode -z OUT -y OUT.store -i OUT.store\n";

struct options {
    const char *scenario, *out, *store, *as, *isf;
    bool quiet, help;
};

static bool parse(int argc, char **argv, struct options *o) {
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i];
        const char **to = !strcmp(a, "-o")        ? &o->out
                          : !strcmp(a, "--store") ? &o->store
                          : !strcmp(a, "--as")    ? &o->as
                          : !strcmp(a, "--isf")   ? &o->isf
                                                  : NULL;
        if (to) {
            if (i + 1 == argc)
                return false;
            *to = argv[++i];
        } else if (!strcmp(a, "--quiet") || !strcmp(a, "-q")) {
            o->quiet = true;
        } else if (!strcmp(a, "--help") || !strcmp(a, "-h")) {
            o->help = true;
        } else if ((a[0] == '-' && a[1]) || o->scenario) {
            return false;
        } else {
            o->scenario = a;
        }
    }
    return o->scenario || o->help;
}

/* The whole text with a NUL; NULL: errno says why. */
static char *read_text(const char *path) {
    FILE *f = strcmp(path, "-") ? fopen(path, "rb") : stdin;
    char *text = f ? malloc(TEXT_MAX + 1) : NULL;
    size_t n = text ? fread(text, 1, TEXT_MAX + 1, f) : 0;
    bool bad = f && (ferror(f) || n > TEXT_MAX);
    if (f && f != stdin)
        fclose(f);
    if (n > TEXT_MAX)
        errno = EFBIG;
    if (!text || bad) {
        free(text);
        return NULL;
    }
    text[n] = 0;
    return text;
}

static bool write_file(const char *path, const struct forge_bytes *bytes) {
    FILE *f = fopen(path, "wb");
    bool ok = f && fwrite(bytes->data, 1, bytes->size, f) == bytes->size;
    if (f && fclose(f))
        ok = false;
    if (!ok)
        fprintf(stderr, "stopcode-forge: %s: %s\n", path, strerror(errno));
    return ok;
}

/* Side SIDE, or with SIDE -1 the dump itself, of whole memory. */
static bool write_memory(const char *path, const struct forge_output *o, int side) {
    char why[FORGE_WHY_MAX] = "";
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0666);
    bool ok = fd >= 0 && (side < 0 ? forge_whole_write(forge_output_whole(o), fd, why)
                                   : forge_output_side_write(o, (size_t)side, fd, why));
    if (!ok)
        fprintf(stderr, "stopcode-forge: %s: %s\n", path, fd < 0 ? strerror(errno) : why);
    if (fd >= 0)
        close(fd);
    return ok;
}

static bool write_dump(const char *path, const struct forge_output *o) {
    if (!forge_output_whole(o))
        return write_file(path, &o->dump);
    bool ok = write_memory(path, o, -1);
    for (size_t i = 0; ok && i < forge_output_sides(o); i++) {
        char *name = forge_output_side_name(o, i, path);
        ok = write_memory(name, o, (int)i);
        free(name);
    }
    return ok;
}

static unsigned long long size_of(const char *path) {
    struct stat st;
    return stat(path, &st) ? 0 : (unsigned long long)st.st_size;
}

/* The folders of PATH, behind its FROM-th character. */
static bool make_folders(char *path, size_t from) {
    for (char *p = path + from; (p = strchr(p, '/')) != NULL; p++) {
        *p = 0;
        bool ok = mkdir(path, 0777) == 0 || errno == EEXIST;
        if (!ok)
            fprintf(stderr, "stopcode-forge: %s: %s\n", path, strerror(errno));
        *p = '/';
        if (!ok)
            return false;
    }
    return true;
}

static bool write_store(const char *store, const struct forge_output *o) {
    for (size_t i = 0; i < o->nfiles; i++) {
        size_t room = strlen(store) + strlen(o->file[i].path) + 2;
        char *path = malloc(room);
        if (!path)
            abort();
        snprintf(path, room, "%s/%s", store, o->file[i].path);
        bool ok = make_folders(path, path[0] == '/') && write_file(path, &o->file[i].bytes);
        free(path);
        if (!ok)
            return false;
    }
    return true;
}

static bool write_all(const struct options *o, const struct forge_output *made) {
    const char *out = o->out ? o->out : made->name;
    char *store = NULL;
    if (!out) {
        fprintf(stderr, "stopcode-forge: where to? give -o OUT\n");
        return false;
    }
    if (!o->store) {
        store = malloc(strlen(out) + sizeof ".store");
        if (!store)
            abort();
        strcat(strcpy(store, out), ".store");
    }
    bool ok = write_dump(out, made) && write_store(o->store ? o->store : store, made);
    if (ok && !o->quiet)
        printf("%s: %llu bytes; %s: %zu files\n", out, size_of(out), o->store ? o->store : store,
               made->nfiles);
    free(store);
    return ok;
}

int main(int argc, char **argv) {
    struct options o = {0};
    char why[FORGE_WHY_MAX];
    struct forge_output made = {0};
    if (!parse(argc, argv, &o) || o.help) {
        fputs(usage, o.help ? stdout : stderr);
        return o.help ? 0 : 2;
    }
    char *text = read_text(o.scenario);
    if (!text) {
        fprintf(stderr, "stopcode-forge: %s: %s\n", o.scenario, strerror(errno));
        return 1;
    }
    bool ok = forge_scenario_build_with(o.scenario, text, o.as, o.isf, &made, why);
    if (!ok)
        fprintf(stderr, "%s\n", why);
    ok = ok && write_all(&o, &made);
    forge_output_free(&made);
    free(text);
    return ok ? 0 : 1;
}
