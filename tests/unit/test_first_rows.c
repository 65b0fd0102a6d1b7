/* A head that reads each sequence's first row: the last layer computes these rows alone, and its
 * logits and gradients are those of computing all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/rng.h"
#include "model/network.h"
#include "slopes.h"

enum { SEQUENCES = 4, CLASSES = 3 };
static const int32_t lengths[SEQUENCES] = {5, 1, 40, 17};

static rd_model_config config_of(bool pre_norm, float drop) {
    return (rd_model_config){
        .d_model = 24,
        .encoder = {.layers = 3, .heads = 2, .ffn_dim = 40, .normalize_before = pre_norm},
        .max_source_positions = 100,
        .max_target_positions = 100,
        .src_vocab = 31,
        .tgt_vocab = 31,
        .pad_id = 1,
        .eos_id = 2,
        .unk_id = 3,
        .head = RD_HEAD_CLASSES,
        .num_classes = CLASSES,
        .pooling = RD_POOL_FIRST,
        .head_transform = RD_TRANSFORM_TANH,
        .dropout = drop,
        .attention_dropout = drop,
        .activation_dropout = drop,
        .drop_path = pre_norm ? drop : 0.0f};
}

static rd_batch random_batch(void) {
    rd_batch batch = {0};
    rd_rng rng = rd_rng_make(5, 5);
    for (int s = 0; s < SEQUENCES; s++) {
        int32_t ids[64], label = s % CLASSES;
        for (int32_t i = 0; i < lengths[s]; i++) ids[i] = 4 + (int32_t)rd_rng_below(&rng, 27);
        assert_int_equal(rd_batch_add(&batch, s, ids, lengths[s], ids, 0), RD_OK);
        assert_int_equal(
            rd_reserve(&batch.labels.data, &batch.labels.capacity, s + 1, sizeof label), RD_OK);
        batch.labels.data[batch.labels.length++] = label;
    }
    return batch;
}

static rd_model *new_model(const rd_model_config *config, bool bf16) {
    rd_model *model;
    assert_int_equal(rd_model_new(&model, config, 3), RD_OK);
    assert_int_equal(rd_model_prepare_training(model, bf16), RD_OK);
    return model;
}

static double loss_of(const rd_model *model, const rd_step *step, const rd_batch *batch,
                      bool gradient) {
    rd_criterion_sums sums = {0};
    rd_criterion criterion = {.loss = rd_class_loss, .label_smoothing = 0.1f, .reg_alpha = 2.0f};
    assert_int_equal(rd_network_loss(model, step, batch, &criterion, gradient, &sums), RD_OK);
    rd_arena_reset(step->arena);
    return sums.loss;
}

static void compute_all_rows(rd_model *model) {
    model->encoder.first_alone = false;
    model->encoder.layers[model->encoder.n_layers - 1].self_attention.apart = false;
}

static void check_near(const float *a, const float *b, int64_t n, float tolerance) {
    float scale = 0.0f;
    for (int64_t i = 0; i < n; i++) scale = fmaxf(scale, fabsf(b[i]));
    for (int64_t i = 0; i < n; i++)
        if (!(fabsf(a[i] - b[i]) <= tolerance * scale))
            fail_msg("%lld: %g, and %g of all rows", (long long)i, (double)a[i], (double)b[i]);
}

static void check_all_rows(bool pre_norm, bool checkpointed, bool bf16) {
    rd_model_config config = config_of(pre_norm, 0.0f);
    rd_model *few = new_model(&config, bf16), *all = new_model(&config, bf16);
    rd_batch batch = random_batch();
    rd_arena arena = {0};
    rd_step step = {.arena = &arena,
                    .training = true,
                    .bf16 = bf16,
                    .checkpoint_activations = checkpointed,
                    .n_passes = 2};
    float tolerance = bf16 ? 2e-2f : 2e-5f;
    compute_all_rows(all);
    double loss[2] = {loss_of(few, &step, &batch, true), loss_of(all, &step, &batch, true)};
    assert_true(fabs(loss[0] / loss[1] - 1.0) < (double)tolerance);
    check_near(few->parameters.grads, all->parameters.grads, few->parameters.total, tolerance);
    if (!bf16) {
        float logits[2][SEQUENCES * CLASSES];
        assert_int_equal(rd_network_logits(few, &arena, &batch, logits[0]), RD_OK);
        assert_int_equal(rd_network_logits(all, &arena, &batch, logits[1]), RD_OK);
        check_near(logits[0], logits[1], SEQUENCES * CLASSES, tolerance);
    }
    rd_batch_free(&batch);
    rd_arena_free(&arena);
    rd_model_free(few);
    rd_model_free(all);
}

static void as_all_rows_would(void **state) {
    (void)state;
    bool bf16 = false;
    if (rd_gemm_choose(RD_PRECISION_BF16, &bf16) != RD_OK) bf16 = false;
    for (int i = 0; i < 8; i++)
        if (bf16 || i < 4) check_all_rows(i % 2, i / 2 % 2, i / 4);
}

typedef struct {
    const rd_model *model;
    const rd_step *step;
    const rd_batch *batch;
} loss_case;

static double loss_here(void *self) {
    const loss_case *c = self;
    return loss_of(c->model, c->step, c->batch, false);
}

/* With all kinds of dropout. */
static void slopes_with_dropout(void **state) {
    (void)state;
    for (int pre_norm = 0; pre_norm < 2; pre_norm++) {
        rd_model_config config = config_of(pre_norm, 0.2f);
        rd_model *model = new_model(&config, false);
        rd_parameters *p = &model->parameters;
        rd_batch batch = random_batch();
        rd_arena arena = {0};
        rd_step step = {.arena = &arena, .training = true, .seed = 9, .update = 4, .n_passes = 2};
        loss_of(model, &step, &batch, true);
        assert_slopes(&(slope_part){p->values, p->grads, p->total}, 1, 1e-4, 0.02, loss_here,
                      &(loss_case){model, &step, &batch});
        rd_batch_free(&batch);
        rd_arena_free(&arena);
        rd_model_free(model);
    }
}

/* A mean is of all rows, whatever the head reads. */
static void means_of_a_classifier(void **state) {
    (void)state;
    rd_model_config config = config_of(false, 0.0f);
    rd_model *few = new_model(&config, false), *all = new_model(&config, false);
    rd_batch batch = random_batch();
    rd_arena arena = {0};
    float vectors[2][SEQUENCES * 24];
    compute_all_rows(all);
    for (rd_pooling pooling = RD_POOL_FIRST; pooling <= RD_POOL_MEAN; pooling++) {
        assert_int_equal(rd_network_vectors(few, &arena, &batch, pooling, vectors[0]), RD_OK);
        assert_int_equal(rd_network_vectors(all, &arena, &batch, pooling, vectors[1]), RD_OK);
        check_near(vectors[0], vectors[1], SEQUENCES * 24, 1e-5f);
    }
    rd_batch_free(&batch);
    rd_arena_free(&arena);
    rd_model_free(few);
    rd_model_free(all);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_all_rows_would),
        cmocka_unit_test(slopes_with_dropout),
        cmocka_unit_test(means_of_a_classifier),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
