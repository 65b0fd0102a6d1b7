/* The vocabulary for all ranks, which may have no file system in common. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "io/output.h"
#include "tools/preprocess/preprocess.h"

enum { MOST_BYTES = 1 << 30 };

static rd_status make_temporary(char **directory) {
    const char *parent = getenv("TMPDIR");
    *directory = rd_path_join(parent && *parent ? parent : "/tmp", "rdrop-vocabulary-XXXXXX");
    if (!*directory) return RD_ERR_MEMORY;
    if (mkdtemp(*directory)) return RD_OK;
    return rd_error(RD_ERR_IO, "%s: cannot make: %s", *directory, strerror(errno));
}

static rd_status pass_bytes(rd_comm *comm, const char *path, char **bytes, size_t n) {
    if (comm->rank > 0) *bytes = rd_malloc(n, 1);
    RD_TRY(rd_comm_agree(comm, *bytes ? RD_OK : RD_ERR_MEMORY));
    RD_TRY(rd_comm_broadcast(comm, *bytes, n));
    return rd_comm_agree(comm, comm->rank > 0 ? rd_write_file(path, *bytes, n) : RD_OK);
}

/* A file of the first rank, if it has one, to all others. */
static rd_status pass_file(rd_comm *comm, const char *path) {
    bool found = comm->rank == 0 && rd_file_exists(path);
    char *bytes = NULL;
    size_t n = 0;
    rd_status status =
        rd_comm_agree(comm, found ? rd_read_file(path, MOST_BYTES, &bytes, &n) : RD_OK);
    int64_t length = found ? (int64_t)n : -1;
    if (status == RD_OK) status = rd_comm_broadcast(comm, &length, sizeof length);
    if (status == RD_OK && length >= 0) status = pass_bytes(comm, path, &bytes, (size_t)length);
    free(bytes);
    return status;
}

/* All have the same list of names. */
static rd_status pass_files(rd_comm *comm, const char *directory) {
    const char *names[RD_MOST_VOCABULARY_FILES + 1];
    rd_status status = RD_OK;
    rd_vocabularies_list(names);
    for (int i = 0; status == RD_OK && names[i]; i++) {
        char *path = rd_path_join(directory, names[i]);
        status = rd_comm_agree(comm, path ? RD_OK : RD_ERR_MEMORY);
        if (status == RD_OK) status = pass_file(comm, path);
        free(path);
    }
    return status;
}

rd_status share_vocabulary(const preprocess_job *job, char **directory) {
    rd_status status = RD_OK;
    *directory = NULL;
    if (job->comm->rank > 0)
        status = make_temporary(directory);
    else if (!(*directory = rd_strdup(job->dest)))
        status = RD_ERR_MEMORY;
    RD_TRY(rd_comm_agree(job->comm, status));
    return job->comm->size > 1 ? pass_files(job->comm, *directory) : RD_OK;
}

void remove_shared(const preprocess_job *job, char *directory) {
    if (directory && job->comm->rank > 0) rd_remove_directory(directory);
    free(directory);
}
