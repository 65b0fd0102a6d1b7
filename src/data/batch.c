#include "data/batch.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

void rd_batch_clear(rd_batch *batch) {
    batch->n_seqs = batch->n_src = batch->n_tgt = 0;
}

void rd_batch_free(rd_batch *batch) {
    free(batch->src);
    free(batch->src_offsets);
    free(batch->tgt_in);
    free(batch->tgt);
    free(batch->tgt_offsets);
    free(batch->ids);
    *batch = (rd_batch){0};
}

rd_status rd_batch_add(rd_batch *batch, int64_t id, const int32_t *src, int32_t n_src,
                       const int32_t *tgt, int32_t n_tgt) {
    if (n_src < 1 || n_tgt < 1)
        return rd_error(RD_ERR_ARGUMENT,
                        "batch: sequences hold at least eos, found lengths %d and %d", (int)n_src,
                        (int)n_tgt);
    int64_t seqs = batch->n_seqs, capacity;
    RD_TRY(rd_reserve(&batch->src, &batch->src_capacity, batch->n_src + n_src, sizeof(int32_t)));
    capacity = batch->tgt_capacity; /* tgt_in and tgt grow together */
    RD_TRY(rd_reserve(&batch->tgt_in, &capacity, batch->n_tgt + n_tgt, sizeof(int32_t)));
    RD_TRY(rd_reserve(&batch->tgt, &batch->tgt_capacity, batch->n_tgt + n_tgt, sizeof(int32_t)));
    capacity = batch->seq_capacity;
    RD_TRY(rd_reserve(&batch->src_offsets, &capacity, seqs + 2, sizeof(int32_t)));
    capacity = batch->seq_capacity;
    RD_TRY(rd_reserve(&batch->tgt_offsets, &capacity, seqs + 2, sizeof(int32_t)));
    RD_TRY(rd_reserve(&batch->ids, &batch->seq_capacity, seqs + 2, sizeof(int64_t)));
    memcpy(batch->src + batch->n_src, src, sizeof(int32_t) * (size_t)n_src);
    memcpy(batch->tgt + batch->n_tgt, tgt, sizeof(int32_t) * (size_t)n_tgt);
    batch->tgt_in[batch->n_tgt] = tgt[n_tgt - 1]; /* eos starts the decoder, as in fairseq */
    memcpy(batch->tgt_in + batch->n_tgt + 1, tgt, sizeof(int32_t) * (size_t)(n_tgt - 1));
    batch->src_offsets[0] = batch->tgt_offsets[0] = 0;
    batch->n_src += n_src;
    batch->n_tgt += n_tgt;
    batch->src_offsets[seqs + 1] = (int32_t)batch->n_src;
    batch->tgt_offsets[seqs + 1] = (int32_t)batch->n_tgt;
    batch->ids[seqs] = id;
    batch->n_seqs = seqs + 1;
    return RD_OK;
}
