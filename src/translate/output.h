/* What a search found, as text. */
#ifndef RD_TRANSLATE_OUTPUT_H
#define RD_TRANSLATE_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "rdrop/tokenizer.h"
#include "rdrop/translator.h"
#include "search/search.h"
#include "translate/translate.h"

/* One source text and how its translations are written. */
typedef struct {
    const rd_tokenizer *source, *target;
    const char *text; /* [text_length] valid UTF-8 */
    size_t text_length;
    rd_token_span tokens; /* of the text, eos behind them */
    bool align, replace_unk;
} rd_output;

/* Fills `item`, which owns what it then holds, also after a failure. The hypothesis must have
 * alignments where `align` or `replace_unk` are set. */
rd_status rd_output_translation(const rd_output *output, const rd_hypothesis *hypothesis,
                                rd_translation *item);

/* Of two rd_aligned_words: by source, then by target, as qsort wants it. */
int rd_aligned_words_compare(const void *a, const void *b);

#endif
