/* The inside of rd_model: parameters, and the layers as views into them. */
#ifndef RD_MODEL_TRANSFORMER_H
#define RD_MODEL_TRANSFORMER_H

#include "layers/head.h"
#include "model/parameters.h"
#include "model/stack.h"
#include "rdrop/model.h"

struct rd_model {
    rd_model_config config;
    rd_parameters parameters;
    rd_stack encoder, decoder; /* without layers: not there */
    rd_head head;              /* of the last stack's output */
    rd_packed **packed;        /* [n_packed] all packed matrices of a model that only translates */
    int64_t n_packed;
    float *sinusoid; /* [longest, d_model], when a stack wants it */
    bool borrows;    /* values, bfloat16 copies and sinusoid are another model's */
};

/* Refuses models that cannot be built, with the reason (check.c). */
rd_status rd_model_check(const rd_model_config *config);

/* All layers of model->config, and their tensors registered, without values (transformer.c). */
rd_status rd_model_add_layers(rd_model *model);

/* Rows of the table of positions, enough for the longest sequence. */
int64_t rd_position_table_rows(const rd_model_config *config);

/* Registers the tensors of such a model, unallocated, as its file has them. */
rd_status rd_model_register(rd_parameters *parameters, const rd_model_config *config);

/* Gives every layer its gradient, and bfloat16 copies of its weights if asked for; before the first
 * backward pass. */
rd_status rd_model_prepare_training(rd_model *model, bool bf16);

/* Another worker's view of a model that is prepared for training: the same weights, but its own
 * gradient. The first model must outlive it. */
rd_status rd_model_share(rd_model **model, rd_model *first);

/* Reads the weights of a model that only translates, packing each matrix as soon as it is there
 * (pack.c). The float32 form of packed weights is gone then, except embeddings'. */
rd_status rd_model_read_packed(rd_model *model, const char *path, rd_precision precision);

/* Position of a sequence's i-th token in the position table. */
static inline int32_t rd_position(const rd_model_config *config, int64_t i) {
    return (int32_t)(i +
                     (config->position_layout == RD_POSITIONS_FAIRSEQ ? config->pad_id + 1 : 0));
}

/* The token that the decoder reads first. */
static inline int32_t rd_start_id(const rd_model_config *config) {
    return config->decoder_start == RD_START_PAD   ? config->pad_id
           : config->decoder_start == RD_START_BOS ? config->bos_id
                                                   : config->eos_id;
}

#endif
