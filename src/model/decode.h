/* Incremental decoding: one token a step for any number of hypotheses, of sentences that begin and
 * end at different steps, with key/value caches that follow the hypotheses by index. */
#ifndef RD_MODEL_DECODE_H
#define RD_MODEL_DECODE_H

#include <stdint.h>

#include "rdrop/model.h"

typedef struct rd_decoding rd_decoding;

/* One model may serve several decodings, on several threads. */
rd_status rd_decoding_begin(rd_decoding **decoding, const rd_model *model);
void rd_decoding_end(rd_decoding *decoding); /* NULL is fine */

/* Gives a sentence its number, counted from 0, at any time before the step at which it begins. src:
 * [n] tokens, eos last, which stay the caller's and must last until then. A number may be given
 * again once the sentence that had it is over. RD_ERR_ARGUMENT for tokens that the model does not
 * have, for none, or for more than it has positions. A model without an encoder has no sources:
 * src, which may be empty, is then the beginning of the sentence, read in its first step after the
 * start token. */
rd_status rd_decoding_add(rd_decoding *decoding, int32_t sentence, const int32_t *src, int32_t n);

/* One step. Row r of this step has just produced tokens[r], translates sentence sentences[r] and
 * continues row parents[r] of the previous step. With parents[r] -1 it begins its sentence, which
 * is encoded now, and tokens[r] is ignored: the decoder reads its start token. Any number of
 * sentences may begin at a step, each with one row. Rows may be reordered, duplicated and dropped
 * freely between steps; a sentence without rows is over. */
rd_status rd_decoding_step(rd_decoding *decoding, int64_t n_rows, const int32_t *parents,
                           const int32_t *sentences, const int32_t *tokens);

/* From now on, computes the logits of these target ids only: pieces: [n_pieces]. Call at most once.
 */
rd_status rd_decoding_restrict(rd_decoding *decoding, int64_t n_pieces, const int32_t *pieces);

/* logits: [n, tgt_vocab], or [n, n_pieces] when restricted, of the next token of rows first ..
 * first + n - 1 of the latest step. */
rd_status rd_decoding_logits(rd_decoding *decoding, int64_t first, int64_t n, float *logits);

/* Keeps the cross-attention of one decoder layer, counted from 1 (0: the last), at each step from
 * now on. RD_ERR_ARGUMENT if there is no such layer. */
rd_status rd_decoding_keep_attention(rd_decoding *decoding, int32_t layer);

/* Adds to out: [n_src], `share` times the attention of `row` in the latest step to the n_src tokens
 * of its sentence, averaged over the heads; it sums to 1. */
void rd_decoding_add_attention(const rd_decoding *decoding, int64_t row, int64_t n_src, float share,
                               float *out);

#endif
