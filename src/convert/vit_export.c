/* Vision transformers to Hugging Face directories: ViT, or DeiT with two class tokens. */
#include <stdlib.h>
#include <string.h>

#include "base/c_locale.h"
#include "base/file.h"
#include "convert/export.h"
#include "convert/hf.h"
#include "convert/vit.h"
#include "data/labels.h"
#include "io/json.h"

typedef struct {
    const char *from, *to;
    const rd_recipe *recipe;
    const rd_parameters *parameters;
    rd_labels labels;
    bool deit;
    rd_vit_names names;
} vit_export;

static rd_status unsupported(const vit_export *e, const char *what) {
    return rd_error(RD_ERR_UNSUPPORTED, "%s: neither a ViT nor a DeiT: %s", e->from, what);
}

static rd_status plan(vit_export *e) {
    const rd_model_config *c = &e->recipe->model;
    if (c->picture.stem_layers > 0) return unsupported(e, "it has a stem of convolutions");
    if (c->picture.class_tokens == 0 || c->pooling >= RD_POOL_MEAN)
        return unsupported(e, "its output is no class token's");
    if (c->head != RD_HEAD_CLASSES || c->head_transform != RD_TRANSFORM_NONE)
        return unsupported(e, "its head is another");
    e->deit = c->picture.class_tokens == 2;
    e->names = (rd_vit_names){.format = RD_VIT_HF,
                              .prefix = e->deit ? "deit." : "vit.",
                              .class_tokens = c->picture.class_tokens};
    return RD_OK;
}

/* ---- Weights ---- */

/* Their shape of our tensor; NULL without memory. */
static json_t *shape_of(const vit_export *e, const rd_parameter *item) {
    const rd_picture_shape *p = &e->recipe->model.picture;
    json_int_t rows = item->shape[0], columns = item->shape[1];
    if (strcmp(item->name, "encoder.patches.weight") == 0)
        return json_pack("[I,i,i,i]", rows, (int)p->channels, (int)p->patch, (int)p->patch);
    if (strcmp(item->name, "encoder.embed_positions.weight") == 0)
        return json_pack("[i,I,I]", 1, rows, columns);
    return columns ? json_pack("[I,I]", rows, columns) : json_pack("[I]", rows);
}

/* Of n values, in their shape. */
static bool add_entry(json_t *header, const char *name, json_t *shape, int64_t n, int64_t *at) {
    bool added = rd_tensor_header_add(header, name, "F32", n, 0, at);
    json_t *entry = added ? json_object_get(header, name) : NULL;
    return json_object_set_new(entry, "shape", shape) == 0;
}

static bool add_item(const vit_export *e, json_t *header, const rd_parameter *item, int64_t *at) {
    const rd_places places = rd_vit_places_of(&e->names, item->name);
    json_int_t width = item->shape[1];
    bool whole = true;
    if (!places.rows)
        return add_entry(header, places.items[0].name, shape_of(e, item), rd_parameter_count(item),
                         at);
    for (int i = 0; i < places.n; i++)
        whole = whole && add_entry(header, places.items[i].name, json_pack("[i,i,I]", 1, 1, width),
                                   width, at);
    return whole;
}

static json_t *make_header(const vit_export *e) {
    const rd_parameters *p = e->parameters;
    json_t *header = json_pack("{s:{s:s}}", "__metadata__", "format", "pt");
    int64_t at = 0;
    bool whole = header != NULL;
    for (int64_t i = 0; i < p->n; i++) whole = whole && add_item(e, header, &p->items[i], &at);
    if (whole) return header;
    json_decref(header);
    return NULL;
}

/* The same values in the same order. */
static void write_values(const void *self, FILE *out) {
    const rd_parameters *p = self;
    fwrite(p->values, sizeof *p->values, (size_t)p->total, out);
}

static rd_status write_weights(const vit_export *e) {
    char *path = rd_path_join(e->to, "model.safetensors");
    if (!path) return RD_ERR_MEMORY;
    rd_status status = rd_tensor_file_save(path, make_header(e), write_values, e->parameters);
    free(path);
    return status;
}

/* ---- Settings ---- */

static rd_status write_config(const vit_export *e) {
    rd_object o = e->deit ? rd_object_of_model("deit", "DeiTForImageClassification")
                          : rd_object_of_model("vit", "ViTForImageClassification");
    rd_put_keys(&o, e->recipe, rd_vit_keys);
    rd_put(&o, "hidden_act", json_string(rd_hf_activation_name(e->recipe->model.activation)));
    rd_put(&o, "qkv_bias", json_true());
    rd_put_labels(&o, e->labels.n, (const char *const *)e->labels.names);
    return rd_object_write(&o, e->to, "config.json");
}

/* "0.5" or "0.4,0.5,0.6": a number for each channel. */
static json_t *numbers_of(const char *text, int32_t channels) {
    json_t *list = json_array();
    const char *at = text;
    bool whole = list != NULL;
    for (int32_t c = 0; c < channels; c++) {
        char *end;
        double value = rd_strtod(at, &end);
        whole = whole && json_array_append_new(list, json_real(value)) == 0;
        while (*end == ' ') end++;
        if (*end == ',') at = end + 1;
    }
    if (whole) return list;
    json_decref(list);
    return NULL;
}

static json_t *square(int64_t side) {
    return json_pack("{s:I, s:I}", "height", (json_int_t)side, "width", (json_int_t)side);
}

static rd_status write_processor(const vit_export *e) {
    const rd_picture_form *f = &e->recipe->pictures;
    int32_t size = e->recipe->model.picture.size, channels = e->recipe->model.picture.channels;
    bool crops = f->resize > 0;
    json_t *resized = !crops       ? square(size)
                      : f->stretch ? square(f->resize)
                                   : json_pack("{s:i}", "shortest_edge", (int)f->resize);
    json_t *root =
        json_pack("{s:s, s:b, s:o, s:i, s:b, s:o, s:b, s:f, s:b, s:o, s:o}", "image_processor_type",
                  crops && !f->stretch ? "CLIPImageProcessor"
                  : e->deit || crops   ? "DeiTImageProcessor"
                                       : "ViTImageProcessor",
                  "do_resize", 1, "size", resized, "resample", f->resampling == RD_BICUBIC ? 3 : 2,
                  "do_center_crop", (int)crops, "crop_size", square(size), "do_rescale", 1,
                  "rescale_factor", 1.0 / 255.0, "do_normalize", 1, "image_mean",
                  numbers_of(f->mean, channels), "image_std", numbers_of(f->std, channels));
    if (root && crops && !f->stretch && channels != 3) /* CLIP's would make colours of grey */
        json_object_set_new(root, "do_convert_rgb", json_false());
    return rd_json_write(e->to, "preprocessor_config.json", root);
}

/* Warns where transformers would compute something else. */
static rd_status warn(const rd_picture_form *f, rd_text *warnings) {
    if (!warnings || f->resize == 0 || f->crop_floor) return RD_OK;
    return rd_text_printf(warnings,
                          "preprocessor_config.json: where half a pixel is left over, transformers "
                          "cuts the middle one pixel higher or more to the left, in half of the "
                          "shapes (picture-crop-floor)\n");
}

static rd_status write_files(vit_export *e) {
    RD_TRY(rd_labels_read(&e->labels, e->from));
    RD_TRY(write_weights(e));
    RD_TRY(write_config(e));
    return write_processor(e);
}

rd_status rd_export_vit(const rd_exporter *exporter) {
    vit_export e = {.from = exporter->from,
                    .to = exporter->to,
                    .recipe = exporter->recipe,
                    .parameters = &exporter->model->parameters};
    RD_TRY(plan(&e));
    rd_status status = write_files(&e);
    rd_labels_free(&e.labels);
    return status == RD_OK ? warn(&e.recipe->pictures, exporter->warnings) : status;
}
