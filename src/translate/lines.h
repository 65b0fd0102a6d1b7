/* Translating lines of text, each by itself. */
#ifndef RD_TRANSLATE_LINES_H
#define RD_TRANSLATE_LINES_H

#include "translate/open.h"
#include "translate/translate.h"

/* The job that options ask for. */
rd_translate_job rd_translate_job_of(const rd_translator *translator,
                                     const rd_translate_options *options);

/* Of what the job does not check itself. */
rd_status rd_translate_check_options(const rd_translate_options *options);

/* What sources and targets begin with; -1: just their own. */
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
