#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

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

/* Any error except ENOENT and ENOTDIR counts as existing; opening it will report the error. */
bool rd_file_exists(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

bool rd_is_directory(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

rd_status rd_sync_directory_of(const char *path) {
    char *directory = rd_path_parent(path);
    if (!directory) return RD_ERR_MEMORY;
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    rd_status status = RD_OK;
    /* One that may be written to and not read cannot be synced, nor can any on some file systems
     * (EINVAL); neither is the caller's failure. */
    if ((fd < 0 && errno != EACCES) || (fd >= 0 && fsync(fd) != 0 && errno != EINVAL))
        status = rd_error(RD_ERR_IO, "%s: cannot sync its directory: %s", path, strerror(errno));
    if (fd >= 0) close(fd);
    free(directory);
    return status;
}

rd_status rd_has_file(const char *directory, const char *name, bool *found) {
    char *path = rd_path_join(directory, name);
    if (!path) return RD_ERR_MEMORY;
    *found = rd_file_exists(path);
    free(path);
    return RD_OK;
}

rd_status rd_remove_file(const char *directory, const char *name) {
    char *path = rd_path_join(directory, name);
    rd_status status = path ? RD_OK : RD_ERR_MEMORY;
    if (path && unlink(path) != 0 && errno != ENOENT)
        status = rd_error(RD_ERR_IO, "%s: cannot remove: %s", path, strerror(errno));
    free(path);
    return status;
}

bool rd_is_same_file(const char *path, const char *other) {
    struct stat one, two;
    return stat(path, &one) == 0 && stat(other, &two) == 0 && one.st_dev == two.st_dev &&
           one.st_ino == two.st_ino;
}

static rd_status make_directory(const char *path) {
    struct stat info;
    if (mkdir(path, 0777) == 0) return rd_sync_directory_of(path);
    bool there = errno == EEXIST && stat(path, &info) == 0;
    if (there && S_ISDIR(info.st_mode)) return RD_OK;
    return rd_error(RD_ERR_IO, "%s: cannot make directory: %s", path,
                    strerror(there ? ENOTDIR : errno));
}

rd_status rd_make_directories(const char *path) {
    if (!*path) return rd_error(RD_ERR_ARGUMENT, "the name of a directory is empty");
    char *partial = rd_strdup(path);
    if (!partial) return RD_ERR_MEMORY;
    rd_status status = RD_OK;
    for (char *end = partial + 1; status == RD_OK; end++) {
        if (*end != '/' && *end != '\0') continue;
        char kept = *end;
        *end = '\0';
        status = make_directory(partial);
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

char *rd_path_parent(const char *path) {
    const char *slash = strrchr(path, '/');
    char *parent = rd_strdup(slash ? path : ".");
    if (parent && slash) parent[slash == path ? 1 : slash - path] = '\0';
    return parent;
}
