#include "model/projection.h"

#include <string.h>

rd_projection rd_projection_whole(const rd_model *model) {
    return (rd_projection){.n_pieces = model->config.tgt_vocab,
                           .weights = model->output_projection,
                           .bias = model->output_bias.value,
                           .packed = model->packed_projection};
}

rd_status rd_projection_restrict(rd_projection *p, const rd_model *model, rd_arena *arena,
                                 int64_t n_pieces, const int32_t *pieces) {
    int64_t width = model->config.d_model;
    const float *all = model->output_projection.value, *all_bias = model->output_bias.value;
    float *rows = rd_arena_f32(arena, n_pieces * width);
    float *bias = all_bias ? rd_arena_f32(arena, n_pieces) : NULL;
    if (!rows || (all_bias && !bias)) return RD_ERR_MEMORY;
    for (int64_t i = 0; i < n_pieces; i++) {
        memcpy(rows + i * width, all + pieces[i] * width, sizeof *rows * (size_t)width);
        if (bias) bias[i] = all_bias[pieces[i]];
    }
    *p = (rd_projection){.n_pieces = n_pieces, .weights = {.value = rows}, .bias = bias};
    if (!model->packed_projection) return RD_OK;
    RD_TRY(rd_packed_new(&p->own_packed, rd_packed_precision(model->packed_projection), n_pieces,
                         width, rows));
    p->packed = p->own_packed;
    return RD_OK;
}

void rd_projection_free(rd_projection *p) {
    rd_packed_free(p->own_packed);
    *p = (rd_projection){0};
}

rd_status rd_projection_logits(const rd_projection *p, const rd_step *step, int64_t n,
                               int64_t d_model, rd_mixed x, float *logits) {
    return rd_step_product(step, n, p->n_pieces, d_model, x, &p->weights, 0, p->packed, p->bias,
                           (rd_mixed){.f32 = logits});
}
