#include "train_work.h"

#include "criterion/criterion.h"

/* Twice as many backward as forward: one product for the data, one for the weights. */
static double linear(double rows, double n_out, double n_in) {
    return 3.0 * 2.0 * rows * n_out * n_in;
}

/* Two products forward (scores, values), four backward, for each of these pairs of tokens. */
static double attention(double pairs, double width) {
    return 6.0 * 2.0 * pairs * width;
}

void bench_count_flops(const rd_model_config *c, int64_t passes, const rd_batch *batch,
                       double flops[RD_PARTS]) {
    double p = (double)passes, d = c->d_model, src = (double)rd_tokens_total(&batch->source),
           tgt = (double)rd_tokens_total(&batch->target);
    double own = 0.0, causal = 0.0, cross = 0.0;
    for (int64_t i = 0; i < batch->n; i++) {
        double n = batch->source.offsets[i + 1] - batch->source.offsets[i];
        double m = batch->target.offsets[i + 1] - batch->target.offsets[i];
        own += n * n;
        causal += m * (m + 1) / 2;
        cross += n * m;
    }
    double encoder = linear(src, 4 * d, d) + attention(own, d);
    double decoder = linear(tgt, 6 * d, d) + linear(src, 2 * d, d) + attention(causal + cross, d);
    flops[RD_PART_ATTENTION] += p * (c->encoder.layers * encoder + c->decoder.layers * decoder);
    flops[RD_PART_FEED_FORWARD] += p * (c->encoder.layers * linear(src, 2 * c->encoder.ffn_dim, d) +
                                        c->decoder.layers * linear(tgt, 2 * c->decoder.ffn_dim, d));
    flops[RD_PART_CRITERION] += p * linear(tgt, c->tgt_vocab, d);
}

int bench_model_shapes(const rd_model_config *c, int64_t passes, int64_t n_src, int64_t n_tgt,
                       bench_shape shapes[BENCH_SHAPES]) {
    int64_t d = c->d_model, src = passes * n_src, tgt = passes * n_tgt;
    int64_t chunk = rd_token_loss_chunk(passes, n_tgt, c->tgt_vocab);
    double encoder = c->encoder.layers, decoder = c->decoder.layers;
    const bench_shape all[BENCH_SHAPES] = {
        {"encoder self-attention, in", src, 3 * d, d, encoder},
        {"encoder self-attention, out", src, d, d, encoder},
        {"encoder feed-forward, in", src, c->encoder.ffn_dim, d, encoder},
        {"encoder feed-forward, out", src, d, c->encoder.ffn_dim, encoder},
        {"decoder self-attention, in", tgt, 3 * d, d, decoder},
        {"decoder self-attention, out", tgt, d, d, decoder},
        {"cross-attention, queries and out", tgt, d, d, 2 * decoder},
        {"cross-attention, keys and values", src, 2 * d, d, decoder},
        {"decoder feed-forward, in", tgt, c->decoder.ffn_dim, d, decoder},
        {"decoder feed-forward, out", tgt, d, c->decoder.ffn_dim, decoder},
        {"output projection", passes * chunk, c->tgt_vocab, d, (double)n_tgt / (double)chunk}};
    for (int i = 0; i < BENCH_SHAPES; i++) shapes[i] = all[i];
    return BENCH_SHAPES;
}
