/* One or two sentences as a model reads them: [CLS] A [SEP] or [CLS] A [SEP] B [SEP], where [CLS]
 * is the vocabulary's begin and [SEP] its end of sentence. */
#ifndef RD_DATA_SENTENCES_H
#define RD_DATA_SENTENCES_H

#include <stdbool.h>

#include "data/table.h"
#include "rdrop/tokenizer.h"

typedef struct {
    const rd_tokenizer *tokenizer;
    bool prepend_bos;      /* else without [CLS] */
    bool double_separator; /* RoBERTa's: <s> A </s></s> B </s> */
    int32_t longest;       /* tokens in all; longer ones are cut, the longer sentence first */
} rd_sentence_form;

/* Overwrites the ids of both parts, that of the second sentence without its [CLS]; second NULL:
 * there is none, and its part is empty. *cut: whether any were left out, as Hugging Face's fast
 * tokenizers do with longest_first. */
rd_status rd_sentences_encode(const rd_sentence_form *form, const rd_field *first,
                              const rd_field *second, rd_ids *first_ids, rd_ids *second_ids,
                              bool *cut);

/* Tokens of the form without any of the sentences. */
int32_t rd_sentences_special(const rd_sentence_form *form, bool pair);

#endif
