#include "data/vocab.h"

#include <stdlib.h>
#include <string.h>

#include <unicode/uchar.h>

#include "base/text.h"
#include "data/corpus.h"
#include "data/dictionary.h"
#include "io/output.h"
#include "sentencepiece_shim.h"

/* Always the same number: sums over threads depend on it, and the model file records it. */
enum { TRAINER_THREADS = 8 };

/* SentencePiece leaves out lines of more bytes, unless told otherwise, and takes a time that grows
 * with the square of those that repeat themselves; and it leaves out lines with a character that it
 * reserves. */
enum { LONGEST_BY_DEFAULT = 4192 };
static const char reserved[] = "\xE2\x96\x85"; /* U+2585 */

/* All lines of several files, one after another. */
typedef struct {
    const char *const *paths;
    int n_paths, next;
    rd_corpus *corpus;
    rd_text cleaned;  /* the line, without reserved characters */
    const char *rest; /* [n_rest] of the line */
    size_t n_rest;
    bool has_text; /* a line had a character that is not blank */
    rd_status status;
} line_source;

/* SentencePiece ends the process when nothing is left of a corpus once it is normalized. */
static bool has_text(const char *text, size_t n) {
    for (const char *end = text + n; text < end;) {
        uint32_t c = rd_utf8_next(&text, end);
        if (u_isgraph((UChar32)c) && c != 0x2581 && c != 0xFFFD) return true;
    }
    return false;
}

static rd_status no_text(const line_source *source) {
    return rd_error(RD_ERR_FORMAT,
                    "%s: cannot train a vocabulary: %s no text, only blanks and what does not show",
                    source->paths[0],
                    source->n_paths > 1 ? "this and the other corpora hold" : "it holds");
}

static rd_status clean(line_source *source, const char **text, size_t *n) {
    const char *end = *text + *n, *found = memmem(*text, *n, reserved, 3);
    if (!found) return RD_OK;
    rd_text_clear(&source->cleaned);
    for (; found; found = memmem(*text, (size_t)(end - *text), reserved, 3)) {
        RD_TRY(rd_text_append(&source->cleaned, *text, (size_t)(found - *text)));
        RD_TRY(rd_text_append(&source->cleaned, " ", 1));
        *text = found + 3;
    }
    RD_TRY(rd_text_append(&source->cleaned, *text, (size_t)(end - *text)));
    *text = source->cleaned.data;
    *n = (size_t)source->cleaned.length;
    return RD_OK;
}

static rd_status read_line(line_source *source, const char **text, size_t *n) {
    for (*text = NULL; !*text;) {
        if (!source->corpus) {
            if (source->next == source->n_paths) return RD_OK;
            RD_TRY(rd_corpus_open(&source->corpus, source->paths[source->next++], RD_UTF8_STRICT));
        }
        RD_TRY(rd_corpus_next(source->corpus, text, n));
        if (*text) return clean(source, text, n);
        rd_corpus_close(source->corpus);
        source->corpus = NULL;
    }
    return RD_OK;
}

/* Bytes of the text's beginning, up to a blank: at most LONGEST_BY_DEFAULT if it has a blank there.
 * No piece has a blank within. */
static size_t part_of(const char *text, size_t n) {
    if (n <= LONGEST_BY_DEFAULT) return n;
    const char *blank = memrchr(text + 1, ' ', LONGEST_BY_DEFAULT);
    if (!blank) blank = memchr(text + LONGEST_BY_DEFAULT, ' ', n - LONGEST_BY_DEFAULT);
    return blank ? (size_t)(blank - text) : n;
}

/* A line, in parts if it is long; *text: NULL after the last. */
static rd_status read_part(line_source *source, const char **text, size_t *n) {
    if (source->n_rest == 0) {
        RD_TRY(read_line(source, &source->rest, &source->n_rest));
        if (!(*text = source->rest)) return RD_OK;
    }
    *text = source->rest;
    *n = part_of(*text, source->n_rest);
    source->rest += *n;
    source->n_rest -= *n;
    return RD_OK;
}

static int next_line(void *self, const char **text, size_t *n) {
    line_source *source = self;
    source->status = read_part(source, text, n);
    if (source->status == RD_OK && !*text && !source->has_text) source->status = no_text(source);
    if (source->status != RD_OK) return -1;
    source->has_text = source->has_text || (*text && has_text(*text, *n));
    return *text != NULL;
}

static void close_source(line_source *source) {
    rd_corpus_close(source->corpus);
    rd_text_free(&source->cleaned);
}

/* Bytes of the longest part of a line. */
static rd_status find_longest(const char *const *paths, int n_paths, size_t *longest) {
    line_source source = {.paths = paths, .n_paths = n_paths};
    const char *text;
    rd_status status;
    size_t n = 0;
    *longest = 0;
    while ((status = read_part(&source, &text, &n)) == RD_OK && text)
        if (n > *longest) *longest = n;
    close_source(&source);
    return status;
}

/* Without the place in SentencePiece's source, "FILE(LINE) [CONDITION] ", if words follow it. */
static const char *reason_of(const char *message) {
    const char *words = strstr(message, "] ");
    for (const char *next; words && (next = strstr(words + 1, "] "));) words = next;
    return words && words[2] ? words + 2 : message;
}

/* Settings that are as by default are not given: the model file records those that are. */
static rd_status write_options(const rd_vocab_config *config, size_t longest, rd_text *options) {
    RD_TRY(rd_text_printf(options,
                          "model_type=%s vocab_size=%d character_coverage=%.6f byte_fallback=%s "
                          "bos_id=0 pad_id=1 eos_id=2 unk_id=3 num_threads=%d minloglevel=2 "
                          "input_sentence_size=%lld shuffle_input_sentence=%s",
                          config->type, (int)config->size, (double)config->character_coverage,
                          config->byte_fallback ? "true" : "false", TRAINER_THREADS,
                          (long long)config->max_sentences,
                          config->max_sentences > 0 ? "true" : "false"));
    if (config->normalization)
        RD_TRY(rd_text_printf(options, " normalization_rule_name=%s", config->normalization));
    if (config->mask) RD_TRY(rd_text_printf(options, " control_symbols=<mask>"));
    if (longest > LONGEST_BY_DEFAULT)
        RD_TRY(rd_text_printf(options, " max_sentence_length=%zu", longest));
    if (config->symbols && *config->symbols)
        RD_TRY(rd_text_printf(options, " user_defined_symbols=%s", config->symbols));
    return RD_OK;
}

static rd_status train(const rd_vocab_config *config, const char *options, line_source *source,
                       const char *model_path) {
    char *model = NULL, *message = NULL;
    size_t n = 0;
    int failed = spm_train(options, next_line, source,
                           (spm_endings){config->no_memory, config->gave_up}, &model, &n, &message);
    rd_status status = source->status;
    if (status == RD_OK && failed)
        status =
            rd_error(RD_ERR_FORMAT, "%s: cannot train a vocabulary of %d pieces: %s%s", model_path,
                     (int)config->size, message ? reason_of(message) : "out of memory",
                     message ? " (the keys are vocab-size and character-coverage)" : "");
    if (status == RD_OK) status = rd_write_file(model_path, model, n);
    free(message);
    free(model);
    return status;
}

/* Refuses what SentencePiece would refuse with messages about its source code. */
static rd_status check_symbols(const char *symbols, bool mask) {
    if (strpbrk(symbols, " \t\r\n\""))
        return rd_error(RD_ERR_FORMAT,
                        "user-defined-symbols: \"%.60s\": symbols are separated by commas, without "
                        "blanks or quotes",
                        symbols);
    if (!*symbols) return RD_OK;
    for (const char *at = symbols;;) {
        size_t n = strcspn(at, ",");
        if (n == 0)
            return rd_error(RD_ERR_FORMAT, "user-defined-symbols: \"%.60s\": an empty symbol",
                            symbols);
        bool taken = n == 5 && memcmp(at, "<unk>", n) == 0;
        taken |= mask && n == 6 && memcmp(at, "<mask>", n) == 0;
        for (const char *other = symbols; other < at; other += strcspn(other, ",") + 1)
            taken |= strcspn(other, ",") == n && memcmp(other, at, n) == 0;
        if (taken)
            return rd_error(RD_ERR_FORMAT,
                            "user-defined-symbols: \"%.60s\": \"%.*s\" is there already", symbols,
                            n < 60 ? (int)n : 60, at);
        if (!at[n]) return RD_OK;
        at += n + 1;
    }
}

static rd_status train_sentencepiece(const rd_vocab_config *config, const char *const *paths,
                                     int n_paths, const char *model_path) {
    line_source source = {.paths = paths, .n_paths = n_paths};
    rd_text options = {0};
    size_t longest;
    enum { FEWEST_SENTENCES = 101 }; /* that SentencePiece samples */
    if (config->symbols) RD_TRY(check_symbols(config->symbols, config->mask));
    if (config->max_sentences > 0 && config->max_sentences < FEWEST_SENTENCES)
        return rd_error(RD_ERR_FORMAT,
                        "vocab-sentences is %lld; expected 0, for all, or %d or more",
                        (long long)config->max_sentences, FEWEST_SENTENCES);
    RD_TRY(find_longest(paths, n_paths, &longest));
    rd_status status = write_options(config, longest, &options);
    if (status == RD_OK) status = train(config, options.data, &source, model_path);
    rd_text_free(&options);
    close_source(&source);
    return status;
}

bool rd_vocab_is_dictionary(const char *type) {
    return strcmp(type, "words") == 0 || strcmp(type, "characters") == 0;
}

const char *rd_vocab_file(const char *type, rd_vocab_side side) {
    static const char *const files[3][3] = {
        {"spm.model", "source.spm", "target.spm"},
        {"dict.txt", "dict.source.txt", "dict.target.txt"},
        {"characters.txt", "characters.source.txt", "characters.target.txt"}};
    return files[!rd_vocab_is_dictionary(type) ? 0 : *type == 'w' ? 1 : 2][side];
}

static rd_status check_dictionary(const rd_vocab_config *config) {
    const char *key = config->byte_fallback                 ? "byte-fallback"
                      : config->symbols && *config->symbols ? "user-defined-symbols"
                      : config->normalization               ? "normalization"
                      : config->max_sentences > 0           ? "vocab-sentences"
                      : *config->type == 'w' && config->character_coverage < 1.0f
                          ? "character-coverage"
                          : NULL;
    if (!key) return RD_OK;
    return rd_error(RD_ERR_FORMAT,
                    "%s is of SentencePiece; a vocabulary of %s (vocab-type) has none", key,
                    config->type);
}

rd_status rd_vocab_train(const rd_vocab_config *config, const char *const *paths, int n_paths,
                         const char *model_path) {
    if (!rd_vocab_is_dictionary(config->type))
        return train_sentencepiece(config, paths, n_paths, model_path);
    RD_TRY(check_dictionary(config));
    rd_dictionary_config dictionary = {.characters = *config->type == 'c',
                                       .threshold = config->threshold,
                                       .most = config->most,
                                       .coverage = config->character_coverage,
                                       .mask = config->mask};
    return rd_dictionary_build(&dictionary, paths, n_paths, model_path);
}
