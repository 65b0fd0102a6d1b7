/* Building a model: registering its parameters under fairseq's names, pointing the layers at them,
 * and drawing their initial values. */
#include "model/transformer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

/* What a config alone can make a program allocate. */
enum { MAX_POSITION_TABLE = 1 << 30 };

static int64_t position_table_rows(const rd_model_config *c) {
    return rd_position(c, c->max_source_positions > c->max_target_positions
                              ? c->max_source_positions
                              : c->max_target_positions);
}

static rd_status check_config(const rd_model_config *c) {
    const rd_stack_config *stacks[2] = {&c->encoder, &c->decoder};
    if (c->d_model < 1 || c->d_model > 16384 || c->src_vocab < 4 || c->tgt_vocab < 4 ||
        c->pad_id < 0 || c->max_source_positions < 1 || c->max_target_positions < 1)
        return rd_error(RD_ERR_ARGUMENT,
                        "model: expected 1 <= d_model <= 16384, vocabularies of at least 4, "
                        "pad_id >= 0 and at least one position");
    for (int i = 0; i < 2; i++)
        if (stacks[i]->layers < 1 || stacks[i]->ffn_dim < 1 || stacks[i]->ffn_dim > 16384 ||
            stacks[i]->heads < 1 || c->d_model % stacks[i]->heads)
            return rd_error(RD_ERR_ARGUMENT,
                            "model: %s: expected at least one layer, 1 <= ffn_dim <= 16384, and "
                            "heads that divide d_model (%d)",
                            i ? "decoder" : "encoder", (int)c->d_model);
    int64_t table = position_table_rows(c) * c->d_model * (int64_t)sizeof(float);
    if (table > MAX_POSITION_TABLE)
        return rd_error(
            RD_ERR_ARGUMENT,
            "model: %d positions of width %d make a table of %.1f GiB; at most 1 GiB is "
            "allowed (max_source_positions, max_target_positions)",
            (int)(table / c->d_model / 4), (int)c->d_model, (double)table / 0x1p30);
    if (rd_start_id(c) < 0 || rd_start_id(c) >= c->tgt_vocab)
        return rd_error(RD_ERR_ARGUMENT, "model: start token %d outside a vocabulary of %d",
                        (int)rd_start_id(c), (int)c->tgt_vocab);
    if (c->share_all_embeddings && c->src_vocab != c->tgt_vocab)
        return rd_error(RD_ERR_ARGUMENT,
                        "model: share_all_embeddings needs one vocabulary, found sizes %d and %d",
                        (int)c->src_vocab, (int)c->tgt_vocab);
    return RD_OK;
}

static rd_status add_linear(rd_parameters *p, const char *prefix, const char *name, int64_t n_out,
                            int64_t n_in) {
    RD_TRY(rd_parameters_add(p, n_out, n_in, "%s.%s.weight", prefix, name));
    return rd_parameters_add(p, n_out, 0, "%s.%s.bias", prefix, name);
}

static rd_status add_norm(rd_parameters *p, const char *prefix, const char *name, int64_t width) {
    RD_TRY(rd_parameters_add(p, width, 0, "%s.%s.weight", prefix, name));
    return rd_parameters_add(p, width, 0, "%s.%s.bias", prefix, name);
}

/* Weights of query, key and value follow each other, then their biases: one product computes all.
 */
static rd_status add_attention(rd_parameters *p, const char *prefix, int64_t width) {
    static const char *const parts[3] = {"q_proj", "k_proj", "v_proj"};
    for (int i = 0; i < 3; i++)
        RD_TRY(rd_parameters_add(p, width, width, "%s.%s.weight", prefix, parts[i]));
    for (int i = 0; i < 3; i++)
        RD_TRY(rd_parameters_add(p, width, 0, "%s.%s.bias", prefix, parts[i]));
    return add_linear(p, prefix, "out_proj", width, width);
}

static rd_status add_stack(rd_parameters *p, const rd_model_config *c, bool decoder) {
    const rd_stack_config *s = decoder ? &c->decoder : &c->encoder;
    const char *stack = decoder ? "decoder" : "encoder";
    int64_t width = c->d_model;
    if (!decoder || !c->share_all_embeddings)
        RD_TRY(rd_parameters_add(p, decoder ? c->tgt_vocab : c->src_vocab, width,
                                 "%s.embed_tokens.weight", stack));
    int64_t positions = decoder ? c->max_target_positions : c->max_source_positions;
    if (s->learned_pos)
        RD_TRY(rd_parameters_add(p, rd_position(c, positions), width, "%s.embed_positions.weight",
                                 stack));
    if (c->layernorm_embedding) RD_TRY(add_norm(p, stack, "layernorm_embedding", width));
    for (int32_t i = 0; i < s->layers; i++) {
        char prefix[40], name[60];
        snprintf(prefix, sizeof prefix, "%s.layers.%d", stack, (int)i);
        snprintf(name, sizeof name, "%s.self_attn", prefix);
        RD_TRY(add_attention(p, name, width));
        RD_TRY(add_norm(p, prefix, "self_attn_layer_norm", width));
        if (decoder) {
            snprintf(name, sizeof name, "%s.encoder_attn", prefix);
            RD_TRY(add_attention(p, name, width));
            RD_TRY(add_norm(p, prefix, "encoder_attn_layer_norm", width));
        }
        RD_TRY(add_linear(p, prefix, "fc1", s->ffn_dim, width));
        RD_TRY(add_linear(p, prefix, "fc2", width, s->ffn_dim));
        RD_TRY(add_norm(p, prefix, "final_layer_norm", width));
    }
    return s->normalize_before ? add_norm(p, stack, "layer_norm", width) : RD_OK;
}

rd_status rd_model_register(rd_parameters *p, const rd_model_config *c) {
    RD_TRY(check_config(c));
    RD_TRY(add_stack(p, c, false));
    RD_TRY(add_stack(p, c, true));
    if (!c->share_decoder_input_output_embed && !c->share_all_embeddings)
        RD_TRY(rd_parameters_add(p, c->tgt_vocab, c->d_model, "decoder.output_projection.weight"));
    return c->output_bias ? rd_parameters_add(p, c->tgt_vocab, 0, "decoder.output_projection.bias")
                          : RD_OK;
}

/* The tensor PREFIX.SUFFIX; layers only name tensors that rd_model_register has registered. */
static rd_tensor tensor(const rd_model *model, const char *prefix, const char *suffix) {
    char name[160];
    snprintf(name, sizeof name, "%s.%s", prefix, suffix);
    const rd_parameter *item = rd_parameters_find(&model->parameters, name);
    const rd_parameters *p = &model->parameters;
    return (rd_tensor){.value = p->values + item->offset,
                       .grad = p->grads ? p->grads + item->offset : NULL,
                       .bf16 = p->bf16 ? p->bf16 + item->offset : NULL};
}

static rd_norm norm_of(const rd_model *model, const char *prefix, const char *name) {
    char full[120];
    snprintf(full, sizeof full, "%s.%s", prefix, name);
    return (rd_norm){tensor(model, full, "weight"), tensor(model, full, "bias")};
}

static rd_attention attention_of(const rd_model *model, const char *prefix, const char *name,
                                 int32_t heads, bool causal, int32_t site) {
    char full[80];
    snprintf(full, sizeof full, "%s.%s", prefix, name);
    return (rd_attention){.in_weight = tensor(model, full, "q_proj.weight"),
                          .in_bias = tensor(model, full, "q_proj.bias"),
                          .out_weight = tensor(model, full, "out_proj.weight"),
                          .heads = heads,
                          .causal = causal,
                          .dropout = model->config.attention_dropout,
                          .site = site};
}

/* Dropout sites: 16 a layer, the decoder's from 1 << 16, so that no two places share bits. */
static void bind_layer(rd_model *model, rd_layer *layer, const rd_stack_config *s, bool decoder,
                       int32_t i) {
    const rd_model_config *c = &model->config;
    int32_t site = (decoder ? 1 << 16 : 0) + (i + 1) * 16;
    char prefix[40];
    snprintf(prefix, sizeof prefix, "%s.layers.%d", decoder ? "decoder" : "encoder", (int)i);
    rd_residual residual = {.pre_norm = s->normalize_before, .dropout = c->dropout};
    layer->self_attention = attention_of(model, prefix, "self_attn", s->heads, decoder, site);
    layer->self_residual = residual;
    layer->self_residual.norm = norm_of(model, prefix, "self_attn_layer_norm");
    layer->self_residual.bias = tensor(model, prefix, "self_attn.out_proj.bias");
    layer->self_residual.site = site + 1;
    if (decoder) {
        layer->cross_attention =
            attention_of(model, prefix, "encoder_attn", s->heads, false, site + 2);
        layer->cross_residual = residual;
        layer->cross_residual.norm = norm_of(model, prefix, "encoder_attn_layer_norm");
        layer->cross_residual.bias = tensor(model, prefix, "encoder_attn.out_proj.bias");
        layer->cross_residual.site = site + 3;
    }
    layer->ffn = (rd_feed_forward){.weight1 = tensor(model, prefix, "fc1.weight"),
                                   .bias1 = tensor(model, prefix, "fc1.bias"),
                                   .weight2 = tensor(model, prefix, "fc2.weight"),
                                   .ffn_dim = s->ffn_dim,
                                   .activation = c->activation,
                                   .dropout = c->activation_dropout,
                                   .site = site + 4};
    layer->ffn_residual = residual;
    layer->ffn_residual.norm = norm_of(model, prefix, "final_layer_norm");
    layer->ffn_residual.bias = tensor(model, prefix, "fc2.bias");
    layer->ffn_residual.site = site + 5;
}

static void bind_stack(rd_model *model, bool decoder) {
    const rd_model_config *c = &model->config;
    const rd_stack_config *s = decoder ? &c->decoder : &c->encoder;
    rd_stack *stack = decoder ? &model->decoder : &model->encoder;
    const char *name = decoder ? "decoder" : "encoder";
    stack->pre_norm = s->normalize_before;
    stack->embedding = (rd_embedding){
        .tokens = tensor(model, decoder && !c->share_all_embeddings ? "decoder" : "encoder",
                         "embed_tokens.weight"),
        .positions = s->learned_pos ? tensor(model, name, "embed_positions.weight")
                                    : (rd_tensor){.value = model->sinusoid},
        .scale = c->no_scale_embedding ? 1.0f : sqrtf((float)c->d_model),
        .dropout = c->dropout,
        .site = decoder ? 1 << 16 : 0};
    if (c->layernorm_embedding) stack->embedding.norm = norm_of(model, name, "layernorm_embedding");
    for (int32_t i = 0; i < s->layers; i++) bind_layer(model, &stack->layers[i], s, decoder, i);
    if (s->normalize_before) stack->final_norm = norm_of(model, name, "layer_norm");
}

static void bind_all(rd_model *model) {
    const rd_model_config *c = &model->config;
    bind_stack(model, false);
    bind_stack(model, true);
    bool tied = c->share_decoder_input_output_embed || c->share_all_embeddings;
    model->output_projection = tied ? model->decoder.embedding.tokens
                                    : tensor(model, "decoder", "output_projection.weight");
    if (c->output_bias) model->output_bias = tensor(model, "decoder", "output_projection.bias");
}

static bool ends_with(const char *name, const char *suffix) {
    size_t n = strlen(name), m = strlen(suffix);
    return n >= m && !strcmp(name + n - m, suffix);
}

/* Fairseq's initial values: embeddings and the output projection normal with deviation d_model^-0.5
 * (the pad row zero), attention weights Xavier-uniform (queries, keys and values with gain 1/sqrt
 * 2), feed-forward weights and all their biases uniform within 1/sqrt(n_in) as torch.nn.Linear,
 * layer norms one and zero, attention's output bias and that of the output projection zero. */
static void initialise(rd_model *model, const rd_parameter *item, rd_rng *rng) {
    const rd_model_config *c = &model->config;
    float *w = model->parameters.values + item->offset;
    int64_t rows = item->shape[0], columns = item->shape[1], n = rows * (columns ? columns : 1);
    double bound = 0.0, deviation = 0.0, constant = 0.0;
    if (strstr(item->name, "out_proj.bias") || strstr(item->name, "output_projection.bias"))
        constant = 0.0;
    else if (strstr(item->name, "embed_") || strstr(item->name, "output_projection"))
        deviation = 1.0 / sqrt((double)c->d_model);
    else if (strstr(item->name, "layer_norm") || strstr(item->name, "layernorm"))
        constant = ends_with(item->name, "weight") ? 1.0 : 0.0;
    else if (strstr(item->name, "_proj.weight"))
        bound = sqrt(6.0 / (double)(rows + columns)) *
                (strstr(item->name, "out_proj") ? 1.0 : sqrt(0.5));
    else if (strstr(item->name, "_proj.bias") || strstr(item->name, ".fc1."))
        bound = 1.0 / sqrt((double)c->d_model);
    else /* fc2 */
        bound = 1.0 / sqrt((double)(strstr(item->name, "decoder") ? c->decoder.ffn_dim
                                                                  : c->encoder.ffn_dim));
    for (int64_t i = 0; i < n; i++)
        w[i] = (float)(deviation > 0.0 ? deviation * rd_rng_normal(rng)
                       : bound > 0.0   ? bound * (2.0 * rd_rng_uniform(rng) - 1.0)
                                       : constant);
    if (strstr(item->name, "embed_") && c->pad_id < rows)
        memset(w + c->pad_id * columns, 0, sizeof(float) * (size_t)columns);
}

/* A model with its parameters registered. With `path`, the file they will be read from,
 * nothing is allocated that such a file could not fill. */
static rd_status model_build(rd_model **out, const rd_model_config *config, const char *path) {
    *out = NULL;
    rd_model *model = calloc(1, sizeof *model);
    if (!model) return rd_error(RD_ERR_MEMORY, "out of memory for a model");
    model->config = *config;
    model->encoder.n_layers = config->encoder.layers;
    model->decoder.n_layers = config->decoder.layers;
    rd_status status = rd_model_register(&model->parameters, config);
    if (status != RD_OK) {
        rd_model_free(model);
        return status;
    }
    model->encoder.layers = rd_calloc((size_t)config->encoder.layers, sizeof(rd_layer));
    model->decoder.layers = rd_calloc((size_t)config->decoder.layers, sizeof(rd_layer));
    status = model->encoder.layers && model->decoder.layers ? RD_OK : RD_ERR_MEMORY;
    if (status == RD_OK && path) status = rd_parameters_check_size(&model->parameters, path);
    if (status == RD_OK)
        status = path ? rd_parameters_allocate_unset(&model->parameters)
                      : rd_parameters_allocate(&model->parameters);
    if (status == RD_OK && (!config->encoder.learned_pos || !config->decoder.learned_pos)) {
        int64_t n = position_table_rows(config);
        model->sinusoid = rd_malloc((size_t)(n * config->d_model), sizeof(float));
        status = model->sinusoid ? RD_OK : RD_ERR_MEMORY;
        if (status == RD_OK)
            rd_sinusoidal_positions(model->sinusoid, n, config->d_model, config->position_layout);
    }
    if (status != RD_OK) {
        rd_model_free(model);
        return status;
    }
    bind_all(model);
    *out = model;
    return RD_OK;
}

rd_status rd_model_new(rd_model **model, const rd_model_config *config, uint64_t seed) {
    RD_TRY(model_build(model, config, NULL));
    for (int64_t i = 0; i < (*model)->parameters.n;
         i++) { /* a stream each: order does not matter */
        rd_rng rng = rd_rng_make(seed, (uint64_t)i);
        initialise(*model, &(*model)->parameters.items[i], &rng);
    }
    return RD_OK;
}

/* Frees a model that could not be loaded. */
static rd_status loaded(rd_model **model, rd_status status) {
    if (status == RD_OK) return RD_OK;
    rd_model_free(*model);
    *model = NULL;
    return status;
}

rd_status rd_model_load(rd_model **model, const rd_model_config *config, const char *path) {
    RD_TRY(model_build(model, config, path));
    rd_parameters *p = &(*model)->parameters;
    return loaded(model, rd_parameters_load(p, p->values, path));
}

rd_status rd_model_load_packed(rd_model **model, const rd_model_config *config, const char *path,
                               rd_precision precision) {
    RD_TRY(model_build(model, config, path));
    return loaded(model, rd_model_read_packed(*model, path, precision));
}

rd_status rd_model_save(const rd_model *model, const char *path) {
    return rd_parameters_save(&model->parameters, model->parameters.values, path);
}

void rd_model_free(rd_model *model) {
    if (!model) return;
    for (int64_t i = 0; i < model->n_packed; i++) rd_packed_free(model->packed[i]);
    free(model->packed);
    rd_parameters_free(&model->parameters);
    free(model->encoder.layers);
    free(model->decoder.layers);
    free(model->sinusoid);
    free(model);
}

const rd_model_config *rd_model_get_config(const rd_model *model) {
    return &model->config;
}

int64_t rd_model_n_parameters(const rd_model *model) {
    return model->parameters.total;
}

rd_status rd_model_prepare_training(rd_model *model, bool bf16) {
    RD_TRY(rd_parameters_allocate_grads(&model->parameters));
    if (bf16) RD_TRY(rd_parameters_refresh_bf16(&model->parameters));
    bind_all(model);
    return RD_OK;
}
