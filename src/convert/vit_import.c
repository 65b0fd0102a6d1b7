/* Vision transformers of Hugging Face, timm and Google to model directories. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "convert/hf.h"
#include "convert/vit.h"
#include "recipe/recipe_keys.h"

/* ---- The head ---- */

static bool is_taken(const rd_importer *im, const char *name) {
    return !name || !*name || rd_labels_find(&im->labels, name) >= 0;
}

/* Hugging Face's id2label; timm's label_names, in older files labels: a list, or by number. */
static const char *given_name(const rd_importer *im, int32_t i, const char *number) {
    static const char *const keys[] = {"id2label", "label_names", "labels"};
    const json_t *places[] = {im->config, json_object_get(im->config, "pretrained_cfg")};
    for (size_t p = 0; p < 2; p++)
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
            const json_t *names = json_object_get(places[p], keys[k]);
            const json_t *name = json_is_array(names) ? json_array_get(names, (size_t)i)
                                                      : json_object_get(names, number);
            if (json_is_string(name)) return json_string_value(name);
        }
    return NULL;
}

static rd_status name_class(rd_importer *im, int32_t i) {
    const rd_vit_names *names = im->own;
    char number[16], other[24], unnamed[24];
    snprintf(number, sizeof number, "%d", (int)i);
    snprintf(other, sizeof other, "class %d", (int)i);
    rd_hf_default_label(i, unnamed);
    const char *name = given_name(im, i, number);
    if (!name && names->format == RD_VIT_HF) name = unnamed;
    /* ImageNet has two classes that are called "crane", and others. */
    if (is_taken(im, name)) name = number;
    if (is_taken(im, name)) name = other;
    rd_status status = rd_labels_add(&im->labels, name, strlen(name));
    return status == RD_OK ? RD_OK
                           : rd_error_prefix(status, "%s/config.json: names of classes", im->from);
}

/* A file without a head is meant for fine-tuning: it gets a head of two classes, all zeros. */
static rd_status read_head(rd_importer *im, rd_vit_names *names) {
    rd_model_config *c = &im->recipe->model;
    const rd_places bias = rd_vit_places_of(names, "classification_head.out_proj.bias");
    const rd_places dense = rd_vit_places_of(names, "classification_head.dense.weight");
    rd_stored_tensor tensor;
    const char *problem = json_string_value(json_object_get(im->config, "problem_type"));
    if (problem && strcmp(problem, "single_label_classification") != 0)
        return rd_error(RD_ERR_UNSUPPORTED, "%s/config.json: problem_type %.60s is not supported",
                        im->from, problem);
    c->head = RD_HEAD_CLASSES;
    c->num_classes = 2;
    names->no_head = !rd_import_choose(im, &bias);
    if (!names->no_head) {
        RD_TRY(rd_import_find(im, bias.items[0].name, &tensor));
        if (tensor.rank != 1 || tensor.n < 2 || tensor.n > 100000)
            return rd_error(RD_ERR_FORMAT, "%s: %s is of no number of classes", im->from,
                            tensor.name);
        c->num_classes = (int32_t)tensor.n;
        if (rd_import_choose(im, &dense)) c->head_transform = RD_TRANSFORM_TANH;
    } else if (im->warnings) {
        RD_TRY(rd_text_printf(im->warnings, "it has no head of classes: fine-tune it\n"));
    }
    for (int32_t i = 0; i < c->num_classes; i++) RD_TRY(name_class(im, i));
    return rd_labels_write(&im->labels, im->to);
}

/* ---- Weights ---- */

static rd_places places_of(const rd_importer *im, const char *ours) {
    return rd_vit_places_of(im->own, ours);
}

/* Tensors that classes do not depend on: those of pre-training, and an optimizer's state. */
static bool is_spare(const rd_importer *im, const char *theirs) {
    const rd_vit_names *names = im->own;
    if (names->format == RD_VIT_GOOGLE)
        return strncmp(theirs, names->prefix, strlen(names->prefix)) != 0 ||
               strncmp(theirs, "opt/state/", strlen("opt/state/")) == 0;
    return names->format == RD_VIT_HF &&
           (strstr(theirs, "pooler.dense.") || strstr(theirs, "embeddings.mask_token") ||
            strncmp(theirs, "decoder.", strlen("decoder.")) == 0);
}

static const rd_import_layout layout = {
    .places_of = places_of,
    .is_spare = is_spare,
    .reason = "the others imply",
    .whole = "a vision transformer that can be computed here: it is one of another kind",
    .any_rank = true};

static rd_status import_model(rd_importer *im) {
    im->layout = &layout;
    RD_TRY(rd_recipe_set_key(im->recipe, rd_recipe_find_key("task"), "image_classification"));
    RD_TRY(rd_vit_read_config(im));
    RD_TRY(read_head(im, im->own));
    return rd_import_tensors(im);
}

/* By config.json: timm's names an architecture, Hugging Face's a model_type. Or an .npz file with
 * the last norm of Google's. */
static rd_status is_it(const rd_importer *im, bool *found) {
    static const char *const norms[] = {"Transformer/encoder_norm/scale",
                                        "opt/target/Transformer/encoder_norm/scale",
                                        "params/Transformer/encoder_norm/scale"};
    const char *type = json_string_value(json_object_get(im->config, "model_type"));
    const char *architecture = json_string_value(json_object_get(im->config, "architecture"));
    *found = (type && (strcmp(type, "vit") == 0 || strcmp(type, "deit") == 0)) ||
             (architecture &&
              (strncmp(architecture, "vit_", 4) == 0 || strncmp(architecture, "deit_", 5) == 0));
    for (size_t i = 0; im->npz.path && i < sizeof norms / sizeof *norms; i++)
        *found = *found || rd_npz_has(&im->npz, norms[i]);
    return RD_OK;
}

const rd_family rd_family_vit = {is_it, rd_vit_read_config, import_model, RD_VOCABULARY_LABELS,
                                 sizeof(rd_vit_names)};
