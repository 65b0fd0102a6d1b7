/* The sentences of a table's row as a model reads them: two parts of one source, the second of
 * which is the second segment. */
#ifndef RD_DATA_SENTENCES_H
#define RD_DATA_SENTENCES_H

#include <stdbool.h>

#include "data/sentence_pair.h"
#include "data/table.h"

typedef struct {
    const rd_tokenizer *tokenizer;
    rd_pair_form form;
    int32_t longest; /* tokens in all; longer ones are cut, the longer sentence first */
} rd_sentence_reader;

/* Scratch: {0} at first; release. */
typedef struct {
    rd_ids sentences[2], all;
} rd_sentence_scratch;

void rd_sentence_scratch_free(rd_sentence_scratch *scratch);

/* *ids: all tokens of one or two sentences (second NULL), in scratch; *first: how many are of
 * segment 0, the rest are of segment 1; *cut: whether any were left out; *unknown: how many are no
 * piece of the vocabulary. */
typedef struct {
    const int32_t *ids;
    int64_t n, first;
    int64_t unknown;
    bool cut;
} rd_sentence_tokens;

rd_status rd_sentences_read(const rd_sentence_reader *reader, const rd_field *first,
                            const rd_field *second, rd_sentence_scratch *scratch,
                            rd_sentence_tokens *tokens);

#endif
