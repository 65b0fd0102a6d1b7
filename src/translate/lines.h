/* Translating lines of text, each by itself: to tokens, through the search, and back to text. */
#ifndef RD_TRANSLATE_LINES_H
#define RD_TRANSLATE_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/identity.h"
#include "rdrop/model.h"
#include "rdrop/tokenizer.h"
#include "rdrop/translator.h"
#include "translate/kept.h"
#include "translate/translate.h"

/* An open translator. */
struct rd_translator {
    int32_t n_models;
    rd_model **models;             /* [n_models] */
    rd_tokenizer *source, *target; /* the same one when the vocabulary is joint */
    int32_t max_source_positions;  /* fewest of all models */
    int32_t max_target_positions;
    rd_identity identity; /* of the first model, which a shortlist for it must share */
    char *source_lang;    /* of the first model; may be anything, or NULL */
    rd_translate_options defaults;
};

/* The most tokens of a line that are translated, not counting those that every line begins and ends
 * with. */
int32_t rd_translate_most_tokens(const rd_translator *translator,
                                 const rd_translate_options *options);

/* As rd_translator_run. numbers: [n] on which the samples of each line depend, or NULL: its place,
 * from first_line on. That of a line's part k has k << RD_PART_BITS added. */
enum { RD_PART_BITS = 40 };
rd_status rd_translate_lines(const rd_translator *translator, const rd_translate_options *options,
                             const int64_t *numbers, int64_t n, const char *const *lines,
                             const size_t *lengths, rd_translations *translations);

/* A line, from 1, without words has a prefix: RD_ERR_FORMAT, which says so. */
rd_status rd_error_of_prefix(int64_t line);

/* Lines and their references: [n] each, with their lengths in bytes, or NUL-terminated if the
 * lengths are NULL. */
typedef struct {
    int64_t n;
    const char *const *lines;
    const size_t *lengths;
    const char *const *references;
    const size_t *reference_lengths;
} rd_line_pairs;

/* As rd_translator_score; line_dropped, reference_dropped: [n] tokens cut off each, or NULL. */
rd_status rd_translate_score_lines(const rd_translator *translator,
                                   const rd_translate_options *options, const rd_line_pairs *pairs,
                                   double *log_probs, int32_t *n_tokens, int32_t *line_dropped,
                                   int32_t *reference_dropped);

#endif
