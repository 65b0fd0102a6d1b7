/* Files and directories that are written: what is at a path is replaced whole, written into, or
 * refused; what a link leads to is never touched by accident. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/text.h"
#include "io/output.h"

static char root[] = "/tmp/rdrop-output-XXXXXX";

/* Each test works in a directory of its own. */
static int setup(void **state) {
    (void)state;
    strcpy(root + strlen(root) - 6, "XXXXXX");
    return mkdtemp(root) && chdir(root) == 0 ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", root);
    return chdir("/") | system(command); /* NOLINT(cert-env33-c) */
}

static void put(const char *path, const char *text) {
    assert_int_equal(rd_write_file(path, text, strlen(text)), RD_OK);
}

static void holds(const char *path, const char *text) {
    char *bytes;
    size_t n;
    assert_int_equal(rd_read_file(path, 1000, &bytes, &n), RD_OK);
    assert_string_equal(bytes, text);
    free(bytes);
}

static struct stat look(const char *path) {
    struct stat info;
    assert_int_equal(lstat(path, &info), 0);
    return info;
}

static int entries(const char *path) {
    struct dirent **list;
    int n = scandir(path, &list, NULL, NULL);
    for (int i = 0; i < n; i++) free(list[i]);
    if (n >= 0) free(list);
    return n - 2; /* . and .. */
}

/* A device of the test's own, of the minor number that /dev/null (3) or /dev/full (7) has: a fault
 * here must not cost root its own. Without the right to make one, another device would do no harm.
 */
static const char *make_device(const char *name, unsigned number) {
    int fd = mknod(name, S_IFCHR | 0666, makedev(1, number)) == 0 ? open(name, O_WRONLY) : -1;
    if (fd >= 0) {
        close(fd);
        return name;
    }
    unlink(name);
    return geteuid() == 0 ? NULL : number == 3 ? "/dev/null" : "/dev/full";
}

static void test_temporary_names(void **state) {
    (void)state;
    char *a, *b, *long_one, name[256];
    memset(name, 'n', 255);
    name[255] = '\0';
    assert_int_equal(rd_temporary_path("dir.tmp.1/file", &a), RD_OK);
    assert_int_equal(rd_temporary_path("dir.tmp.1/file", &b), RD_OK);
    assert_int_equal(rd_temporary_path(name, &long_one), RD_OK);
    assert_int_equal(strncmp(a, "dir.tmp.1/file.tmp.", 19), 0);
    assert_int_equal(strlen(a), 19 + 16);
    assert_string_not_equal(a, b);
    assert_true(rd_is_temporary(a));
    assert_int_equal(strlen(long_one), 255);
    assert_true(rd_is_temporary(long_one));
    free(a);
    free(b);
    free(long_one);
    assert_true(rd_is_temporary("x.tmp.y.tmp.0123456789abcdef"));
    const char *const others[] = {
        "checkpoint_last", "x.tmp.", "x.tmp.y", "x.tmp.deadbeef",        "results.tmp.2024",
        "x.tmp.1.bin",     "x.tmp",  "tmp.1",   "x.tmp.0123456789abcdeg"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(rd_is_temporary(others[i]));
    put(name, "as long as a name may be");
    holds(name, "as long as a name may be");
}

static void test_mode_and_owner_are_kept(void **state) {
    (void)state;
    rd_status (*const writers[])(const char *, const void *, size_t) = {rd_write_file,
                                                                        rd_write_output};
    mode_t mask = umask(027);
    for (int i = 0; i < 2; i++) {
        put("new", "");
        assert_int_equal(look("new").st_mode & 07777, 0640);
        put("old", "secret");
        assert_int_equal(chmod("old", 0604), 0);
        bool given = chown("old", 4321, 1234) == 0; /* root alone may */
        assert_int_equal(writers[i]("old", "more", 4), RD_OK);
        holds("old", "more");
        assert_int_equal(look("old").st_mode & 07777, 0604);
        if (given) assert_int_equal(look("old").st_uid, 4321);
        if (given) assert_int_equal(look("old").st_gid, 1234);
        /* Nobody sees more of it while it is written. */
        rd_atomic_file file;
        assert_int_equal(rd_atomic_open(&file, "old"), RD_OK);
        assert_int_equal(look(file.temporary).st_mode & 07777, 0604);
        rd_atomic_abort(&file);
        unlink("old");
    }
    umask(mask);
}

/* Of what a program fills: everything else at the path is refused and left as it is. */
static void test_only_regular_files(void **state) {
    (void)state;
    put("target", "precious");
    assert_int_equal(symlink("target", "link"), 0);
    assert_int_equal(symlink("nowhere", "dangling"), 0);
    assert_int_equal(mkfifo("fifo", 0600), 0);
    assert_int_equal(mkdir("folder", 0700), 0);
    const char *device = make_device("folder/null", 3);
    const char *const paths[] = {"link", "dangling", "fifo", "folder", device};
    for (size_t i = 0; i < sizeof paths / sizeof *paths && paths[i]; i++) {
        bool link = i < 2;
        struct stat before = look(paths[i]);
        assert_int_equal(rd_write_file(paths[i], "x", 1), RD_ERR_IO);
        assert_non_null(strstr(rd_last_error(), paths[i]));
        assert_non_null(strstr(rd_last_error(), link ? "symbolic link" : "not a regular file"));
        assert_int_equal(look(paths[i]).st_ino, before.st_ino);
        assert_int_equal(look(paths[i]).st_mode, before.st_mode);
        int fd;
        assert_int_equal(rd_open_in_place(paths[i], O_RDWR | O_CREAT | O_APPEND, &fd), RD_ERR_IO);
        assert_non_null(strstr(rd_last_error(), paths[i]));
        assert_int_equal(rd_refuse_link(paths[i]), link ? RD_ERR_IO : RD_OK);
    }
    holds("target", "precious");
    int fd;
    assert_int_equal(rd_open_in_place("target", O_RDWR | O_CREAT, &fd), RD_OK);
    close(fd);
    assert_int_equal(link("target", "folder/other"), 0);
    assert_int_equal(rd_open_in_place("target", O_RDWR | O_APPEND, &fd), RD_ERR_IO);
    assert_non_null(strstr(rd_last_error(), "target: has another name"));
    holds("target", "precious");
    assert_false(rd_file_exists("nowhere"));
    assert_int_equal(rd_write_file("", "x", 1), RD_ERR_IO);
    assert_int_equal(entries("."), 5);
}

/* Of what the user named: a link stays, and what it leads to is replaced. */
static void test_links_of_the_user_are_followed(void **state) {
    (void)state;
    assert_int_equal(mkdir("folder", 0700), 0);
    put("folder/target", "old");
    assert_int_equal(symlink("../folder/target", "folder/second"), 0);
    assert_int_equal(symlink("folder/second", "first"), 0);
    struct stat before = look("folder/target");
    assert_int_equal(rd_write_output("first", "new", 3), RD_OK);
    assert_true(S_ISLNK(look("first").st_mode) && S_ISLNK(look("folder/second").st_mode));
    holds("folder/target", "new");
    assert_int_not_equal(look("folder/target").st_ino, before.st_ino); /* whole, not written into */
    char absolute[128];
    snprintf(absolute, sizeof absolute, "%s/folder/made", root);
    assert_int_equal(symlink(absolute, "dangling"), 0);
    assert_int_equal(rd_write_output("dangling", "made", 4), RD_OK);
    assert_true(S_ISLNK(look("dangling").st_mode));
    holds("folder/made", "made");
    assert_int_equal(symlink("b", "a"), 0);
    assert_int_equal(symlink("a", "b"), 0);
    assert_int_equal(rd_write_output("a", "x", 1), RD_ERR_IO);
    char *target;
    assert_int_equal(rd_follow_links("a", &target), RD_ERR_IO);
    rd_atomic_file file;
    assert_int_equal(rd_output_open(&file, "first"), RD_OK);
    fputs("half", file.stream);
    rd_atomic_abort(&file);
    holds("first", "new");
    assert_int_equal(entries("folder"), 3);
    assert_int_equal(entries("."), 5);
}

static void test_devices_and_pipes_are_written_into(void **state) {
    (void)state;
    assert_int_equal(mkfifo("fifo", 0600), 0);
    assert_int_equal(symlink("fifo", "link"), 0);
    int reader = open("fifo", O_RDONLY | O_NONBLOCK);
    assert_true(reader >= 0);
    char got[16] = "";
    assert_int_equal(rd_write_output("fifo", "to a ", 5), RD_OK);
    assert_int_equal(rd_write_output("link", "pipe", 4), RD_OK);
    assert_int_equal(read(reader, got, sizeof got), 9);
    assert_string_equal(got, "to a pipe");
    assert_true(S_ISFIFO(look("fifo").st_mode) && S_ISLNK(look("link").st_mode));
    close(reader);
    assert_int_equal(mkdir("dev", 0700), 0);
    const char *null = make_device("dev/null", 3), *full = make_device("dev/full", 7);
    ino_t inode = null ? look(null).st_ino : 0;
    if (null) assert_int_equal(rd_write_output(null, "x", 1), RD_OK);
    if (null) assert_int_equal(look(null).st_ino, inode);
    if (full) assert_int_equal(rd_write_output(full, "x", 1), RD_ERR_IO);
    if (full) assert_non_null(strstr(rd_last_error(), "full: cannot write: No space left"));
    assert_int_equal(rd_write_output("folder/none", "x", 1), RD_ERR_IO);
    assert_int_equal(rd_write_output(".", "x", 1), RD_ERR_IO);
    assert_int_equal(entries("."), 3);
}

/* As rd_gzip_stream's: a stream whose first write fails. */
static ssize_t fail_once(void *cookie, const char *bytes, size_t n) {
    bool *failed = cookie;
    (void)bytes;
    if (*failed) return (ssize_t)n;
    *failed = true;
    errno = ENOSPC;
    return 0;
}

/* A flush also reports data that could not be written before it. */
static void test_flushed(void **state) {
    (void)state;
    bool failed = false;
    FILE *stream = fopencookie(&failed, "w", (cookie_io_functions_t){.write = fail_once});
    assert_non_null(stream);
    setvbuf(stream, NULL, _IONBF, 0);
    fputs("x", stream);
    assert_int_equal(rd_output_flush(stream), RD_ERR_IO);
    assert_int_equal(errno, ENOSPC);
    assert_string_equal(rd_last_error(), "cannot write the output: No space left on device");
    clearerr(stream);
    assert_int_equal(rd_output_flush(stream), RD_OK);
    fclose(stream);
}

/* A file that the user names .gz is gzipped, even if it is a link to another name or a pipe, and
 * still appears whole or not at all. */
static void test_gzipped(void **state) {
    (void)state;
    static const char *const names[] = {"new.gz", "link.gz", "fifo.gz"};
    char text[3000], got[4000];
    for (size_t i = 0; i < sizeof text; i++) text[i] = (char)('a' + i % 7);
    assert_int_equal(symlink("plain", "link.gz"), 0);
    assert_int_equal(mkfifo("fifo.gz", 0600), 0);
    int reader = open("fifo.gz", O_RDONLY | O_NONBLOCK);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char packed[4000];
        bool pipe = i == 2;
        assert_int_equal(rd_write_output(names[i], text, sizeof text), RD_OK);
        int fd = pipe ? reader : open(names[i], O_RDONLY),
            copy = open("copy", O_RDWR | O_CREAT | O_TRUNC, 0600);
        ssize_t n = read(fd, packed, sizeof packed);
        assert_in_range(n, 20, 200);
        assert_int_equal(write(copy, packed, (size_t)n), n);
        assert_int_equal(lseek(copy, 0, SEEK_SET), 0);
        close(fd);
        gzFile unpacked = gzdopen(copy, "rb");
        assert_int_equal(gzread(unpacked, got, sizeof got), sizeof text);
        assert_memory_equal(got, text, sizeof text);
        assert_int_equal(gzclose_r(unpacked), Z_OK);
    }
    assert_int_equal(rd_write_file("data.gz", "as it is", 8), RD_OK); /* no output of the user's */
    holds("data.gz", "as it is");
    rd_atomic_file file;
    assert_int_equal(rd_output_open(&file, "new.gz"), RD_OK);
    fputs("half", file.stream);
    rd_atomic_abort(&file);
    assert_int_equal(entries("."), 6);
    assert_int_equal(mkdir("dev", 0700), 0);
    const char *full = make_device("dev/full.gz", 7);
    if (full && rd_ends_with(full, ".gz")) {
        assert_int_equal(rd_write_output(full, text, sizeof text), RD_ERR_IO);
        assert_non_null(strstr(rd_last_error(), "full.gz: cannot write: No space left"));
    }
}

/* A descriptor goes on where it is. */
static void test_descriptors(void **state) {
    (void)state;
    int fd = open("file", O_WRONLY | O_CREAT, 0600), out = dup(STDOUT_FILENO);
    char path[32];
    assert_int_equal(write(fd, "a", 1), 1);
    const char *const folders[] = {"/dev/fd/%d", "/proc/self/fd/%d"};
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, folders[i], fd);
        assert_int_equal(rd_write_output(path, "b", 1), RD_OK);
    }
    assert_int_equal(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
    rd_status status = rd_write_output("-", "c", 1);
    status |= rd_write_output("/dev/stdout", "d", 1);
    rd_status same = rd_refuse_input(NULL, "file"), dash = rd_refuse_input("-", "file");
    dup2(out, STDOUT_FILENO);
    assert_int_equal(status, RD_OK);
    assert_int_equal(same, RD_ERR_ARGUMENT);
    assert_int_equal(dash, RD_ERR_ARGUMENT);
    holds("file", "abbcd");
    int only_read = open("/dev/null", O_RDONLY);
    snprintf(path, sizeof path, "/dev/fd/%d", only_read);
    assert_int_equal(rd_write_output(path, "x", 1), RD_ERR_IO);
    assert_int_equal(rd_write_output("/dev/fd/999", "x", 1), RD_ERR_IO);
    close(only_read);
    close(out);
    close(fd);
    assert_int_equal(entries("."), 1);
}

static void test_outputs_that_are_inputs(void **state) {
    (void)state;
    put("file", "text");
    put("other", "text");
    assert_int_equal(symlink("file", "link"), 0);
    assert_int_equal(link("file", "second"), 0);
    const char *const same[] = {"file", "link", "second", "./file"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        assert_int_equal(rd_refuse_input(same[i], "file"), RD_ERR_ARGUMENT);
        assert_non_null(strstr(rd_last_error(), "file: both read and written"));
    }
    assert_int_equal(rd_refuse_input("other", "file"), RD_OK);
    assert_int_equal(rd_refuse_input("none", "file"), RD_OK);
    assert_int_equal(rd_refuse_input("file", "none"), RD_OK);
    assert_int_equal(rd_refuse_input("file", NULL), RD_OK);
    assert_int_equal(rd_refuse_input("/dev/null", "/dev/null"), RD_OK);
    assert_int_equal(mkdir("inputs", 0700), 0);
    put("inputs/spm.model", "text");
    assert_int_equal(symlink("inputs/spm.model", "into"), 0);
    assert_int_equal(rd_refuse_inputs_in("into", "inputs"), RD_ERR_ARGUMENT);
    assert_non_null(strstr(rd_last_error(), "inputs/spm.model: both read and written"));
    assert_int_equal(rd_refuse_inputs_in("other", "inputs"), RD_OK);
    assert_int_equal(rd_refuse_inputs_in("other", "none"), RD_OK);
}

static void fill(rd_atomic_directory *d) {
    const char *const names[] = {"config.yaml", "weights"};
    for (int i = 0; i < 2; i++) {
        char *path = rd_path_join(d->temporary, names[i]);
        put(path, names[i]);
        free(path);
    }
}

static void test_directories(void **state) {
    (void)state;
    rd_atomic_directory d;
    const char *const paths[] = {"new/deep/one/", "empty", "link///", "dangling"};
    assert_int_equal(mkdir("empty", 0710), 0);
    assert_int_equal(mkdir("real", 0705), 0);
    assert_int_equal(symlink("real", "link"), 0);
    assert_int_equal(symlink("new/made", "dangling"), 0);
    struct stat before = look("real");
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        assert_int_equal(rd_atomic_directory_open(&d, paths[i]), RD_OK);
        fill(&d);
        assert_int_equal(rd_atomic_directory_close(&d, RD_OK), RD_OK);
        assert_int_equal(entries(paths[i]), 2);
        assert_int_equal(rd_atomic_directory_open(&d, paths[i]), RD_ERR_ARGUMENT);
        assert_non_null(strstr(rd_last_error(), "not empty"));
    }
    assert_true(S_ISLNK(look("link").st_mode) && S_ISLNK(look("dangling").st_mode));
    assert_int_equal(look("real").st_ino, before.st_ino); /* filled, not replaced */
    assert_int_equal(look("real").st_mode, before.st_mode);
    holds("real/config.yaml", "config.yaml");
    holds("new/made/weights", "weights");
    assert_int_equal(entries("."), 5);
    assert_int_equal(entries("new"), 2);
}

static void test_directories_that_fail(void **state) {
    (void)state;
    rd_atomic_directory d;
    const char *const paths[] = {"new", "empty", "."};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        if (i == 1) assert_int_equal(mkdir("empty", 0700), 0);
        if (i == 2) assert_int_equal(rmdir("empty"), 0);
        assert_int_equal(rd_atomic_directory_open(&d, paths[i]), RD_OK);
        fill(&d);
        assert_int_equal(rd_atomic_directory_close(&d, RD_ERR_FORMAT), RD_ERR_FORMAT);
        assert_int_equal(entries("."), i == 1);
    }
    /* One of the files cannot be moved: the others go as well. */
    assert_int_equal(mkdir("empty", 0700), 0);
    assert_int_equal(rd_atomic_directory_open(&d, "empty"), RD_OK);
    fill(&d);
    assert_int_equal(mkdir("empty/config.yaml", 0700), 0);
    put("empty/config.yaml/x", "");
    assert_int_equal(rd_atomic_directory_close(&d, RD_OK), RD_ERR_IO);
    assert_non_null(strstr(rd_last_error(), "empty/config.yaml"));
    assert_int_equal(entries("empty"), 1);
    put("file", "");
    assert_int_equal(rd_atomic_directory_open(&d, "file"), RD_ERR_IO);
    assert_int_equal(rd_atomic_directory_open(&d, "file/inside"), RD_ERR_IO);
    assert_int_equal(rd_atomic_directory_open(&d, ""), RD_ERR_IO);
    assert_int_equal(rd_make_directories("file"), RD_ERR_IO);
    assert_non_null(strstr(rd_last_error(), "Not a directory"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_temporary_names, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mode_and_owner_are_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_only_regular_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_links_of_the_user_are_followed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_devices_and_pipes_are_written_into, setup, teardown),
        cmocka_unit_test(test_flushed),
        cmocka_unit_test_setup_teardown(test_gzipped, setup, teardown),
        cmocka_unit_test_setup_teardown(test_descriptors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_outputs_that_are_inputs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_directories, setup, teardown),
        cmocka_unit_test_setup_teardown(test_directories_that_fail, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
