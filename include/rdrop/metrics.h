/* Corpus metrics, equal to the reference tools' numbers. To be completed by the metrics module. */
#ifndef RDROP_METRICS_H
#define RDROP_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "rdrop/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* BLEU as sacreBLEU 2.x computes it by default (13a tokenizer, exponential smoothing), in [0, 100].
 * hypotheses, references: [n] NUL-terminated UTF-8 lines. */
rd_status rd_bleu_corpus(int64_t n, const char *const *hypotheses, const char *const *references,
                         bool lowercase, double *bleu);

#ifdef __cplusplus
}
#endif
#endif
