/* Hugging Face's names for our settings and tensors in BERT, RoBERTa and XLM-R. */
#ifndef RD_CONVERT_BERT_H
#define RD_CONVERT_BERT_H

#include <jansson.h>

#include "base/text.h"
#include "convert/places.h"
#include "data/labels.h"
#include "recipe/recipe.h"

typedef enum { RD_BERT, RD_ROBERTA, RD_XLM_ROBERTA } rd_bert_family;
extern const char *const rd_bert_family_names[]; /* as config.json has them; a NULL ends them */

/* Whether config.json is of one of these. */
bool rd_is_bert(const json_t *config, rd_bert_family *family);

/* Where one of our tensors may be in their files: a model without a head lacks the prefix
 * ("bert."), older files call a norm's weight and bias gamma and beta. */
rd_places rd_bert_places_of(rd_bert_family family, const rd_model_config *config, const char *ours);

/* Sets the model of a recipe, except its head, from config.json. RD_ERR_UNSUPPORTED: this program
 * cannot compute such a model. */
rd_status rd_bert_read_config(rd_bert_family family, const char *directory, const json_t *config,
                              rd_recipe *recipe);

/* Writes the config.json of a model here. labels: of classes. */
rd_status rd_bert_write_config(rd_bert_family family, const rd_recipe *recipe,
                               const rd_labels *labels, const char *directory);

/* XLM-R's vocabulary (xlm_vocabulary.c): SentencePiece's file, whose pieces get other ids, and
 * tokens that were added. Reading takes one of their directories and writes a vocab.json of these
 * ids. Writing fails with RD_ERR_UNSUPPORTED if vocab.json has other ids than XLM-R. */
rd_status rd_xlm_vocabulary_read(const char *from, const char *to);
rd_status rd_xlm_vocabulary_write(const char *from, const char *to);

/* Files that sentence-transformers puts next to such a model (sentence_transformers.c): how it
 * makes one vector of a sentence, and of how many tokens at most. One function reads them, if they
 * exist, into a recipe (RD_ERR_UNSUPPORTED: it makes vectors in another way); one writes them.
 * Without them the first token is pooled, and warnings (may be NULL) says so. */
rd_status rd_sentence_transformers_read(rd_recipe *recipe, const char *directory,
                                        rd_text *warnings);
/* max-sequence-len of any model of sentences: max_seq_length, else the tokenizer's
 * model_max_length, but at most the number of its positions. */
rd_status rd_sentence_transformers_read_longest(rd_recipe *recipe, const char *directory);
rd_status rd_sentence_transformers_write(const rd_recipe *recipe, const char *directory);

#endif
