/* How metrics prepare a line that they then split on white space. The result is in *out, which may
 * be the input itself, `a` or `b`; valid until a or b is used again. Runs of white space are left
 * as they are. */
#ifndef RD_METRICS_TOKENIZE_H
#define RD_METRICS_TOKENIZE_H

#include "base/text.h"
#include "rdrop/metrics.h"

/* By a tokenizer of rdrop/metrics.h; NULL: 13a. */
rd_status rd_tokenize(const rd_metric_tokenizer *tokenizer, rd_line line, rd_text *a, rd_text *b,
                      rd_line *out);

/* The model's file or the dictionary's folder; NULL: none, or the system's. */
const char *rd_tokenizer_path(const rd_metric_tokenizer *tokenizer);

/* For the signature of a score: "13a", "flores200", "ja-mecab-0.996-IPA". */
const char *rd_tokenizer_signature(const rd_metric_tokenizer *tokenizer);

/* sacreBLEU's rules. */
typedef rd_status (*rd_tokenize_rule)(rd_line line, rd_text *a, rd_text *b, rd_line *out);
rd_status rd_tokenize_13a(rd_line line, rd_text *a, rd_text *b, rd_line *out);
rd_status rd_tokenize_intl(rd_line line, rd_text *a, rd_text *b, rd_line *out);
rd_status rd_tokenize_zh(rd_line line, rd_text *a, rd_text *b, rd_line *out);
rd_status rd_tokenize_char(rd_line line, rd_text *a, rd_text *b, rd_line *out);
rd_status rd_tokenize_none(rd_line line, rd_text *a, rd_text *b, rd_line *out);

/* Tercom's normalisation by the TER options of `config`, lowercasing not included. */
rd_status rd_tokenize_ter(const rd_metric_config *config, rd_line line, rd_text *a, rd_text *b,
                          rd_line *out);

#endif
