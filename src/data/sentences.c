#include "data/sentences.h"

#include "data/batch.h"

int32_t rd_sentences_special(const rd_sentence_form *form, bool pair) {
    return 1 + form->prepend_bos + (pair ? 1 + form->double_separator : 0);
}

/* Lengths that fit into `most` together. Where both are too long, each gets a half, and the longer
 * one (the second, of equal ones) the odd token. */
static void fit(int64_t most, int64_t *first, int64_t *second) {
    if (most < 0) most = 0;
    if (*first + *second <= most) return;
    int64_t *shorter = *first <= *second ? first : second;
    int64_t *longer = *first <= *second ? second : first;
    if (*shorter > most / 2) *shorter = most / 2;
    *longer = most - *shorter;
}

static rd_status encode(const rd_sentence_form *form, const rd_field *field, int32_t before,
                        rd_ids *ids) {
    ids->length = 0;
    if (before >= 0) RD_TRY(rd_ids_add(ids, &before, 1));
    return rd_tokenizer_encode(form->tokenizer, field->text, field->length, ids);
}

rd_status rd_sentences_encode(const rd_sentence_form *form, const rd_field *first,
                              const rd_field *second, rd_ids *first_ids, rd_ids *second_ids,
                              bool *cut) {
    int32_t eos = rd_tokenizer_eos(form->tokenizer);
    int32_t before = form->prepend_bos ? rd_tokenizer_bos(form->tokenizer) : -1;
    int32_t between = form->double_separator ? eos : -1;
    second_ids->length = 0;
    RD_TRY(encode(form, first, before, first_ids));
    if (second) RD_TRY(encode(form, second, between, second_ids));
    int64_t n_before = before >= 0, n_between = second && between >= 0;
    int64_t a = first_ids->length - n_before, b = second_ids->length - n_between, all = a + b;
    fit(form->longest - rd_sentences_special(form, second != NULL), &a, &b);
    *cut = a + b < all;
    first_ids->length = a + n_before;
    second_ids->length = b + n_between;
    RD_TRY(rd_ids_add(first_ids, &eos, 1));
    return second ? rd_ids_add(second_ids, &eos, 1) : RD_OK;
}
