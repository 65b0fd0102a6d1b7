#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

static void atomic_release(rd_atomic_file *file) {
    free(file->path);
    free(file->temporary);
    *file = (rd_atomic_file){0};
}

rd_status rd_atomic_open(rd_atomic_file *file, const char *path) {
    *file = (rd_atomic_file){.path = rd_strdup(path)};
    size_t room = strlen(path) + 32;
    file->temporary = rd_malloc(room, 1);
    if (!file->path || !file->temporary) {
        atomic_release(file);
        return RD_ERR_MEMORY;
    }
    snprintf(file->temporary, room, "%s.tmp.%ld", path, (long)getpid());
    file->stream = fopen(file->temporary, "wb");
    if (!file->stream) {
        rd_status status =
            rd_error(RD_ERR_IO, "%s: cannot write: %s", file->temporary, strerror(errno));
        atomic_release(file);
        return status;
    }
    return RD_OK;
}

/* A rename is durable only once its directory is on disk. */
static rd_status sync_directory_of(const char *path) {
    char *directory = rd_strdup(path);
    if (!directory) return RD_ERR_MEMORY;
    char *slash = strrchr(directory, '/');
    if (slash) slash[slash == directory ? 1 : 0] = '\0';
    int fd = open(slash ? directory : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    rd_status status = RD_OK;
    /* Some file systems cannot sync a directory (EINVAL); that is not the caller's failure. */
    if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL))
        status = rd_error(RD_ERR_IO, "%s: cannot sync its directory: %s", path, strerror(errno));
    if (fd >= 0) close(fd);
    free(directory);
    return status;
}

/* Puts the written file in place, and what was there, if anything, at `kept` (NULL: nowhere). */
static rd_status put_in_place(const rd_atomic_file *file, const char *kept) {
    bool moved = kept && rename(file->path, kept) == 0;
    if (kept && !moved && errno != ENOENT)
        return rd_error(RD_ERR_IO, "%s: cannot rename to %s: %s", file->path, kept,
                        strerror(errno));
    if (rename(file->temporary, file->path) == 0) return RD_OK;
    rd_error(RD_ERR_IO, "%s: cannot rename into place: %s", file->path, strerror(errno));
    if (moved) rename(kept, file->path); /* if that fails too, the file is still there as `kept` */
    return RD_ERR_IO;
}

rd_status rd_atomic_commit(rd_atomic_file *file) {
    return rd_atomic_commit_keeping(file, NULL);
}

rd_status rd_atomic_commit_keeping(rd_atomic_file *file, const char *kept) {
    bool written =
        fflush(file->stream) == 0 && !ferror(file->stream) && fsync(fileno(file->stream)) == 0;
    int saved_errno = errno;
    if (fclose(file->stream) != 0 && written) written = false, saved_errno = errno;
    file->stream = NULL;
    rd_status status = RD_OK;
    if (!written)
        status = rd_error(RD_ERR_IO, "%s: cannot write: %s", file->path, strerror(saved_errno));
    else
        status = put_in_place(file, kept);
    if (status != RD_OK)
        unlink(file->temporary);
    else
        status = sync_directory_of(file->path);
    atomic_release(file);
    return status;
}

void rd_atomic_abort(rd_atomic_file *file) {
    if (file->stream) fclose(file->stream);
    if (file->temporary) unlink(file->temporary);
    atomic_release(file);
}

static bool is_dots(const char *name) {
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static rd_status refuse_occupied(const char *path) {
    DIR *entries = opendir(path);
    if (!entries && errno == ENOENT) return RD_OK;
    if (!entries) return rd_error(RD_ERR_IO, "%s: %s", path, strerror(errno));
    bool occupied = false;
    for (struct dirent *e; (e = readdir(entries));) occupied |= !is_dots(e->d_name);
    closedir(entries);
    return occupied ? rd_error(RD_ERR_ARGUMENT, "%s: already there, and not empty", path) : RD_OK;
}

rd_status rd_atomic_directory_open(rd_atomic_directory *directory, const char *path) {
    size_t room = strlen(path) + 32;
    *directory = (rd_atomic_directory){.path = rd_strdup(path), .temporary = rd_malloc(room, 1)};
    rd_status status = directory->path && directory->temporary ? RD_OK : RD_ERR_MEMORY;
    if (status == RD_OK) {
        for (size_t n = strlen(path); n > 1 && directory->path[n - 1] == '/';)
            directory->path[--n] = '\0';
        snprintf(directory->temporary, room, "%s.tmp.%ld", directory->path, (long)getpid());
        status = refuse_occupied(directory->path);
    }
    if (status == RD_OK) status = rd_make_directories(directory->temporary);
    if (status == RD_OK) return RD_OK;
    free(directory->path);
    free(directory->temporary);
    *directory = (rd_atomic_directory){0};
    return status;
}

/* Of files alone. */
static void remove_directory(const char *path) {
    DIR *entries = opendir(path);
    for (struct dirent *e; entries && (e = readdir(entries));)
        if (!is_dots(e->d_name)) unlinkat(dirfd(entries), e->d_name, 0);
    if (entries) closedir(entries);
    rmdir(path);
}

rd_status rd_atomic_directory_close(rd_atomic_directory *directory, rd_status status) {
    if (status == RD_OK && rename(directory->temporary, directory->path) != 0)
        status = rd_error(RD_ERR_IO, "%s: cannot rename into place: %s", directory->path,
                          strerror(errno));
    else if (status == RD_OK)
        status = sync_directory_of(directory->path);
    if (status != RD_OK) remove_directory(directory->temporary);
    free(directory->path);
    free(directory->temporary);
    *directory = (rd_atomic_directory){0};
    return status;
}

rd_status rd_write_file(const char *path, const void *bytes, size_t n) {
    rd_atomic_file file;
    RD_TRY(rd_atomic_open(&file, path));
    fwrite(bytes, 1, n, file.stream); /* a short write shows in ferror at commit */
    return rd_atomic_commit(&file);
}

rd_status rd_read_file(const char *path, size_t limit, char **bytes, size_t *n) {
    rd_mapping mapping;
    RD_TRY(rd_map_file(&mapping, path));
    rd_status status = RD_OK;
    *bytes = NULL;
    if (mapping.size > limit)
        status = rd_error(RD_ERR_FORMAT, "%s: %zu bytes, more than the %zu expected", path,
                          mapping.size, limit);
    else if (!(*bytes = rd_malloc(mapping.size + 1, 1)))
        status = RD_ERR_MEMORY;
    else {
        if (mapping.size) memcpy(*bytes, mapping.bytes, mapping.size);
        (*bytes)[mapping.size] = '\0';
        *n = mapping.size;
    }
    rd_unmap_file(&mapping);
    return status;
}

rd_status rd_map_file(rd_mapping *mapping, const char *path) {
    *mapping = (rd_mapping){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe without a writer, at once */
    if (fd < 0) return rd_error(RD_ERR_IO, "%s: cannot open: %s", path, strerror(errno));
    struct stat info;
    rd_status status = RD_OK;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        status = rd_error(RD_ERR_IO, "%s: not a regular file", path);
    } else if (info.st_size > 0) {
        void *bytes = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (bytes == MAP_FAILED)
            status = rd_error(RD_ERR_IO, "%s: cannot map: %s", path, strerror(errno));
        else
            *mapping = (rd_mapping){.bytes = bytes, .size = (size_t)info.st_size};
    }
    close(fd);
    return status;
}

void rd_unmap_file(rd_mapping *mapping) {
    if (mapping->bytes) munmap((void *)(uintptr_t)mapping->bytes, mapping->size);
    *mapping = (rd_mapping){0};
}

/* What cannot be told is taken to be there: who opens it says what is wrong with it. */
bool rd_file_exists(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

rd_status rd_make_directories(const char *path) {
    char *partial = rd_strdup(path);
    if (!partial) return RD_ERR_MEMORY;
    rd_status status = RD_OK;
    for (char *end = partial + 1; status == RD_OK; end++) {
        if (*end != '/' && *end != '\0') continue;
        char kept = *end;
        *end = '\0';
        if (mkdir(partial, 0777) != 0 && errno != EEXIST)
            status = rd_error(RD_ERR_IO, "%s: cannot make directory: %s", partial, strerror(errno));
        *end = kept;
        if (kept == '\0') break;
    }
    free(partial);
    return status;
}

char *rd_path_join(const char *directory, const char *name) {
    size_t room = strlen(directory) + strlen(name) + 2;
    char *path = rd_malloc(room, 1);
    if (path) snprintf(path, room, "%s/%s", directory, name);
    return path;
}
