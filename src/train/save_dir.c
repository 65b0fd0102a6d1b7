/* The directory a training saves to: one training at a time, and nothing left over from one that
 * was killed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "train/run.h"

char *rd_run_path(const rd_run *run, const char *name) {
    return rd_path_join(run->save_dir, name);
}

/* The pid in the lock's file is for the message only: the lock ends with its process. */
static rd_status refuse(const rd_run *run, int fd) {
    char holder[32] = "";
    ssize_t n = pread(fd, holder, sizeof holder - 1, 0);
    long pid = n > 0 ? strtol(holder, NULL, 10) : 0;
    if (pid < 1) return rd_error(RD_ERR_IO, "%s: another process is training here", run->save_dir);
    return rd_error(RD_ERR_IO, "%s: process %ld is training here", run->save_dir, pid);
}

rd_status rd_run_lock(rd_run *run) {
    char *path = rd_run_path(run, "lock");
    if (!path) return RD_ERR_MEMORY;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    rd_status status = RD_OK;
    if (fd < 0 && errno == ENOENT)
        status = rd_error(RD_ERR_IO, "%s: nothing was trained there yet", run->save_dir);
    else if (fd < 0)
        status = rd_error(RD_ERR_IO, "%s: cannot open: %s", path, strerror(errno));
    else if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        status = errno == EWOULDBLOCK
                     ? refuse(run, fd)
                     : rd_error(RD_ERR_IO, "%s: cannot lock: %s", path, strerror(errno));
    else if (ftruncate(fd, 0) != 0 || dprintf(fd, "%ld\n", (long)getpid()) < 0)
        status = rd_error(RD_ERR_IO, "%s: cannot write: %s", path, strerror(errno));
    free(path);
    if (status == RD_OK)
        run->lock = fd + 1;
    else if (fd >= 0)
        close(fd);
    return status;
}

void rd_run_unlock(rd_run *run) {
    if (run->lock) close(run->lock - 1);
    run->lock = 0;
}

static int64_t checkpoint_number(const char *name) {
    bool named = strlen(name) == 8 + strlen(".safetensors") && strspn(name, "0123456789") == 8 &&
                 strcmp(name + 8, ".safetensors") == 0;
    return named ? strtoll(name, NULL, 10) : -1;
}

/* "NAME.tmp.PID", as rd_atomic_open calls a file that is being written. */
static bool is_temporary(const char *name) {
    const char *at = strstr(name, ".tmp.");
    return at && at[5] && strspn(at + 5, "0123456789") == strlen(at + 5);
}

static rd_status tidy_directory(const rd_run *run, const char *name, bool numbered) {
    char *directory = rd_run_path(run, name);
    if (!directory) return RD_ERR_MEMORY;
    DIR *entries = opendir(directory);
    rd_status status = RD_OK;
    for (struct dirent *e; entries && status == RD_OK && (e = readdir(entries));) {
        bool ahead = numbered && checkpoint_number(e->d_name) > run->state.update;
        if (!ahead && !is_temporary(e->d_name)) continue;
        char *path = rd_path_join(directory, e->d_name);
        if (!path)
            status = RD_ERR_MEMORY;
        else if (unlink(path) != 0 && errno != ENOENT)
            status = rd_error(RD_ERR_IO, "%s: cannot remove: %s", path, strerror(errno));
        free(path);
    }
    if (entries) closedir(entries);
    free(directory);
    return status;
}

rd_status rd_run_tidy(const rd_run *run) {
    RD_TRY(tidy_directory(run, ".", false));
    RD_TRY(tidy_directory(run, "model", false));
    return tidy_directory(run, "checkpoints", true);
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
