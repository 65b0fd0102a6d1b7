/* From a hypothesis to a translation: its text, with the words and strings that it takes from the
 * source, and the alignment of words. */
#ifndef RD_TRANSLATE_OUTPUT_H
#define RD_TRANSLATE_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rdrop/tokenizer.h"
#include "rdrop/translator.h"
#include "search/search.h"
#include "translate/kept.h"

/* One source text and how its translations are written. */
typedef struct {
    const rd_tokenizer *target;
    const char *text; /* [text_length] valid UTF-8 */
    size_t text_length;
    const int32_t *words; /* of the text, that each of its tokens is of; with the last two alone */
    rd_keeper *keeper;    /* of what the text has and its translations keep; or NULL */
    bool align, replace_unk;
} rd_output_form;

/* Fills `item`, which owns its contents, also after a failure. The hypothesis must have alignments
 * if `align` or `replace_unk` is set. */
rd_status rd_output_translation(const rd_output_form *output, const rd_hypothesis *hypothesis,
                                rd_translation *item);

/* Of two rd_aligned_words: by source, then by target, as qsort wants it. */
int rd_aligned_words_compare(const void *a, const void *b);

#endif
