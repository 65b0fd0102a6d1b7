/* MarianMT and BART directories of Hugging Face to model directories. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "convert/bart.h"
#include "convert/import.h"
#include "model/transformer.h"
#include "rdrop/tokenizer.h"

/* Of a fine-tuned BART: it lacks the vocabulary's last piece, the mask, which no text has. Here the
 * piece gets an embedding of zeros, and a bias that makes it impossible. */
static bool is_maskless(const rd_importer *im) {
    return *(const bool *)im->own;
}

static const char bias_name[] = "decoder.output_projection.bias";

static rd_places places_of(const rd_importer *im, const char *ours) {
    rd_places places = rd_bart_places_of(&im->recipe->model, ours);
    bool bias = strcmp(ours, bias_name) == 0;
    places.optional = is_maskless(im) && bias;
    places.missing = is_maskless(im) && (bias || strstr(ours, "embed_tokens"));
    return places;
}

/* Copies of others, zeros, and positions that are computed. */
static const char *const copies[] = {"lm_head.weight",
                                     "embed_tokens.weight",
                                     "final_logits_bias",
                                     "embed_positions.weight",
                                     "encoder.version",
                                     "decoder.version",
                                     NULL};

static const rd_import_layout layout = {
    .places_of = places_of, .copies = copies, .reason = "config.json implies"};

/* The values of a tensor that may be missing; *values NULL when it is, else malloc'ed. */
static rd_status read_optional(const rd_importer *im, const char *ours, int64_t n, float **values) {
    rd_stored_tensor tensor;
    const rd_places places = places_of(im, ours);
    const rd_place *place = rd_import_choose(im, &places);
    *values = NULL;
    if (!place) return RD_OK;
    RD_TRY(rd_import_find(im, place->name, &tensor));
    if (tensor.n != n)
        return rd_error(RD_ERR_FORMAT, "%s: tensor %s has %lld elements, expected %lld",
                        tensor.path, place->name, (long long)tensor.n, (long long)n);
    *values = rd_malloc((size_t)n, sizeof **values);
    if (!*values) return RD_ERR_MEMORY;
    rd_status status = rd_stored_tensor_read(&tensor, *values);
    if (status == RD_OK) return RD_OK;
    free(*values);
    *values = NULL;
    return status;
}

/* A bias of zeros is treated as absent. */
static rd_status find_bias(rd_importer *im) {
    rd_model_config *c = &im->recipe->model;
    float *bias;
    int32_t n = c->tgt_vocab - (is_maskless(im) ? 1 : 0);
    RD_TRY(read_optional(im, bias_name, n, &bias));
    c->output_bias = is_maskless(im);
    for (int32_t i = 0; bias && i < n; i++) c->output_bias |= bias[i] != 0.0f;
    free(bias);
    return RD_OK;
}

/* Positions that are stored may be the sinusoids that are meant, or others: those are learned. */
static rd_status find_positions(rd_importer *im, const char *name, rd_stack_config *stack) {
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

static rd_status find_mask(rd_importer *im, rd_vocabulary_kind kind, bool *maskless) {
    rd_model_config *c = &im->recipe->model;
    rd_tokenizer *source, *target;
    RD_TRY(rd_vocabularies_open(im->from, kind, &source, &target));
    *maskless =
        rd_tokenizer_mask(target) == c->tgt_vocab && rd_tokenizer_size(target) == c->tgt_vocab + 1;
    rd_vocabularies_close(source, target);
    if (*maskless) c->src_vocab = ++c->tgt_vocab;
    return RD_OK;
}

static rd_status read_weights(rd_importer *im) {
    rd_model_config *c = &im->recipe->model;
    RD_TRY(rd_tensor_set_open(&im->tensors, im->from));
    RD_TRY(find_bias(im));
    if (c->position_layout == RD_POSITIONS_HF_MARIAN) {
        RD_TRY(find_positions(im, "encoder.embed_positions.weight", &c->encoder));
        RD_TRY(find_positions(im, "decoder.embed_positions.weight", &c->decoder));
    }
    RD_TRY(rd_import_tensors(im));
    const rd_parameter *bias = rd_parameters_find(&im->parameters, bias_name);
    if (is_maskless(im))
        im->parameters.values[bias->offset + bias->shape[0] - 1] = RD_IMPOSSIBLE_BIAS;
    return rd_import_warn(im, true);
}

/* Of the vocabulary: one file may be missing while others are there. */
static rd_status check_files(const rd_importer *im) {
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

static rd_status read_config(rd_importer *im) {
    return rd_bart_read_config(im->recipe, im->from, im->config, im->warnings);
}

static rd_status import_model(rd_importer *im) {
    rd_vocabulary_kind kind;
    im->layout = &layout;
    RD_TRY(read_config(im));
    RD_TRY(check_files(im));
    RD_TRY(rd_import_vocabulary_kind(im->from, &kind));
    if (im->recipe->model.layernorm_embedding) RD_TRY(find_mask(im, kind, im->own));
    RD_TRY(read_weights(im));
    RD_TRY(rd_import_check_vocabulary(im->recipe, im->from));
    return rd_vocabularies_copy(im->from, im->to, kind);
}

/* Any model of Hugging Face that no other family is: reading config.json refuses those of no
 * family. */
static rd_status is_it(const rd_importer *im, bool *found) {
    *found = im->config != NULL;
    return RD_OK;
}

const rd_family rd_family_bart = {is_it, read_config, import_model, RD_VOCABULARY_ANY,
                                  sizeof(bool)};
