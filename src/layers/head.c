#include "layers/head.h"

#include <stdlib.h>
#include <string.h>

rd_status rd_head_logits(const rd_head *head, const rd_step *step, int64_t rows, int64_t width,
                         rd_activations x, float *logits) {
    return rd_step_product(step, rows, head->n_out, width, x, &head->weight, 0, head->packed,
                           head->bias.value, (rd_activations){.f32 = logits});
}

static rd_status choose(rd_head_subset *s, const rd_head *whole, int64_t width, int64_t n,
                        const int32_t *chosen) {
    s->rows = rd_malloc((size_t)(n * (width + 1)), sizeof *s->rows);
    if (!s->rows) return RD_ERR_MEMORY;
    float *bias = whole->bias.value ? s->rows + n * width : NULL;
    for (int64_t i = 0; i < n; i++) {
        memcpy(s->rows + i * width, whole->weight.value + chosen[i] * width,
               sizeof *s->rows * (size_t)width);
        if (bias) bias[i] = whole->bias.value[chosen[i]];
    }
    if (whole->packed)
        RD_TRY(rd_packed_new(&s->packed, rd_packed_precision(whole->packed), n, width, s->rows));
    s->head =
        (rd_head){.n_out = n, .weight.value = s->rows, .bias.value = bias, .packed = s->packed};
    return RD_OK;
}

rd_status rd_head_choose(rd_head_subset *subset, const rd_head *whole, int64_t width,
                         int64_t n_chosen, const int32_t *chosen) {
    *subset = (rd_head_subset){0};
    rd_status status = choose(subset, whole, width, n_chosen, chosen);
    if (status != RD_OK) rd_head_subset_free(subset);
    return status;
}

void rd_head_subset_free(rd_head_subset *subset) {
    rd_packed_free(subset->packed);
    free(subset->rows);
    *subset = (rd_head_subset){0};
}
