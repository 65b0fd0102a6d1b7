#include "rdrop/translator.h"

#include <stdlib.h>

#include "base/memory.h"
#include "translate/lines.h"
#include "translate/paragraphs.h"
#include "translate/token_lines.h"

rd_status rd_translator_run(const rd_translator *t, const rd_translate_options *options, int64_t n,
                            const char *const *lines, const size_t *lengths, rd_translations *out) {
    if (options->split_sentences || options->window_tokens != 0)
        return rd_translate_paragraphs(t, options, n, lines, lengths, out);
    return rd_translate_lines(t, options, NULL, n, lines, lengths, out);
}

rd_status rd_translate_score_lines(const rd_translator *t, const rd_translate_options *options,
                                   int64_t n, const char *const *lines, const size_t *line_lengths,
                                   const char *const *references, const size_t *reference_lengths,
                                   double *log_probs, int32_t *n_tokens, int32_t *line_dropped,
                                   int32_t *reference_dropped) {
    rd_translate_job job = rd_translate_job_of(t, options);
    RD_TRY(rd_translate_check_options(options));
    int32_t bos = rd_translate_first_id(t);
    rd_token_lines sources = {0}, targets = {0};
    rd_token_span *source_spans = rd_malloc((size_t)n, sizeof *source_spans);
    rd_token_span *target_spans = rd_malloc((size_t)n, sizeof *target_spans);
    rd_status status = source_spans && target_spans ? RD_OK : RD_ERR_MEMORY;
    if (status == RD_OK)
        status = rd_token_lines_encode(&sources, t->source, n, lines, line_lengths,
                                       rd_translate_most_tokens(t, options) + (bos >= 0 ? 2 : 1),
                                       bos, rd_tokenizer_eos(t->source), line_dropped);
    if (status == RD_OK)
        status = rd_token_lines_encode(&targets, t->target, n, references, reference_lengths,
                                       t->max_target_positions - 1, bos, -1, reference_dropped);
    for (int64_t i = 0; status == RD_OK && i < n; i++) {
        source_spans[i] = rd_token_line(&sources, i);
        target_spans[i] = rd_token_line(&targets, i);
        if (n_tokens) n_tokens[i] = target_spans[i].length + 1;
    }
    if (status == RD_OK)
        status = rd_translate_score(&job, n, source_spans, target_spans, log_probs);
    rd_token_lines_free(&sources);
    rd_token_lines_free(&targets);
    free(source_spans);
    free(target_spans);
    return status;
}

rd_status rd_translator_score(const rd_translator *t, const rd_translate_options *options,
                              int64_t n, const char *const *lines, const size_t *line_lengths,
                              const char *const *references, const size_t *reference_lengths,
                              double *log_probs, int32_t *n_tokens) {
    return rd_translate_score_lines(t, options, n, lines, line_lengths, references,
                                    reference_lengths, log_probs, n_tokens, NULL, NULL);
}
