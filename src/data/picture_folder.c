/* Pictures of a folder of classes, and of a list of paths and labels. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/names.h"
#include "data/corpus.h"
#include "data/picture_source_kind.h"

/* In the order of their bytes. Hidden files are left out: systems store their own notes in them. */
static rd_status list_names(rd_names *names, const char *path) {
    DIR *directory = opendir(path);
    if (!directory) return rd_error(RD_ERR_IO, "%s: cannot open: %s", path, strerror(errno));
    const struct dirent *entry;
    rd_status status = RD_OK;
    while (status == RD_OK && (errno = 0, entry = readdir(directory)))
        if (entry->d_name[0] != '.')
            status = rd_names_add(names, entry->d_name, strlen(entry->d_name));
    if (status == RD_OK && errno)
        status = rd_error(RD_ERR_IO, "%s: cannot read: %s", path, strerror(errno));
    closedir(directory);
    rd_names_sort(names);
    return status;
}

static rd_status read_picture(rd_labelled_picture *picture) {
    char *bytes;
    size_t n;
    struct stat info;
    if (stat(picture->name.data, &info) == 0 && S_ISDIR(info.st_mode))
        return rd_text_printf(&picture->problem, "%s: a folder, whose pictures are not read",
                              picture->name.data);
    rd_status status = rd_read_file(picture->name.data, RD_LARGEST_PICTURE_FILE, &bytes, &n);
    if (status != RD_OK) return rd_picture_problem(picture, status);
    status = rd_text_append(&picture->bytes, bytes, n);
    free(bytes);
    return status;
}

typedef struct {
    char *path;
    rd_names classes, files; /* files: of class at_class - 1 */
    int64_t at_class, at_file;
} folder;

static rd_status folder_open(void **self, const char *path, const char *prefix) {
    (void)prefix;
    folder *f = *self = rd_calloc(1, sizeof *f);
    if (!f) return RD_ERR_MEMORY;
    f->path = rd_strdup(path);
    return f->path ? list_names(&f->classes, path) : RD_ERR_MEMORY;
}

static void folder_close(void *self) {
    folder *f = self;
    if (!f) return;
    rd_names_free(&f->classes);
    rd_names_free(&f->files);
    free(f->path);
    free(f);
}

static rd_status next_class(folder *f) {
    rd_names_free(&f->files);
    f->at_file = 0;
    char *path = rd_path_join(f->path, f->classes.names[f->at_class++]);
    if (!path) return RD_ERR_MEMORY;
    struct stat info;
    rd_status status = stat(path, &info) == 0 && !S_ISDIR(info.st_mode)
                           ? rd_error(RD_ERR_FORMAT,
                                      "%s: a file; expected a folder for each class here, and the "
                                      "pictures inside",
                                      path)
                           : list_names(&f->files, path);
    free(path);
    return status;
}

static rd_status folder_next(void *self, bool with_bytes, rd_labelled_picture *picture,
                             bool *more) {
    folder *f = self;
    bool new_class = f->at_file == f->files.n && f->at_class < f->classes.n;
    if (new_class) RD_TRY(next_class(f));
    *more = new_class || f->at_file < f->files.n;
    if (!*more) return RD_OK;
    const char *label = f->classes.names[f->at_class - 1];
    RD_TRY(rd_text_printf(&picture->label, "%s", label));
    if (f->files.n == 0) { /* a class all the same */
        RD_TRY(rd_text_printf(&picture->name, "%s/%s", f->path, label));
        return rd_text_printf(&picture->problem, "%s: no picture in this folder",
                              picture->name.data);
    }
    RD_TRY(rd_text_printf(&picture->name, "%s/%s/%s", f->path, label, f->files.names[f->at_file]));
    f->at_file++;
    return with_bytes ? read_picture(picture) : RD_OK;
}

const rd_picture_source_kind rd_picture_folder = {folder_open, folder_next, folder_close};

typedef struct {
    rd_corpus *lines;
    char *directory;
} list;

static rd_status list_open(void **self, const char *path, const char *prefix) {
    (void)prefix;
    list *l = *self = rd_calloc(1, sizeof *l);
    if (!l) return RD_ERR_MEMORY;
    l->directory = rd_path_parent(path);
    return l->directory ? rd_corpus_open(&l->lines, path, RD_UTF8_STRICT) : RD_ERR_MEMORY;
}

static void list_close(void *self) {
    list *l = self;
    if (!l) return;
    rd_corpus_close(l->lines);
    free(l->directory);
    free(l);
}

static rd_status list_next(void *self, bool with_bytes, rd_labelled_picture *picture, bool *more) {
    list *l = self;
    const char *line;
    size_t n;
    RD_TRY(rd_corpus_next(l->lines, &line, &n));
    *more = line;
    if (!line) return RD_OK;
    const char *tab = memchr(line, '\t', n), *end = line + n;
    if (!tab || tab == line || tab + 1 == end || memchr(tab + 1, '\t', (size_t)(end - tab - 1)))
        return rd_error(RD_ERR_FORMAT, "%s:%lld: expected a path, a tab and a label",
                        rd_corpus_path(l->lines), (long long)rd_corpus_line_number(l->lines));
    if (*line == '/')
        RD_TRY(rd_text_printf(&picture->name, "%.*s", (int)(tab - line), line));
    else
        RD_TRY(rd_text_printf(&picture->name, "%s/%.*s", l->directory, (int)(tab - line), line));
    RD_TRY(rd_text_append(&picture->label, tab + 1, (size_t)(end - tab - 1)));
    return with_bytes ? read_picture(picture) : RD_OK;
}

const rd_picture_source_kind rd_picture_list = {list_open, list_next, list_close};
