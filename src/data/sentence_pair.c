#include "data/sentence_pair.h"

#include "data/ids.h"

rd_status rd_pair_form_of(rd_pair_form *form, const rd_tokenizer *tokenizer) {
    bool wordpiece = rd_tokenizer_kind_of(tokenizer) == RD_TOKENIZER_WORDPIECE;
    *form = (rd_pair_form){.bos = rd_tokenizer_bos(tokenizer),
                           .eos = rd_tokenizer_eos(tokenizer),
                           .separators = wordpiece ? 1 : 2,
                           .segments = wordpiece};
    if (form->bos >= 0 && form->eos >= 0) return RD_OK;
    return rd_error(RD_ERR_FORMAT, "the vocabulary has no %s, which every input %s",
                    form->bos < 0 ? (wordpiece ? "[CLS]" : "<s>") : (wordpiece ? "[SEP]" : "</s>"),
                    form->bos < 0 ? "begins with" : "ends with");
}

int32_t rd_pair_special(const rd_pair_form *form, bool two) {
    return two ? 2 + form->separators : 2;
}

/* The tokens kept of sentences of *first and *second tokens so that both are `room` at most: the
 * longer loses its last ones until both are as long, then both do, and the second keeps the odd
 * one; Hugging Face's fast tokenizers' longest_first. room >= 0. */
static void truncate_pair(int64_t *first, int64_t *second, int64_t room) {
    if (*first + *second <= room) return;
    int64_t *shorter = *first <= *second ? first : second;
    int64_t *longer = *first <= *second ? second : first;
    if (*shorter * 2 <= room) {
        *longer = room - *shorter;
        return;
    }
    *shorter = room / 2;
    *longer = room - room / 2;
}

rd_status rd_pair_append(const rd_pair_form *form, const rd_ids *first, const rd_ids *second,
                         int64_t longest, rd_ids *ids, int64_t *n_first) {
    int64_t room = longest - rd_pair_special(form, second != NULL), start = ids->length;
    int64_t of_first = first->length, of_second = second ? second->length : 0;
    if (room < 0)
        return rd_error(RD_ERR_ARGUMENT, "%lld tokens leave no room for %s and the special pieces",
                        (long long)longest, second ? "two sentences" : "a sentence");
    truncate_pair(&of_first, &of_second, room);
    RD_TRY(rd_ids_push(ids, form->bos));
    RD_TRY(rd_ids_add(ids, first->data, of_first));
    RD_TRY(rd_ids_push(ids, form->eos));
    *n_first = ids->length - start;
    if (!second) return RD_OK;
    RD_TRY(rd_ids_fill(ids, form->eos, form->separators - 1));
    RD_TRY(rd_ids_add(ids, second->data, of_second));
    RD_TRY(rd_ids_push(ids, form->eos));
    if (!form->segments) *n_first = ids->length - start;
    return RD_OK;
}
