/* Shared by all layers: parameters, the context of one step, its activations and products.
 *
 * Most biases are fused into the operation that consumes the product (attention, activation,
 * residual), so they cost no pass over memory; rd_step_product can add one. */
#ifndef RD_LAYERS_LAYER_H
#define RD_LAYERS_LAYER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/memory.h"
#include "ops/gemm.h"
#include "ops/ops.h"
#include "ops/packed.h"
#include "layers/profile.h"

/* A parameter, where its gradient accumulates (NULL in a model that only translates), and its
 * bfloat16 copy (NULL: products with it are float32). */
typedef struct {
    float *value, *grad;
    uint16_t *bf16;
} rd_weight;

typedef struct {
    rd_weight weight, bias; /* [d_model] each */
    float eps;
} rd_norm;

static inline rd_layer_norm rd_norm_values(const rd_norm *norm) {
    return (rd_layer_norm){norm->weight.value, norm->bias.value, norm->eps};
}

/* Called while a backward pass goes down through the parameters, which lie in the order of the
 * forward pass: all gradients from `from` on are complete. */
typedef struct {
    void (*tell)(void *self, const float *from); /* NULL: nobody listens */
    void *self;
} rd_gradient_listener;

/* The step being computed. */
typedef struct {
    rd_arena *arena;
    bool training;               /* dropout on */
    bool bf16;                   /* what matrix products read is bfloat16 */
    bool checkpoint_activations; /* a layer keeps only its input, and is computed again in the
                                  * backward pass */
    uint64_t seed;               /* of dropout */
    int64_t update;
    int32_t micro_batch;
    int32_t n_passes; /* 2 or more under R-Drop: rows are those of the first pass, then the second,
                         ... */
    rd_profile *profile; /* NULL: not kept */
    rd_gradient_listener complete;
    const int32_t *padding; /* a token whose embedding gets no gradient where a stack reads it, as
                             * PyTorch's padding_idx; NULL: none */
} rd_step;

static inline void rd_step_complete(const rd_step *step, const rd_weight *first) {
    if (step->complete.tell) step->complete.tell(step->complete.self, first->grad);
}

/* Dropout of this step at `site` over a tensor of `rows` rows (all passes together). */
rd_dropout rd_step_dropout(const rd_step *step, float rate, int32_t site, int64_t rows);

/* Cutoff of this step at `site`. */
rd_cutoff rd_step_cutoff(const rd_step *step, rd_cutoff_kind kind, float ratio, int32_t site);

/* [rows, width] floats from the arena, with room for the rows that matrix products of that size
 * write (rd_gemm_rows). */
float *rd_step_rows(const rd_step *step, int64_t rows, int64_t width);

/* The same for products of some rows at a time. Each writes a few rows more than it has: into those
 * that come later, or into the room at the end. */
float *rd_step_rows_in_parts(const rd_step *step, int64_t rows, int64_t width);

/* [rows, width] activations from the arena that matrix products read or write: bfloat16 when the
 * step is, float32 otherwise. Rows beyond `rows` are zero, as products need them. None: out of
 * memory. */
rd_activations rd_step_activations(const rd_step *step, int64_t rows, int64_t width);

/* The same for a residual stream, which stays float32: in both forms when the step is bfloat16. */
rd_activations rd_step_stream(const rd_step *step, int64_t rows, int64_t width);

/* *operand: [rows, width] = x in the form that matrix products read: x itself, or, when the step is
 * bfloat16, a rounded copy in the arena. */
rd_status rd_step_operand(const rd_step *step, float *x, int64_t rows, int64_t width,
                          rd_activations *operand);

/* The weights from element `offset` on as an operand. */
rd_activations rd_step_weights(const rd_step *step, const rd_weight *weights, int64_t offset);

/* y: [rows, n_out] = x: [rows, n_in] times the weights from `offset` on, which `packed` holds where
 * it is not NULL; with bias: [n_out] added unless it is NULL, for which y must be float32. */
rd_status rd_step_product(const rd_step *step, int64_t rows, int64_t n_out, int64_t n_in,
                          rd_activations x, const rd_weight *weights, int64_t offset,
                          const rd_packed *packed, const float *bias, rd_activations y);

#endif
