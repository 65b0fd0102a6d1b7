#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "convert/bart.h"
#include "convert/export.h"
#include "convert/hf.h"
#include "convert/import.h"
#include "model/transformer.h"

/* Norms divide by the root of variance + 1e-5; those of Marian, + 1e-6, hardly differ. */
static rd_status check_norms(const rd_exporter *e) {
    float eps = e->recipe->model.layer_norm_eps;
    if (eps == 1e-5f) return RD_OK;
    if (eps == 1e-6f)
        return !e->warnings ? RD_OK
                            : rd_text_printf(e->warnings, "layer-norm-eps 1e-06 becomes 1e-05, "
                                                          "which is MarianMT's and BART's\n");
    return rd_error(RD_ERR_UNSUPPORTED,
                    "%s: MarianMT and BART add 1e-5 to variances, this model %g (layer-norm-eps)",
                    e->from, (double)eps);
}

static rd_status check_model(const char *from, const rd_model_config *c) {
    const rd_stack_config *encoder = &c->encoder, *decoder = &c->decoder;
    if (c->encoder.normalize_before || c->decoder.normalize_before)
        return rd_error(RD_ERR_UNSUPPORTED,
                        "%s: MarianMT and BART have no pre-norm layers (encoder-normalize-before, "
                        "decoder-normalize-before)",
                        from);
    if (!c->layernorm_embedding && !c->prepend_bos) return RD_OK;
    if (c->layernorm_embedding && c->prepend_bos && c->share_all_embeddings &&
        encoder->learned_pos && decoder->learned_pos && c->pad_id == 1 &&
        c->position_layout == RD_POSITIONS_FAIRSEQ)
        return RD_OK;
    return rd_error(RD_ERR_UNSUPPORTED,
                    "%s: neither a MarianMT (no layernorm-embedding, no prepend-bos) nor a BART "
                    "(both, with share-all-embeddings, learned positions and pad 1)",
                    from);
}

/* Decides which files and tensors are written. */
static rd_status plan(rd_bart_export *e) {
    const rd_model_config *c = &e->recipe->model;
    bool source, vocab;
    e->bart = c->layernorm_embedding;
    e->positions = c->max_source_positions > c->max_target_positions ? c->max_source_positions
                                                                     : c->max_target_positions;
    RD_TRY(rd_has_file(e->from, "spm.model", &e->joint));
    RD_TRY(rd_has_file(e->from, "source.spm", &source));
    RD_TRY(rd_has_file(e->from, "vocab.json", &vocab));
    e->mapped = e->bart || (!e->joint && vocab);
    if (e->bart && (e->joint || source))
        return rd_error(RD_ERR_UNSUPPORTED,
                        "%s: BART's tokenizer in transformers is byte-level BPE; a SentencePiece "
                        "vocabulary would get other ids there",
                        e->from);
    if (!e->bart && !e->joint && !source)
        return rd_error(RD_ERR_UNSUPPORTED, "%s: MarianMT needs a SentencePiece vocabulary",
                        e->from);
    return RD_OK;
}

static bool stores_positions(const rd_bart_export *e, const rd_stack_config *stack) {
    return !e->mapped || stack->learned_pos ||
           e->recipe->model.position_layout != RD_POSITIONS_HF_MARIAN;
}

static bool is_of_target(const char *name) {
    return strstr(name, "decoder.embed_tokens") || strstr(name, "output_projection");
}

/* Rows of a table of positions: BART's table begins with two that mean nothing. */
static int64_t position_rows(const rd_bart_export *e) {
    return e->positions + (e->bart ? 2 : 0);
}

/* Registers the file's tensors under their names. */
static rd_status add_tensors(const rd_bart_export *e, const rd_model *model, rd_parameters *out) {
    for (int64_t i = 0; i < model->parameters.n; i++) {
        const rd_parameter *item = &model->parameters.items[i];
        if (strstr(item->name, "embed_positions") || strstr(item->name, "output_projection.bias"))
            continue;
        const rd_places places = rd_bart_places_of(&model->config, item->name);
        int64_t rows = item->shape[0];
        if (strstr(item->name, "encoder.embed_tokens")) rows = e->src_rows;
        if (is_of_target(item->name)) rows = e->tgt_rows;
        RD_TRY(rd_parameters_add(out, NULL, rd_init_constant(0.0), rows, item->shape[1], "%s",
                                 places.items[0].name));
    }
    RD_TRY(
        rd_parameters_add(out, NULL, rd_init_constant(0.0), 1, e->tgt_rows, "final_logits_bias"));
    if (stores_positions(e, &model->config.encoder))
        RD_TRY(rd_parameters_add(out, NULL, rd_init_constant(0.0), position_rows(e),
                                 model->config.d_model, "model.encoder.embed_positions.weight"));
    if (stores_positions(e, &model->config.decoder))
        RD_TRY(rd_parameters_add(out, NULL, rd_init_constant(0.0), position_rows(e),
                                 model->config.d_model, "model.decoder.embed_positions.weight"));
    return rd_parameters_allocate(out);
}

static float *values_of(const rd_parameters *parameters, const char *name) {
    const rd_parameter *item = rd_parameters_find(parameters, name);
    return item ? parameters->values + item->offset : NULL;
}

/* Rows without values stay zero. */
static void fill_tensor(const rd_bart_export *e, const rd_model *model, const rd_parameter *item,
                        float *values) {
    const float *from = model->parameters.values + item->offset;
    int64_t rows = item->shape[0], width = item->shape[1] ? item->shape[1] : 1;
    bool moved = e->target_rows && is_of_target(item->name);
    for (int64_t i = 0; i < rows; i++)
        memcpy(values + (moved ? e->target_rows[i] : i) * width, from + i * width,
               sizeof(float) * (size_t)width);
}

static void fill_weights(const rd_bart_export *e, const rd_model *model, const rd_parameters *out) {
    float *bias = values_of(out, "final_logits_bias");
    for (int64_t i = 0; i < e->tgt_rows; i++) bias[i] = RD_IMPOSSIBLE_BIAS;
    for (int64_t i = 0; i < model->config.tgt_vocab; i++)
        bias[e->target_rows ? e->target_rows[i] : i] = 0.0f;
    for (int64_t i = 0; i < model->parameters.n; i++) {
        const rd_parameter *item = &model->parameters.items[i];
        const rd_places places = rd_bart_places_of(&model->config, item->name);
        float *values = values_of(out, places.items[0].name);
        if (values && !strstr(item->name, "embed_positions")) fill_tensor(e, model, item, values);
    }
}

static void fill_positions(const rd_bart_export *e, const rd_model *model, const rd_parameters *out,
                           bool decoder) {
    const rd_model_config *c = &model->config;
    const rd_stack *stack = decoder ? &model->decoder : &model->encoder;
    int64_t width = c->d_model, n = decoder ? c->max_target_positions : c->max_source_positions;
    float *table = values_of(out, decoder ? "model.decoder.embed_positions.weight"
                                          : "model.encoder.embed_positions.weight");
    if (!table) return;
    int64_t first = e->bart ? 0 : rd_position(c, 0);
    memcpy(table, stack->embedding.positions.value + first * width,
           sizeof(float) * (size_t)((rd_position(c, n) - first) * width));
    if (!decoder || e->mapped) return;
    const float *start = stack->embedding.tokens.value + rd_start_id(c) * width;
    for (int64_t i = 0; i < width; i++) table[i] += stack->embedding.scale * start[i];
}

static rd_status write_weights(const rd_bart_export *e, const rd_exporter *exporter) {
    rd_parameters out = {0};
    rd_status status = add_tensors(e, exporter->model, &out);
    if (status == RD_OK) {
        fill_weights(e, exporter->model, &out);
        fill_positions(e, exporter->model, &out, false);
        fill_positions(e, exporter->model, &out, true);
        status = rd_export_save(exporter, &out, out.values);
    }
    rd_parameters_free(&out);
    return status;
}

static rd_status write_files(rd_bart_export *e, const rd_exporter *exporter) {
    RD_TRY(rd_bart_write_vocabulary(e));
    RD_TRY(write_weights(e, exporter));
    RD_TRY(rd_bart_write_config(e));
    return exporter->warnings ? rd_hf_warn_of_search(e->from, e->recipe, exporter->warnings)
                              : RD_OK;
}

rd_status rd_export_bart(const rd_exporter *exporter) {
    rd_bart_export e = {.from = exporter->from, .to = exporter->to, .recipe = exporter->recipe};
    RD_TRY(check_model(e.from, &e.recipe->model));
    RD_TRY(check_norms(exporter));
    RD_TRY(plan(&e));
    rd_status status = write_files(&e, exporter);
    free(e.target_rows);
    return status;
}
