/* Whether a SentencePiece model file is whole and safe to hand to the library, which trusts it: it
 * takes a file cut between two fields for a smaller model, and follows the automaton of its
 * normalization rules wherever damaged bytes lead. */
#ifndef RD_DATA_SENTENCEPIECE_CHECK_H
#define RD_DATA_SENTENCEPIECE_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"
#include "rdrop/tokenizer.h"

/* NULL, or what is wrong with the file: a string constant. */
const char *rd_spm_problem(const char *bytes, size_t n);

/* How a sound model was trained, as its file records it. */
typedef struct {
    const char *type;       /* "unigram", "bpe", "word" or "char" */
    char normalization[64]; /* "nmt_nfkc" */
    float coverage;         /* of characters; 0: not said */
    bool bytes;             /* byte-fallback */
    rd_text symbols;        /* user-defined, with commas between them; free it */
} rd_spm_settings;
rd_status rd_spm_read_settings(const char *bytes, size_t n, rd_spm_settings *settings);

/* Appends the ids of user-defined pieces. */
rd_status rd_spm_read_symbols(const char *bytes, size_t n, rd_ids *ids);

#endif
