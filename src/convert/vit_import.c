/* Vision transformers of Hugging Face, timm and Google to model directories. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "convert/convert.h"
#include "convert/import.h"
#include "convert/vit.h"
#include "data/labels.h"
#include "io/json.h"
#include "io/output.h"
#include "model/transformer.h"
#include "recipe/model_dir.h"
#include "recipe/recipe_keys.h"

typedef struct {
    const char *from, *to;
    rd_text *warnings; /* or NULL */
    rd_vit_file file;
    json_t *config; /* of a directory */
    rd_recipe *recipe;
    rd_parameters parameters;
    rd_labels labels;
    bool no_head;
} vit_import;

/* ---- The head ---- */

static bool is_taken(const vit_import *im, const char *name) {
    return !name || !*name || rd_labels_find(&im->labels, name) >= 0;
}

static rd_status name_class(vit_import *im, int32_t i) {
    char number[16], other[24];
    snprintf(number, sizeof number, "%d", (int)i);
    snprintf(other, sizeof other, "class %d", (int)i);
    const json_t *names = json_object_get(im->config, "id2label");
    const char *name = json_string_value(json_object_get(names, number));
    /* ImageNet has two classes that are called "crane", and others. */
    if (is_taken(im, name)) name = number;
    if (is_taken(im, name)) name = other;
    rd_status status = rd_labels_add(&im->labels, name, strlen(name));
    return status == RD_OK ? RD_OK : rd_error_prefix(status, "%s/config.json: id2label", im->from);
}

/* A file without a head is meant for fine-tuning: it gets a head of two classes, all zeros. */
static rd_status read_head(vit_import *im) {
    rd_model_config *c = &im->recipe->model;
    rd_vit_place place, dense;
    rd_stored_tensor bias;
    rd_vit_place_of(&im->file, "classification_head.out_proj.bias", &place);
    rd_vit_place_of(&im->file, "classification_head.dense.weight", &dense);
    c->head = RD_HEAD_CLASSES;
    im->no_head = !rd_vit_has(&im->file, place.name);
    c->num_classes = 2;
    if (!im->no_head) {
        RD_TRY(rd_vit_find(&im->file, place.name, &bias));
        if (bias.rank != 1 || bias.n < 2 || bias.n > 100000)
            return rd_error(RD_ERR_FORMAT, "%s: %s is of no number of classes", im->from,
                            place.name);
        c->num_classes = (int32_t)bias.n;
        if (*dense.name && rd_vit_has(&im->file, dense.name)) c->head_transform = RD_TRANSFORM_TANH;
    } else if (im->warnings) {
        RD_TRY(rd_text_printf(im->warnings, "it has no head of classes: fine-tune it\n"));
    }
    for (int32_t i = 0; i < c->num_classes; i++) RD_TRY(name_class(im, i));
    return rd_labels_write(&im->labels, im->to);
}

/* ---- Weights ---- */

/* to: [rows, channels, side, side] = from: [side * side, channels, rows]. */
static void place_pixels(float *to, const float *from, int64_t rows, int64_t channels,
                         int64_t pixels) {
    for (int64_t i = 0; i < rows; i++)
        for (int64_t c = 0; c < channels; c++)
            for (int64_t p = 0; p < pixels; p++)
                to[(i * channels + c) * pixels + p] = from[(p * channels + c) * rows + i];
}

static rd_status wrong_shape(const vit_import *im, const char *name, const rd_parameter *item) {
    return rd_error(RD_ERR_FORMAT, "%s: %s has another shape than the others imply (%lld x %lld)",
                    im->from, name, (long long)item->shape[0],
                    (long long)(item->shape[1] ? item->shape[1] : 1));
}

/* The values of one tensor, `expected` in all, as they lie there. */
static rd_status read_values(const vit_import *im, const char *name, const rd_parameter *item,
                             int64_t expected, float **values) {
    rd_stored_tensor tensor;
    rd_status status = rd_vit_find(&im->file, name, &tensor);
    if (status != RD_OK) return rd_error_prefix(status, "%s", im->from);
    if (tensor.n != expected) return wrong_shape(im, name, item);
    return rd_vit_read(&im->file, name, &tensor, values);
}

static rd_status read_tokens(const vit_import *im, const rd_vit_place *place,
                             const rd_parameter *item, float *to) {
    const char *const names[] = {place->name, place->second};
    for (int64_t i = 0; i < item->shape[0]; i++) {
        float *values;
        RD_TRY(read_values(im, names[i], item, item->shape[1], &values));
        memcpy(to + i * item->shape[1], values, sizeof *to * (size_t)item->shape[1]);
        free(values);
    }
    return RD_OK;
}

static rd_status read_parameter(const vit_import *im, const rd_parameter *item, float *to) {
    rd_vit_place place;
    float *values;
    int64_t n = rd_parameter_count(item), channels = im->recipe->model.picture.channels;
    rd_vit_place_of(&im->file, item->name, &place);
    if (!*place.name) return rd_error(RD_ERR_FORMAT, "%s: has no %s", im->from, item->name);
    if (place.layout == RD_VIT_TOKENS) return read_tokens(im, &place, item, to);
    RD_TRY(read_values(im, place.name, item, place.layout == RD_VIT_THIRD ? 3 * n : n, &values));
    if (place.layout == RD_VIT_TRANSPOSED)
        rd_import_transpose(to, values, item->shape[0], item->shape[1]);
    else if (place.layout == RD_VIT_PIXELS)
        place_pixels(to, values, item->shape[0], channels, item->shape[1] / channels);
    else
        memcpy(to, values + (place.layout == RD_VIT_THIRD ? place.third * n : 0),
               sizeof *to * (size_t)n);
    free(values);
    return RD_OK;
}

/* Adds the tensors that one of ours is made of to the known ones, and checks their sizes. */
static rd_status find_parameter(const vit_import *im, const rd_parameter *item,
                                rd_string_table *known) {
    rd_vit_place place;
    rd_stored_tensor tensor;
    int32_t id;
    int64_t n = rd_parameter_count(item);
    rd_vit_place_of(&im->file, item->name, &place);
    if (!*place.name) return rd_error(RD_ERR_FORMAT, "%s: has no %s", im->from, item->name);
    rd_status status = rd_vit_find(&im->file, place.name, &tensor);
    if (status != RD_OK) return rd_error_prefix(status, "%s", im->from);
    if (place.layout == RD_VIT_TOKENS) n = item->shape[1];
    if (tensor.n != (place.layout == RD_VIT_THIRD ? 3 * n : n))
        return wrong_shape(im, place.name, item);
    RD_TRY(rd_string_add(known, place.name, strlen(place.name), &id));
    return *place.second ? rd_string_add(known, place.second, strlen(place.second), &id) : RD_OK;
}

static bool is_of_missing_head(const vit_import *im, const rd_parameter *item) {
    return im->no_head && strncmp(item->name, "classification_head.", 20) == 0;
}

/* Before anything is allocated: all of ours are there, and nothing else. */
static rd_status check_tensors(const vit_import *im) {
    const rd_parameters *p = &im->parameters;
    rd_string_table known = {0};
    rd_status status = RD_OK;
    for (int64_t i = 0; status == RD_OK && i < p->n; i++)
        if (!is_of_missing_head(im, &p->items[i]))
            status = find_parameter(im, &p->items[i], &known);
    if (status == RD_OK) status = rd_vit_check_all_known(&im->file, im->from, &known);
    rd_string_table_free(&known);
    return status;
}

static rd_status read_weights(vit_import *im) {
    rd_parameters *p = &im->parameters;
    RD_TRY(rd_model_register(p, &im->recipe->model));
    RD_TRY(check_tensors(im));
    RD_TRY(rd_parameters_allocate(p));
    for (int64_t i = 0; i < p->n; i++) {
        if (is_of_missing_head(im, &p->items[i])) continue;
        RD_TRY(read_parameter(im, &p->items[i], p->values + p->items[i].offset));
    }
    return RD_OK;
}

static rd_status import_all(vit_import *im, rd_vit_format format) {
    if (format != RD_VIT_GOOGLE) RD_TRY(rd_json_read(im->from, "config.json", &im->config));
    RD_TRY(rd_recipe_new(&im->recipe));
    RD_TRY(rd_recipe_set_key(im->recipe, rd_recipe_find_key("task"), "image_classification"));
    RD_TRY(rd_vit_open(&im->file, im->from, format));
    RD_TRY(rd_vit_read_config(&im->file, im->from, im->config, im->recipe));
    RD_TRY(read_head(im));
    RD_TRY(read_weights(im));
    return rd_model_dir_save(im->to, im->recipe, NULL, RD_VOCABULARY_LABELS, &im->parameters,
                             RD_WEIGHTS_FP32);
}

/* Of a directory: timm's config.json names an architecture, Hugging Face's a model_type. */
static rd_status format_of(const char *from, rd_vit_format *format) {
    json_t *config;
    *format = RD_VIT_GOOGLE;
    if (rd_ends_with(from, ".npz")) return RD_OK;
    RD_TRY(rd_json_read(from, "config.json", &config));
    *format = json_object_get(config, "architecture") ? RD_VIT_TIMM : RD_VIT_HF;
    json_decref(config);
    return RD_OK;
}

/* Of an .npz file: it has the last norm of Google's. */
static rd_status is_google(const char *from, bool *vit) {
    rd_npz npz;
    RD_TRY(rd_npz_open(&npz, from));
    *vit = rd_npz_has(&npz, "Transformer/encoder_norm/scale") ||
           rd_npz_has(&npz, "opt/target/Transformer/encoder_norm/scale") ||
           rd_npz_has(&npz, "params/Transformer/encoder_norm/scale");
    rd_npz_close(&npz);
    return RD_OK;
}

rd_status rd_is_vit(const char *from, bool *vit) {
    json_t *config;
    bool exists;
    *vit = false;
    if (rd_ends_with(from, ".npz")) return is_google(from, vit);
    RD_TRY(rd_has_file(from, "config.json", &exists));
    if (!exists) return RD_OK;
    RD_TRY(rd_json_read(from, "config.json", &config));
    const char *type = json_string_value(json_object_get(config, "model_type"));
    const char *architecture = json_string_value(json_object_get(config, "architecture"));
    *vit = (type && (strcmp(type, "vit") == 0 || strcmp(type, "deit") == 0)) ||
           (architecture &&
            (strncmp(architecture, "vit_", 4) == 0 || strncmp(architecture, "deit_", 5) == 0));
    json_decref(config);
    return RD_OK;
}

rd_status rd_import_vit(const char *from, const char *to, rd_text *warnings) {
    rd_atomic_directory made;
    rd_vit_format format;
    RD_TRY(format_of(from, &format));
    RD_TRY(rd_atomic_directory_open(&made, to));
    vit_import im = {.from = from, .to = made.temporary, .warnings = warnings};
    rd_status status = import_all(&im, format);
    rd_vit_close(&im.file);
    rd_parameters_free(&im.parameters);
    rd_labels_free(&im.labels);
    rd_recipe_free(im.recipe);
    json_decref(im.config);
    return rd_atomic_directory_close(&made, status);
}
