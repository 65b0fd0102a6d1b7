/* One or two sentences as an encoder reads them: BERT's [CLS] A [SEP] B [SEP], and RoBERTa's
 * <s> A </s></s> B </s>. */
#ifndef RD_DATA_SENTENCE_PAIR_H
#define RD_DATA_SENTENCE_PAIR_H

#include <stdbool.h>

#include "base/error.h"
#include "rdrop/tokenizer.h"

typedef struct {
    int32_t bos, eos;
    int32_t separators; /* eos between A and B: 1, or RoBERTa's 2 */
    bool segments;      /* B and its eos are of segment 1, as BERT's; else all is of segment 0 */
} rd_pair_form;

/* BERT's form for WordPiece, RoBERTa's for all other tokenizers. RD_ERR_FORMAT if the vocabulary
 * has no such special pieces. */
rd_status rd_pair_form_of(rd_pair_form *form, const rd_tokenizer *tokenizer);

/* Tokens besides those of the sentences. */
int32_t rd_pair_special(const rd_pair_form *form, bool two);

/* Appends a sentence, or two if second is not NULL, of `longest` tokens at most, to ids; *n_first:
 * how many of them are of segment 0, the rest are of segment 1. RD_ERR_ARGUMENT if the special
 * tokens alone are more than that. */
rd_status rd_pair_append(const rd_pair_form *form, const rd_ids *first, const rd_ids *second,
                         int64_t longest, rd_ids *ids, int64_t *n_first);

#endif
