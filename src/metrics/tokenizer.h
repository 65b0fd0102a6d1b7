/* Tokenizers by name: see rdrop/metrics.h. */
#ifndef RD_METRICS_TOKENIZER_H
#define RD_METRICS_TOKENIZER_H

#include "base/text.h"
#include "rdrop/metrics.h"

/* tokenizer NULL: 13a. *out as in tokenize.h. */
rd_status rd_tokenize(const rd_metric_tokenizer *tokenizer, rd_line line, rd_text *a, rd_text *b,
                      rd_line *out);

/* For the signature of a score: "13a", "flores200", "ja-mecab-0.996-IPA". */
const char *rd_tokenizer_signature(const rd_metric_tokenizer *tokenizer);

#endif
