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
    rd_identity identity; /* of the first model: what a shortlist for it must share */
    char *source_lang;    /* of the first model; may be anything, or NULL */
    rd_translate_options defaults;
};

/* `ids` holds the tokens of all lines, those of line i from offsets[i] to offsets[i + 1]. */
typedef struct {
    rd_ids ids;
    int64_t *offsets; /* [n + 1] */
} rd_token_lines;

/* Lines [n] of lengths[] bytes, or NUL-terminated where that is NULL; each cut to `most` tokens,
 * which bos and eos count among; these -1: without. dropped: [n] tokens cut off, or NULL. */
rd_status rd_token_lines_encode(rd_token_lines *out, const rd_tokenizer *tokenizer, int64_t n,
                                const char *const *lines, const size_t *lengths, int64_t most,
                                int32_t bos, int32_t eos, int32_t *dropped);
void rd_token_lines_free(rd_token_lines *lines);

/* Line i; valid as long as the lines. */
rd_token_span rd_token_line(const rd_token_lines *lines, int64_t i);

/* The job that options ask for. */
rd_translate_job rd_translate_job_of(const rd_translator *translator,
                                     const rd_translate_options *options);

/* Of what the job does not check itself. */
rd_status rd_translate_check_options(const rd_translate_options *options);

/* The id that sources and targets begin with; -1: none. */
int32_t rd_translate_first_id(const rd_translator *translator);

/* Most tokens of a line that are translated, besides those that every line begins and ends with. */
int32_t rd_translate_most_tokens(const rd_translator *translator,
                                 const rd_translate_options *options);

/* As rd_translator_run. numbers: [n] what the samples of each line depend on, or NULL: its place,
 * from first_line on. */
rd_status rd_translate_lines(const rd_translator *translator, const rd_translate_options *options,
                             const int64_t *numbers, int64_t n, const char *const *lines,
                             const size_t *lengths, rd_translations *translations);

/* As rd_translator_score; line_dropped, reference_dropped: [n] tokens cut off each, or NULL. */
rd_status rd_translate_score_lines(const rd_translator *translator,
                                   const rd_translate_options *options, int64_t n,
                                   const char *const *lines, const size_t *line_lengths,
                                   const char *const *references, const size_t *reference_lengths,
                                   double *log_probs, int32_t *n_tokens, int32_t *line_dropped,
                                   int32_t *reference_dropped);

#endif
