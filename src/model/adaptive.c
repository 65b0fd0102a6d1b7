#include "model/adaptive.h"

#include <math.h>
#include <stdio.h>

/* Words, from id 0 on, of all bands before band i of `cutoffs` and of band i, in `vocab` words. */
static int64_t band_end(const rd_cutoffs *cutoffs, int32_t i, int64_t vocab) {
    return i < cutoffs->n ? cutoffs->items[i] : vocab;
}

static int64_t band_begin(const rd_cutoffs *cutoffs, int32_t i) {
    return i > 0 ? cutoffs->items[i - 1] : 0;
}

static int32_t dim_of(const rd_model_config *c, float factor, int32_t band) {
    return (int32_t)((double)c->d_model / pow((double)factor, band));
}

static rd_status check_cutoffs(const rd_model_config *c, const rd_cutoffs *cutoffs, float factor,
                               const char *name) {
    for (int32_t i = 0; i < cutoffs->n; i++)
        if (cutoffs->items[i] >= c->tgt_vocab || cutoffs->items[i] <= band_begin(cutoffs, i))
            return rd_error(RD_ERR_ARGUMENT,
                            "model: adaptive-%s-cutoff has %d; expected ascending numbers below "
                            "the vocabulary's %d",
                            name, (int)cutoffs->items[i], (int)c->tgt_vocab);
    if (cutoffs->n > 0 && (!(factor >= 1.0f) || dim_of(c, factor, cutoffs->n) < 1))
        return rd_error(RD_ERR_ARGUMENT,
                        "model: adaptive-%s-factor %g leaves nothing of a width of %d in %d bands",
                        name, (double)factor, (int)c->d_model, (int)cutoffs->n + 1);
    return RD_OK;
}

static bool same_bands(const rd_model_config *c) {
    const rd_cutoffs *a = &c->adaptive_input_cutoff, *b = &c->adaptive_softmax_cutoff;
    for (int32_t i = 0; i < a->n && i < b->n; i++)
        if (a->items[i] != b->items[i]) return false;
    return a->n == b->n && fabsf(c->adaptive_input_factor - c->adaptive_softmax_factor) < 1e-6f;
}

rd_status rd_adaptive_check(const rd_model_config *c) {
    bool softmax = c->adaptive_softmax_cutoff.n > 0, ties = c->tie_adaptive_weights;
    if (!c->adaptive_input && !softmax) return RD_OK;
    if (c->encoder.layers > 0 || c->decoder.layers == 0)
        return rd_error(RD_ERR_ARGUMENT,
                        "model: adaptive input and softmax are of decoders without an encoder");
    if (c->adaptive_input)
        RD_TRY(check_cutoffs(c, &c->adaptive_input_cutoff, c->adaptive_input_factor, "input"));
    RD_TRY(check_cutoffs(c, &c->adaptive_softmax_cutoff, c->adaptive_softmax_factor, "softmax"));
    if ((ties || c->tie_adaptive_proj) && !(c->adaptive_input && softmax && same_bands(c)))
        return rd_error(RD_ERR_ARGUMENT,
                        "model: tie-adaptive-weights and tie-adaptive-proj need adaptive input and "
                        "an adaptive softmax of the same cutoffs and factor");
    if (c->share_decoder_input_output_embed || c->share_all_embeddings || c->output_bias)
        return rd_error(RD_ERR_ARGUMENT,
                        "model: adaptive input and softmax share by tie-adaptive-weights, not by "
                        "share-decoder-input-output-embed, and have no output-bias");
    return RD_OK;
}

static rd_status add_classes(rd_parameters *p, const rd_model_config *c) {
    int32_t n = c->adaptive_softmax_cutoff.n;
    return rd_parameters_add(p, NULL, rd_init_xavier(n, c->d_model, 1.0), n, c->d_model,
                             "decoder.adaptive_softmax.head.class_proj.weight");
}

rd_status rd_adaptive_add_input(rd_parameters *p, const rd_model_config *c,
                                rd_adaptive_input *input) {
    const rd_cutoffs *cutoffs = &c->adaptive_input_cutoff;
    input->n_bands = cutoffs->n + 1;
    for (int32_t i = 0; i < input->n_bands; i++) {
        rd_adaptive_band *b = &input->bands[i];
        b->first = band_begin(cutoffs, i);
        b->n_words = band_end(cutoffs, i, c->tgt_vocab) - b->first;
        b->dim = dim_of(c, c->adaptive_input_factor, i);
        rd_init init = rd_init_normal(1.0 / sqrt((double)b->dim));
        init.zero_row = i == 0 ? c->pad_id : -1;
        RD_TRY(rd_parameters_add(p, &b->words, init, b->n_words, b->dim,
                                 "decoder.embed_tokens.embeddings.%d.0.weight", (int)i));
        if (i == 0 && c->tie_adaptive_weights) RD_TRY(add_classes(p, c));
        RD_TRY(rd_parameters_add(p, &b->projection, rd_init_xavier(c->d_model, b->dim, 1.0),
                                 c->d_model, b->dim, "decoder.embed_tokens.embeddings.%d.1.weight",
                                 (int)i));
    }
    return RD_OK;
}

static rd_status share(rd_parameters *p, rd_weight *weight, int32_t band, int part) {
    char name[64];
    snprintf(name, sizeof name, "decoder.embed_tokens.embeddings.%d.%d.weight", (int)band, part);
    return rd_parameters_share(p, weight, name);
}

static rd_status add_tail(rd_parameters *p, const rd_model_config *c, int32_t i,
                          rd_adaptive_tail *t) {
    const rd_cutoffs *cutoffs = &c->adaptive_softmax_cutoff;
    int32_t band = i + 1;
    t->first = band_begin(cutoffs, band);
    t->n_words = band_end(cutoffs, band, c->tgt_vocab) - t->first;
    t->dim = dim_of(c, c->adaptive_softmax_factor, band);
    t->transposed = c->tie_adaptive_proj;
    RD_TRY(c->tie_adaptive_proj
               ? share(p, &t->projection, band, 1)
               : rd_parameters_add(p, &t->projection, rd_init_xavier(t->dim, c->d_model, 1.0),
                                   t->dim, c->d_model, "decoder.adaptive_softmax.tail.%d.0.weight",
                                   (int)i));
    return c->tie_adaptive_weights
               ? share(p, &t->words, band, 0)
               : rd_parameters_add(p, &t->words, rd_init_xavier(t->n_words, t->dim, 1.0),
                                   t->n_words, t->dim, "decoder.adaptive_softmax.tail.%d.2.weight",
                                   (int)i);
}

rd_status rd_adaptive_add_softmax(rd_parameters *p, const rd_model_config *c, int32_t site,
                                  rd_adaptive_softmax *softmax) {
    const rd_cutoffs *cutoffs = &c->adaptive_softmax_cutoff;
    softmax->n_tails = cutoffs->n;
    softmax->n_head = cutoffs->items[0];
    softmax->dropout = c->adaptive_softmax_dropout;
    softmax->site = site;
    int64_t n = softmax->n_head + softmax->n_tails;
    RD_TRY(c->tie_adaptive_weights
               ? share(p, &softmax->head, 0, 0)
               : rd_parameters_add(p, &softmax->head, rd_init_xavier(n, c->d_model, 1.0), n,
                                   c->d_model, "decoder.adaptive_softmax.head.weight"));
    for (int32_t i = 0; i < softmax->n_tails; i++) RD_TRY(add_tail(p, c, i, &softmax->tails[i]));
    return RD_OK;
}
