/* GPT-2 directories of Hugging Face to model directories, and back. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "convert/convert.h"
#include "convert/gpt2.h"
#include "convert/hf.h"
#include "convert/import.h"
#include "data/vocab_files.h"
#include "io/json.h"
#include "io/output.h"
#include "io/safetensors.h"
#include "model/transformer.h"
#include "recipe/model_dir.h"

typedef struct {
    const char *from, *to;
    json_t *config, *generation; /* the latter of generation_config.json, where it is there */
    rd_recipe *recipe;
    rd_tensor_set tensors;
    rd_parameters parameters;
    rd_string_table *used; /* names of tensors */
} gpt2_import;

/* Copies of others, and masks of attention. */
static const char *const copies[] = {"lm_head.weight", ".attn.bias", ".attn.masked_bias", NULL};

/* Finds the tensor, under its name or without "transformer.", as in a model without a head. */
static rd_status find(const gpt2_import *im, const rd_gpt2_place *place, int64_t rows,
                      int64_t columns, rd_stored_tensor *tensor) {
    const char *name = place->name, *bare = strchr(name, '.');
    int32_t id;
    const rd_tensor_file *file = rd_tensor_set_find(&im->tensors, name);
    if (!file && bare && strncmp(name, "transformer.", 12) == 0) {
        name = bare + 1;
        file = rd_tensor_set_find(&im->tensors, name);
    }
    if (!file) return rd_error(RD_ERR_FORMAT, "%s: tensor %s is missing", im->from, place->name);
    RD_TRY(rd_tensor_file_find(file, name, tensor));
    RD_TRY(rd_string_add(im->used, name, strlen(name), &id));
    return rd_import_check_shape(file->path, name, tensor, rows, columns, "config.json implies");
}

/* Their shape of one of our tensors: *columns 0 of a vector. */
static void their_shape(const rd_parameter *item, const rd_gpt2_place *place, int64_t *rows,
                        int64_t *columns) {
    *rows = item->shape[0];
    *columns = item->shape[1];
    if (place->transposed) {
        *rows = item->shape[1];
        *columns = item->shape[0];
    }
    if (*columns > 0)
        *columns *= place->parts;
    else
        *rows *= place->parts;
}

static rd_status find_item(const gpt2_import *im, const rd_parameter *item, rd_gpt2_place *place,
                           rd_stored_tensor *tensor) {
    int64_t rows, columns;
    rd_gpt2_place_of(item->name, place);
    their_shape(item, place, &rows, &columns);
    return find(im, place, rows, columns, tensor);
}

/* Element [r, k] of ours, [rows, columns], in theirs. */
static int64_t place_in(const rd_gpt2_place *place, int64_t rows, int64_t columns, int64_t r,
                        int64_t k) {
    return place->transposed ? k * rows * place->parts + place->part * rows + r
                             : place->part * rows * columns + r * columns + k;
}

static void exchange(const rd_gpt2_place *place, const rd_parameter *item, float *ours,
                     float *theirs, bool back) {
    int64_t rows = item->shape[0], columns = item->shape[1] ? item->shape[1] : 1;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t k = 0; k < columns; k++) {
            float *a = ours + r * columns + k;
            float *b = theirs + place_in(place, rows, columns, r, k);
            *(back ? b : a) = *(back ? a : b);
        }
}

static rd_status read_item(const gpt2_import *im, const rd_parameter *item) {
    rd_gpt2_place place;
    rd_stored_tensor tensor;
    RD_TRY(find_item(im, item, &place, &tensor));
    float *theirs = rd_malloc((size_t)tensor.n, sizeof *theirs);
    if (!theirs) return RD_ERR_MEMORY;
    rd_status status = rd_stored_tensor_read(&tensor, theirs);
    if (status == RD_OK)
        exchange(&place, item, im->parameters.values + item->offset, theirs, false);
    free(theirs);
    return status;
}

/* Every tensor is looked at before there is memory for any. */
static rd_status read_weights(gpt2_import *im) {
    rd_parameters *p = &im->parameters;
    rd_gpt2_place place;
    rd_stored_tensor tensor;
    RD_TRY(rd_tensor_set_open(&im->tensors, im->from));
    RD_TRY(rd_model_register(p, &im->recipe->model));
    for (int64_t i = 0; i < p->n; i++) RD_TRY(find_item(im, &p->items[i], &place, &tensor));
    RD_TRY(rd_parameters_allocate_unset(p));
    for (int64_t i = 0; i < p->n; i++) RD_TRY(read_item(im, &p->items[i]));
    return RD_OK;
}

/* The output layer's, where it is the embeddings. */
static rd_status warn_of_copy(const gpt2_import *im, rd_text *warnings) {
    static const char ours[] = "decoder.embed_tokens.weight";
    const rd_parameter *item = rd_parameters_find(&im->parameters, ours);
    rd_gpt2_place place;
    if (!im->recipe->model.share_decoder_input_output_embed) return RD_OK;
    rd_gpt2_place_of(ours, &place);
    return rd_import_warn_copy(&im->tensors, "lm_head.weight", place.name,
                               im->parameters.values + item->offset, rd_parameter_count(item),
                               warnings);
}

/* Text begins and ends with one piece, <|endoftext|>. */
static rd_status take_vocabulary(gpt2_import *im) {
    rd_recipe *r = im->recipe;
    rd_model_config *c = &r->model;
    rd_tokenizer *tokenizer, *target;
    RD_TRY(rd_vocabularies_open(im->from, RD_VOCABULARY_JOINT, &tokenizer, &target));
    int32_t size = rd_tokenizer_size(tokenizer);
    c->pad_id = rd_tokenizer_pad(tokenizer);
    c->bos_id = rd_tokenizer_bos(tokenizer);
    c->eos_id = rd_tokenizer_eos(tokenizer);
    c->unk_id = rd_tokenizer_unk(tokenizer);
    rd_vocabularies_close(tokenizer, target);
    RD_TRY(rd_vocabularies_copy(im->from, im->to, RD_VOCABULARY_JOINT));
    r->data.joined_dictionary = true;
    r->data.vocab_size_src = r->data.vocab_size_tgt = c->tgt_vocab;
    if (size > c->tgt_vocab)
        return rd_error(RD_ERR_FORMAT,
                        "%s: ids of the vocabulary up to %d, but the model has embeddings of %d",
                        im->from, (int)size - 1, (int)c->tgt_vocab);
    if (c->eos_id >= 0) return RD_OK;
    return rd_error(RD_ERR_FORMAT, "%s: the vocabulary lacks <|endoftext|>", im->from);
}

static rd_status read_search(gpt2_import *im, rd_text *warnings) {
    bool own_file;
    RD_TRY(rd_has_file(im->from, "generation_config.json", &own_file));
    if (own_file) RD_TRY(rd_json_read(im->from, "generation_config.json", &im->generation));
    RD_TRY(rd_hf_read_search(im->recipe, im->from, im->config, im->generation, false, warnings));
    return warnings
               ? rd_hf_warn_settings(&im->recipe->model, own_file ? im->generation : im->config,
                                     own_file, warnings)
               : RD_OK;
}

static rd_status import_all(gpt2_import *im, rd_text *warnings) {
    RD_TRY(rd_json_read(im->from, "config.json", &im->config));
    RD_TRY(rd_recipe_new(&im->recipe));
    RD_TRY(rd_gpt2_read_config(im->from, im->config, im->recipe));
    RD_TRY(take_vocabulary(im));
    RD_TRY(read_search(im, warnings));
    RD_TRY(read_weights(im));
    if (warnings) RD_TRY(rd_gpt2_warn_config(im->config, warnings));
    if (warnings) RD_TRY(warn_of_copy(im, warnings));
    if (warnings) RD_TRY(rd_import_warn_unused(&im->tensors, im->used, copies, warnings));
    return rd_model_dir_save(im->to, im->recipe, NULL, RD_VOCABULARY_ANY, &im->parameters,
                             RD_WEIGHTS_FP32);
}

rd_status rd_import_gpt2(const char *from, const char *to, rd_text *warnings) {
    rd_atomic_directory made;
    RD_TRY(rd_atomic_directory_open(&made, to));
    rd_string_table used = {0};
    gpt2_import im = {.from = from, .to = made.temporary, .used = &used};
    rd_status status = import_all(&im, warnings);
    rd_tensor_set_close(&im.tensors);
    rd_parameters_free(&im.parameters);
    rd_recipe_free(im.recipe);
    json_decref(im.config);
    json_decref(im.generation);
    rd_string_table_free(&used);
    return rd_atomic_directory_close(&made, status);
}

/* Registers the file's tensors under their names: thirds once. */
static rd_status add_tensors(const rd_model *model, rd_parameters *out) {
    for (int64_t i = 0; i < model->parameters.n; i++) {
        const rd_parameter *item = &model->parameters.items[i];
        rd_gpt2_place place;
        int64_t rows, columns;
        rd_gpt2_place_of(item->name, &place);
        their_shape(item, &place, &rows, &columns);
        if (place.part == 0)
            RD_TRY(rd_parameters_add(out, NULL, rd_init_constant(0.0), rows, columns, "%s",
                                     place.name));
    }
    return rd_parameters_allocate_unset(out);
}

static rd_status write_weights(const rd_model *model, const char *to) {
    rd_parameters out = {0};
    char *path = rd_path_join(to, "model.safetensors");
    rd_status status = path ? add_tensors(model, &out) : RD_ERR_MEMORY;
    for (int64_t i = 0; status == RD_OK && i < model->parameters.n; i++) {
        const rd_parameter *item = &model->parameters.items[i];
        rd_gpt2_place place;
        rd_gpt2_place_of(item->name, &place);
        exchange(&place, item, model->parameters.values + item->offset,
                 out.values + rd_parameters_find(&out, place.name)->offset, true);
    }
    if (status == RD_OK) status = rd_parameters_save(&out, out.values, NULL, path);
    rd_parameters_free(&out);
    free(path);
    return status;
}

/* Positions count from 0 there. Tables that count from pad + 1 begin with rows of no use. */
static rd_status check_positions(const char *from, const rd_model_config *c) {
    if (rd_position(c, 0) == 0) return RD_OK;
    return rd_error(RD_ERR_UNSUPPORTED,
                    "%s: cannot be exported as GPT-2, whose positions count from 0; this model's "
                    "count from pad + 1 (train with position-layout: marian)",
                    from);
}

static rd_status write_search(const char *from, const char *to, const rd_recipe *recipe,
                              rd_text *warnings) {
    const rd_hf_export e = {
        .from = from, .to = to, .recipe = recipe, .bart = true, .mapped = true, .pad = -1};
    if (warnings) RD_TRY(rd_hf_warn_of_search(from, recipe, warnings));
    return rd_hf_write_generation_config(&e);
}

static rd_status export_all(const char *from, const char *to, rd_model_dir *directory,
                            rd_model **model, rd_text *warnings) {
    json_t *config;
    bool json;
    RD_TRY(rd_model_dir_open(directory, from));
    RD_TRY(check_positions(from, &directory->recipe->model));
    RD_TRY(rd_has_file(from, "vocab.json", &json));
    if (!json) RD_TRY(rd_has_file(from, "tokenizer.json", &json));
    if (!json)
        return rd_error(RD_ERR_UNSUPPORTED, "%s: GPT-2 needs a vocabulary of byte-level BPE", from);
    RD_TRY(rd_gpt2_make_config(from, directory->recipe, &config));
    RD_TRY(rd_json_write(to, "config.json", config));
    RD_TRY(write_search(from, to, directory->recipe, warnings));
    RD_TRY(rd_model_dir_load(directory, model));
    RD_TRY(write_weights(*model, to));
    return rd_vocabularies_copy(from, to, RD_VOCABULARY_JOINT);
}

rd_status rd_export_gpt2(const char *from, const char *to, rd_text *warnings) {
    rd_atomic_directory made;
    rd_model_dir directory = {0};
    rd_model *model = NULL;
    RD_TRY(rd_atomic_directory_open(&made, to));
    rd_status status = export_all(from, made.temporary, &directory, &model, warnings);
    rd_model_free(model);
    rd_model_dir_close(&directory);
    return rd_atomic_directory_close(&made, status);
}
