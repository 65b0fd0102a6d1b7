#include "data/picture_batches.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct rd_picture_batches {
    const rd_dataset *dataset;
    rd_picture_batches_config config;
    int64_t epoch;
    int64_t *order; /* [dataset size] */
};

static rd_status set_epoch(void *self, int64_t epoch) {
    rd_picture_batches *b = self;
    int64_t n = rd_dataset_size(b->dataset);
    rd_rng rng = rd_rng_make(b->config.seed, (uint64_t)epoch);
    b->epoch = epoch;
    for (int64_t i = 0; i < n; i++) b->order[i] = i;
    if (epoch > 0) rd_rng_shuffle(&rng, b->order, n);
    return RD_OK;
}

rd_status rd_picture_batches_new(rd_picture_batches **out, const rd_dataset *dataset,
                                 const rd_picture_batches_config *config) {
    *out = NULL;
    if (config->max_sentences < 1)
        return rd_error(RD_ERR_ARGUMENT, "batches of pictures need max-sentences (batch-size) "
                                         "above 0");
    rd_picture_batches *b = rd_calloc(1, sizeof *b);
    if (!b) return RD_ERR_MEMORY;
    b->dataset = dataset;
    b->config = *config;
    b->order = rd_malloc((size_t)rd_dataset_size(dataset), sizeof *b->order);
    if (!b->order) {
        rd_picture_batches_free(b);
        return RD_ERR_MEMORY;
    }
    *out = b;
    return set_epoch(b, 0);
}

void rd_picture_batches_free(rd_picture_batches *batches) {
    if (!batches) return;
    free(batches->order);
    free(batches);
}

static int64_t size(const void *self) {
    const rd_picture_batches *b = self;
    return (rd_dataset_size(b->dataset) + b->config.max_sentences - 1) / b->config.max_sentences;
}

/* The random numbers that a picture or a batch draws in this epoch. */
typedef enum { DRAW_PICTURE, DRAW_MIX } draw;

static rd_rng rng_of(const rd_picture_batches *b, int64_t number, draw what) {
    uint64_t seed = b->config.seed ^ (uint64_t)b->epoch << 32 ^ (uint64_t)0x70 << 56;
    return rd_rng_make(seed, 2 * (uint64_t)number + (uint64_t)what);
}

/* Of a gamma distribution (Marsaglia and Tsang 2000). */
static double draw_gamma(double shape, rd_rng *rng) {
    double d = (shape < 1.0 ? shape + 1.0 : shape) - 1.0 / 3.0, c = 1.0 / sqrt(9.0 * d), v, x, u;
    do {
        x = rd_rng_normal(rng);
        v = pow(1.0 + c * x, 3.0);
        u = 1.0 - rd_rng_uniform(rng);
    } while (v <= 0.0 || log(u) >= 0.5 * x * x + d - d * v + d * log(v));
    double boost = shape < 1.0 ? pow(1.0 - rd_rng_uniform(rng), 1.0 / shape) : 1.0;
    return d * v * boost;
}

static rd_status mix(const rd_picture_batches *b, int64_t index, rd_batch *batch) {
    const rd_picture_batches_config *c = &b->config;
    if (b->epoch == 0 || (c->mixup <= 0.0f && c->cutmix <= 0.0f)) return RD_OK;
    rd_rng rng = rng_of(b, index, DRAW_MIX);
    bool boxes = c->mixup <= 0.0f || (c->cutmix > 0.0f && rd_rng_below(&rng, 2) == 1);
    double shape = (double)(boxes ? c->cutmix : c->mixup);
    double one = draw_gamma(shape, &rng), other = draw_gamma(shape, &rng);
    double share = one + other > 0.0 ? one / (one + other) : 1.0;
    return rd_mix_pictures(batch, rd_picture_input_channels(c->input),
                           rd_picture_input_size(c->input), share, boxes, &rng);
}

static rd_status add(const rd_picture_batches *b, int64_t id, rd_picture_scratch *scratch,
                     rd_ids *no_ids, rd_ids *label, rd_batch *batch) {
    rd_pair pair;
    RD_TRY(rd_dataset_read(b->dataset, id, no_ids, label, &pair));
    if (!pair.src_text || pair.n_tgt != 1)
        return rd_error(RD_ERR_FORMAT, "example %lld is no picture with a class",
                        (long long)id + 1);
    const rd_picture_input *input = b->config.input;
    int64_t side = rd_picture_input_size(input), at = batch->pictures.length;
    int64_t samples = side * side * rd_picture_input_channels(input);
    RD_TRY(rd_reserve(&batch->pictures.data, &batch->pictures.capacity, at + samples,
                      sizeof *batch->pictures.data));
    rd_rng rng = rng_of(b, id, DRAW_PICTURE);
    rd_status status =
        rd_picture_input_make(input, pair.src_text, (size_t)pair.src_text_length,
                              b->epoch > 0 ? &rng : NULL, scratch, batch->pictures.data + at);
    if (status == RD_ERR_FORMAT)
        return rd_error_prefix(status, "%.*s", (int)pair.tgt_text_length, pair.tgt_text);
    RD_TRY(status);
    batch->pictures.length += samples;
    RD_TRY(rd_reserve(&batch->ids, &batch->ids_capacity, batch->n + 1, sizeof *batch->ids));
    RD_TRY(rd_reserve(&batch->labels.data, &batch->labels.capacity, batch->n + 1,
                      sizeof *batch->labels.data));
    batch->labels.data[batch->labels.length++] = label->data[0];
    batch->ids[batch->n++] = id;
    return RD_OK;
}

static rd_status get(const void *self, int64_t index, rd_batch *batch) {
    const rd_picture_batches *b = self;
    int64_t first = index * b->config.max_sentences, n = rd_dataset_size(b->dataset);
    int64_t end = first + b->config.max_sentences < n ? first + b->config.max_sentences : n;
    rd_picture_scratch scratch = {0};
    rd_ids no_ids = {0}, label = {0};
    rd_status status = RD_OK;
    rd_batch_clear(batch);
    for (int64_t i = first; status == RD_OK && i < end; i++)
        status = add(b, b->order[i], &scratch, &no_ids, &label, batch);
    if (status == RD_OK) status = mix(b, index, batch);
    rd_picture_scratch_free(&scratch);
    free(no_ids.data);
    free(label.data);
    return status;
}

rd_batch_source rd_picture_batches_source(rd_picture_batches *batches) {
    return (rd_batch_source){batches, set_epoch, size, get, batches->config.threads, NULL};
}
