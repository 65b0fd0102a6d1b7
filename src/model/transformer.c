/* The layers of a model: their tensors are registered under fairseq's names, with the layer that
 * reads each of them and the values it starts with, which are fairseq's. */
#include "model/transformer.h"

#include <math.h>
#include <stdio.h>

#include "model/adaptive.h"
#include "model/pictures.h"

/* Dropout sites of the head: after all layers'. */
enum { HEAD_SITE = 1 << 17, ADAPTIVE_SITE = HEAD_SITE + 16 };

/* With which the heads of BERT and RoBERTa start. */
static const double HEAD_DEVIATION = 0.02;

typedef struct {
    rd_model *model;
    rd_parameters *p;
    const rd_model_config *c;
    const rd_stack_config *config; /* of the stack being built */
    const char *name;              /* "encoder", "decoder" */
    int64_t width;
} builder;

static rd_status add_norm(const builder *b, rd_norm *norm, const char *prefix, const char *name) {
    norm->eps = b->c->layer_norm_eps > 0.0f ? b->c->layer_norm_eps : 1e-5f;
    RD_TRY(rd_parameters_add(b->p, &norm->weight, rd_init_constant(1.0), b->width, 0,
                             "%s.%s.weight", prefix, name));
    return rd_parameters_add(b->p, &norm->bias, rd_init_constant(0.0), b->width, 0, "%s.%s.bias",
                             prefix, name);
}

/* A linear layer that starts as torch.nn.Linear does. */
static rd_status add_linear(const builder *b, rd_weight *weight, rd_weight *bias,
                            const char *prefix, const char *name, int64_t n_out, int64_t n_in) {
    rd_init init = rd_init_uniform(1.0 / sqrt((double)n_in));
    RD_TRY(rd_parameters_add(b->p, weight, init, n_out, n_in, "%s.%s.weight", prefix, name));
    return rd_parameters_add(b->p, bias, init, n_out, 0, "%s.%s.bias", prefix, name);
}

/* Weights of query, key and value follow each other, then their biases: one product computes all.
 * The layer reads them through the first. */
static rd_status add_attention(const builder *b, rd_attention *attention, rd_weight *out_bias,
                               const char *prefix, const char *name) {
    static const char *const parts[3] = {"q_proj", "k_proj", "v_proj"};
    int64_t width = b->width;
    rd_init weights = rd_init_xavier(width, width, sqrt(0.5));
    rd_init biases = rd_init_uniform(1.0 / sqrt((double)width));
    for (int i = 0; i < 3; i++)
        RD_TRY(rd_parameters_add(b->p, i == 0 ? &attention->in_weight : NULL, weights, width, width,
                                 "%s.%s.%s.weight", prefix, name, parts[i]));
    for (int i = 0; i < 3; i++)
        RD_TRY(rd_parameters_add(b->p, i == 0 ? &attention->in_bias : NULL, biases, width, 0,
                                 "%s.%s.%s.bias", prefix, name, parts[i]));
    RD_TRY(rd_parameters_add(b->p, &attention->out_weight, rd_init_xavier(width, width, 1.0), width,
                             width, "%s.%s.out_proj.weight", prefix, name));
    return rd_parameters_add(b->p, out_bias, rd_init_constant(0.0), width, 0, "%s.%s.out_proj.bias",
                             prefix, name);
}

/* How often a sublayer of the encoder's layer i is left out in training. */
static float drop_path_of(const rd_model_config *c, int32_t i) {
    return c->encoder.layers > 1 ? c->drop_path * (float)i / (float)(c->encoder.layers - 1)
                                 : c->drop_path;
}

/* site: of the layer's first dropout; each has its own. */
static rd_status add_layer(const builder *b, rd_layer *layer, bool causal, bool cross, int32_t i,
                           int32_t site) {
    const rd_model_config *c = b->c;
    char prefix[40];
    snprintf(prefix, sizeof prefix, "%s.layers.%d", b->name, (int)i);
    rd_attention attention = {.heads = b->config->heads, .dropout = c->attention_dropout};
    rd_residual residual = {.pre_norm = b->config->normalize_before, .dropout = c->dropout};
    layer->self_attention = layer->cross_attention = attention;
    layer->self_residual = layer->cross_residual = layer->ffn_residual = residual;
    layer->self_attention.causal = causal;
    layer->self_attention.site = site;
    layer->self_residual.site = site + 1;
    layer->cross_attention.site = site + 2;
    layer->cross_residual.site = site + 3;
    layer->ffn = (rd_feed_forward){.ffn_dim = b->config->ffn_dim,
                                   .activation = c->activation,
                                   .dropout = c->activation_dropout,
                                   .site = site + 4};
    layer->ffn_residual.site = site + 5;
    if (!causal) {
        layer->self_residual.drop_path = layer->ffn_residual.drop_path = drop_path_of(c, i);
        layer->self_residual.path_site = site + 6;
        layer->ffn_residual.path_site = site + 7;
    }
    RD_TRY(
        add_attention(b, &layer->self_attention, &layer->self_residual.bias, prefix, "self_attn"));
    RD_TRY(add_norm(b, &layer->self_residual.norm, prefix, "self_attn_layer_norm"));
    if (cross) {
        RD_TRY(add_attention(b, &layer->cross_attention, &layer->cross_residual.bias, prefix,
                             "encoder_attn"));
        RD_TRY(add_norm(b, &layer->cross_residual.norm, prefix, "encoder_attn_layer_norm"));
    }
    RD_TRY(add_linear(b, &layer->ffn.weight1, &layer->ffn.bias1, prefix, "fc1", layer->ffn.ffn_dim,
                      b->width));
    RD_TRY(add_linear(b, &layer->ffn.weight2, &layer->ffn_residual.bias, prefix, "fc2", b->width,
                      layer->ffn.ffn_dim));
    return add_norm(b, &layer->ffn_residual.norm, prefix, "final_layer_norm");
}

/* Normal with deviation width^-0.5; pad's row is zero. */
static rd_init embedding_init(const rd_model_config *c) {
    rd_init init = rd_init_normal(1.0 / sqrt((double)c->d_model));
    init.zero_row = c->pad_id;
    return init;
}

/* shared: the token embeddings are the encoder's. */
static rd_status add_embedding(const builder *b, rd_embedding *embedding, int64_t vocab,
                               int64_t positions, bool shared, int32_t site) {
    *embedding =
        (rd_embedding){.scale = b->c->no_scale_embedding ? 1.0f : sqrtf((float)b->c->d_model),
                       .dropout = b->c->dropout,
                       .site = site};
    if (b->c->adaptive_input)
        RD_TRY(rd_adaptive_add_input(b->p, b->c, &embedding->adaptive));
    else
        RD_TRY(shared ? rd_parameters_share(b->p, &embedding->tokens, "encoder.embed_tokens.weight")
                      : rd_parameters_add(b->p, &embedding->tokens, embedding_init(b->c), vocab,
                                          b->width, "%s.embed_tokens.weight", b->name));
    if (b->config->learned_pos)
        RD_TRY(rd_parameters_add(b->p, &embedding->positions, embedding_init(b->c),
                                 rd_position(b->c, positions), b->width,
                                 "%s.embed_positions.weight", b->name));
    bool encodes = embedding == &b->model->encoder.embedding;
    if (encodes && b->c->segment_types > 0)
        RD_TRY(rd_parameters_add(b->p, &embedding->segments, embedding_init(b->c),
                                 b->c->segment_types, b->width, "%s.embed_segments.weight",
                                 b->name));
    return b->c->layernorm_embedding ? add_norm(b, &embedding->norm, b->name, "layernorm_embedding")
                                     : RD_OK;
}

/* Dropout sites: 16 a layer, the decoder's from 1 << 16, so that no two places share bits. */
static rd_status add_stack(const builder *b, rd_stack *stack, bool decoder) {
    const rd_model_config *c = b->c;
    int32_t site = decoder ? 1 << 16 : 0;
    if (b->config->layers == 0) return RD_OK;
    stack->n_layers = b->config->layers;
    stack->width = b->width;
    stack->cutoff = c->cutoff;
    stack->cutoff_ratio = c->cutoff_ratio;
    stack->cutoff_site = site + 1; /* after the embedding's */
    stack->cross = decoder && c->encoder.layers > 0;
    stack->ends_with_norm = b->config->normalize_before && !(decoder && c->no_decoder_final_norm);
    stack->layers = rd_calloc((size_t)stack->n_layers, sizeof *stack->layers);
    if (!stack->layers) return RD_ERR_MEMORY;
    if (!decoder && c->picture.size > 0)
        RD_TRY(rd_pictures_register(b->p, &stack->patches, c, site));
    else
        RD_TRY(add_embedding(b, &stack->embedding, decoder ? c->tgt_vocab : c->src_vocab,
                             decoder ? c->max_target_positions : c->max_source_positions,
                             stack->cross && c->share_all_embeddings, site));
    for (int32_t i = 0; i < stack->n_layers; i++)
        RD_TRY(add_layer(b, &stack->layers[i], decoder, stack->cross, i, site + (i + 1) * 16));
    return stack->ends_with_norm ? add_norm(b, &stack->final_norm, b->name, "layer_norm") : RD_OK;
}

/* The dense layer and the norm before the output projection. */
static rd_status add_transform(const builder *b, rd_head *head, const char *prefix) {
    head->transform = b->c->head_transform;
    head->activation = b->c->activation;
    if (head->transform == RD_TRANSFORM_NONE) return RD_OK;
    RD_TRY(rd_parameters_add(b->p, &head->dense, rd_init_normal(HEAD_DEVIATION), b->width, b->width,
                             "%s.dense.weight", prefix));
    RD_TRY(rd_parameters_add(b->p, &head->dense_bias, rd_init_constant(0.0), b->width, 0,
                             "%s.dense.bias", prefix));
    return head->transform == RD_TRANSFORM_NORM ? add_norm(b, &head->norm, prefix, "layer_norm")
                                                : RD_OK;
}

static rd_status add_sequence_head(const builder *b, rd_head *head) {
    static const char prefix[] = "classification_head";
    const rd_model_config *c = b->c;
    head->n_out = c->head == RD_HEAD_VALUE ? 1 : c->num_classes;
    head->pooling = c->pooling == RD_POOL_NONE ? RD_POOL_FIRST : c->pooling;
    rd_stack *encoder = &b->model->encoder;
    encoder->first_alone = c->head != RD_HEAD_NONE && head->pooling == RD_POOL_FIRST;
    encoder->layers[encoder->n_layers - 1].self_attention.apart = encoder->first_alone;
    head->dropout_before = c->pooler_dropout;
    head->dropout_after = c->classifier_dropout;
    head->site = HEAD_SITE;
    if (head->pooling == RD_POOL_ATTENTION)
        RD_TRY(rd_parameters_add(b->p, &head->attention, rd_init_normal(HEAD_DEVIATION), b->width,
                                 0, "%s.attention.weight", prefix));
    RD_TRY(add_transform(b, head, prefix));
    if (c->head == RD_HEAD_NONE) return RD_OK;
    rd_init init = c->zero_init_head ? rd_init_constant(0.0) : rd_init_normal(HEAD_DEVIATION);
    RD_TRY(rd_parameters_add(b->p, &head->weight, init, head->n_out, b->width, "%s.out_proj.weight",
                             prefix));
    return rd_parameters_add(b->p, &head->bias, rd_init_constant(0.0), head->n_out, 0,
                             "%s.out_proj.bias", prefix);
}

static rd_status add_token_head(const builder *b, rd_head *head) {
    const rd_model_config *c = b->c;
    const char *stack = c->decoder.layers > 0 ? "decoder" : "encoder";
    char name[40];
    head->n_out = c->tgt_vocab;
    snprintf(name, sizeof name, "%s.lm_head", stack);
    RD_TRY(add_transform(b, head, name));
    if (c->adaptive_softmax_cutoff.n > 0)
        return rd_adaptive_add_softmax(b->p, c, ADAPTIVE_SITE, &head->adaptive);
    if (c->share_decoder_input_output_embed || c->share_all_embeddings) {
        bool of_encoder = c->encoder.layers > 0 && c->share_all_embeddings;
        snprintf(name, sizeof name, "%s.embed_tokens.weight", of_encoder ? "encoder" : stack);
        RD_TRY(rd_parameters_share(b->p, &head->weight, name));
    } else {
        RD_TRY(rd_parameters_add(b->p, &head->weight,
                                 rd_init_normal(1.0 / sqrt((double)c->d_model)), c->tgt_vocab,
                                 b->width, "%s.output_projection.weight", stack));
    }
    return c->output_bias ? rd_parameters_add(b->p, &head->bias, rd_init_constant(0.0),
                                              c->tgt_vocab, 0, "%s.output_projection.bias", stack)
                          : RD_OK;
}

rd_status rd_model_add_layers(rd_model *model) {
    builder b = {.model = model,
                 .p = &model->parameters,
                 .c = &model->config,
                 .width = model->config.d_model};
    b.name = "encoder";
    b.config = &model->config.encoder;
    RD_TRY(add_stack(&b, &model->encoder, false));
    b.name = "decoder";
    b.config = &model->config.decoder;
    RD_TRY(add_stack(&b, &model->decoder, true));
    return b.c->head == RD_HEAD_TOKENS ? add_token_head(&b, &model->head)
                                       : add_sequence_head(&b, &model->head);
}
