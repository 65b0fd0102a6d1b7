#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "convert/convert.h"
#include "convert/hf.h"
#include "convert/import.h"
#include "convert/tensor_set.h"
#include "model/transformer.h"

typedef struct {
    const char *from, *to;
    rd_recipe *recipe;
    rd_tensor_set tensors;
    rd_parameters parameters;
} import;

/* Finds the tensor under any of its names and checks its shape, of which leading ones do not count.
 */
static rd_status find(const import *im, const rd_parameter *item, rd_stored_tensor *tensor) {
    char room[RD_HF_NAMES][128];
    const char *names[RD_HF_NAMES + 1];
    const rd_tensor_file *file = NULL;
    int k = 0;
    rd_hf_names(&im->recipe->model, item->name, room, names);
    for (; names[k]; k++)
        if ((file = rd_tensor_set_find(&im->tensors, names[k]))) break;
    if (!file) return rd_error(RD_ERR_FORMAT, "%s: tensor %s is missing", im->from, names[0]);
    RD_TRY(rd_tensor_file_find(file, names[k], tensor));
    if (rd_stored_tensor_fits(tensor, item->shape[0], item->shape[1])) return RD_OK;
    return rd_error(RD_ERR_FORMAT,
                    "%s: tensor %s has another shape than [%lld%s%.0lld], which config.json "
                    "implies",
                    file->path, names[k], (long long)item->shape[0], item->shape[1] ? ", " : "",
                    (long long)item->shape[1]);
}

/* The values of a tensor that may be missing; *values NULL when it is, else malloc'ed. */
static rd_status read_optional(const import *im, const char *name, int64_t n, float **values) {
    rd_stored_tensor tensor;
    const rd_tensor_file *file = rd_tensor_set_find(&im->tensors, name);
    *values = NULL;
    if (!file) return RD_OK;
    RD_TRY(rd_tensor_file_find(file, name, &tensor));
    if (tensor.n != n)
        return rd_error(RD_ERR_FORMAT, "%s: tensor %s has %lld elements, expected %lld", file->path,
                        name, (long long)tensor.n, (long long)n);
    *values = rd_malloc((size_t)n, sizeof **values);
    if (!*values) return RD_ERR_MEMORY;
    rd_status status = rd_stored_tensor_read(&tensor, *values);
    if (status == RD_OK) return RD_OK;
    free(*values);
    *values = NULL;
    return status;
}

/* Zeros are no bias. */
static rd_status find_bias(import *im) {
    rd_model_config *c = &im->recipe->model;
    float *bias;
    RD_TRY(read_optional(im, "final_logits_bias", c->tgt_vocab, &bias));
    for (int32_t i = 0; bias && i < c->tgt_vocab; i++) c->output_bias |= bias[i] != 0.0f;
    free(bias);
    return RD_OK;
}

/* Positions that are stored may be the sinusoids that are meant, or others: those are learned. */
static rd_status find_positions(import *im, const char *name, rd_stack_config *stack) {
    const rd_model_config *c = &im->recipe->model;
    int64_t n = (int64_t)c->max_source_positions * c->d_model;
    float *stored;
    RD_TRY(read_optional(im, name, n, &stored));
    if (!stored) return RD_OK;
    float *sinusoids = rd_malloc((size_t)n, sizeof *sinusoids);
    if (sinusoids) {
        rd_sinusoidal_positions(sinusoids, c->max_source_positions, c->d_model, c->position_layout);
        for (int64_t i = 0; i < n; i++)
            stack->learned_pos |= fabsf(stored[i] - sinusoids[i]) > 1e-5f;
    }
    rd_status status = sinusoids ? RD_OK : RD_ERR_MEMORY;
    free(sinusoids);
    free(stored);
    return status;
}

/* Every tensor is looked at before there is memory for any: sizes are believed when the files have
 * the data. */
static rd_status read_weights(import *im) {
    rd_model_config *c = &im->recipe->model;
    rd_parameters *p = &im->parameters;
    rd_stored_tensor tensor;
    RD_TRY(rd_tensor_set_open(&im->tensors, im->from));
    RD_TRY(find_bias(im));
    if (c->position_layout == RD_POSITIONS_MARIAN) {
        RD_TRY(find_positions(im, "model.encoder.embed_positions.weight", &c->encoder));
        RD_TRY(find_positions(im, "model.decoder.embed_positions.weight", &c->decoder));
    }
    RD_TRY(rd_model_register(p, c));
    for (int64_t i = 0; i < p->n; i++) RD_TRY(find(im, &p->items[i], &tensor));
    RD_TRY(rd_parameters_allocate(p));
    for (int64_t i = 0; i < p->n; i++) {
        RD_TRY(find(im, &p->items[i], &tensor));
        RD_TRY(rd_stored_tensor_read(&tensor, p->values + p->items[i].offset));
    }
    return RD_OK;
}

static rd_status import_all(import *im) {
    rd_vocabulary_kind kind;
    RD_TRY(rd_recipe_new(&im->recipe));
    im->recipe->train.max_epoch = 1; /* a recipe says when training ends; this one never starts */
    RD_TRY(rd_hf_read_config(im->recipe, im->from));
    RD_TRY(read_weights(im));
    RD_TRY(rd_import_check_vocabulary(im->recipe, im->from));
    RD_TRY(rd_import_vocabulary_kind(im->from, &kind));
    RD_TRY(rd_vocabularies_copy(im->from, im->to, kind));
    return rd_import_save(im->recipe, &im->parameters, im->to);
}

rd_status rd_import_hf(const char *from, const char *to) {
    rd_atomic_directory made;
    RD_TRY(rd_atomic_directory_open(&made, to));
import im = {.from = from, .to = made.temporary };
    rd_status status = import_all(&im);
    rd_tensor_set_close(&im.tensors);
    rd_parameters_free(&im.parameters);
    rd_recipe_free(im.recipe);
    return rd_atomic_directory_close(&made, status);
}
