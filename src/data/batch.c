#include "data/batch.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

rd_status rd_floats_add(rd_floats *floats, const float *items, int64_t n) {
    RD_TRY(rd_reserve(&floats->data, &floats->capacity, floats->length + n, sizeof *floats->data));
    memcpy(floats->data + floats->length, items, sizeof *items * (size_t)n);
    floats->length += n;
    return RD_OK;
}

void rd_batch_clear(rd_batch *batch) {
    batch->n = 0;
    rd_tokens_clear(&batch->source);
    rd_tokens_clear(&batch->target);
    batch->segments.length = batch->starts.length = batch->labels.length = 0;
    batch->values.length = batch->pictures.length = 0;
    batch->other_labels.length = batch->shares.length = 0;
}

void rd_batch_free(rd_batch *batch) {
    rd_tokens_free(&batch->source);
    rd_tokens_free(&batch->target);
    free(batch->segments.data);
    free(batch->starts.data);
    free(batch->labels.data);
    free(batch->other_labels.data);
    free(batch->shares.data);
    free(batch->values.data);
    free(batch->pictures.data);
    free(batch->ids);
    *batch = (rd_batch){0};
}

rd_status rd_batch_add(rd_batch *batch, int64_t id, const int32_t *source, int32_t n_source,
                       const int32_t *target, int32_t n_target) {
    if (n_source + n_target < 1)
        return rd_error(RD_ERR_ARGUMENT, "batch: example %lld has no tokens", (long long)id);
    RD_TRY(rd_reserve(&batch->ids, &batch->ids_capacity, batch->n + 1, sizeof *batch->ids));
    RD_TRY(rd_tokens_add(&batch->source, source, n_source));
    RD_TRY(rd_tokens_add(&batch->target, target, n_target));
    batch->ids[batch->n++] = id;
    return RD_OK;
}
