#include "train_work.h"

#include "criterion/criterion.h"
#include "layers/patches.h"

enum {
    BENCH_STEM_WIDTH = 64 /* of all convolutions of a stem but the last, as the model has them */
};

/* Twice as many backward as forward: one product for the data, one for the weights. */
static double linear(double rows, double n_out, double n_in) {
    return 3.0 * 2.0 * rows * n_out * n_in;
}

/* Two products forward (scores, values), four backward, for each of these pairs of tokens. */
static double attention(double pairs, double width) {
    return 6.0 * 2.0 * pairs * width;
}

/* Of a convolution or projection whose input is given: forward, and backward for the weights. */
static double from_pictures(double rows, double n_out, double n_in) {
    return 2.0 * 2.0 * rows * n_out * n_in;
}

static int64_t halved(int64_t side) {
    return (side - 1) / RD_POOL_STRIDE + 1;
}

static int64_t rows_of_picture(const rd_picture_shape *p) {
    int64_t side = p->stem_layers > 0 ? p->size : p->size / p->patch;
    for (int32_t i = 0; i < p->stem_layers; i++) side = halved(side);
    return side * side + p->class_tokens;
}

/* Patches of a picture, or its stem. */
static double picture_work(const rd_model_config *c) {
    const rd_picture_shape *p = &c->picture;
    double width = c->d_model, flops = 0.0;
    if (p->stem_layers == 0) return from_pictures((double)(p->size * p->size), width, p->channels);
    int64_t side = p->size;
    for (int32_t i = 0; i < p->stem_layers; i++, side = halved(side)) {
        double n_out = i + 1 < p->stem_layers ? BENCH_STEM_WIDTH : width;
        double n_in = i > 0 ? BENCH_STEM_WIDTH : p->channels, pixels = (double)(side * side);
        n_in *= RD_CONVOLUTION_KERNEL * RD_CONVOLUTION_KERNEL;
        flops += i > 0 ? linear(pixels, n_out, n_in) : from_pictures(pixels, n_out, n_in);
    }
    return flops;
}

int64_t bench_source_rows(const rd_model_config *c, const rd_batch *batch) {
    return batch->pictures.length > 0 ? batch->n * rows_of_picture(&c->picture)
                                      : rd_tokens_total(&batch->source);
}

static double length_of(const rd_tokens *tokens, int64_t i) {
    return i < tokens->n ? rd_tokens_length(tokens, i) : 0.0;
}

/* Words of the softmax that all targets see. */
static int64_t head_words(const rd_model_config *c) {
    const rd_cutoffs *cutoffs = &c->adaptive_softmax_cutoff;
    return cutoffs->n > 0 ? cutoffs->items[0] + cutoffs->n : c->tgt_vocab;
}

/* Of one pass, with the narrower bands of an adaptive softmax. */
static double output_work(const rd_model_config *c, bool every_band, const rd_tokens *targets) {
    const rd_cutoffs *cutoffs = &c->adaptive_softmax_cutoff;
    int64_t n = rd_tokens_total(targets);
    double width = c->d_model, flops = linear((double)n, (double)head_words(c), width);
    for (int32_t i = 0; i < cutoffs->n; i++) {
        int32_t begin = cutoffs->items[i], seen = 0;
        int32_t end = i + 1 < cutoffs->n ? cutoffs->items[i + 1] : c->tgt_vocab;
        for (int64_t t = 0; t < n; t++)
            seen += every_band || (targets->ids[t] >= begin && targets->ids[t] < end);
        width /= c->adaptive_softmax_factor;
        flops += linear(seen, width, c->d_model) + linear(seen, end - begin, width);
    }
    return flops;
}

void bench_count_flops(const rd_model_config *c, int64_t passes, bool every_band,
                       const rd_batch *batch, double flops[RD_PARTS]) {
    bool pictures = batch->pictures.length > 0;
    double p = (double)passes, d = c->d_model, src = (double)bench_source_rows(c, batch),
           tgt = (double)rd_tokens_total(&batch->target);
    double own = 0.0, causal = 0.0, cross = 0.0;
    for (int64_t i = 0; i < batch->n; i++) {
        double n = pictures ? (double)rows_of_picture(&c->picture) : length_of(&batch->source, i);
        double m = length_of(&batch->target, i);
        own += n * n;
        causal += m * (m + 1) / 2;
        cross += n * m;
    }
    double encoder = linear(src, 4 * d, d) + attention(own, d);
    double decoder = linear(tgt, (c->encoder.layers > 0 ? 6 : 4) * d, d) + linear(src, 2 * d, d) +
                     attention(causal + cross, d);
    if (pictures) flops[RD_PART_EMBEDDING] += (double)batch->n * picture_work(c);
    flops[RD_PART_ATTENTION] += p * (c->encoder.layers * encoder + c->decoder.layers * decoder);
    flops[RD_PART_FEED_FORWARD] += p * (c->encoder.layers * linear(src, 2 * c->encoder.ffn_dim, d) +
                                        c->decoder.layers * linear(tgt, 2 * c->decoder.ffn_dim, d));
    flops[RD_PART_CRITERION] += p * output_work(c, every_band, &batch->target);
}

int bench_model_shapes(const rd_model_config *c, int64_t passes, int64_t n_src, int64_t n_tgt,
                       bench_shape shapes[BENCH_SHAPES]) {
    int64_t d = c->d_model, src = passes * n_src, tgt = passes * n_tgt;
    int64_t chunk = tgt > 0 ? rd_token_loss_chunk(passes, n_tgt, c->tgt_vocab) : 1;
    double encoder = c->encoder.layers, decoder = c->decoder.layers;
    const bench_shape all[BENCH_SHAPES] = {
        {"encoder self-attention, in", src, 3 * d, d, encoder},
        {"encoder self-attention, out", src, d, d, encoder},
        {"encoder feed-forward, in", src, c->encoder.ffn_dim, d, encoder},
        {"encoder feed-forward, out", src, d, c->encoder.ffn_dim, encoder},
        {"decoder self-attention, in", tgt, 3 * d, d, decoder},
        {"decoder self-attention, out", tgt, d, d, decoder},
        {"cross-attention, queries and out", src > 0 ? tgt : 0, d, d, 2 * decoder},
        {"cross-attention, keys and values", src, 2 * d, d, decoder},
        {"decoder feed-forward, in", tgt, c->decoder.ffn_dim, d, decoder},
        {"decoder feed-forward, out", tgt, d, c->decoder.ffn_dim, decoder},
        {"output projection", passes * chunk, head_words(c), d, (double)n_tgt / (double)chunk}};
    int n = 0;
    for (int i = 0; i < BENCH_SHAPES; i++)
        if (all[i].rows > 0 && all[i].times > 0.0) shapes[n++] = all[i];
    return n;
}
