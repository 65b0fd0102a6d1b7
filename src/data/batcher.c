/* Dealing a dataset into batches: sort by length, cut, shuffle. Examples of a class or a number are
 * not sorted in training: one of them weighs as much as a long sentence's many tokens, and batches
 * of similar lengths would be batches of similar answers. */
#include <stdbool.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/rng.h"
#include "data/batch.h"

struct rd_batcher {
    const rd_dataset *dataset;
    rd_batcher_config config;
    int64_t epoch;
    int64_t *order; /* [dataset size] sentences, batch after batch */
    int64_t *begin; /* [n_batches + 1] offsets into order */
    int64_t *dealt; /* [n_batches] batch numbers in the order of this epoch */
    int64_t n_batches, begin_capacity;
};

/* A sentence with its sort keys; `rank` breaks ties differently in every epoch. */
typedef struct {
    int32_t n_tgt, n_src;
    int64_t rank, index;
} sort_item;

static int by_length(const void *a, const void *b) {
    const sort_item *x = a, *y = b;
    if (x->n_tgt != y->n_tgt) return x->n_tgt < y->n_tgt ? -1 : 1;
    if (x->n_src != y->n_src) return x->n_src < y->n_src ? -1 : 1;
    return x->rank < y->rank ? -1 : 1;
}

rd_status rd_batcher_new(rd_batcher **out, const rd_dataset *dataset,
                         const rd_batcher_config *config) {
    *out = NULL;
    if (config->max_tokens < 0 || config->max_sentences < 0 ||
        (config->max_tokens == 0 && config->max_sentences == 0))
        return rd_error(RD_ERR_ARGUMENT, "batches need max-tokens or max-sentences above 0");
    if (config->sampling_alpha > 0.0f && rd_dataset_size(dataset) > 0 &&
        !rd_dataset_get(dataset, 0).src_text)
        return rd_error(RD_ERR_ARGUMENT,
                        "subword regularization needs a dataset binarized with its text: run "
                        "rdrop-preprocess again with the same recipe");
    rd_batcher *batcher = rd_calloc(1, sizeof *batcher);
    if (!batcher) return RD_ERR_MEMORY;
    batcher->dataset = dataset;
    batcher->config = *config;
    batcher->order = rd_malloc((size_t)rd_dataset_size(dataset), sizeof *batcher->order);
    rd_status status = batcher->order ? rd_batcher_set_epoch(batcher, 0) : RD_ERR_MEMORY;
    if (status != RD_OK) {
        rd_batcher_free(batcher);
        return status;
    }
    *out = batcher;
    return RD_OK;
}

void rd_batcher_free(rd_batcher *batcher) {
    if (!batcher) return;
    free(batcher->order);
    free(batcher->begin);
    free(batcher->dealt);
    free(batcher);
}

static bool has_answers(const rd_batcher *batcher) {
    return rd_dataset_answers(batcher->dataset) != RD_UNLABELLED;
}

/* order: all sentences, shortest targets first. */
static rd_status sort_sentences(rd_batcher *batcher, rd_rng *rng) {
    int64_t n = rd_dataset_size(batcher->dataset);
    for (int64_t i = 0; i < n; i++) batcher->order[i] = i;
    if (batcher->epoch > 0) rd_rng_shuffle(rng, batcher->order, n);
    if (batcher->epoch > 0 && has_answers(batcher)) return RD_OK;
    sort_item *items = rd_malloc((size_t)n, sizeof *items);
    if (!items) return RD_ERR_MEMORY;
    for (int64_t i = 0; i < n; i++) {
        rd_pair pair = rd_dataset_get(batcher->dataset, batcher->order[i]);
        items[i] = (sort_item){
            .n_tgt = pair.n_tgt, .n_src = pair.n_src, .rank = i, .index = batcher->order[i]};
        if (!has_answers(batcher)) continue;
        items[i].n_tgt += pair.n_src; /* one sequence */
        items[i].n_src = 0;
    }
    qsort(items, (size_t)n, sizeof *items, by_length);
    for (int64_t i = 0; i < n; i++) batcher->order[i] = items[i].index;
    free(items);
    return RD_OK;
}

static rd_status cut(rd_batcher *batcher) {
    const rd_batcher_config *config = &batcher->config;
    int64_t n = rd_dataset_size(batcher->dataset), tokens = 0, sentences = 0;
    batcher->n_batches = 0;
    RD_TRY(rd_reserve(&batcher->begin, &batcher->begin_capacity, 2, sizeof(int64_t)));
    for (int64_t i = 0; i < n; i++) {
        rd_pair pair = rd_dataset_get(batcher->dataset, batcher->order[i]);
        int64_t longer = pair.n_src > pair.n_tgt ? pair.n_src : pair.n_tgt;
        if (has_answers(batcher)) longer = (int64_t)pair.n_src + pair.n_tgt; /* one sequence */
        bool full =
            sentences > 0 && ((config->max_tokens && tokens + longer > config->max_tokens) ||
                              (config->max_sentences && sentences == config->max_sentences));
        if (full || i == 0) {
            RD_TRY(rd_reserve(&batcher->begin, &batcher->begin_capacity, batcher->n_batches + 2,
                              sizeof(int64_t)));
            batcher->begin[batcher->n_batches++] = i;
            tokens = sentences = 0;
        }
        tokens += longer;
        sentences++;
    }
    batcher->begin[batcher->n_batches] = n;
    return RD_OK;
}

rd_status rd_batcher_set_epoch(rd_batcher *batcher, int64_t epoch) {
    batcher->epoch = epoch;
    rd_rng rng = rd_rng_make(batcher->config.seed, (uint64_t)epoch);
    RD_TRY(sort_sentences(batcher, &rng));
    RD_TRY(cut(batcher));
    free(batcher->dealt);
    batcher->dealt = rd_malloc((size_t)batcher->n_batches, sizeof(int64_t));
    if (!batcher->dealt) return RD_ERR_MEMORY;
    for (int64_t i = 0; i < batcher->n_batches; i++) batcher->dealt[i] = i;
    if (epoch > 0) rd_rng_shuffle(&rng, batcher->dealt, batcher->n_batches);
    return RD_OK;
}

int64_t rd_batcher_size(const rd_batcher *batcher) {
    return batcher->n_batches;
}

/* The random draws of a sentence in each epoch: its two segmentations and its noise. */
typedef enum { DRAW_SOURCE, DRAW_TARGET, DRAW_NOISE } draw;

static rd_rng rng_of(const rd_batcher *batcher, int64_t id, draw what) {
    uint64_t seed = batcher->config.seed ^ (uint64_t)batcher->epoch << 32;
    return what == DRAW_NOISE ? rd_rng_make(seed, ~(uint64_t)id)
                              : rd_rng_make(seed, 2 * (uint64_t)id + (uint64_t)what);
}

/* Drawing takes longer than encoding, and no text of so many bytes has so few tokens. */
enum { LONGEST_SAMPLED = 1 << 16, MOST_BYTES_A_TOKEN = 64 };

/* One side of a sentence, freshly segmented, with eos; the dataset's ids end with the same eos. */
static rd_status sample(const rd_batcher *batcher, const rd_tokenizer *tokenizer, const char *text,
                        int32_t length, int32_t eos, rd_rng rng, rd_ids *ids) {
    ids->length = 0;
    if (batcher->config.prepend_bos) RD_TRY(rd_ids_push(ids, rd_tokenizer_bos(tokenizer)));
    RD_TRY(rd_tokenizer_sample(tokenizer, text, (size_t)length, batcher->config.sampling_alpha,
                               batcher->config.sampling_nbest, rd_rng_u32(&rng), ids));
    return rd_ids_push(ids, eos);
}

/* A side's n ids give way to freshly drawn ones, if those are not more than `most`. */
static rd_status resample(const rd_batcher *batcher, const rd_tokenizer *tokenizer,
                          const char *text, int32_t length, int32_t most, rd_rng rng, rd_ids *drawn,
                          const int32_t **ids, int32_t *n) {
    if (length > LONGEST_SAMPLED || length / MOST_BYTES_A_TOKEN > *n) return RD_OK;
    RD_TRY(sample(batcher, tokenizer, text, length, (*ids)[*n - 1], rng, drawn));
    if (most > 0 && drawn->length > most) return RD_OK;
    *ids = drawn->data;
    *n = (int32_t)drawn->length;
    return RD_OK;
}

/* Scratch for the sentences of a batch: copies of the dataset's ids, and the ids made from them. */
typedef struct {
    rd_ids src, tgt, drawn_src, drawn_tgt, noised, joined, labels;
} scratch;

static void free_scratch(scratch *s) {
    free(s->src.data);
    free(s->tgt.data);
    free(s->drawn_src.data);
    free(s->drawn_tgt.data);
    free(s->noised.data);
    free(s->joined.data);
    free(s->labels.data);
}

static rd_status too_long(int64_t id, const rd_pair *p, const rd_batcher_config *c) {
    return rd_error(RD_ERR_FORMAT, "pair %lld has %d and %d tokens, but at most %d and %d are read",
                    (long long)id + 1, (int)p->n_src, (int)p->n_tgt, (int)c->max_src,
                    (int)c->max_tgt);
}

/* Both sentences are one source, and their parts its segments. */
static rd_status add_answered(const rd_batcher *batcher, int64_t id, const rd_pair *p, scratch *s,
                              rd_batch *batch) {
    const rd_batcher_config *c = &batcher->config;
    int64_t n = (int64_t)p->n_src + p->n_tgt;
    if (c->max_src > 0 && n > c->max_src)
        return rd_error(RD_ERR_FORMAT, "example %lld has %lld tokens, but at most %d are read",
                        (long long)id + 1, (long long)n, (int)c->max_src);
    s->joined.length = 0;
    RD_TRY(rd_ids_add(&s->joined, p->src, p->n_src));
    RD_TRY(rd_ids_add(&s->joined, p->tgt, p->n_tgt));
    RD_TRY(rd_batch_add(batch, id, s->joined.data, (int32_t)n, NULL, 0));
    RD_TRY(rd_ids_fill(&batch->segments, 0, p->n_src));
    RD_TRY(rd_ids_fill(&batch->segments, 1, p->n_tgt));
    float value = (float)p->value;
    if (rd_dataset_answers(batcher->dataset) == RD_NUMBERS)
        return rd_floats_add(&batch->values, &value, 1);
    if (!(p->value >= 0.0 && p->value < c->n_classes))
        return rd_error(RD_ERR_FORMAT, "example %lld is of class %g, but there are %d",
                        (long long)id + 1, p->value, (int)c->n_classes);
    return rd_ids_push(&batch->labels, (int32_t)p->value);
}

static rd_status add(const rd_batcher *batcher, int64_t id, scratch *s, rd_batch *batch) {
    const rd_batcher_config *c = &batcher->config;
    rd_pair p;
    RD_TRY(rd_dataset_read(batcher->dataset, id, &s->src, &s->tgt, &p));
    if (has_answers(batcher)) return add_answered(batcher, id, &p, s, batch);
    if ((c->max_src > 0 && p.n_src > c->max_src) || (c->max_tgt > 0 && p.n_tgt > c->max_tgt))
        return too_long(id, &p, c);
    if (c->sampling_alpha > 0.0f && batcher->epoch > 0) {
        RD_TRY(resample(batcher, c->src_tokenizer, p.src_text, p.src_text_length, c->max_src,
                        rng_of(batcher, id, DRAW_SOURCE), &s->drawn_src, &p.src, &p.n_src));
        RD_TRY(resample(batcher, c->tgt_tokenizer, p.tgt_text, p.tgt_text_length, c->max_tgt,
                        rng_of(batcher, id, DRAW_TARGET), &s->drawn_tgt, &p.tgt, &p.n_tgt));
    }
    if (c->noise) {
        rd_rng rng = rng_of(batcher, id, DRAW_NOISE);
        RD_TRY(rd_noise_apply(c->noise, &rng, p.src, p.n_src, &s->noised));
        p.src = s->noised.data, p.n_src = (int32_t)s->noised.length;
    }
    if (c->masking) {
        rd_rng rng = rng_of(batcher, id, DRAW_NOISE);
        RD_TRY(rd_masking_apply(c->masking, &rng, p.src, p.n_src, &s->noised, &s->labels));
        RD_TRY(rd_ids_add(&batch->labels, s->labels.data, p.n_src));
        return rd_batch_add(batch, id, s->noised.data, p.n_src, NULL, 0);
    }
    return rd_batch_add(batch, id, p.src, p.n_src, p.tgt, p.n_tgt);
}

rd_status rd_batcher_add(const rd_batcher *batcher, int64_t id, rd_batch *batch) {
    scratch s = {0};
    rd_status status = add(batcher, id, &s, batch);
    free_scratch(&s);
    return status;
}

rd_status rd_batcher_get(const rd_batcher *batcher, int64_t index, rd_batch *batch) {
    int64_t number = batcher->dealt[index];
    scratch s = {0};
    rd_status status = RD_OK;
    rd_batch_clear(batch);
    for (int64_t i = batcher->begin[number]; status == RD_OK && i < batcher->begin[number + 1]; i++)
        status = add(batcher, batcher->order[i], &s, batch);
    free_scratch(&s);
    return status;
}

static rd_status source_set_epoch(void *self, int64_t epoch) {
    return rd_batcher_set_epoch(self, epoch);
}

static int64_t source_size(const void *self) {
    return rd_batcher_size(self);
}

static rd_status source_get(const void *self, int64_t index, rd_batch *batch) {
    return rd_batcher_get(self, index, batch);
}

/* Tokens in the dataset. */
static int64_t source_work(const void *self, int64_t index) {
    const rd_batcher *batcher = self;
    int64_t number = batcher->dealt[index], tokens = 0;
    for (int64_t i = batcher->begin[number]; i < batcher->begin[number + 1]; i++) {
        rd_pair pair = rd_dataset_get(batcher->dataset, batcher->order[i]);
        tokens += pair.n_src + pair.n_tgt;
    }
    return tokens;
}

rd_batch_source rd_batcher_source(rd_batcher *batcher) {
    return (rd_batch_source){batcher, source_set_epoch, source_size, source_get, 0, source_work};
}
