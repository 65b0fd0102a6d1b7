/* Text in, translations out: all of rdrop-translate as a library.
 *
 *     rd_translator *translator;
 *     const char *models[] = {"model"};
 *     if (rd_translator_open(&translator, models, 1, RD_PRECISION_AUTO) != RD_OK) fail();
 *     rd_translate_options options = rd_translator_defaults(translator);
 *     const char *lines[] = {"A dog runs.", "Two men talk."};
 *     rd_translations found;
 *     if (rd_translator_run(translator, &options, 2, lines, NULL, &found) != RD_OK) fail();
 *     puts(found.items[0].text);
 *     rd_translations_free(&found);
 *     rd_translator_close(translator);
 *
 * A failing call leaves its reason in rd_last_error() (rdrop/status.h). An open translator is never
 * modified: any number of threads may translate with it at once. The threads of OpenMP do not
 * survive a fork: after a call that used several, a forked child can only make calls with
 * `threads` 1. */
#ifndef RDROP_TRANSLATOR_H
#define RDROP_TRANSLATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rdrop/glossary.h"
#include "rdrop/pattern.h"
#include "rdrop/model.h"
#include "rdrop/search.h"
#include "rdrop/shortlist.h"
#include "rdrop/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rd_translator rd_translator;

/* Opens a model directory: model.safetensors, config.yaml, and one joint vocabulary (spm.model;
 * tokenizer.json; vocab.json and merges.txt; dict.txt; or characters.txt) or two (source.spm and
 * target.spm, with vocab.json if they share ids; dict.source.txt and dict.target.txt; or
 * characters.source.txt and characters.target.txt). Several directories form an ensemble: their
 * probabilities are averaged at each token, and their vocabularies must be equal. RD_PRECISION_AUTO
 * becomes int8 for weights that are already rounded to 8 bits. RD_ERR_IO or RD_ERR_FORMAT name the
 * file at fault; RD_ERR_ARGUMENT if this build or processor has no such precision. */
RD_API rd_status rd_translator_open(rd_translator **translator, const char *const *directories,
                                    int32_t n_directories, rd_precision precision);
RD_API void rd_translator_close(rd_translator *translator); /* NULL is fine */

enum { RD_TRANSLATOR_MOST_THREADS = 4096 };

typedef struct {
    rd_search_options search; /* n_best: translations per line */
    int64_t first_line;       /* number of the first line given, on which samples depend */
    bool replace_unk;         /* unknown tokens become the source word that they are aligned to */
    int32_t alignment_layer;  /* the decoder layer, from 1, whose attention gives alignments,
                               * averaged over its heads; 0: the last */
    int32_t threads;          /* 0: as many as OpenMP would use; at most
                               * RD_TRANSLATOR_MOST_THREADS */
    /* The beginning of each line's translation: [n] of the call, NUL-terminated, "" for none; or
     * NULL. An empty line takes none. Whole words work best. */
    const char *const *prefixes;
    /* Lexical constraints (dynamic beam allocation, Post and Vilar 2018). `constraints`: phrases
     * that the translation of each line must contain: [n] of the call, NUL-terminated, with tabs
     * between phrases, each as often as it is given; or NULL. `glossary`: for each of its source
     * terms in a line, the translation must contain the target term; or NULL. Terms match whole
     * words, case-sensitively, from the left, the longest at each place. A beam wider than the
     * number of their tokens finds good places for them. */
    const char *const *constraints;
    const rd_glossary *glossary;
    /* Whatever matches it in a line is copied to the translation unchanged, as a constraint; or
     * NULL. A match that the search cannot place, or the vocabulary cannot write, is put at the
     * end, before the marks that end the sentence. */
    const rd_pattern *keep;
    /* Search only among the pieces that it gives for the sentences of a batch (and those that
     * prefixes and constraints need), not the whole vocabulary; or NULL. It is faster;
     * probabilities are among these pieces, and translations depend a little on which sentences are
     * translated together. */
    const rd_shortlist *shortlist;
    bool unscored; /* score and log_prob are not needed, and may be NAN: greedy search then needs no
                    * softmax */
    /* Lines with more tokens are cut, and dropped_tokens counts the rest; 0: as many as the model
     * takes. */
    int32_t max_input_length;
    /* For lines that are paragraphs or documents. With split_sentences, sentences are translated
     * one by one. With window_tokens above 0, a longer line (or with split_sentences a longer
     * sentence) is translated in windows of at most so many tokens, of whole sentences where these
     * fit; each window begins with up to window_overlap tokens that end the one before it. Language
     * codes and other tags at the beginning of a line (">>de<<", "<2de>") hold for each part, and
     * so does a prefix that consists of tags only; any other prefix begins the first part. The
     * translations are joined by spaces, in Chinese and Japanese by nothing; score and log_prob are
     * sums. search.n_best must be 1 and constraints NULL (a glossary applies to each part).
     * split_language: the code of the sources' language ("en", "deu", "de_AT"), for its
     * abbreviations and ordinal numbers; NULL: that of the model's config.yaml. */
    bool split_sentences;
    int32_t window_tokens, window_overlap;
    const char *split_language;
} rd_translate_options;

/* The search settings of the model's config.yaml (the first model's, for an ensemble), with an
 * n_best of 1. The translator owns the strings in them. */
RD_API rd_translate_options rd_translator_defaults(const rd_translator *translator);

/* Words of the line and of the translation's text as given: separated by white space, counted from
 * 0. */
typedef struct {
    int32_t source, target;
} rd_aligned_words;

typedef struct {
    char *text;       /* NUL-terminated UTF-8; NULL: the search found fewer than n_best */
    float score;      /* translations are ranked by it */
    float log_prob;   /* natural logarithm of P(translation | source), end of sentence included */
    int32_t n_tokens; /* subword tokens, without the end of sentence */
    int32_t n_alignment;
    rd_aligned_words *alignment; /* [n_alignment], sorted; NULL without `search.align` */
    int32_t n_restored;          /* strings of `keep` that were put at the end */
    char *unmet; /* constraints that the translation does not meet, because the longest output has
                  * no room for them or the vocabulary no pieces: phrases with tabs between them;
                  * usually NULL */
} rd_translation;

typedef struct {
    int64_t n_lines;
    int32_t n_best;
    rd_translation *items;   /* [n_lines, n_best], best first */
    int32_t *dropped_tokens; /* [n_lines]: tokens cut off the end of a line (or of parts of it)
                              * that was longer than max_input_length or the model's positions */
} rd_translations;

/* Translates n lines of UTF-8. lengths: [n] in bytes, or NULL when all are NUL-terminated. A line
 * without any token translates to "". Release with rd_translations_free. */
RD_API rd_status rd_translator_run(const rd_translator *translator,
                                   const rd_translate_options *options, int64_t n,
                                   const char *const *lines, const size_t *lengths,
                                   rd_translations *translations);
RD_API void rd_translations_free(rd_translations *translations);

/* The log-probability (natural, end of sentence included) of each reference as the translation of
 * its line. log_probs: [n]; n_tokens: [n] subword tokens of the references, end of sentence
 * included, or NULL. Both sides are cut to the model's positions. Of the options only
 * max_input_length, threads, and the search's batch_tokens and stop are read. */
RD_API rd_status rd_translator_score(const rd_translator *translator,
                                     const rd_translate_options *options, int64_t n,
                                     const char *const *lines, const size_t *line_lengths,
                                     const char *const *references, const size_t *reference_lengths,
                                     double *log_probs, int32_t *n_tokens);

#ifdef __cplusplus
}
#endif
#endif
