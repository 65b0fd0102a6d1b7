#include "data/picture_source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "data/picture_source_kind.h"

void rd_labelled_picture_free(rd_labelled_picture *picture) {
    rd_text_free(&picture->name);
    rd_text_free(&picture->label);
    rd_text_free(&picture->bytes);
    rd_text_free(&picture->problem);
}

rd_status rd_picture_problem(rd_labelled_picture *picture, rd_status status) {
    if (status == RD_OK || status == RD_ERR_MEMORY) return status;
    return rd_text_printf(&picture->problem, "%s", rd_last_error());
}

struct rd_picture_source {
    const rd_picture_source_kind *kind;
    void *self;
};

static bool ends_with(const char *path, const char *ending) {
    char zipped[32];
    snprintf(zipped, sizeof zipped, "%s.gz", ending);
    return rd_ends_with(path, ending) || rd_ends_with(path, zipped);
}

static const rd_picture_source_kind *kind_of(const char *path, bool is_directory) {
    if (is_directory) return &rd_picture_folder;
    if (ends_with(path, ".tar") || ends_with(path, ".tgz")) return &rd_picture_archive;
    if (ends_with(path, ".tsv")) return &rd_picture_list;
    if (ends_with(path, "-ubyte")) return &rd_picture_idx;
    return ends_with(path, ".bin") ? &rd_picture_cifar : NULL;
}

/* Splits "PATH:PREFIX" if only PATH exists. */
static rd_status find(char *path, const char **prefix, const rd_picture_source_kind **kind) {
    struct stat info;
    char *colon = strrchr(path, ':');
    *prefix = "";
    int there = stat(path, &info);
    if (there != 0 && colon) {
        *colon = '\0';
        *prefix = colon + 1;
        while (strncmp(*prefix, "./", 2) == 0) *prefix += 2;
        there = stat(path, &info);
    }
    if (there != 0) return rd_error(RD_ERR_IO, "%s: cannot open: %s", path, strerror(errno));
    *kind = kind_of(path, S_ISDIR(info.st_mode));
    if (!*kind)
        return rd_error(RD_ERR_FORMAT,
                        "%s: no pictures known by this name; expected a folder of a folder for "
                        "each class, an archive (.tar, .tar.gz) of that, a list (.tsv), MNIST's "
                        "...-images-idx3-ubyte(.gz) or CIFAR's .bin",
                        path);
    if (**prefix && *kind != &rd_picture_archive)
        return rd_error(RD_ERR_ARGUMENT, "%s: ':%s' chooses a part of an archive, and this is none",
                        path, *prefix);
    return RD_OK;
}

static rd_status open_kind(rd_picture_source *source, const char *path) {
    const char *prefix;
    char *split = rd_strdup(path);
    rd_status status = split ? find(split, &prefix, &source->kind) : RD_ERR_MEMORY;
    if (status == RD_OK) status = source->kind->open(&source->self, split, prefix);
    free(split);
    return status;
}

rd_status rd_picture_source_open(rd_picture_source **source, const char *path) {
    rd_picture_source *s = *source = rd_calloc(1, sizeof *s);
    if (!s) return RD_ERR_MEMORY;
    rd_status status = open_kind(s, path);
    if (status == RD_OK) return RD_OK;
    rd_picture_source_close(s);
    *source = NULL;
    return status;
}

void rd_picture_source_close(rd_picture_source *source) {
    if (!source) return;
    if (source->kind) source->kind->close(source->self);
    free(source);
}

rd_status rd_picture_source_next(rd_picture_source *source, bool with_bytes,
                                 rd_labelled_picture *picture, bool *more) {
    rd_text_clear(&picture->name);
    rd_text_clear(&picture->label);
    rd_text_clear(&picture->bytes);
    rd_text_clear(&picture->problem);
    picture->numbered = false;
    *more = false;
    return source->kind->next(source->self, with_bytes, picture, more);
}

rd_status rd_picture_class(const char *archive, const char *name, rd_text *label) {
    const char *slash = strchr(name, '/');
    if (slash && slash > name && slash[1] && !strchr(slash + 1, '/'))
        return rd_text_append(label, name, (size_t)(slash - name));
    char shown[256];
    rd_escape(shown, sizeof shown, name);
    return rd_error(RD_ERR_FORMAT, "%s: %s: expected CLASS/FILE", archive, shown);
}
