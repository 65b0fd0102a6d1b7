#include "criterion/counted.h"

rd_status rd_count_rows(const rd_step *step, const rd_batch *batch, int64_t rows, rd_counted *c) {
    const rd_ids *labels = &batch->labels;
    int64_t given = labels->length > 0 ? labels->length : rd_tokens_total(&batch->target);
    if (given != rows)
        return rd_error(RD_ERR_ARGUMENT, "the loss of tokens: %lld targets for %lld outputs",
                        (long long)given, (long long)rows);
    *c = (rd_counted){.n = rows, .targets = batch->target.ids};
    if (labels->length == 0) return RD_OK;
    int32_t *places = rd_arena_i32(step->arena, rows), *targets = rd_arena_i32(step->arena, rows);
    if (!places || !targets) return RD_ERR_MEMORY;
    c->n = 0;
    for (int64_t r = 0; r < rows; r++) {
        if (labels->data[r] < 0) continue;
        places[c->n] = (int32_t)r;
        targets[c->n++] = labels->data[r];
    }
    c->rows = places;
    c->targets = targets;
    return RD_OK;
}

void rd_counted_exchange(rd_activations part, rd_activations whole, const rd_counted *c, bool back,
                         int64_t passes, int64_t total, int64_t first, int64_t n, int64_t width) {
    int64_t step = c->rows ? 1 : n;
    for (int64_t pass = 0; pass < passes; pass++)
        for (int64_t i = 0; i < n; i += step) {
            int64_t row = c->rows ? c->rows[first + i] : first;
            rd_activations a = rd_activations_at(part, (pass * n + i) * width);
            rd_activations b = rd_activations_at(whole, (pass * total + row) * width);
            rd_op_copy(back ? b : a, back ? a : b, step * width);
        }
}
