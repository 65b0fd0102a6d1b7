/* Making a vocabulary of corpora: a SentencePiece model, or a dictionary of words or characters. */
#ifndef RD_DATA_VOCAB_H
#define RD_DATA_VOCAB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

typedef struct {
    const char *type; /* "unigram" or "bpe" (SentencePiece), "words" or "characters" */
    /* Of words and characters: those that come fewer times are left out; how many are kept, with
     * the four special pieces, 0: all. */
    int64_t threshold;
    int32_t most;
    /* All others are of SentencePiece, except mask, and of characters also character_coverage. */
    int32_t size; /* pieces, the four special ones (bos 0, pad 1, eos 2, unk 3) included */
    float character_coverage;
    bool byte_fallback;
    bool mask;                 /* a piece "<mask>", id 4, that no text gives */
    const char *normalization; /* SentencePiece's normalization_rule_name; NULL: its own default,
                                  nmt_nfkc */
    const char *symbols;       /* user-defined symbols, comma-separated: pieces that text with them
                                  is never cut within; NULL or "": none */
    int64_t max_sentences; /* lines sampled for training, evenly spread by SentencePiece; 0: all */
    void (*no_memory)(void); /* NULL, or ends the process when SentencePiece's own threads lack
                                memory, which they cannot report */
    void (*gave_up)(const char *why); /* likewise where SentencePiece would end it by itself */
} rd_vocab_config;

/* Whether this type is a dictionary, whose size depends on the corpora. */
bool rd_vocab_is_dictionary(const char *type);

/* The name of its file in a folder: of one for both sides, and of the source's and the target's. */
typedef enum { RD_VOCAB_JOINT, RD_VOCAB_SOURCE, RD_VOCAB_TARGET } rd_vocab_side;
const char *rd_vocab_file(const char *type, rd_vocab_side side);

/* Trains on all lines of `paths` (gz or plain), whatever their length, and writes the model to
 * `model_path`, atomically. The same corpora and config give the same file, on any number of cores.
 * Settings of SentencePiece that a dictionary cannot honour are an error. A corpus too small for
 * `size` is an error that says which size would do; so are corpora without a visible character. */
rd_status rd_vocab_train(const rd_vocab_config *config, const char *const *paths, int n_paths,
                         const char *model_path);

#endif
