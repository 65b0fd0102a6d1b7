/* Raw parallel corpora to a dataset: tokenize in parallel, filter, count. */
#ifndef RD_DATA_BINARIZE_H
#define RD_DATA_BINARIZE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "data/dataset.h"
#include "rdrop/tokenizer.h"

/* Lengths are in tokens, without eos; a bound of 0 does not apply. */
typedef struct {
    int32_t min_source, max_source, min_target, max_target;
    float max_ratio; /* of the longer side to the shorter */
} rd_filter_config;

typedef struct {
    int64_t lines, kept;
    int64_t too_short, too_long, bad_ratio; /* dropped, each counted under the first that applies */
    int64_t src_tokens, tgt_tokens, src_unknown, tgt_unknown; /* of what was kept */
    int32_t longest_src, longest_tgt;
} rd_binarize_stats;

/* Called now and then with the number of lines read; may be NULL. */
typedef void (*rd_binarize_progress)(void *self, int64_t lines);

/* Adds all pairs of lines of two corpora (gz or plain) to `writer`, in order; the result does not
 * depend on the number of threads, and memory does not grow with the corpus. filter NULL keeps all.
 * Adds to *stats. */
rd_status rd_binarize(const char *src_path, const char *tgt_path, const rd_tokenizer *source,
                      const rd_tokenizer *target, const rd_filter_config *filter,
                      rd_dataset_writer *writer, rd_binarize_stats *stats,
                      rd_binarize_progress progress, void *self);

#endif
