/* A model on its way out of a model directory, and the families that it may become. Each fails with
 * RD_ERR_UNSUPPORTED where the model is none of its own. */
#ifndef RD_CONVERT_EXPORT_H
#define RD_CONVERT_EXPORT_H

#include "base/text.h"
#include "model/transformer.h"
#include "recipe/recipe.h"

typedef struct {
    const char *from, *to;
    rd_text *warnings; /* or NULL */
    const rd_recipe *recipe;
    const rd_model *model;
} rd_exporter;

/* A BERT, RoBERTa or XLM-R. */
rd_status rd_export_bert(const rd_exporter *e);

/* A GPT-2. */
rd_status rd_export_gpt2(const rd_exporter *e);

/* A ViT; a DeiT of a model with two class tokens. */
rd_status rd_export_vit(const rd_exporter *e);

/* A MarianMT, or a BART of a model of BART's architecture.
 *
 * Marian's decoder starts with a pad that comes last in the vocabulary and has no embedding, and
 * CTranslate2 counts on that. So a model with another start gets such a pad as one more piece,
 * which its bias makes impossible, and the embedding of its real start is added to the decoder's
 * first position. Two vocabularies become one, as CTranslate2 needs: pieces in both have one id,
 * and those only in the source are impossible in the target. */
rd_status rd_export_bart(const rd_exporter *e);

/* Saves tensors as the model.safetensors of the new directory. values: [total] of them. */
rd_status rd_export_save(const rd_exporter *e, const rd_parameters *parameters,
                         const float *values);

#endif
