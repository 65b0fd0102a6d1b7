#include "data/blocks.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/rng.h"

struct rd_blocks {
    const rd_stream *stream;
    rd_blocks_config config;
    int64_t n;
    int64_t *begin; /* [n + 1] tokens before each block; NULL: tokens_per_sample each */
    int64_t *order; /* [n] blocks of this epoch, batch after batch */
    int64_t *first; /* [n_batches + 1] into order */
    int64_t n_batches, begin_capacity, first_capacity;
};

static int64_t begin_of(const rd_blocks *b, int64_t i) {
    int64_t at = i * b->config.tokens_per_sample, end = rd_stream_sizes(b->stream)->tokens;
    return b->begin ? b->begin[i] : at < end ? at : end;
}

static int64_t length_of(const rd_blocks *b, int64_t i) {
    return begin_of(b, i + 1) - begin_of(b, i);
}

static rd_status too_long(int64_t line, int32_t length, int32_t longest) {
    return rd_error(RD_ERR_FORMAT,
                    "line %lld has %d tokens, but the model takes up to %d (max-target-positions); "
                    "sample-break-mode: none cuts lines",
                    (long long)line + 1, (int)length, (int)longest);
}

/* Blocks of whole lines. */
static rd_status cut_at_lines(rd_blocks *b) {
    const rd_blocks_config *c = &b->config;
    int64_t at = 0, n_lines = rd_stream_sizes(b->stream)->lines, tokens = 0;
    RD_TRY(rd_reserve(&b->begin, &b->begin_capacity, 2, sizeof *b->begin));
    for (int64_t i = 0; i < n_lines; i++) {
        int32_t length = rd_stream_line(b->stream, i);
        if (length > c->longest) return too_long(i, length, c->longest);
        if (i == 0 || c->mode == RD_BREAK_EOS || tokens + length > c->tokens_per_sample) {
            RD_TRY(rd_reserve(&b->begin, &b->begin_capacity, b->n + 2, sizeof *b->begin));
            b->begin[b->n++] = at;
            tokens = 0;
        }
        tokens += length;
        at += length;
    }
    b->begin[b->n] = at;
    return RD_OK;
}

static rd_status cut_into_batches(rd_blocks *b) {
    const rd_blocks_config *c = &b->config;
    int64_t tokens = 0;
    b->n_batches = 0;
    RD_TRY(rd_reserve(&b->first, &b->first_capacity, 2, sizeof *b->first));
    for (int64_t i = 0; i < b->n; i++) {
        int64_t length = length_of(b, b->order[i]), blocks = i;
        if (b->n_batches > 0) blocks -= b->first[b->n_batches - 1];
        if (i == 0 || (c->max_tokens > 0 && tokens + length > c->max_tokens) ||
            blocks == c->max_sentences) {
            RD_TRY(rd_reserve(&b->first, &b->first_capacity, b->n_batches + 2, sizeof *b->first));
            b->first[b->n_batches++] = i;
            tokens = 0;
        }
        tokens += length;
    }
    b->first[b->n_batches] = b->n;
    return RD_OK;
}

static rd_status set_epoch(void *self, int64_t epoch) {
    rd_blocks *b = self;
    for (int64_t i = 0; i < b->n; i++) b->order[i] = i;
    rd_rng rng = rd_rng_make(b->config.seed, (uint64_t)epoch);
    if (epoch > 0) rd_rng_shuffle(&rng, b->order, b->n);
    return cut_into_batches(b);
}

static rd_status build(rd_blocks *b) {
    const rd_blocks_config *c = &b->config;
    int64_t tokens = rd_stream_sizes(b->stream)->tokens;
    if (c->max_tokens <= 0 && c->max_sentences <= 0)
        return rd_error(RD_ERR_ARGUMENT, "batches need max-tokens or max-sentences above 0");
    if (c->tokens_per_sample < 1 || c->tokens_per_sample > c->longest)
        return rd_error(RD_ERR_FORMAT,
                        "tokens-per-sample is %d; expected 1 to the model's %d positions "
                        "(max-target-positions)",
                        (int)c->tokens_per_sample, (int)c->longest);
    if (c->mode == RD_BREAK_NONE)
        b->n = (tokens + c->tokens_per_sample - 1) / c->tokens_per_sample;
    else
        RD_TRY(cut_at_lines(b));
    b->order = rd_malloc((size_t)b->n, sizeof *b->order);
    return b->order ? set_epoch(b, 0) : RD_ERR_MEMORY;
}

rd_status rd_blocks_new(rd_blocks **blocks, const rd_stream *stream,
                        const rd_blocks_config *config) {
    *blocks = NULL;
    rd_blocks *b = rd_calloc(1, sizeof *b);
    if (!b) return RD_ERR_MEMORY;
    b->stream = stream;
    b->config = *config;
    rd_status status = build(b);
    if (status == RD_OK)
        *blocks = b;
    else
        rd_blocks_free(b);
    return status;
}

void rd_blocks_free(rd_blocks *b) {
    if (!b) return;
    free(b->begin);
    free(b->order);
    free(b->first);
    free(b);
}

int64_t rd_blocks_size(const rd_blocks *b) {
    return b->n;
}

/* Appends the tokens that are read before the block. */
static rd_status add_start(const rd_blocks *b, int64_t begin, rd_ids *starts) {
    if (begin > 0 && b->config.mode == RD_BREAK_NONE)
        return rd_stream_read(b->stream, begin - 1, 1, starts);
    return rd_ids_push(starts, b->config.start);
}

static rd_status add_blocks(const rd_blocks *b, int64_t first, int64_t end, rd_ids *ids,
                            rd_batch *batch) {
    for (int64_t i = first; i < end; i++) {
        int64_t begin = begin_of(b, b->order[i]), n = length_of(b, b->order[i]);
        ids->length = 0;
        RD_TRY(rd_stream_read(b->stream, begin, n, ids));
        RD_TRY(add_start(b, begin, &batch->starts));
        RD_TRY(rd_batch_add(batch, b->order[i], NULL, 0, ids->data, (int32_t)n));
    }
    return RD_OK;
}

static rd_status get(const void *self, int64_t index, rd_batch *batch) {
    const rd_blocks *b = self;
    rd_ids ids = {0};
    rd_batch_clear(batch);
    rd_status status = add_blocks(b, b->first[index], b->first[index + 1], &ids, batch);
    free(ids.data);
    return status;
}

static int64_t size(const void *self) {
    const rd_blocks *b = self;
    return b->n_batches;
}

rd_batch_source rd_blocks_source(rd_blocks *blocks) {
    return (rd_batch_source){blocks, set_epoch, size, get, 0, NULL};
}
