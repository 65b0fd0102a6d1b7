/* An open translator, shared by the files that open it and that use it. */
#ifndef RD_TRANSLATE_OPEN_H
#define RD_TRANSLATE_OPEN_H

#include "data/identity.h"
#include "rdrop/model.h"
#include "rdrop/tokenizer.h"
#include "rdrop/translator.h"

struct rd_translator {
    int32_t n_models;
    rd_model **models;             /* [n_models] */
    rd_tokenizer *source, *target; /* the same one when the vocabulary is joint */
    int32_t max_source_positions;  /* fewest of all models */
    int32_t max_target_positions;
    rd_identity identity; /* of the first model: what a shortlist for it must share */
    char *source_lang;    /* of the first model; may be anything, or NULL */
    rd_translate_options defaults;
};

#endif
