/* Cutoff of embeddings. */
#include "base/rng.h"
#include "ops/cpu/threads.h"
#include "ops/ops.h"

static rd_rng rng_of(const rd_cutoff *c, int64_t n_seqs, int64_t sequence) {
    int64_t of_a_pass = n_seqs / c->passes, pass = sequence / of_a_pass;
    const uint32_t counter[4] = {(uint32_t)c->update, (uint32_t)c->micro_batch,
                                 (uint32_t)(c->site * c->passes + (int32_t)pass),
                                 (uint32_t)(sequence % of_a_pass)};
    const uint32_t key[2] = {(uint32_t)c->seed, (uint32_t)(c->seed >> 32)};
    uint32_t out[4];
    rd_philox(counter, key, out);
    return rd_rng_make((uint64_t)out[0] << 32 | out[1], (uint64_t)out[2] << 32 | out[3]);
}

static void cut_tokens(rd_activations x, int64_t n, int64_t width, float ratio, rd_rng *rng) {
    for (int64_t t = 0; t < n; t++)
        if (rd_rng_uniform(rng) < (double)ratio) rd_op_zero(rd_activations_at(x, t * width), width);
}

static void cut_features(rd_activations x, int64_t n, int64_t width, float ratio, rd_rng *rng) {
    for (int64_t i = 0; i < width; i++) {
        if (rd_rng_uniform(rng) >= (double)ratio) continue;
        for (int64_t t = 0; t < n; t++) rd_op_zero(rd_activations_at(x, t * width + i), 1);
    }
}

/* Rounded up or down by chance, so that short sequences lose as much on average. */
static void cut_span(rd_activations x, int64_t n, int64_t width, float ratio, rd_rng *rng) {
    int64_t length = (int64_t)((double)ratio * (double)n + rd_rng_uniform(rng));
    if (length < 1) return;
    int64_t begin = (int64_t)rd_rng_below(rng, (uint64_t)(n - length + 1));
    rd_op_zero(rd_activations_at(x, begin * width), length * width);
}

void rd_op_cutoff(rd_activations x, const rd_sequences *sequences, int64_t width,
                  const rd_cutoff *cutoff) {
    if (cutoff->kind == RD_CUTOFF_NONE || cutoff->ratio <= 0.0f) return;
#pragma omp parallel for schedule(static) if (!rd_is_alone())
    for (int64_t s = 0; s < sequences->n_seqs; s++) {
        int32_t begin = sequences->offsets[s], n = sequences->offsets[s + 1] - begin;
        rd_activations rows = rd_activations_at(x, begin * width);
        rd_rng rng = rng_of(cutoff, sequences->n_seqs, s);
        if (cutoff->kind == RD_CUTOFF_TOKEN) cut_tokens(rows, n, width, cutoff->ratio, &rng);
        if (cutoff->kind == RD_CUTOFF_FEATURE) cut_features(rows, n, width, cutoff->ratio, &rng);
        if (cutoff->kind == RD_CUTOFF_SPAN) cut_span(rows, n, width, cutoff->ratio, &rng);
    }
}
