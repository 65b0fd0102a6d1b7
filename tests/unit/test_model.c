/* The whole network: its gradient against finite differences with dropout and R-Drop on, and what
 * must not depend on how sentences are batched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/rng.h"
#include "model/network.h"
#include "slopes.h"

static rd_model_config toy_config(void) {
    return (rd_model_config){.d_model = 24,
                             .encoder = {.layers = 2, .heads = 2, .ffn_dim = 40},
                             .decoder = {.layers = 2, .heads = 3, .ffn_dim = 36},
                             .max_source_positions = 100,
                             .max_target_positions = 100,
                             .src_vocab = 31,
                             .tgt_vocab = 37,
                             .pad_id = 1,
                             .eos_id = 2,
                             .unk_id = 3};
}

static void add_random_pair(rd_batch *batch, rd_rng *rng, int64_t id, int32_t n_src, int32_t n_tgt,
                            const rd_model_config *c) {
    int32_t src[128], tgt[128];
    for (int32_t i = 0; i < n_src; i++)
        src[i] = 4 + (int32_t)rd_rng_below(rng, (uint64_t)(c->src_vocab - 4));
    for (int32_t i = 0; i < n_tgt; i++)
        tgt[i] = 4 + (int32_t)rd_rng_below(rng, (uint64_t)(c->tgt_vocab - 4));
    src[n_src - 1] = tgt[n_tgt - 1] = c->eos_id;
    assert_int_equal(rd_batch_add(batch, id, src, n_src, tgt, n_tgt), RD_OK);
}

static void add_id(rd_ids *ids, int32_t id) {
    assert_int_equal(rd_reserve(&ids->data, &ids->capacity, ids->length + 1, sizeof id), RD_OK);
    ids->data[ids->length++] = id;
}

/* Without a decoder each source token has a target. */
static rd_batch random_batch(const rd_model_config *c) {
    rd_batch batch = {0};
    rd_rng rng = rd_rng_make(5, 5);
    static const int32_t lengths[4][2] = {{3, 5}, {17, 1}, {1, 4}, {70, 69}};
    for (int i = 0; i < 4; i++)
        add_random_pair(&batch, &rng, i, lengths[i][0],
                        c->decoder.layers > 0 ? lengths[i][1] : lengths[i][0], c);
    for (int32_t i = 0; c->segment_types > 0 && i < rd_tokens_total(&batch.source); i++)
        add_id(&batch.segments, (int32_t)rd_rng_below(&rng, (uint64_t)c->segment_types));
    return batch;
}

static double loss_of(rd_model *model, rd_step *step, const rd_batch *batch, float alpha,
                      bool gradient) {
    rd_criterion_sums sums = {0};
    rd_criterion criterion = {.loss = rd_token_loss, .label_smoothing = 0.1f, .reg_alpha = alpha};
    assert_int_equal(rd_network_loss(model, step, batch, &criterion, gradient, &sums), RD_OK);
    rd_arena_reset(step->arena);
    return sums.loss;
}

/* The gradients that a backward pass reported as complete, as they were then. */
typedef struct {
    const rd_parameters *parameters;
    float *seen;       /* [total] */
    const float *from; /* in the gradients */
    int32_t told;
} completeness;

static void keep_complete(void *self, const float *from) {
    completeness *c = self;
    const float *grads = c->parameters->grads;
    assert_true(from >= grads && from < c->from);
    memcpy(c->seen + (from - grads), from, sizeof *from * (size_t)(c->from - from));
    c->from = from;
    c->told++;
}

/* Each layer is told of, and nothing that was complete has changed. */
static void check_complete(const completeness *c, const rd_model_config *config) {
    int64_t at = c->from - c->parameters->grads, n = c->parameters->total - at;
    assert_int_equal(c->told, config->encoder.layers + config->decoder.layers);
    assert_memory_equal(c->seen + at, c->from, sizeof *c->from * (size_t)n);
}

typedef struct {
    rd_model *model;
    rd_step *step;
    const rd_batch *batch;
    float alpha;
} loss_case;

static double loss_here(void *self) {
    const loss_case *c = self;
    return loss_of(c->model, c->step, c->batch, c->alpha, false);
}

static void check_gradient(const rd_model_config *config, int32_t passes, float alpha) {
    rd_model *model;
    assert_int_equal(rd_model_new(&model, config, 3), RD_OK);
    assert_int_equal(rd_model_prepare_training(model, false), RD_OK);
    rd_parameters *p = &model->parameters;
    rd_batch batch = random_batch(config);
    rd_arena arena = {0};
    rd_step step = {.arena = &arena, .training = true, .seed = 9, .update = 4, .n_passes = passes};
    completeness told = {p, malloc(sizeof(float) * (size_t)p->total), p->grads + p->total, 0};
    step.complete = (rd_gradient_listener){keep_complete, &told};
    loss_of(model, &step, &batch, alpha, true);
    check_complete(&told, config);

    loss_case own = {model, &step, &batch, alpha};
    assert_slopes(&(slope_part){p->values, p->grads, p->total}, 1, 1e-4, 0.02, loss_here, &own);
    free(told.seen);
    rd_batch_free(&batch);
    rd_arena_free(&arena);
    rd_model_free(model);
}

/* bfloat16 keeps 8 bits: the loss agrees to about 2^-8 a term, the gradient's direction closely. */
static void test_bf16_is_near_fp32(void **state) {
    (void)state;
    bool available = false;
    if (rd_gemm_choose(RD_PRECISION_BF16, &available) != RD_OK || !available) {
        print_message("no bfloat16 products here: skipped\n");
        skip();
    }
    rd_model_config c = toy_config();
    c.dropout = 0.1f;
    rd_model *model;
    assert_int_equal(rd_model_new(&model, &c, 3), RD_OK);
    assert_int_equal(rd_model_prepare_training(model, true), RD_OK);
    rd_parameters *p = &model->parameters;
    rd_batch batch = random_batch(&c);
    rd_arena arena = {0};
    rd_step step = {.arena = &arena, .training = true, .seed = 9, .n_passes = 2};
    double loss[2], product = 0.0, squares[2] = {0.0, 0.0};
    size_t bytes = sizeof(float) * (size_t)p->total;
    float *exact = malloc(bytes);
    loss[0] = loss_of(model, &step, &batch, 5.0f, true);
    memcpy(exact, p->grads, bytes);
    memset(p->grads, 0, bytes);
    step.bf16 = true;
    loss[1] = loss_of(model, &step, &batch, 5.0f, true);
    for (int64_t i = 0; i < p->total; i++) {
        double a = (double)exact[i], b = (double)p->grads[i];
        product += a * b, squares[0] += a * a, squares[1] += b * b;
    }
    assert_true(loss[0] != loss[1]); /* it is another precision */
    assert_true(fabs(loss[1] / loss[0] - 1.0) < 5e-3);
    assert_true(product / sqrt(squares[0] * squares[1]) > 0.999);
    assert_true(fabs(sqrt(squares[1] / squares[0]) - 1.0) < 2e-2);
    free(exact);
    rd_batch_free(&batch);
    rd_arena_free(&arena);
    rd_model_free(model);
}

/* Loss and gradient, kept in `gradient`, of one step; returns the arena's peak. */
static size_t step_of(rd_model *model, const rd_batch *batch, bool bf16, bool checkpoint,
                      double *loss, float *gradient) {
    rd_parameters *p = &model->parameters;
    size_t bytes = sizeof(float) * (size_t)p->total;
    rd_arena arena = {0};
    rd_step step = {.arena = &arena,
                    .training = true,
                    .bf16 = bf16,
                    .checkpoint_activations = checkpoint,
                    .seed = 9,
                    .update = 4,
                    .n_passes = 2};
    memset(p->grads, 0, bytes);
    *loss = loss_of(model, &step, batch, 5.0f, true);
    memcpy(gradient, p->grads, bytes);
    size_t peak = arena.peak;
    rd_arena_free(&arena);
    return peak;
}

static void check_checkpointing(const rd_model_config *config, bool bf16) {
    rd_model *model;
    assert_int_equal(rd_model_new(&model, config, 3), RD_OK);
    assert_int_equal(rd_model_prepare_training(model, bf16), RD_OK);
    size_t bytes = sizeof(float) * (size_t)model->parameters.total;
    float *kept = malloc(bytes), *again = malloc(bytes);
    rd_batch batch = random_batch(config);
    double loss[2];
    size_t whole = step_of(model, &batch, bf16, false, &loss[0], kept);
    size_t inputs = step_of(model, &batch, bf16, true, &loss[1], again);
    assert_true(loss[0] == loss[1]);
    assert_memory_equal(kept, again, bytes);
    if (inputs > whole / 2) fail_msg("%zu bytes with checkpoints, %zu without", inputs, whole);
    free(kept);
    free(again);
    rd_batch_free(&batch);
    rd_model_free(model);
}

/* Deep models need far less memory, and get the same gradient to the last bit. */
static void test_checkpointed_activations(void **state) {
    (void)state;
    bool bf16 = rd_gemm_choose(RD_PRECISION_AUTO, &bf16) == RD_OK && bf16;
    for (int pre_norm = 0; pre_norm < 2; pre_norm++)
        for (int precision = 0; precision <= bf16; precision++) {
            rd_model_config c = toy_config();
            c.encoder.layers = c.decoder.layers = 8;
            c.encoder.normalize_before = c.decoder.normalize_before = pre_norm;
            c.dropout = 0.3f, c.attention_dropout = 0.2f, c.activation_dropout = 0.1f;
            check_checkpointing(&c, precision);
        }
}

static void test_gradient_post_norm(void **state) {
    (void)state;
    rd_model_config c = toy_config();
    check_gradient(&c, 1, 0.0f);
}

static void test_gradient_rdrop_with_all_dropouts(void **state) {
    (void)state;
    rd_model_config c = toy_config();
    c.dropout = 0.3f, c.attention_dropout = 0.2f, c.activation_dropout = 0.1f;
    check_gradient(&c, 2, 5.0f);
}

static void test_gradient_pre_norm_gelu_learned_tied(void **state) {
    (void)state;
    rd_model_config c = toy_config();
    c.encoder.normalize_before = c.decoder.normalize_before = true;
    c.encoder.learned_pos = c.decoder.learned_pos = true;
    c.activation = RD_GELU;
    c.src_vocab = c.tgt_vocab;
    c.share_all_embeddings = c.share_decoder_input_output_embed = true;
    c.dropout = 0.1f;
    check_gradient(&c, 2, 1.0f);
}

/* Dropout behind a layer norm behind the embeddings, which all sides share. */
static void test_gradient_bart(void **state) {
    (void)state;
    rd_model_config c = toy_config();
    c.encoder.learned_pos = c.decoder.learned_pos = true;
    c.layernorm_embedding = c.no_scale_embedding = c.output_bias = true;
    c.activation = RD_GELU;
    c.src_vocab = c.tgt_vocab;
    c.share_all_embeddings = true;
    c.dropout = c.attention_dropout = 0.1f;
    check_gradient(&c, 2, 0.7f);
}

/* Features of Marian's models that fairseq's lack. */
static void test_gradient_swish_output_bias_marian_positions(void **state) {
    (void)state;
    rd_model_config c = toy_config();
    c.activation = RD_SWISH;
    c.output_bias = true;
    c.position_layout = RD_POSITIONS_HF_MARIAN;
    c.decoder_start = RD_START_PAD;
    c.decoder.learned_pos = true;
    c.dropout = 0.1f;
    check_gradient(&c, 2, 1.0f);
}

/* As in language models: no encoder, and nothing of one among the parameters. */
static void test_gradient_decoder_alone(void **state) {
    (void)state;
    rd_model_config c = toy_config();
    c.encoder = (rd_stack_config){0};
    c.decoder.normalize_before = true;
    c.share_decoder_input_output_embed = true;
    c.dropout = c.attention_dropout = 0.1f;
    check_gradient(&c, 2, 1.0f);
    rd_model *model;
    assert_int_equal(rd_model_new(&model, &c, 1), RD_OK);
    for (int64_t i = 0; i < model->parameters.n; i++)
        assert_null(strstr(model->parameters.items[i].name, "encoder"));
    rd_model_free(model);
}

static void test_gradient_encoder_alone(void **state) {
    (void)state;
    rd_model_config c = toy_config();
    c.decoder = (rd_stack_config){0};
    c.encoder.learned_pos = true;
    c.dropout = c.activation_dropout = 0.1f;
    check_gradient(&c, 2, 1.0f);
    c.src_vocab = c.tgt_vocab;
    c.share_all_embeddings = true;
    check_gradient(&c, 1, 0.0f);
}

/* As BERT: segments, an epsilon of its own, the other GELU. */
static void test_gradient_bert(void **state) {
    (void)state;
    rd_model_config c = toy_config();
    c.decoder = (rd_stack_config){0};
    c.encoder.learned_pos = true;
    c.layernorm_embedding = c.no_scale_embedding = true;
    c.segment_types = 2;
    c.layer_norm_eps = 1e-12f;
    c.activation = RD_GELU_TANH;
    c.dropout = 0.1f;
    check_gradient(&c, 2, 1.0f);
    rd_model *model;
    c.layernorm_embedding = false;
    assert_int_equal(rd_model_new(&model, &c, 1), RD_ERR_ARGUMENT);
}

/* As the adaptive models of fairseq: pre-norm, and no norm at the end. */
static void test_gradient_no_final_norm(void **state) {
    (void)state;
    rd_model_config c = toy_config();
    c.encoder = (rd_stack_config){0};
    c.decoder.normalize_before = c.no_decoder_final_norm = true;
    c.dropout = 0.1f;
    check_gradient(&c, 2, 1.0f);
    rd_model *model;
    assert_int_equal(rd_model_new(&model, &c, 1), RD_OK);
    assert_null(rd_parameters_find(&model->parameters, "decoder.layer_norm.weight"));
    rd_model_free(model);
}

/* Labels say which outputs count: those of one sequence give its loss and gradient alone, however
 * the batch is laid out. */
static void test_labels_choose_outputs(void **state) {
    (void)state;
    rd_model_config c = toy_config();
    rd_batch batch = random_batch(&c), one = {0};
    const int64_t chosen = 3;
    int32_t s = batch.source.offsets[chosen], t = batch.target.offsets[chosen];
    int32_t n_src = rd_tokens_length(&batch.source, chosen);
    int32_t n_tgt = rd_tokens_length(&batch.target, chosen);
    assert_int_equal(
        rd_batch_add(&one, chosen, batch.source.ids + s, n_src, batch.target.ids + t, n_tgt),
        RD_OK);
    for (int32_t i = 0; i < rd_tokens_total(&batch.target); i++)
        add_id(&batch.labels, i >= t && i % 2 ? batch.target.ids[i] : -1);
    for (int32_t i = t; i < t + n_tgt; i++) add_id(&one.labels, i % 2 ? batch.target.ids[i] : -1);
    rd_model *model;
    rd_arena arena = {0};
    rd_step step = {.arena = &arena, .n_passes = 2};
    assert_int_equal(rd_model_new(&model, &c, 3), RD_OK);
    assert_int_equal(rd_model_prepare_training(model, false), RD_OK);
    rd_parameters *p = &model->parameters;
    size_t bytes = sizeof(float) * (size_t)p->total;
    float *all = malloc(bytes);
    double loss = loss_of(model, &step, &batch, 1.0f, true);
    memcpy(all, p->grads, bytes);
    memset(p->grads, 0, bytes);
    double alone = loss_of(model, &step, &one, 1.0f, true), worst = 0.0;
    assert_true(fabs(loss - alone) < 1e-5 * alone);
    for (int64_t i = 0; i < p->total; i++)
        if (fabs((double)(all[i] - p->grads[i])) > worst)
            worst = fabs((double)(all[i] - p->grads[i]));
    assert_true(worst < 1e-4);
    batch.labels.length--;
    rd_criterion_sums sums = {0};
    rd_criterion criterion = {.loss = rd_token_loss, .label_smoothing = 0.1f, .reg_alpha = 1.0f};
    assert_int_equal(rd_network_loss(model, &step, &batch, &criterion, false, &sums),
                     RD_ERR_ARGUMENT);
    free(all);
    rd_batch_free(&batch);
    rd_batch_free(&one);
    rd_arena_free(&arena);
    rd_model_free(model);
}

/* A block of a stream is read after the token before it. */
static void test_starts(void **state) {
    (void)state;
    rd_model_config c = toy_config();
    rd_batch batch = random_batch(&c);
    rd_model *model;
    rd_arena arena = {0};
    rd_step step = {.arena = &arena, .n_passes = 1};
    assert_int_equal(rd_model_new(&model, &c, 3), RD_OK);
    double usual = loss_of(model, &step, &batch, 0.0f, false);
    for (int64_t i = 0; i < batch.n; i++) add_id(&batch.starts, c.eos_id);
    assert_true(loss_of(model, &step, &batch, 0.0f, false) == usual);
    batch.starts.data[3] = 9;
    assert_true(loss_of(model, &step, &batch, 0.0f, false) != usual);
    rd_batch_free(&batch);
    rd_arena_free(&arena);
    rd_model_free(model);
}

/* A decoder alone sees no token of the future, and an encoder alone sees all. */
static void test_who_sees_whom(void **state) {
    (void)state;
    for (int alone = 0; alone < 2; alone++) {
        rd_model_config c = toy_config();
        *(alone ? &c.encoder : &c.decoder) = (rd_stack_config){0};
        rd_model *model;
        rd_arena arena = {0};
        rd_batch batch = {0}, changed = {0};
        const int32_t first[] = {4, 5, 6, 7, 2}, second[] = {4, 5, 6, 9, 2};
        float logits[2][5 * 37];
        assert_int_equal(rd_model_new(&model, &c, 1), RD_OK);
        assert_int_equal(rd_batch_add(&batch, 0, first, 5, first, 5), RD_OK);
        assert_int_equal(rd_batch_add(&changed, 0, second, 5, second, 5), RD_OK);
        assert_int_equal(rd_network_logits(model, &arena, &batch, logits[0]), RD_OK);
        assert_int_equal(rd_network_logits(model, &arena, &changed, logits[1]), RD_OK);
        if (alone) /* the decoder reads token 3 for its output 4 */
            assert_memory_equal(logits[0], logits[1], sizeof(float) * 4 * 37);
        else
            assert_memory_not_equal(logits[0], logits[1], sizeof(float) * 37);
        assert_memory_not_equal(logits[0] + 4 * 37, logits[1] + 4 * 37, sizeof(float) * 37);
        rd_batch_free(&batch);
        rd_batch_free(&changed);
        rd_arena_free(&arena);
        rd_model_free(model);
    }
}

static void test_no_stack_at_all_is_refused(void **state) {
    (void)state;
    rd_model_config c = toy_config();
    c.encoder = c.decoder = (rd_stack_config){0};
    rd_model *model;
    assert_int_equal(rd_model_new(&model, &c, 1), RD_ERR_ARGUMENT);
    assert_null(model);
}

/* Numbers that no recipe could set: once a cutoff above 1 wrote past the sequence. */
static void test_settings_out_of_range_are_refused(void **state) {
    (void)state;
    rd_model_config bad[7];
    for (int i = 0; i < 7; i++) bad[i] = toy_config();
    bad[0].dropout = 1.0f;
    bad[1].activation_dropout = NAN;
    bad[2].attention_dropout = -0.1f;
    bad[3].cutoff_ratio = 5.0f;
    bad[4].activation = (rd_activation)9;
    bad[5].decoder_start = (rd_decoder_start)-1;
    bad[6].layer_norm_eps = INFINITY;
    static const char *const names[] = {"model: dropout is 1;",
                                        "model: activation-dropout is ",
                                        "model: attention-dropout is -0.1;",
                                        "model: cutoff-ratio is 5;",
                                        "model: activation-fn is 9;",
                                        "model: decoder-start is -1;",
                                        "model: layer-norm-eps is inf;"};
    for (int i = 0; i < 7; i++) {
        rd_model *model;
        assert_int_equal(rd_model_new(&model, &bad[i], 1), RD_ERR_ARGUMENT);
        if (!strstr(rd_last_error(), names[i])) fail_msg("%s", rd_last_error());
    }
    rd_model_config edge = toy_config();
    edge.dropout = edge.cutoff_ratio = 0.99f;
    rd_model *model;
    assert_int_equal(rd_model_new(&model, &edge, 1), RD_OK);
    rd_model_free(model);
}

/* R-Drop's two passes see different dropout bits: identical ones would give a KL of zero. */
static void test_passes_differ_only_by_dropout(void **state) {
    (void)state;
    rd_model_config c = toy_config();
    rd_batch batch = random_batch(&c);
    for (int with = 0; with < 2; with++) {
        c.dropout = with ? 0.3f : 0.0f;
        rd_model *model;
        assert_int_equal(rd_model_new(&model, &c, 3), RD_OK);
        rd_arena arena = {0};
        rd_step step = {.arena = &arena, .training = true, .n_passes = 2};
        rd_criterion_sums sums = {0};
        rd_criterion criterion = {
            .loss = rd_token_loss, .label_smoothing = 0.1f, .reg_alpha = 5.0f};
        assert_int_equal(rd_network_loss(model, &step, &batch, &criterion, false, &sums), RD_OK);
        if (with)
            assert_true(sums.kl > 1.0);
        else
            assert_true(fabs(sums.kl) < 1e-3);
        assert_int_equal(sums.n_tokens, rd_tokens_total(&batch.target));
        rd_arena_free(&arena);
        rd_model_free(model);
    }
    rd_batch_free(&batch);
}

static void test_loss_does_not_depend_on_batching(void **state) {
    (void)state;
    rd_model_config c = toy_config();
    rd_batch batch = random_batch(&c);
    rd_model *model;
    assert_int_equal(rd_model_new(&model, &c, 3), RD_OK);
    rd_arena arena = {0};
    rd_step step = {.arena = &arena, .n_passes = 1};
    double together = loss_of(model, &step, &batch, 0.0f, false), alone = 0.0;
    for (int64_t i = 0; i < batch.n; i++) {
        rd_batch one = {0};
        int32_t s = batch.source.offsets[i], t = batch.target.offsets[i];
        assert_int_equal(rd_batch_add(&one, i, batch.source.ids + s,
                                      batch.source.offsets[i + 1] - s, batch.target.ids + t,
                                      batch.target.offsets[i + 1] - t),
                         RD_OK);
        alone += loss_of(model, &step, &one, 0.0f, false);
        rd_batch_free(&one);
    }
    assert_true(fabs(together - alone) < 1e-4 * together);
    rd_batch_free(&batch);
    rd_arena_free(&arena);
    rd_model_free(model);
}

static void test_save_and_load(void **state) {
    (void)state;
    rd_model_config c = toy_config();
    rd_model *model, *again;
    char path[] = "/tmp/rdrop-model-XXXXXX";
    close(mkstemp(path));
    assert_int_equal(rd_model_new(&model, &c, 3), RD_OK);
    assert_int_equal(rd_model_save(model, path), RD_OK);
    assert_int_equal(rd_model_load(&again, &c, path), RD_OK);
    assert_memory_equal(model->parameters.values, again->parameters.values,
                        sizeof(float) * (size_t)model->parameters.total);
    rd_model_free(again);
    c.encoder.ffn_dim++;
    assert_int_equal(rd_model_load(&again, &c, path), RD_ERR_FORMAT);
    assert_non_null(strstr(rd_last_error(), "fc1.weight"));
    assert_int_equal(truncate(path, 3000), 0);
    assert_int_equal(rd_model_load(&again, &c, path), RD_ERR_FORMAT);
    unlink(path);
    rd_model_free(model);
}

/* A few lines of configuration cannot make a program ask for more than its file holds. */
static void test_config_of_another_size(void **state) {
    (void)state;
    rd_model_config c = toy_config();
    rd_model *model;
    char path[] = "/tmp/rdrop-model-XXXXXX";
    close(mkstemp(path));
    assert_int_equal(rd_model_new(&model, &c, 3), RD_OK);
    assert_int_equal(rd_model_save(model, path), RD_OK);
    rd_model_free(model);
    rd_model_config large = c;
    large.encoder.layers = large.decoder.layers = 1000;
    large.encoder.ffn_dim = large.decoder.ffn_dim = 16384;
    assert_int_equal(rd_model_load(&model, &large, path), RD_ERR_FORMAT);
    assert_non_null(strstr(rd_last_error(), "truncated, or of another model"));
    large = c;
    large.max_source_positions = 1000000;
    large.d_model *= 128;
    assert_int_equal(rd_model_load(&model, &large, path), RD_ERR_ARGUMENT);
    assert_non_null(strstr(rd_last_error(), "at most 1 GiB"));
    unlink(path);
}

/* *_lengths of rd_model_logits: [4]. */
static rd_status public_logits(const rd_model *model, const rd_batch *batch, const int32_t *n_src,
                               const int32_t *n_tgt, const uint64_t *seed, float *logits) {
    return rd_model_logits(model, batch->n, batch->source.ids, n_src, batch->target.ids, n_tgt,
                           seed, logits);
}

/* Without a seed they are rd_network_logits'; with dropout, a function of the seed. */
static void public_logits_are_those_of_the_network(void **state) {
    (void)state;
    rd_model_config config = toy_config();
    config.dropout = 0.2f;
    rd_model *model;
    assert_int_equal(rd_model_new(&model, &config, 3), RD_OK);
    rd_batch batch = random_batch(&config);
    int32_t n_src[4], n_tgt[4];
    for (int i = 0; i < 4; i++) n_src[i] = rd_tokens_length(&batch.source, i);
    for (int i = 0; i < 4; i++) n_tgt[i] = rd_tokens_length(&batch.target, i);
    size_t n = (size_t)(rd_tokens_total(&batch.target) * config.tgt_vocab);
    float *logits[5];
    for (int i = 0; i < 5; i++) assert_non_null(logits[i] = malloc(sizeof(float) * n));
    rd_arena arena = {0};
    assert_int_equal(rd_network_logits(model, &arena, &batch, logits[0]), RD_OK);
    const uint64_t seeds[] = {7, 8, 7};
    assert_int_equal(public_logits(model, &batch, n_src, n_tgt, NULL, logits[1]), RD_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(public_logits(model, &batch, n_src, n_tgt, &seeds[i], logits[2 + i]),
                         RD_OK);
    assert_memory_equal(logits[0], logits[1], sizeof(float) * n);
    assert_memory_equal(logits[2], logits[4], sizeof(float) * n);
    assert_memory_not_equal(logits[1], logits[2], sizeof(float) * n);
    assert_memory_not_equal(logits[2], logits[3], sizeof(float) * n);

    n_tgt[1] = 0;
    assert_int_equal(public_logits(model, &batch, n_src, n_tgt, NULL, logits[1]), RD_ERR_ARGUMENT);
    assert_non_null(strstr(rd_last_error(), "target 1: expected 1 to 100 tokens, found 0"));
    n_tgt[1] = 1;
    batch.source.ids[3] = config.src_vocab;
    assert_int_equal(public_logits(model, &batch, n_src, n_tgt, NULL, logits[1]), RD_ERR_ARGUMENT);
    assert_non_null(
        strstr(rd_last_error(), "source 1, token 0: expected an id below 31, found 31"));
    for (int i = 0; i < 5; i++) free(logits[i]);
    rd_arena_free(&arena);
    rd_batch_free(&batch);
    rd_model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradient_post_norm),
        cmocka_unit_test(test_gradient_rdrop_with_all_dropouts),
        cmocka_unit_test(test_gradient_pre_norm_gelu_learned_tied),
        cmocka_unit_test(test_gradient_bart),
        cmocka_unit_test(test_gradient_swish_output_bias_marian_positions),
        cmocka_unit_test(test_gradient_decoder_alone),
        cmocka_unit_test(test_gradient_bert),
        cmocka_unit_test(test_gradient_no_final_norm),
        cmocka_unit_test(test_labels_choose_outputs),
        cmocka_unit_test(test_starts),
        cmocka_unit_test(test_gradient_encoder_alone),
        cmocka_unit_test(test_who_sees_whom),
        cmocka_unit_test(test_no_stack_at_all_is_refused),
        cmocka_unit_test(test_settings_out_of_range_are_refused),
        cmocka_unit_test(test_bf16_is_near_fp32),
        cmocka_unit_test(test_checkpointed_activations),
        cmocka_unit_test(test_passes_differ_only_by_dropout),
        cmocka_unit_test(test_loss_does_not_depend_on_batching),
        cmocka_unit_test(test_save_and_load),
        cmocka_unit_test(test_config_of_another_size),
        cmocka_unit_test(public_logits_are_those_of_the_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
