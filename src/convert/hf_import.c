#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "convert/convert.h"
#include "convert/hf.h"
#include "convert/import.h"
#include "io/json.h"
#include "io/output.h"
#include "io/safetensors.h"
#include "model/transformer.h"
#include "rdrop/tokenizer.h"
#include "recipe/model_dir.h"

typedef struct {
    const char *from, *to;
    rd_text *warnings; /* or NULL */
    rd_recipe *recipe;
    rd_tensor_set tensors;
    rd_parameters parameters;
    bool maskless;         /* the model lacks the vocabulary's last piece, the mask */
    rd_string_table *used; /* names of tensors */
} hf_import;

/* Copies of others, zeros, and positions that are computed. */
static const char *const copies[] = {"lm_head.weight",
                                     "embed_tokens.weight",
                                     "final_logits_bias",
                                     "embed_positions.weight",
                                     "encoder.version",
                                     "decoder.version",
                                     NULL};

/* The names of one of our tensors in their files. */
typedef struct {
    char room[RD_HF_NAMES][128];
    const char *names[RD_HF_NAMES + 1];
    const char *name; /* the one that is there; else the best */
} their_names;

/* The file that has the tensor called `ours` here, NULL if none does. */
static const rd_tensor_file *look_up(const hf_import *im, const char *ours, their_names *theirs) {
    rd_hf_names(&im->recipe->model, ours, theirs->room, theirs->names);
    for (int k = 0; theirs->names[k]; k++) {
        const rd_tensor_file *file = rd_tensor_set_find(&im->tensors, theirs->names[k]);
        theirs->name = theirs->names[k];
        if (file) return file;
    }
    theirs->name = theirs->names[0];
    return NULL;
}

static bool is_bias(const rd_parameter *item) {
    return strcmp(item->name, "decoder.output_projection.bias") == 0;
}

/* Rows that have values: the mask's may be missing. */
static int64_t stored_rows(const hf_import *im, const rd_parameter *item) {
    bool of_pieces = strstr(item->name, "embed_tokens") || is_bias(item);
    return item->shape[0] - (im->maskless && of_pieces ? 1 : 0);
}

/* Finds the tensor under any of its names and checks its shape, without leading
 * dimensions of 1. */
static rd_status find(const hf_import *im, const rd_parameter *item, rd_stored_tensor *tensor) {
    their_names theirs;
    int32_t id;
    const rd_tensor_file *file = look_up(im, item->name, &theirs);
    int64_t rows = stored_rows(im, item);
    if (!file) return rd_error(RD_ERR_FORMAT, "%s: tensor %s is missing", im->from, theirs.name);
    RD_TRY(rd_tensor_file_find(file, theirs.name, tensor));
    RD_TRY(rd_string_add(im->used, theirs.name, strlen(theirs.name), &id));
    return rd_import_check_shape(file->path, theirs.name, tensor, rows, item->shape[1],
                                 "config.json implies");
}

/* The values of a tensor that may be missing; *values NULL when it is, else malloc'ed. */
static rd_status read_optional(const hf_import *im, const char *ours, int64_t n, float **values) {
    rd_stored_tensor tensor;
    their_names theirs;
    const rd_tensor_file *file = look_up(im, ours, &theirs);
    *values = NULL;
    if (!file) return RD_OK;
    RD_TRY(rd_tensor_file_find(file, theirs.name, &tensor));
    if (tensor.n != n)
        return rd_error(RD_ERR_FORMAT, "%s: tensor %s has %lld elements, expected %lld", file->path,
                        theirs.name, (long long)tensor.n, (long long)n);
    *values = rd_malloc((size_t)n, sizeof **values);
    if (!*values) return RD_ERR_MEMORY;
    rd_status status = rd_stored_tensor_read(&tensor, *values);
    if (status == RD_OK) return RD_OK;
    free(*values);
    *values = NULL;
    return status;
}

/* A bias of zeros is treated as absent. */
static rd_status find_bias(hf_import *im) {
    rd_model_config *c = &im->recipe->model;
    float *bias;
    int32_t n = c->tgt_vocab - (im->maskless ? 1 : 0);
    RD_TRY(read_optional(im, "decoder.output_projection.bias", n, &bias));
    c->output_bias = im->maskless;
    for (int32_t i = 0; bias && i < n; i++) c->output_bias |= bias[i] != 0.0f;
    free(bias);
    return RD_OK;
}

/* Positions that are stored may be the sinusoids that are meant, or others: those are learned. */
static rd_status find_positions(hf_import *im, const char *name, rd_stack_config *stack) {
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

/* BART's fine-tuned models have no embedding of the mask, the vocabulary's last piece, which no
 * text has. Here they get one, of zeros, and a bias that makes the mask impossible. */
static rd_status find_mask(hf_import *im, rd_vocabulary_kind kind) {
    rd_model_config *c = &im->recipe->model;
    rd_tokenizer *source, *target;
    RD_TRY(rd_vocabularies_open(im->from, kind, &source, &target));
    im->maskless =
        rd_tokenizer_mask(target) == c->tgt_vocab && rd_tokenizer_size(target) == c->tgt_vocab + 1;
    rd_vocabularies_close(source, target);
    if (im->maskless) c->src_vocab = ++c->tgt_vocab;
    return RD_OK;
}

static rd_status read_values(const hf_import *im, const rd_parameter *item) {
    rd_stored_tensor tensor;
    their_names theirs;
    float *values = im->parameters.values + item->offset;
    if (im->maskless && is_bias(item)) {
        values[item->shape[0] - 1] = RD_IMPOSSIBLE_BIAS;
        if (!look_up(im, item->name, &theirs)) return RD_OK;
    }
    RD_TRY(find(im, item, &tensor));
    return rd_stored_tensor_read(&tensor, values);
}

/* Every tensor is looked at before there is memory for any: sizes are believed when the files have
 * the data. */
static rd_status read_weights(hf_import *im) {
    rd_model_config *c = &im->recipe->model;
    rd_parameters *p = &im->parameters;
    rd_stored_tensor tensor;
    RD_TRY(rd_tensor_set_open(&im->tensors, im->from));
    RD_TRY(find_bias(im));
    if (c->position_layout == RD_POSITIONS_HF_MARIAN) {
        RD_TRY(find_positions(im, "encoder.embed_positions.weight", &c->encoder));
        RD_TRY(find_positions(im, "decoder.embed_positions.weight", &c->decoder));
    }
    RD_TRY(rd_model_register(p, c));
    for (int64_t i = 0; i < p->n; i++)
        if (!im->maskless || !is_bias(&p->items[i])) RD_TRY(find(im, &p->items[i], &tensor));
    RD_TRY(rd_parameters_allocate(p));
    for (int64_t i = 0; i < p->n; i++) RD_TRY(read_values(im, &p->items[i]));
    return RD_OK;
}

/* A tied tensor may be there under several of its names. */
static rd_status warn_of_copies(const hf_import *im) {
    for (int64_t i = 0; i < im->parameters.n; i++) {
        const rd_parameter *item = &im->parameters.items[i];
        int64_t n = stored_rows(im, item) * (item->shape[1] ? item->shape[1] : 1);
        their_names theirs;
        (void)look_up(im, item->name, &theirs);
        for (int k = 0; theirs.names[k]; k++)
            if (theirs.names[k] != theirs.name)
                RD_TRY(rd_import_warn_copy(&im->tensors, theirs.names[k], theirs.name,
                                           im->parameters.values + item->offset, n, im->warnings));
    }
    return RD_OK;
}

/* Of the vocabulary: one file may be missing while others are there. */
static rd_status check_files(const hf_import *im) {
    static const char *const marian[] = {"vocab.json", "source.spm", "target.spm", NULL};
    static const char *const bart[] = {"vocab.json", "merges.txt", NULL};
    bool is_bart = im->recipe->model.layernorm_embedding, there, whole;
    const char *const *files = is_bart ? bart : marian;
    RD_TRY(rd_has_file(im->from, "tokenizer.json", &whole));
    for (; !(is_bart && whole) && *files; files++) {
        RD_TRY(rd_has_file(im->from, *files, &there));
        if (!there)
            return rd_error(RD_ERR_IO, "%s/%s: missing; the vocabulary of a %s directory is %s",
                            im->from, *files, is_bart ? "BART" : "MarianMT",
                            is_bart ? "vocab.json and merges.txt, or tokenizer.json"
                                    : "vocab.json, source.spm and target.spm");
    }
    return RD_OK;
}

static rd_status import_all(hf_import *im) {
    rd_vocabulary_kind kind;
    RD_TRY(rd_recipe_new(&im->recipe));
    RD_TRY(rd_hf_read_config(im->recipe, im->from, im->warnings));
    RD_TRY(check_files(im));
    RD_TRY(rd_import_vocabulary_kind(im->from, &kind));
    if (im->recipe->model.layernorm_embedding) RD_TRY(find_mask(im, kind));
    RD_TRY(read_weights(im));
    if (im->warnings) RD_TRY(warn_of_copies(im));
    if (im->warnings) RD_TRY(rd_import_warn_unused(&im->tensors, im->used, copies, im->warnings));
    RD_TRY(rd_import_check_vocabulary(im->recipe, im->from));
    RD_TRY(rd_vocabularies_copy(im->from, im->to, kind));
    return rd_model_dir_save(im->to, im->recipe, NULL, RD_VOCABULARY_ANY, &im->parameters,
                             RD_WEIGHTS_FP32);
}

rd_status rd_import_hf(const char *from, const char *to, rd_text *warnings) {
    rd_atomic_directory made;
    RD_TRY(rd_atomic_directory_open(&made, to));
    rd_string_table used = {0};
    hf_import im = {.from = from, .to = made.temporary, .warnings = warnings, .used = &used};
    rd_status status = import_all(&im);
    rd_tensor_set_close(&im.tensors);
    rd_parameters_free(&im.parameters);
    rd_recipe_free(im.recipe);
    rd_string_table_free(&used);
    return rd_atomic_directory_close(&made, status);
}
