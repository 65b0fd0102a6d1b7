#include "data/chunk.h"

rd_status rd_watch_check(const rd_watch *watch) {
    if (rd_check_stop(watch->stop) == RD_OK) return RD_OK;
    return rd_error(RD_ERR_INTERRUPTED, "interrupted; unfinished files are not written");
}

rd_status rd_chunk_read(rd_chunk *c, bool *ended) {
    rd_text_clear(&c->text);
    for (c->n = 0; c->n < RD_CHUNK_ROWS && c->text.length < RD_CHUNK_BYTES; c->n++) {
        int64_t line = 0;
        RD_TRY(c->work->read(c->self, c->n, &line));
        *ended = line == 0;
        if (*ended) break;
        c->lines[c->n] = line;
    }
    return RD_OK;
}

rd_status rd_chunk_tokenize(const rd_chunk *c) {
    int64_t failed;
    rd_status status = rd_over_jobs(0, c->n, 16, c->work->tokenize, c->self, &failed);
    if (status == RD_OK) return RD_OK;
    return rd_error_prefix(status, "%s:%lld", c->path, (long long)c->lines[failed]);
}

rd_status rd_chunk_write(rd_chunk *c) {
    for (int64_t i = 0; i < c->n; i++) RD_TRY(c->work->write(c->self, i));
    c->n_read += c->n;
    if (c->watch->progress) c->watch->progress(c->watch->self, c->n_read);
    return RD_OK;
}

rd_status rd_chunks_run(rd_chunk *c) {
    for (bool ended = false; !ended;) {
        RD_TRY(rd_chunk_read(c, &ended));
        RD_TRY(rd_chunk_tokenize(c));
        RD_TRY(rd_chunk_write(c));
        RD_TRY(rd_watch_check(c->watch));
    }
    return RD_OK;
}
