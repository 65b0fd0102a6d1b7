/* The whole network on one packed batch: loss, and its gradient added to the model's. */
#ifndef RD_MODEL_NETWORK_H
#define RD_MODEL_NETWORK_H

#include "criterion/criterion.h"
#include "criterion/token_scores.h"
#include "model/transformer.h"

/* step->n_passes 2 or more runs R-Drop: the batch is laid out so many times, and the passes differ
 * only in dropout.
 * step->training with gradients: rd_model_prepare_training first. Everything temporary lives in
 * step->arena, which the caller resets between batches. Adds to *sums. */
rd_status rd_network_loss(const rd_model *model, const rd_step *step, const rd_batch *batch,
                          const rd_criterion *criterion, bool with_gradient,
                          rd_criterion_sums *sums);

/* logits: [rows of the last stack, head outputs], teacher-forced, without dropout; or [sequences,
 * head outputs] of a head that pools. */
rd_status rd_network_logits(const rd_model *model, rd_arena *arena, const rd_batch *batch,
                            float *logits);

/* The same logits in the caller's step, of one pass; with step->training, with dropout. */
rd_status rd_network_step_logits(const rd_model *model, const rd_step *step, const rd_batch *batch,
                                 float *logits);

/* Natural-log probabilities of the token that each row is to predict, as the criterion of tokens
 * reads the batch: [rows of the last stack], 0 if a row does not count. step: of one pass. */
rd_status rd_network_log_probs(const rd_model *model, const rd_step *step, const rd_batch *batch,
                               float *log_probs);

/* Vectors of whole sequences: [batch->n, d_model] = the first row or the mean of each one's output
 * of the encoder, whatever the head is. */
rd_status rd_network_vectors(const rd_model *model, rd_arena *arena, const rd_batch *batch,
                             rd_pooling pooling, float *vectors);

/* The encoder alone: *out: [sequences->rows, d_model]. Used by incremental decoding. */
rd_status rd_encode(const rd_model *model, const rd_step *step, const rd_sequences *sequences,
                    const int32_t *tokens, rd_activations *out);

#endif
