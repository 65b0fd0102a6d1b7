/* Runs a target over files and the files of folders: what replays corpus/ without libFuzzer. Of a
 * file named by itself the last message is shown. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "fuzz.h"

static int replayed;

static void replay(const char *path) {
    char *bytes;
    size_t n;
    if (rd_read_file(path, 1 << 28, &bytes, &n) != RD_OK) {
        fprintf(stderr, "%s\n", rd_last_error());
        exit(1);
    }
    LLVMFuzzerTestOneInput((const uint8_t *)bytes, n);
    free(bytes);
    replayed++;
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        if (!folder) {
            replay(argv[i]);
            printf("%s: %s\n", argv[i], rd_last_error());
        }
        for (struct dirent *e; folder && (e = readdir(folder));) {
            char *path = rd_path_join(argv[i], e->d_name);
            if (e->d_name[0] != '.') replay(path);
            free(path);
        }
        if (folder) closedir(folder);
    }
    printf("%d inputs\n", replayed);
    return replayed > 0 ? 0 : 1;
}
