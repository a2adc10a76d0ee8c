/* SPDX-License-Identifier: MIT */
/* Collecting the dumps. The corpus is read, never copied. */
#include "harness/corpus.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "forge/mdmp_scene.h"
#include "forge/peparts.h"
#include "forge/scene.h"
#include "harness/whole.h"

const char *corpus_folder(char *buf, size_t size) {
    const char *const places[] = {getenv("STOPCODE_CORPUS"),
#ifdef STOPCODE_SOURCE_DIR
                                  STOPCODE_SOURCE_DIR "/../shared/corpus",
                                  STOPCODE_SOURCE_DIR "/../../shared/corpus",
#endif
                                  "../shared/corpus",
                                  "../../shared/corpus",
                                  "../../../shared/corpus"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char readme[4200];
        if (!places[i])
            continue;
        snprintf(readme, sizeof readme, "%s/kdump", places[i]);
        struct stat st;
        if (stat(readme, &st) != 0 || !S_ISDIR(st.st_mode))
            continue;
        snprintf(buf, size, "%s", places[i]);
        return buf;
    }
    return NULL;
}

uint8_t *read_whole(const char *path, size_t *ret_size) {
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    uint8_t *data = NULL;
    if (fseek(f, 0, SEEK_END) == 0) {
        long size = ftell(f);
        rewind(f);
        data = size >= 0 ? malloc((size_t)size + 1) : NULL;
        if (data && fread(data, 1, (size_t)size, f) == (size_t)size) {
            *ret_size = (size_t)size;
        } else {
            free(data);
            data = NULL;
        }
    }
    fclose(f);
    return data;
}

static struct subject *add(struct subjects *s, const char *name, uint8_t *own_data, size_t size) {
    if (s->count == s->room) {
        size_t room = s->room * 2 + 16;
        struct subject *bigger = realloc(s->item, room * sizeof *bigger);
        if (!bigger) {
            free(own_data);
            return NULL;
        }
        s->item = bigger;
        s->room = room;
    }
    struct subject *it = &s->item[s->count++];
    memset(it, 0, sizeof *it);
    size_t len = strlen(name), cut = len >= sizeof it->name ? len - sizeof it->name + 1 : 0;
    memcpy(it->name, name + cut, len - cut);
    it->data = own_data;
    it->size = size;
    bool is_mdmp = size >= 4 && !memcmp(own_data, "MDMP", 4);
    strcpy(it->format, is_mdmp ? "mdmp" : "kdump");
    return it;
}

static bool add_forged(struct subjects *s, bool built, const char *name, struct forge_bytes file) {
    struct subject *it = built ? add(s, name, file.data, file.size) : NULL;
    if (it)
        it->forged = true;
    return it != NULL;
}

/* The driver's image among the data blocks: what lmv and !dh read. */
static bool build_with_image(struct forge_bytes *ret_file) {
    struct forge_scene s;
    struct peimg *image = malloc(sizeof *image);
    if (!image)
        return false;
    forge_scene_init(&s, FORGE_TRIAGE_X64);
    peparts_init(image, 0x8664);
    peimg_u32(image, PEIMG_NT + 8, s.driver[2].timestamp);
    s.driver[2].size = PEIMG_SIZE;
    s.block[7].size = 0; /* bytes at the faulting instruction: inside the image */
    s.block[9] =
        (struct forge_block){.addr = s.va.bad, .data = image->data, .size = sizeof image->data};
    bool ok = forge_triage_build(&s.t, ret_file);
    free(image);
    return ok;
}

bool subjects_forge(struct subjects *s) {
    struct forge_bytes file = {0};
    bool ok = true;
    for (int i = 0; ok && i < FORGE_SCENES; i++) {
        enum forge_scene_kind kind = (enum forge_scene_kind)i;
        ok = add_forged(s, forge_scene_build(kind, &file), forge_scene_name(kind), file);
    }
    if (ok)
        ok = add_forged(s, build_with_image(&file), "triage-x64-image", file);
    for (int i = 0; ok && i < WHOLE_SEEDS; i++) {
        enum whole_seed kind = (enum whole_seed)i;
        ok = add_forged(s, whole_seed_build(kind, &file), whole_seed_name(kind), file);
    }
    for (int i = 0; ok && i < FORGE_MDMP_SCENES; i++) {
        enum forge_mdmp_scene_kind kind = (enum forge_mdmp_scene_kind)i;
        ok = add_forged(s, forge_mdmp_scene_build(kind, &file), forge_mdmp_scene_name(kind), file);
    }
    return ok;
}

static bool add_folder(struct subjects *s, const char *folder, const char *shown, int depth) {
    DIR *dir = opendir(folder);
    if (!dir)
        return true;
    bool ok = true;
    for (struct dirent *e; ok && (e = readdir(dir));) {
        char path[4200], name[4200];
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        snprintf(name, sizeof name, "%s/%s", shown, e->d_name);
        struct stat st;
        if (stat(path, &st) != 0)
            continue;
        if (S_ISDIR(st.st_mode)) {
            ok = depth > 16 || add_folder(s, path, name, depth + 1);
            continue;
        }
        size_t len = strlen(e->d_name), size = 0;
        if (len < 4 || strcmp(e->d_name + len - 4, ".dmp") != 0)
            continue;
        uint8_t *data = read_whole(path, &size);
        ok = data && add(s, name, data, size);
    }
    closedir(dir);
    return ok;
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct subject *)a)->name, ((const struct subject *)b)->name);
}

bool subjects_load(struct subjects *s, bool real) {
    char folder[4096], sub[4200];
    if (!subjects_forge(s))
        return false;
    if (!real || !corpus_folder(folder, sizeof folder))
        return true;
    s->has_corpus = true;
    size_t first = s->count;
    const char *const parts[] = {"kdump", "mdmp"};
    for (size_t i = 0; i < 2; i++) {
        snprintf(sub, sizeof sub, "%s/%s", folder, parts[i]);
        if (!add_folder(s, sub, parts[i], 0))
            return false;
    }
    if (s->count > first)
        qsort(s->item + first, s->count - first, sizeof *s->item, by_name);
    return true;
}

void subjects_free(struct subjects *s) {
    for (size_t i = 0; i < s->count; i++)
        free(s->item[i].data);
    free(s->item);
    memset(s, 0, sizeof *s);
}
