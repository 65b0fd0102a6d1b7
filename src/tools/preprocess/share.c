/* The vocabulary for all ranks, which may have no file system in common. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "io/output.h"
#include "base/memory.h"
#include "recipe/model_dir.h"
#include "tools/preprocess/preprocess.h"

enum { MOST_BYTES = 1 << 30 };

static rd_status make_temporary(char **directory) {
    const char *parent = getenv("TMPDIR");
    *directory = rd_path_join(parent && *parent ? parent : "/tmp", "rdrop-vocabulary-XXXXXX");
    if (!*directory) return RD_ERR_MEMORY;
    if (mkdtemp(*directory)) return RD_OK;
    return rd_error(RD_ERR_IO, "%s: cannot make: %s", *directory, strerror(errno));
}

static int is_file(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

/* One file from the first rank's directory to that of each other. name: "" after the last. */
static rd_status pass_file(rd_comm *comm, const char *directory, char name[256]) {
    char *bytes = NULL;
    size_t n = 0;
    RD_TRY(rd_comm_broadcast(comm, name, 256));
    if (!*name) return RD_OK;
    char *path = rd_path_join(directory, name);
    rd_status status = path ? RD_OK : RD_ERR_MEMORY;
    if (path && comm->rank == 0) status = rd_read_file(path, MOST_BYTES, &bytes, &n);
    status = rd_comm_agree(comm, status);
    if (status == RD_OK) status = rd_comm_broadcast(comm, &n, sizeof n);
    if (status == RD_OK && comm->rank > 0 && !(bytes = rd_malloc(n, 1))) status = RD_ERR_MEMORY;
    status = rd_comm_agree(comm, status);
    if (status == RD_OK) status = rd_comm_broadcast(comm, bytes, n);
    if (status == RD_OK && comm->rank > 0) status = rd_write_file(path, bytes, n);
    free(bytes);
    free(path);
    return rd_comm_agree(comm, status);
}

static rd_status give_files(rd_comm *comm, const char *directory) {
    struct dirent **entries = NULL;
    int n = scandir(directory, &entries, is_file, alphasort);
    char name[256] = "";
    rd_status status = n < 0 ? rd_error(RD_ERR_IO, "%s: %s", directory, strerror(errno)) : RD_OK;
    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof name, "%s", entries[i]->d_name);
        if (status == RD_OK) status = pass_file(comm, directory, name);
        free(entries[i]);
    }
    free(entries);
    memset(name, 0, sizeof name);
    return status == RD_OK ? pass_file(comm, directory, name) : status;
}

static rd_status take_files(rd_comm *comm, const char *directory) {
    char name[256] = "";
    do RD_TRY(pass_file(comm, directory, name));
    while (*name);
    return RD_OK;
}

rd_status share_vocabulary(const preprocess_job *job, char **directory) {
    rd_comm *comm = job->comm;
    *directory = NULL;
    if (comm->size == 1) return (*directory = rd_strdup(job->dest)) ? RD_OK : RD_ERR_MEMORY;
    rd_status status = make_temporary(directory);
    if (status == RD_OK && comm->rank == 0)
        status =
            rd_vocabularies_copy(job->dest, *directory, rd_recipe_vocabulary_kind(job->recipe));
    status = rd_comm_agree(comm, status);
    if (status != RD_OK) return status;
    status = comm->rank == 0 ? give_files(comm, *directory) : take_files(comm, *directory);
    return rd_comm_agree(comm, status);
}

void remove_shared(const preprocess_job *job, char *directory) {
    if (directory && job->comm->size > 1) rd_remove_directory(directory);
    free(directory);
}
