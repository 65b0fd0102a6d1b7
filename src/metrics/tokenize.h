/* What metrics do to a line before they split it on white space. */
#ifndef RD_METRICS_TOKENIZE_H
#define RD_METRICS_TOKENIZE_H

#include "base/text.h"
#include "rdrop/metrics.h"

/* sacreBLEU's tokenizers. The tokenized line is in *out, which may be the input itself, `a` or `b`;
 * valid until a or b is used again. Runs of white space are left as they fall. */
rd_status rd_tokenize(rd_bleu_tokenize how, rd_line line, rd_text *a, rd_text *b, rd_line *out);

/* Tercom's normalisation by the TER options of `config`, lowercasing not included. */
rd_status rd_tokenize_ter(const rd_metric_config *config, rd_line line, rd_text *a, rd_text *b,
                          rd_line *out);

#endif
