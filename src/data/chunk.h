/* Rows of text files on their way into a dataset, a chunk at a time: read, tokenized in parallel,
 * written. */
#ifndef RD_DATA_CHUNK_H
#define RD_DATA_CHUNK_H

#include <signal.h>

#include "base/parallel.h"
#include "base/text.h"

/* What is told of long work, and what ends it. */
typedef struct {
    void (*progress)(void *self, int64_t rows_read); /* now and then; may be NULL */
    void *self;
    const volatile sig_atomic_t *stop; /* ends as interrupted once it is nonzero; may be NULL */
    int stop_fd; /* a descriptor to read from once *stop is set; ends waiting for input; 0: none */
} rd_watch;

rd_status rd_watch_check(const rd_watch *watch); /* RD_ERR_INTERRUPTED once *stop is nonzero */

/* Enough to keep the threads busy between two reads. */
enum { RD_CHUNK_ROWS = 4096, RD_CHUNK_BYTES = 8 << 20 };

/* What is done with row i of a chunk, 0 <= i < RD_CHUNK_ROWS. */
typedef struct {
    /* Makes the file's next row the i-th; *line: the number of its line, left alone at the end. */
    rd_status (*read)(void *self, int64_t i, int64_t *line);
    rd_job_work tokenize; /* by any thread */
    rd_status (*write)(void *self, int64_t i);
} rd_row_work;

typedef struct {
    const rd_row_work *work;
    void *self;
    const rd_watch *watch;
    const char *path; /* of the file, for messages */
    rd_text text;     /* what `read` keeps of the rows; RD_CHUNK_BYTES and a row at most */
    int64_t n;
    int64_t n_read; /* rows of all chunks that were written */
    int64_t lines[RD_CHUNK_ROWS];
} rd_chunk;

/* All rows until the file ends. */
rd_status rd_chunks_run(rd_chunk *chunk);

/* The same in steps. */
rd_status rd_chunk_read(rd_chunk *chunk, bool *ended);
rd_status rd_chunk_tokenize(const rd_chunk *chunk);
rd_status rd_chunk_write(rd_chunk *chunk); /* and shows progress */

#endif
