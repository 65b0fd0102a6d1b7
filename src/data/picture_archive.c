/* Pictures of a tar archive: of a folder for each class, or records of CIFAR's files. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "data/picture_source_kind.h"
#include "data/tar.h"

typedef struct {
    rd_tar *tar;
    char *path, *prefix;
    char *member;         /* CIFAR's file being read; NULL: none */
    int64_t number, left; /* of its records */
    int n_labels;
} archive;

static rd_status archive_open(void **self, const char *path, const char *prefix) {
    archive *a = *self = rd_calloc(1, sizeof *a);
    if (!a) return RD_ERR_MEMORY;
    a->path = rd_strdup(path);
    a->prefix = rd_strdup(prefix);
    return a->path && a->prefix ? rd_tar_open(&a->tar, path) : RD_ERR_MEMORY;
}

static void archive_close(void *self) {
    archive *a = self;
    if (!a) return;
    rd_tar_close(a->tar);
    free(a->path);
    free(a->prefix);
    free(a->member);
    free(a);
}

/* The part of a member's name after the prefix, which is a folder; NULL: the member is not in
 * it. */
static const char *below(const archive *a, const char *name) {
    size_t n = strlen(a->prefix);
    if (n > 0 && a->prefix[n - 1] == '/') n--;
    if (strncmp(name, a->prefix, n) != 0) return NULL;
    if (n == 0) return name;
    return name[n] == '/' ? name + n + 1 : NULL;
}

/* Whether it is a file of CIFAR whose name, without folders, begins with the prefix. */
static bool is_cifar(const archive *a, const char *name) {
    const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name;
    return rd_ends_with(base, ".bin") && strncmp(base, a->prefix, strlen(a->prefix)) == 0;
}

static rd_status start_cifar(archive *a, const rd_tar_member *member) {
    rd_text name = {0};
    RD_TRY(rd_text_printf(&name, "%s: %s", a->path, member->name));
    free(a->member);
    a->member = name.data;
    RD_TRY(rd_cifar_labels(a->member, member->size, &a->n_labels));
    a->number = 0;
    a->left = member->size / (RD_CIFAR_SAMPLES + a->n_labels);
    return RD_OK;
}

static rd_status next_record(archive *a, bool with_bytes, rd_labelled_picture *picture) {
    uint8_t record[RD_CIFAR_SAMPLES + 2];
    RD_TRY(rd_tar_read(a->tar, record, (size_t)(RD_CIFAR_SAMPLES + a->n_labels)));
    a->left--;
    return rd_cifar_picture(a->member, a->number++, record, a->n_labels, with_bytes, picture);
}

static rd_status next_file(archive *a, const rd_tar_member *member, const char *name,
                           bool with_bytes, rd_labelled_picture *picture) {
    RD_TRY(rd_picture_class(a->path, name, &picture->label));
    RD_TRY(rd_text_printf(&picture->name, "%s: %s", a->path, member->name));
    if (!with_bytes) return RD_OK;
    if (member->size > RD_LARGEST_PICTURE_FILE)
        return rd_picture_problem(picture, rd_error(RD_ERR_FORMAT, "%s: a picture of %lld bytes",
                                                    picture->name.data, (long long)member->size));
    rd_text *bytes = &picture->bytes;
    RD_TRY(rd_text_reserve(bytes, (size_t)member->size));
    bytes->length = member->size;
    return rd_tar_read(a->tar, bytes->data, (size_t)member->size);
}

/* Hidden files and folders are left out, as in unpacked folders. */
static bool is_hidden(const char *name) {
    return name[0] == '.' || strstr(name, "/.");
}

static rd_status archive_next(void *self, bool with_bytes, rd_labelled_picture *picture,
                              bool *more) {
    archive *a = self;
    rd_tar_member member;
    while (a->left == 0) {
        RD_TRY(rd_tar_next(a->tar, &member));
        if (!member.name) return RD_OK;
        const char *name = below(a, member.name);
        if (is_hidden(name ? name : member.name)) continue;
        if (is_cifar(a, member.name)) {
            RD_TRY(start_cifar(a, &member));
        } else if (name) {
            *more = true;
            return next_file(a, &member, name, with_bytes, picture);
        }
    }
    *more = true;
    return next_record(a, with_bytes, picture);
}

const rd_picture_source_kind rd_picture_archive = {archive_open, archive_next, archive_close};
