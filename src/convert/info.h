/* Describes a model from headers and settings alone, without reading weights. */
#ifndef RD_CONVERT_INFO_H
#define RD_CONVERT_INFO_H

#include "base/text.h"
#include "io/npz.h"
#include "io/safetensors.h"
#include "recipe/recipe.h"

/* Appends lines "what: value" about a model directory, a directory of rdrop-train, of Hugging Face,
 * of Marian or of fairseq, or a .safetensors, .npz, .bin or .pt (PyTorch) or checkpoint_last file.
 */
rd_status rd_info(const char *path, rd_text *out);

/* The stored tensors, summed up. */
enum { RD_INFO_TYPES = 8 };
typedef struct {
    int64_t tensors, parameters;
    size_t bytes;
    struct {
        const char *name;
        int64_t parameters;
    } types[RD_INFO_TYPES];
} rd_tally;

rd_status rd_tally_file(rd_tally *tally, const rd_tensor_file *file);
/* Without what is special to Marian. */
rd_status rd_tally_npz(rd_tally *tally, const rd_npz *npz);

rd_status rd_info_tally(const rd_tally *tally, rd_text *out);
rd_status rd_info_network(const rd_model_config *config, rd_text *out);
/* The keys of training and search that differ from their defaults. */
rd_status rd_info_settings(const rd_recipe *recipe, rd_text *out);
/* The same of a checkpoint's (train/settings.h). */
rd_status rd_info_saved_settings(const char *settings, rd_text *out);
/* Of the train.jsonl in `directory` or above it, where there is one. */
rd_status rd_info_history(const char *directory, rd_text *out);

#endif
