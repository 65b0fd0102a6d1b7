/* The arithmetic of training: how many operations a batch's matrix products are, and their shapes.
 */
#ifndef RD_TESTS_BENCH_TRAIN_WORK_H
#define RD_TESTS_BENCH_TRAIN_WORK_H

#include "data/batch.h"
#include "layers/profile.h"
#include "rdrop/model.h"

/* flops[part] += the operations of forward and backward passes over the batch that a model needs:
 * matrix products and attention, causal attention's half; nothing that is computed again. An
 * adaptive softmax's bands see all targets (every_band), or those in them. */
void bench_count_flops(const rd_model_config *config, int64_t passes, bool every_band,
                       const rd_batch *batch, double flops[RD_PARTS]);

/* Rows that an encoder has of a batch: source tokens, or those of pictures. */
int64_t bench_source_rows(const rd_model_config *config, const rd_batch *batch);

/* A product of the model, made `times` times forward and backward for one batch. */
typedef struct {
    const char *name;
    int64_t rows, n_out, n_in;
    double times;
} bench_shape;

enum { BENCH_SHAPES = 11 };

/* Of a batch of n_src and n_tgt tokens; returns how many. */
int bench_model_shapes(const rd_model_config *config, int64_t passes, int64_t n_src, int64_t n_tgt,
                       bench_shape shapes[BENCH_SHAPES]);

#endif
