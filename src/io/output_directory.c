/* A directory that appears whole or not at all. */
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "io/output.h"

static bool is_dots(const char *name) {
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static rd_status refuse_occupied(const char *path, bool *there) {
    DIR *entries = opendir(path);
    *there = entries;
    if (!entries && errno == ENOENT && *path) return RD_OK;
    if (!entries) return rd_error(RD_ERR_IO, "%s: %s", path, strerror(errno));
    rd_status status = RD_OK;
    for (struct dirent *e; status == RD_OK && (e = readdir(entries));)
        if (!is_dots(e->d_name))
            status = rd_error(RD_ERR_ARGUMENT, "%s: already there, and not empty: it holds %s",
                              path, e->d_name);
    closedir(entries);
    return status;
}

/* The directories above, and an empty one of a new name. */
static rd_status make_temporary(rd_atomic_directory *d) {
    char *place = d->into ? rd_path_join(d->path, "new") : rd_path_parent(d->path);
    if (!place) return RD_ERR_MEMORY;
    rd_status status = d->into ? RD_OK : rd_make_directories(place);
    if (status == RD_OK) status = rd_temporary_path(d->into ? place : d->path, &d->temporary);
    free(place);
    RD_TRY(status);
    if (mkdir(d->temporary, 0777) == 0) return RD_OK;
    return rd_error(RD_ERR_IO, "%s: cannot make directory: %s", d->temporary, strerror(errno));
}

static void release(rd_atomic_directory *d) {
    free(d->path);
    free(d->temporary);
    *d = (rd_atomic_directory){0};
}

static rd_status open_directory(rd_atomic_directory *d, const char *path) {
    char *plain = rd_strdup(path); /* without slashes at its end, which hide a link */
    if (!plain) return RD_ERR_MEMORY;
    for (size_t n = strlen(plain); n > 1 && plain[n - 1] == '/';) plain[--n] = '\0';
    rd_status status = rd_follow_links(plain, &d->path);
    free(plain);
    RD_TRY(status);
    RD_TRY(refuse_occupied(d->path, &d->into));
    return make_temporary(d);
}

rd_status rd_atomic_directory_open(rd_atomic_directory *directory, const char *path) {
    *directory = (rd_atomic_directory){0};
    rd_status status = open_directory(directory, path);
    if (status != RD_OK) release(directory);
    return status;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *at) {
    (void)info, (void)kind, (void)at;
    remove(path);
    return 0;
}

void rd_remove_directory(const char *path) {
    enum { OPEN_AT_ONCE = 8 };
    nftw(path, remove_entry, OPEN_AT_ONCE, FTW_DEPTH | FTW_PHYS);
}

static rd_status move(const char *from, const char *to, const char *name) {
    char *old = rd_path_join(from, name), *new = rd_path_join(to, name);
    rd_status status = old && new ? RD_OK : RD_ERR_MEMORY;
    if (status == RD_OK && rename(old, new) != 0)
        status = rd_error(RD_ERR_IO, "%s: cannot rename into place: %s", new, strerror(errno));
    free(old);
    free(new);
    return status;
}

static int is_entry(const struct dirent *entry) {
    return !is_dots(entry->d_name);
}

/* All or nothing. */
static rd_status move_entries(const rd_atomic_directory *d) {
    struct dirent **entries = NULL;
    int n = scandir(d->temporary, &entries, is_entry, alphasort);
    if (n < 0)
        return rd_error(errno == ENOMEM ? RD_ERR_MEMORY : RD_ERR_IO, "%s: cannot read: %s",
                        d->temporary, strerror(errno));
    rd_status status = RD_OK;
    int at = n; /* backwards: config.yaml, without which it is not a model, comes late */
    while (status == RD_OK && at > 0) status = move(d->temporary, d->path, entries[--at]->d_name);
    if (status != RD_OK) {
        char *problem = rd_strdup(rd_last_error());
        while (++at < n) move(d->path, d->temporary, entries[at]->d_name);
        if (problem) rd_error(status, "%s", problem);
        free(problem);
    }
    for (int i = 0; i < n; i++) free(entries[i]);
    free(entries);
    return status;
}

static rd_status put_in_place(const rd_atomic_directory *d) {
    if (d->into) {
        RD_TRY(move_entries(d));
        rmdir(d->temporary);
        return rd_sync_directory_of(d->temporary);
    }
    if (rename(d->temporary, d->path) != 0)
        return rd_error(RD_ERR_IO, "%s: cannot rename into place: %s", d->path, strerror(errno));
    return rd_sync_directory_of(d->path);
}

rd_status rd_atomic_directory_close(rd_atomic_directory *directory, rd_status status) {
    if (status == RD_OK) status = put_in_place(directory);
    if (status != RD_OK) rd_remove_directory(directory->temporary);
    release(directory);
    return status;
}
