#include "data/vocab.h"

#include <stdlib.h>

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
    rd_status status;
} line_source;

static int next_line(void *self, const char **text, size_t *n) {
    line_source *source = self;
    for (;;) {
        if (!source->corpus) {
            if (source->next == source->n_paths) return 0;
            source->status =
                rd_corpus_open(&source->corpus, source->paths[source->next++], RD_UTF8_STRICT);
            if (source->status != RD_OK) return -1;
        }
        source->status = rd_corpus_next(source->corpus, text, n);
        if (source->status != RD_OK) return -1;
        if (*text) return 1;
        rd_corpus_close(source->corpus);
        source->corpus = NULL;
    }
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
    int failed =
        spm_train(options.data, next_line, &source, config->no_memory, &model, &n, &message);
    rd_text_free(&options);
    rd_corpus_close(source.corpus);
    rd_status status = source.status;
    if (status == RD_OK && failed)
        status = rd_error(RD_ERR_FORMAT, "%s: cannot train a vocabulary of %d pieces: %s",
                          model_path, (int)config->size, message ? message : "out of memory");
    if (status == RD_OK) status = rd_write_file(model_path, model, n);
    free(message);
    free(model);
    return status;
}
