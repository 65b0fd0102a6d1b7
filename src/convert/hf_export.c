#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "convert/convert.h"
#include "convert/hf_marian.h"
#include "convert/json_file.h"
#include "model/transformer.h"

/* The bias of pieces that must not be chosen: no probability, yet no trouble in any float type. */
static const float IMPOSSIBLE = -1e4f;

static rd_status check_model(const char *from, const rd_model_config *c) {
    if (c->encoder.normalize_before || c->decoder.normalize_before)
        return rd_error(RD_ERR_UNSUPPORTED,
                        "%s: MarianMT has no pre-norm layers (encoder-normalize-before, "
                        "decoder-normalize-before)",
                        from);
    return RD_OK;
}

/* Where the new vocabulary has which specials, and how many rows there are. */
static rd_status plan(rd_hf_export *e) {
    const rd_model_config *c = &e->recipe->model;
    bool joint, source, vocab, target_vocab;
    RD_TRY(rd_json_exists(e->from, "spm.model", &joint));
    RD_TRY(rd_json_exists(e->from, "source.spm", &source));
    RD_TRY(rd_json_exists(e->from, "vocab.json", &vocab));
    RD_TRY(rd_json_exists(e->from, "target_vocab.json", &target_vocab));
    if (!joint && !source)
        return rd_error(RD_ERR_UNSUPPORTED, "%s: MarianMT needs a SentencePiece vocabulary",
                        e->from);
    e->mapped = !joint && vocab;
    e->separate = !joint && (!vocab || target_vocab);
    e->positions = c->max_source_positions > c->max_target_positions ? c->max_source_positions
                                                                     : c->max_target_positions;
    e->src_rows = c->src_vocab;
    e->tgt_rows = c->tgt_vocab;
    e->pad = c->pad_id;
    e->start = rd_start_id(c);
    if (e->mapped) return RD_OK;
    /* One id for both sides, behind the larger vocabulary. */
    e->pad = e->start = c->src_vocab > c->tgt_vocab ? c->src_vocab : c->tgt_vocab;
    e->src_rows = e->tgt_rows = e->pad + 1;
    return RD_OK;
}

static bool stores_positions(const rd_hf_export *e, const rd_stack_config *stack) {
    return !e->mapped || stack->learned_pos ||
           e->recipe->model.position_layout != RD_POSITIONS_MARIAN;
}

/* Registers what the file will hold, under their names. */
static rd_status add_tensors(const rd_hf_export *e, const rd_model *model, rd_parameters *out) {
    char room[RD_HF_NAMES][128];
    const char *names[RD_HF_NAMES + 1];
    for (int64_t i = 0; i < model->parameters.n; i++) {
        const rd_parameter *item = &model->parameters.items[i];
        if (strstr(item->name, "embed_positions") || strstr(item->name, "output_projection.bias"))
            continue;
        rd_hf_names(&model->config, item->name, room, names);
        int64_t rows = item->shape[0];
        if (strstr(item->name, "encoder.embed_tokens")) rows = e->src_rows;
        if (strstr(item->name, "decoder.embed_tokens") || strstr(item->name, "output_projection"))
            rows = e->tgt_rows;
        RD_TRY(rd_parameters_add(out, rows, item->shape[1], "%s", names[0]));
    }
    RD_TRY(rd_parameters_add(out, 1, e->tgt_rows, "final_logits_bias"));
    if (stores_positions(e, &model->config.encoder))
        RD_TRY(rd_parameters_add(out, e->positions, model->config.d_model,
                                 "model.encoder.embed_positions.weight"));
    if (stores_positions(e, &model->config.decoder))
        RD_TRY(rd_parameters_add(out, e->positions, model->config.d_model,
                                 "model.decoder.embed_positions.weight"));
    return rd_parameters_allocate(out);
}

static float *values_of(const rd_parameters *parameters, const char *name) {
    const rd_parameter *item = rd_parameters_find(parameters, name);
    return item ? parameters->values + item->offset : NULL;
}

/* Rows that there are no values for stay zero. */
static void fill_weights(const rd_model *model, const rd_parameters *out) {
    char room[RD_HF_NAMES][128];
    const char *names[RD_HF_NAMES + 1];
    for (int64_t i = 0; i < model->parameters.n; i++) {
        const rd_parameter *item = &model->parameters.items[i];
        rd_hf_names(&model->config, item->name, room, names);
        float *values = values_of(out, names[0]);
        int64_t n = item->shape[0] * (item->shape[1] ? item->shape[1] : 1);
        if (values && !strstr(item->name, "embed_positions"))
            memcpy(values, model->parameters.values + item->offset, sizeof(float) * (size_t)n);
    }
    float *bias = values_of(out, "final_logits_bias");
    int64_t rows = rd_parameters_find(out, "final_logits_bias")->shape[1];
    for (int64_t i = model->config.tgt_vocab; i < rows; i++) bias[i] = IMPOSSIBLE;
}

static void fill_positions(const rd_hf_export *e, const rd_model *model, const rd_parameters *out,
                           bool decoder) {
    const rd_model_config *c = &model->config;
    const rd_stack *stack = decoder ? &model->decoder : &model->encoder;
    int64_t width = c->d_model, n = decoder ? c->max_target_positions : c->max_source_positions;
    float *table = values_of(out, decoder ? "model.decoder.embed_positions.weight"
                                          : "model.encoder.embed_positions.weight");
    if (!table) return;
    memcpy(table, stack->embedding.positions.value + rd_position(c, 0) * width,
           sizeof(float) * (size_t)(n * width));
    if (!decoder || e->mapped) return;
    const float *start = stack->embedding.tokens.value + rd_start_id(c) * width;
    for (int64_t i = 0; i < width; i++) table[i] += stack->embedding.scale * start[i];
}

static rd_status write_weights(const rd_hf_export *e, const rd_model *model) {
    rd_parameters out = {0};
    char *path = rd_path_join(e->to, "model.safetensors");
    rd_status status = path ? add_tensors(e, model, &out) : RD_ERR_MEMORY;
    if (status == RD_OK) {
        fill_weights(model, &out);
        fill_positions(e, model, &out, false);
        fill_positions(e, model, &out, true);
        status = rd_parameters_save(&out, out.values, path);
    }
    rd_parameters_free(&out);
    free(path);
    return status;
}

static rd_status load(const char *from, rd_recipe **recipe, rd_model **model) {
    char *config = rd_path_join(from, "config.yaml");
    char *weights = rd_path_join(from, "model.safetensors");
    rd_status status = config && weights ? rd_recipe_load(recipe, config, NULL, 0) : RD_ERR_MEMORY;
    if (status == RD_OK) status = check_model(from, &(*recipe)->model);
    if (status == RD_OK) status = rd_model_load(model, &(*recipe)->model, weights);
    free(config);
    free(weights);
    return status;
}

rd_status rd_export_hf(const char *from, const char *to) {
    bool taken;
    rd_recipe *recipe = NULL;
    rd_model *model = NULL;
    RD_TRY(rd_json_exists(to, "model.safetensors", &taken));
    if (taken) return rd_error(RD_ERR_ARGUMENT, "%s: already holds a model", to);
    rd_status status = load(from, &recipe, &model);
    rd_hf_export e = {.from = from, .to = to, .recipe = recipe};
    if (status == RD_OK) status = plan(&e);
    if (status == RD_OK) status = rd_make_directories(to);
    if (status == RD_OK) status = rd_hf_write_vocabulary(&e);
    if (status == RD_OK) status = write_weights(&e, model);
    if (status == RD_OK) status = rd_hf_write_config(&e);
    rd_model_free(model);
    rd_recipe_free(recipe);
    return status;
}
