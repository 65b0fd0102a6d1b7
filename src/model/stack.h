/* A stack of transformer layers: an encoder, a decoder, or a decoder without an encoder. The same
 * code serves training, encoding and incremental decoding, which differ in where attention finds
 * its keys and values. */
#ifndef RD_MODEL_STACK_H
#define RD_MODEL_STACK_H

#include "layers/attention.h"
#include "layers/embedding.h"
#include "layers/feed_forward.h"
#include "layers/patches.h"
#include "layers/residual.h"

typedef struct {
    rd_attention self_attention, cross_attention; /* cross: where the stack has it */
    rd_feed_forward ffn;
    rd_residual self_residual, cross_residual, ffn_residual;
} rd_layer;

typedef struct {
    rd_embedding embedding;
    rd_cutoff_kind cutoff; /* of the embedding */
    float cutoff_ratio;
    int32_t cutoff_site;
    rd_patches patches; /* in place of the embedding, where the stack reads pictures */
    rd_layer *layers;   /* [n_layers] */
    int32_t n_layers;
    int64_t width;
    bool cross;       /* layers attend to a memory, too */
    bool first_alone; /* only the first row of each sequence is read: the last layer, whose
                       * attention projects queries apart, has only these queries */
    bool ends_with_norm;
    rd_norm final_norm;
} rd_stack;

/* The rows of a pass. */
typedef struct {
    rd_sequences sequences; /* who attends to whom; offsets NULL with a cache */
    rd_embedded input;
    const float *pictures; /* [pictures, channels, side, side], the same in all passes; NULL: the
                            * stack reads tokens */
} rd_stack_rows;

/* Decoding: attention over keys and values computed before. h: [rows, width] of `layer`, before the
 * output bias, for input: [rows, width]. */
typedef struct {
    void *self;
    rd_status (*self_attention)(void *self, const rd_step *step, int32_t layer,
                                rd_activations input, rd_activations *h);
    rd_status (*cross_attention)(void *self, const rd_step *step, int32_t layer,
                                 rd_activations input, rd_activations *h);
} rd_attention_cache;

typedef struct rd_layer_saved rd_layer_saved;

/* All in the step's arena. */
typedef struct {
    rd_layer_saved *layers;
    rd_residual_saved embedding_norm, final_norm;
    rd_patches_saved patches;
    rd_sequences read;  /* the rows that the head reads: all, or each sequence's first */
    rd_activations out; /* [read.rows, width] */
} rd_stack_saved;

/* How much a forward pass leaves in the arena for the backward pass. */
typedef enum { RD_KEEP_ALL, RD_KEEP_INPUTS /* of the layers */ } rd_keep;

/* memory: NULL for a stack without cross-attention. cache: NULL except when decoding. */
rd_status rd_stack_forward(const rd_step *step, const rd_stack *stack, const rd_stack_rows *rows,
                           const rd_memory *memory, const rd_attention_cache *cache, rd_keep keep,
                           rd_stack_saved *saved);

/* dx: [saved->read.rows, width] holds dL/dout and is used up; dmemory: [memory rows, width]
 * accumulates dL/dmemory. With step->checkpoint_activations after RD_KEEP_INPUTS, else after
 * RD_KEEP_ALL. */
rd_status rd_stack_backward(const rd_step *step, const rd_stack *stack, const rd_stack_rows *rows,
                            const rd_memory *memory, rd_stack_saved *saved, float *dx,
                            float *dmemory);

#endif
