/* Multi-head attention over packed sequences: self-attention and encoder-decoder attention. */
#ifndef RD_LAYERS_ATTENTION_H
#define RD_LAYERS_ATTENTION_H

#include "layers/layer.h"

typedef struct {
    /* [3 * width, width]: query, key and value projections, one under another */
    rd_weight in_weight;
    rd_weight in_bias;    /* [3 * width] */
    rd_weight out_weight; /* [width, width]; its bias belongs to the residual */
    /* The packed weights, in a model that is not trained; NULL elsewhere. */
    rd_packed *packed_in;     /* all three projections; where queries are projected apart, theirs */
    rd_packed *packed_memory; /* and that of keys and values */
    rd_packed *packed_out;
    int32_t heads;
    bool causal;
    bool apart; /* self-attention whose queries are fewer than its keys, in a stack's last layer */
    float dropout; /* of attention probabilities */
    int32_t site;
} rd_attention;

/* The source of keys and values: the encoder's output, for cross-attention. */
typedef struct {
    const rd_sequences *sequences;
    rd_activations out; /* [sequences->rows, width] */
} rd_memory;

typedef struct {
    rd_activations x, memory; /* inputs of the projections; memory none for self-attention */
    /* Its q and kv are the projections; in self-attention both lie inside one [rows, 3 width]. Its
     * queries and keys are the forward pass's, which must last. */
    rd_attention_operands operands;
} rd_attention_saved;

/* x: [queries->rows, width]; memory->out none: x itself, of the same rows.
 * *h: [queries->rows, width] before the output bias. */
rd_status rd_attention_forward(const rd_step *step, const rd_attention *attention,
                               rd_attention_saved *saved, int64_t width,
                               const rd_sequences *queries, rd_activations x,
                               const rd_memory *memory, rd_activations *h);

/* dx = beta * dx + dL/dx; dmemory += dL/dmemory. */
rd_status rd_attention_backward(const rd_step *step, const rd_attention *attention,
                                const rd_attention_saved *saved, rd_activations dh, float *dx,
                                float beta, float *dmemory);

#endif
