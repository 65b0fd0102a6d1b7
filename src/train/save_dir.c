/* The directory a training saves to: one training at a time, and nothing left over from one that
 * was killed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "io/output.h"
#include "recipe/model_dir.h"
#include "train/run.h"

static const char UNSAVED[] = "unsaved\n";

const char *const rd_run_files[] = {"lock",
                                    "train.jsonl",
                                    "checkpoint_last",
                                    "checkpoint_previous",
                                    "checkpoint_damaged",
                                    "checkpoint_best.safetensors",
                                    NULL};
const char *const rd_run_folders[] = {"model", "tensorboard", "checkpoints", NULL};

char *rd_run_path(const rd_run *run, const char *name) {
    return rd_path_join(run->save_dir, name);
}

/* The pid in the file `lock` is for the message only: a lock ends with its process. */
static rd_status refuse_second(const rd_run *run, int directory) {
    char holder[32] = "";
    int fd = openat(directory, "lock", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    ssize_t n = fd >= 0 ? pread(fd, holder, sizeof holder - 1, 0) : 0;
    if (fd >= 0) close(fd);
    long pid = n > 0 ? strtol(holder, NULL, 10) : 0;
    if (pid < 1) return rd_error(RD_ERR_IO, "%s: another process is training here", run->save_dir);
    return rd_error(RD_ERR_IO, "%s: process %ld is training here", run->save_dir, pid);
}

static rd_status lock(const rd_run *run, int directory, int fd, const char *name) {
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) return RD_OK;
    if (errno == EWOULDBLOCK) return refuse_second(run, directory);
    if (fd == directory && errno == EBADF) return RD_OK; /* NFS has no locks of directories */
    return rd_error(RD_ERR_IO, "%s/%s: cannot lock: %s", run->save_dir, name, strerror(errno));
}

static rd_status refuse_link(const rd_run *run, const char *name) {
    char *path = rd_run_path(run, name);
    rd_status status = path ? rd_refuse_link(path) : RD_ERR_MEMORY;
    free(path);
    return status;
}

static rd_status refuse_links_in(const rd_run *run, const char *name) {
    char *directory = rd_run_path(run, name);
    if (!directory) return RD_ERR_MEMORY;
    DIR *entries = opendir(directory);
    rd_status status = RD_OK;
    for (struct dirent *e; entries && status == RD_OK && (e = readdir(entries));) {
        if (e->d_type != DT_LNK && e->d_type != DT_UNKNOWN) continue;
        char *path = rd_path_join(directory, e->d_name);
        status = path ? rd_refuse_link(path) : RD_ERR_MEMORY;
        free(path);
    }
    if (entries) closedir(entries);
    free(directory);
    return status;
}

static rd_status refuse_linked_directories(const rd_run *run) {
    for (int i = 0; rd_run_folders[i]; i++) RD_TRY(refuse_link(run, rd_run_folders[i]));
    return RD_OK;
}

/* A directory that came from elsewhere may hold links to anything of the user's. */
static rd_status refuse_links(const rd_run *run) {
    RD_TRY(refuse_link(run, "report.html"));
    for (int i = 0; rd_run_files[i]; i++) RD_TRY(refuse_link(run, rd_run_files[i]));
    RD_TRY(refuse_linked_directories(run));
    RD_TRY(refuse_links_in(run, "model"));
    return refuse_links_in(run, "checkpoints");
}

/* The directory itself is locked, since a file in it may be removed; and the file, for where
 * directories have no locks. */
static rd_status hold(rd_run *run) {
    RD_TRY(lock(run, run->directory, run->directory, "."));
    RD_TRY(refuse_links(run));
    char *path = rd_run_path(run, "lock");
    rd_status status =
        path ? rd_open_in_place(path, O_RDWR | O_CREAT, &run->lock_file) : RD_ERR_MEMORY;
    free(path);
    RD_TRY(status);
    RD_TRY(lock(run, run->directory, run->lock_file, "lock"));
    char old[64] = "";
    if (pread(run->lock_file, old, sizeof old - 1, 0) < 0) *old = '\0';
    return rd_run_mark_unsaved(run, strstr(old, UNSAVED) != NULL);
}

rd_status rd_run_mark_unsaved(rd_run *run, bool unsaved) {
    char text[64];
    int n = snprintf(text, sizeof text, "%ld\n%s", (long)getpid(), unsaved ? UNSAVED : "");
    run->unsaved = unsaved;
    /* Written first: what is there survives a full disk. */
    if (pwrite(run->lock_file, text, (size_t)n, 0) == n && ftruncate(run->lock_file, n) == 0)
        return RD_OK;
    return rd_error(RD_ERR_IO, "%s/lock: cannot write: %s", run->save_dir, strerror(errno));
}

static rd_status refuse_result(const rd_run *run, const char *name) {
    char *path = rd_run_path(run, name);
    rd_status status = path ? RD_OK : RD_ERR_MEMORY;
    if (path && rd_file_exists(path))
        status =
            rd_error(RD_ERR_ARGUMENT,
                     "%s: of a training whose checkpoint_last is gone, and which cannot go on; "
                     "choose another --save-dir, or remove what is there to start anew",
                     path);
    free(path);
    return status;
}

rd_status rd_run_begin_anew(rd_run *run) {
    char **checkpoints = NULL;
    int n = 0;
    if (!run->unsaved) {
        RD_TRY(refuse_result(run, "model/model.safetensors"));
        RD_TRY(refuse_result(run, "checkpoint_best.safetensors"));
        rd_status status = rd_run_checkpoints(run, &checkpoints, &n);
        rd_run_free_paths(checkpoints, n);
        RD_TRY(status);
        if (n > 0) RD_TRY(refuse_result(run, "checkpoints"));
    }
    return rd_run_mark_unsaved(run, true);
}

rd_status rd_run_lock(rd_run *run) {
    run->lock_file = -1;
    run->directory = open(run->save_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (run->directory < 0 && errno == ENOENT)
        return rd_error(RD_ERR_IO, "%s: nothing was trained there yet", run->save_dir);
    if (run->directory < 0)
        return rd_error(RD_ERR_IO, "%s: cannot open: %s", run->save_dir, strerror(errno));
    run->locked = true;
    return hold(run);
}

void rd_run_unlock(rd_run *run) {
    if (run->locked) close(run->directory);
    if (run->locked && run->lock_file >= 0) close(run->lock_file);
    run->locked = false;
}

rd_status rd_run_open_save_dir(rd_run *run) {
    RD_TRY(rd_make_directories(run->save_dir));
    RD_TRY(rd_run_lock(run));
    char *checkpoints = rd_run_path(run, "checkpoints");
    rd_status status = checkpoints ? rd_make_directories(checkpoints) : RD_ERR_MEMORY;
    free(checkpoints);
    return status;
}

rd_status rd_run_check_save_dir(const rd_run *run) {
    struct stat held, there;
    if (fstat(run->directory, &held) != 0 || stat(run->save_dir, &there) != 0 ||
        held.st_dev != there.st_dev || held.st_ino != there.st_ino)
        return rd_error(RD_ERR_IO, "%s: removed or replaced while training; nothing is saved there",
                        run->save_dir);
    return refuse_linked_directories(run);
}

static int64_t checkpoint_number(const char *name) {
    bool named = strlen(name) == 8 + strlen(".safetensors") && strspn(name, "0123456789") == 8 &&
                 strcmp(name + 8, ".safetensors") == 0;
    return named ? strtoll(name, NULL, 10) : -1;
}

/* Whether a file of a folder was on its way to a place of a training's own when this was killed.
 * One that is on its way to another place may be of a program that still runs. */
static bool is_left_over(const char *folder, const char *file) {
    char name[64];
    size_t n = strlen(file) - strlen(".tmp.0123456789abcdef");
    if (!rd_is_temporary(file) || n >= sizeof name) return false;
    memcpy(name, file, n);
    name[n] = '\0';
    if (strcmp(folder, "model") == 0) return rd_model_dir_has(name);
    if (strcmp(folder, "checkpoints") == 0) return checkpoint_number(name) >= 0;
    for (int i = 0; rd_run_files[i]; i++)
        if (strcmp(name, rd_run_files[i]) == 0) return true;
    return strcmp(name, "report.html") == 0;
}

/* name: "." or that of a directory inside, which no link may have replaced by now. Checkpoints that
 * are ahead go as well. */
static rd_status tidy_directory(const rd_run *run, const char *name) {
    int fd = openat(run->directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
    if (!entries && fd >= 0) close(fd);
    bool numbered = strcmp(name, "checkpoints") == 0;
    rd_status status = RD_OK;
    for (struct dirent *e; entries && status == RD_OK && (e = readdir(entries));) {
        bool ahead = numbered && checkpoint_number(e->d_name) > run->state.update;
        if (!ahead && !is_left_over(name, e->d_name)) continue;
        if (unlinkat(fd, e->d_name, 0) != 0 && errno != ENOENT && errno != EISDIR)
            status = rd_error(RD_ERR_IO, "%s/%s/%s: cannot remove: %s", run->save_dir, name,
                              e->d_name, strerror(errno));
    }
    if (entries) closedir(entries);
    return status;
}

rd_status rd_run_tidy(const rd_run *run) {
    RD_TRY(tidy_directory(run, "."));
    RD_TRY(tidy_directory(run, "model"));
    return tidy_directory(run, "checkpoints");
}

void rd_run_free_paths(char **paths, int n) {
    for (int i = 0; paths && i < n; i++) free(paths[i]);
    free(paths);
}

static int is_checkpoint(const struct dirent *entry) {
    return checkpoint_number(entry->d_name) >= 0;
}

rd_status rd_run_checkpoints(const rd_run *run, char ***paths, int *n) {
    char *directory = rd_run_path(run, "checkpoints");
    struct dirent **entries = NULL;
    *n = directory ? scandir(directory, &entries, is_checkpoint, alphasort) : 0;
    rd_status status = RD_OK;
    if (*n < 0 && errno != ENOENT)
        status = rd_error(RD_ERR_IO, "%s: cannot read: %s", directory, strerror(errno));
    if (*n < 0) *n = 0;
    *paths = rd_calloc((size_t)*n + 1, sizeof **paths);
    if (!directory || !*paths) status = RD_ERR_MEMORY;
    for (int i = 0; i < *n; i++) {
        if (status == RD_OK && !((*paths)[i] = rd_path_join(directory, entries[i]->d_name)))
            status = RD_ERR_MEMORY;
        free(entries[i]);
    }
    free(entries);
    free(directory);
    return status;
}
