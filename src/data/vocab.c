#include "data/vocab.h"

#include <stdlib.h>
#include <string.h>

#include <unicode/uchar.h>

#include "base/file.h"
#include "base/text.h"
#include "data/corpus.h"
#include "sentencepiece_shim.h"

/* Always the same number: sums over threads depend on it, and the model file records it. */
enum { TRAINER_THREADS = 8 };

/* All lines of several files, one after another. */
typedef struct {
    const char *const *paths;
    int n_paths, next;
    rd_corpus *corpus;
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

static int next_line(void *self, const char **text, size_t *n) {
    line_source *source = self;
    for (;;) {
        if (!source->corpus) {
            if (source->next == source->n_paths && !source->has_text)
                source->status = no_text(source);
            if (source->next == source->n_paths) return source->has_text ? 0 : -1;
            source->status =
                rd_corpus_open(&source->corpus, source->paths[source->next++], RD_UTF8_STRICT);
            if (source->status != RD_OK) return -1;
        }
        source->status = rd_corpus_next(source->corpus, text, n);
        if (source->status != RD_OK) return -1;
        source->has_text = source->has_text || (*text && has_text(*text, *n));
        if (*text) return 1;
        rd_corpus_close(source->corpus);
        source->corpus = NULL;
    }
}

/* Without the place in SentencePiece's source, "FILE(LINE) [CONDITION] ", if words follow it. */
static const char *reason_of(const char *message) {
    const char *words = strstr(message, "] ");
    for (const char *next; words && (next = strstr(words + 1, "] "));) words = next;
    return words && words[2] ? words + 2 : message;
}

rd_status rd_vocab_train(const rd_vocab_config *config, const char *const *paths, int n_paths,
                         const char *model_path) {
    rd_text options = {0};
    RD_TRY(rd_text_printf(&options,
                          "model_type=%s vocab_size=%d character_coverage=%.6f byte_fallback=%s "
                          "bos_id=0 pad_id=1 eos_id=2 unk_id=3 num_threads=%d minloglevel=2 "
                          "input_sentence_size=%lld shuffle_input_sentence=%s%s",
                          config->type, (int)config->size, (double)config->character_coverage,
                          config->byte_fallback ? "true" : "false", TRAINER_THREADS,
                          (long long)config->max_sentences,
                          config->max_sentences > 0 ? "true" : "false",
                          config->mask ? " control_symbols=<mask>" : ""));
    line_source source = {.paths = paths, .n_paths = n_paths};
    char *model = NULL, *message = NULL;
    size_t n = 0;
    int failed = spm_train(options.data, next_line, &source,
                           (spm_endings){config->no_memory, config->gave_up}, &model, &n, &message);
    rd_text_free(&options);
    rd_corpus_close(source.corpus);
    rd_status status = source.status;
    if (status == RD_OK && failed)
        status =
            rd_error(RD_ERR_FORMAT, "%s: cannot train a vocabulary of %d pieces: %s", model_path,
                     (int)config->size, message ? reason_of(message) : "out of memory");
    if (status == RD_OK) status = rd_write_file(model_path, model, n);
    free(message);
    free(model);
    return status;
}
