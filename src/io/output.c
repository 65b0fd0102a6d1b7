/* Files to write: whole or not at all if they can be replaced, piece by piece otherwise. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "io/gzip.h"
#include "io/output.h"

enum { SUFFIX = sizeof ".tmp." - 1 + 16, MOST_LINKS = 40 };

/* As messages name it. */
static const char *shown(const char *path) {
    return strcmp(path, "-") == 0 ? "standard output" : path;
}

static rd_status cannot_write(const char *path, int number) {
    return rd_error(RD_ERR_IO, "%s: cannot write: %s", shown(path), strerror(number));
}

static rd_status is_link(const char *path) {
    return rd_error(RD_ERR_IO,
                    "%s: a symbolic link, not followed here; remove it, or put there what it "
                    "leads to",
                    path);
}

rd_status rd_temporary_path(const char *path, char **temporary) {
    const char *slash = strrchr(path, '/');
    size_t directory = slash ? (size_t)(slash + 1 - path) : 0, name = strlen(path) - directory;
    if (name > NAME_MAX - SUFFIX) name = NAME_MAX - SUFFIX;
    uint64_t digits;
    *temporary = NULL;
    if (getrandom(&digits, sizeof digits, 0) != sizeof digits)
        return rd_error(RD_ERR_IO, "%s: no random name: %s", path, strerror(errno));
    size_t room = directory + name + SUFFIX + 1;
    if (!(*temporary = rd_malloc(room, 1))) return RD_ERR_MEMORY;
    snprintf(*temporary, room, "%.*s.tmp.%016llx", (int)(directory + name), path,
             (unsigned long long)digits);
    return RD_OK;
}

bool rd_is_temporary(const char *name) {
    const char *at = NULL;
    for (const char *next = name; (next = strstr(next, ".tmp.")); next++) at = next;
    if (!at) return false;
    at += strlen(".tmp.");
    size_t n = strlen(at);
    return n == 16 && strspn(at, "0123456789abcdef") == n;
}

rd_status rd_refuse_link(const char *path) {
    struct stat info;
    return lstat(path, &info) == 0 && S_ISLNK(info.st_mode) ? is_link(path) : RD_OK;
}

rd_status rd_refuse_input(const char *output, const char *input) {
    struct stat out, in;
    if (!input) return RD_OK;
    bool standard_out = !output || strcmp(output, "-") == 0, standard_in = strcmp(input, "-") == 0;
    if ((standard_out ? fstat(STDOUT_FILENO, &out) : stat(output, &out)) != 0 ||
        (standard_in ? fstat(STDIN_FILENO, &in) : stat(input, &in)) != 0 || !S_ISREG(in.st_mode) ||
        in.st_dev != out.st_dev || in.st_ino != out.st_ino)
        return RD_OK;
    return rd_error(RD_ERR_ARGUMENT, "%s: both read and written; name another file for the output",
                    standard_in && !standard_out ? output
                    : standard_in                ? "standard input"
                                                 : input);
}

rd_status rd_refuse_inputs_in(const char *output, const char *directory) {
    DIR *entries = opendir(directory);
    rd_status status = RD_OK;
    for (struct dirent *e; entries && status == RD_OK && (e = readdir(entries));) {
        char *path = rd_path_join(directory, e->d_name);
        status = path ? rd_refuse_input(output, path) : RD_ERR_MEMORY;
        free(path);
    }
    if (entries) closedir(entries);
    return status;
}

/* The path that the link at `path` holds, seen from where `path` is. */
static char *beyond_link(const char *path, const char *link) {
    const char *slash = strrchr(path, '/');
    int directory = slash && *link != '/' ? (int)(slash + 1 - path) : 0;
    size_t room = (size_t)directory + strlen(link) + 1;
    char *beyond = rd_malloc(room, 1);
    if (beyond) snprintf(beyond, room, "%.*s%s", directory, path, link);
    return beyond;
}

rd_status rd_follow_links(const char *path, char **target) {
    char *at = rd_strdup(path), link[PATH_MAX];
    for (int n = 0; at && n <= MOST_LINKS; n++) {
        ssize_t length = readlink(at, link, sizeof link - 1);
        *target = at;
        if (length < 0) return RD_OK; /* no link, or nothing there */
        link[length] = '\0';
        at = beyond_link(at, link);
        free(*target);
    }
    *target = NULL;
    if (!at) return RD_ERR_MEMORY;
    free(at);
    return cannot_write(path, ELOOP);
}

rd_status rd_open_in_place(const char *path, int flags, int *fd) {
    /* A pipe without a reader must not wait for one. */
    *fd = open(path, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0666);
    if (*fd < 0 && errno == ELOOP) return is_link(path);
    if (*fd < 0) return rd_error(RD_ERR_IO, "%s: cannot open: %s", path, strerror(errno));
    struct stat info;
    bool known = fstat(*fd, &info) == 0, regular = known && S_ISREG(info.st_mode);
    if (regular && info.st_nlink < 2) return RD_OK;
    close(*fd);
    *fd = -1;
    if (!regular) return rd_error(RD_ERR_IO, "%s: not a regular file", path);
    return rd_error(RD_ERR_IO, "%s: has another name (a hard link), whose file would change too",
                    path);
}

static void release(rd_atomic_file *file) {
    free(file->path);
    free(file->temporary);
    *file = (rd_atomic_file){0};
}

/* Gives the file the stream of a descriptor, -1: that could not be opened. */
static rd_status set_stream(rd_atomic_file *file, int fd) {
    file->stream = fd < 0 ? NULL : file->gzip ? rd_gzip_stream(fd) : fdopen(fd, "wb");
    if (file->stream) return RD_OK;
    rd_status status = cannot_write(file->path, errno);
    if (fd >= 0) close(fd);
    return status;
}

/* old: the file that the new one replaces, NULL: there is none */
static rd_status open_temporary(rd_atomic_file *file, const struct stat *old) {
    RD_TRY(rd_temporary_path(file->path, &file->temporary));
    mode_t mode = old ? old->st_mode & 0777 : 0666;
    int fd = open(file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd >= 0 && old) {
        /* As far as the user may: the group at least, of a file that is another's. */
        int ignored = fchown(fd, old->st_uid, old->st_gid) && fchown(fd, (uid_t)-1, old->st_gid);
        ignored |= fchmod(fd, mode);
        (void)ignored;
    }
    rd_status status = set_stream(file, fd);
    if (status != RD_OK && fd >= 0) unlink(file->temporary);
    return status;
}

static rd_status open_in_directory(rd_atomic_file *file) {
    struct stat old;
    if (!file->path) return RD_ERR_MEMORY;
    if (lstat(file->path, &old) != 0)
        return errno == ENOENT && *file->path ? open_temporary(file, NULL)
                                              : cannot_write(file->path, errno);
    if (S_ISLNK(old.st_mode)) return is_link(file->path);
    if (!S_ISREG(old.st_mode))
        return rd_error(RD_ERR_IO, "%s: cannot write: not a regular file", file->path);
    return open_temporary(file, &old);
}

rd_status rd_atomic_open(rd_atomic_file *file, const char *path) {
    *file = (rd_atomic_file){.path = rd_strdup(path)};
    rd_status status = open_in_directory(file);
    if (status != RD_OK) release(file);
    return status;
}

/* The open descriptor that a path is a name of, or -1. Opening the name would open its file
 * anew, from its beginning. */
static int named_descriptor(const char *path) {
    static const char *const directories[] = {"/dev/fd/", "/proc/self/fd/"};
    if (strcmp(path, "-") == 0 || strcmp(path, "/dev/stdout") == 0) return STDOUT_FILENO;
    if (strcmp(path, "/dev/stderr") == 0) return STDERR_FILENO;
    for (int i = 0; i < 2; i++) {
        const char *number = path + strlen(directories[i]);
        if (strncmp(path, directories[i], strlen(directories[i])) == 0 && *number &&
            strspn(number, "0123456789") == strlen(number))
            return (int)strtol(number, NULL, 10);
    }
    return -1;
}

bool rd_output_is_standard(const char *path) {
    return named_descriptor(path) == STDOUT_FILENO;
}

static rd_status open_descriptor(rd_atomic_file *file, int fd) {
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0 && (flags & O_ACCMODE) == O_RDONLY) return cannot_write(file->path, EBADF);
    return set_stream(file, dup(fd));
}

static rd_status open_output(rd_atomic_file *file) {
    struct stat old;
    if (!file->path) return RD_ERR_MEMORY;
    int descriptor = named_descriptor(file->path);
    if (descriptor >= 0) return open_descriptor(file, descriptor);
    bool there = stat(file->path, &old) == 0;
    if (!there && (errno != ENOENT || !*file->path)) return cannot_write(file->path, errno);
    if (there && !S_ISREG(old.st_mode))
        return set_stream(file, open(file->path, O_WRONLY | O_NOCTTY | O_CLOEXEC));
    if (there && faccessat(AT_FDCWD, file->path, W_OK, AT_EACCESS) != 0)
        return cannot_write(file->path, errno);
    char *target;
    RD_TRY(rd_follow_links(file->path, &target));
    free(file->path);
    file->path = target;
    return open_temporary(file, there ? &old : NULL);
}

rd_status rd_output_open(rd_atomic_file *file, const char *path) {
    *file = (rd_atomic_file){.path = rd_strdup(path), .gzip = rd_ends_with(path, ".gz")};
    rd_status status = open_output(file);
    if (status != RD_OK) release(file);
    return status;
}

/* Puts the written file in place, and moves an existing one to `kept` (NULL: nowhere). */
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
    bool in_place = !file->temporary;
    bool written = fflush(file->stream) == 0 && !ferror(file->stream) &&
                   (in_place || file->gzip || fsync(fileno(file->stream)) == 0);
    int saved_errno = errno;
    if (fclose(file->stream) != 0 && written) written = false, saved_errno = errno;
    file->stream = NULL;
    rd_status status = written ? RD_OK : cannot_write(file->path, saved_errno);
    if (status == RD_OK && !in_place) status = put_in_place(file, kept);
    if (status == RD_OK && !in_place)
        status = rd_sync_directory_of(file->path);
    else if (!in_place)
        unlink(file->temporary);
    release(file);
    if (!written) errno = saved_errno; /* EPIPE is told from others by some */
    return status;
}

rd_status rd_atomic_commit_head(rd_atomic_file *file, const void *head, size_t n) {
    if (fseek(file->stream, 0, SEEK_SET) != 0) {
        cannot_write(file->path, errno);
        rd_atomic_abort(file);
        return RD_ERR_IO;
    }
    fwrite(head, n, 1, file->stream);
    return rd_atomic_commit(file);
}

rd_status rd_output_flush(FILE *stream) {
    if (fflush(stream) == 0 && !ferror(stream)) return RD_OK;
    int saved_errno = errno;
    rd_error(RD_ERR_IO, "cannot write the output%s%s", saved_errno ? ": " : "",
             saved_errno ? strerror(saved_errno) : "");
    errno = saved_errno;
    return RD_ERR_IO;
}

void rd_atomic_abort(rd_atomic_file *file) {
    if (file->stream) fclose(file->stream);
    if (file->temporary) unlink(file->temporary);
    release(file);
}

rd_status rd_atomic_close(rd_atomic_file *file, rd_status status) {
    if (status == RD_OK) return rd_atomic_commit(file);
    if (status == RD_ERR_IO && file->stream && ferror(file->stream))
        rd_error_prefix(status, "%s", shown(file->path));
    rd_atomic_abort(file);
    return status;
}

static rd_status write_whole(rd_atomic_file *file, const void *bytes, size_t n) {
    if (n) fwrite(bytes, 1, n, file->stream); /* a short write shows in ferror at commit */
    return rd_atomic_commit(file);
}

rd_status rd_write_file(const char *path, const void *bytes, size_t n) {
    rd_atomic_file file;
    RD_TRY(rd_atomic_open(&file, path));
    return write_whole(&file, bytes, n);
}

rd_status rd_write_output(const char *path, const void *bytes, size_t n) {
    rd_atomic_file file;
    RD_TRY(rd_output_open(&file, path));
    return write_whole(&file, bytes, n);
}

rd_status rd_copy_file(const char *from, const char *name, const char *to, const char *as) {
    char *source = rd_path_join(from, name), *target = rd_path_join(to, as);
    rd_mapping mapping = {0};
    rd_status status = source && target ? rd_map_file(&mapping, source) : RD_ERR_MEMORY;
    if (status == RD_OK) {
        status = rd_write_file(target, mapping.bytes, mapping.size);
        rd_unmap_file(&mapping);
    }
    free(source);
    free(target);
    return status;
}
