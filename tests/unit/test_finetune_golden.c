/* Fine-tuning an imported BART without dropout: losses, gradient norms and weights of several
 * updates as PyTorch's, with AdamW, clipping and label smoothing, from
 * tests/oracles/bart_finetune.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "convert/convert.h"
#include "golden.h"
#include "model/network.h"
#include "optim/optimizer.h"
#include "recipe/recipe.h"

/* The imported model, without dropout. */
static rd_model *open_start(void) {
    char directory[] = "/tmp/rdrop-finetune-XXXXXX", path[64], command[64];
    assert_non_null(mkdtemp(directory));
    must(rd_import(TEST_DATA "/bart", directory, NULL));
    rd_recipe *recipe;
    rd_model *model;
    snprintf(path, sizeof path, "%s/config.yaml", directory);
    must(rd_recipe_load_config(&recipe, path));
    rd_model_config config = recipe->model;
    rd_recipe_free(recipe);
    config.dropout = config.attention_dropout = config.activation_dropout = 0.0f;
    snprintf(path, sizeof path, "%s/model.safetensors", directory);
    must(rd_model_load(&model, &config, path));
    must(rd_model_prepare_training(model, false));
    snprintf(command, sizeof command, "rm -r %s", directory);
    assert_int_equal(system(command), 0);
    return model;
}

static rd_batch read_pairs(const json_t *golden) {
    rd_batch batch = {0};
    json_t *sources = json_object_get(golden, "sources"), *source;
    json_t *targets = json_object_get(golden, "targets");
    size_t i;
    json_array_foreach(sources, i, source) {
        json_t *pair = json_pack("{s:[O], s:[O]}", "source", source, "target",
                                 json_array_get(targets, i)); /* lists of one list each */
        int64_t n_source, n_target;
        int32_t *s = golden_integers(pair, "source", &n_source);
        int32_t *t = golden_integers(pair, "target", &n_target);
        must(rd_batch_add(&batch, (int64_t)i, s, (int32_t)n_source, t, (int32_t)n_target));
        free(s);
        free(t);
        json_decref(pair);
    }
    return batch;
}

static rd_optim_config read_settings(const json_t *golden) {
    int64_t n;
    double *betas = golden_numbers(golden, "betas", &n);
    rd_optim_config config = {.lr = golden_number(golden, "lr"),
                              .adam_beta1 = betas[0],
                              .adam_beta2 = betas[1],
                              .adam_eps = golden_number(golden, "eps"),
                              .weight_decay = golden_number(golden, "weight_decay"),
                              .decoupled_weight_decay = true,
                              .clip_norm = golden_number(golden, "clip_norm"),
                              .lr_scheduler = RD_LR_FIXED};
    free(betas);
    return config;
}

static void check_weights(const rd_parameters *p) {
    float *wanted = malloc(sizeof *wanted * (size_t)p->total);
    must(rd_parameters_load(p, wanted, TEST_DATA "/bart/finetuned.safetensors"));
    for (int64_t k = 0; k < p->n; k++) {
        const rd_parameter *item = &p->items[k];
        int64_t n = item->shape[0] * (item->shape[1] ? item->shape[1] : 1);
        for (int64_t i = item->offset; i < item->offset + n; i++)
            assert_near((double)p->values[i], (double)wanted[i], 0, 1e-5, item->name,
                        i - item->offset);
    }
    free(wanted);
}

static void test_updates(void **state) {
    (void)state;
    json_t *golden = golden_load("bart/finetuned.json");
    rd_model *model = open_start();
    rd_parameters *p = &model->parameters;
    rd_batch batch = read_pairs(golden);
    rd_optim_config config = read_settings(golden);
    float label_smoothing = (float)golden_number(golden, "label_smoothing");
    float reg_alpha = (float)golden_number(golden, "reg_alpha");
    int64_t n;
    double *losses = golden_numbers(golden, "losses", &n);
    double *norms = golden_numbers(golden, "norms", &n);
    assert_int_equal(n, 4);
    rd_optimizer optimizer;
    must(rd_optimizer_new(&optimizer, p->total, p->values, false));
    rd_arena arena = {0};
    for (int64_t t = 0; t < n; t++) {
        rd_step step = {.arena = &arena, .training = true, .seed = 1, .update = t, .n_passes = 2};
        rd_criterion_sums sums = {0};
        must(rd_network_loss(model, &step, &batch,
                             &(rd_criterion){.loss = rd_token_loss,
                                             .label_smoothing = label_smoothing,
                                             .reg_alpha = reg_alpha},
                             true, &sums));
        rd_arena_reset(&arena);
        double scale = 1.0 / (double)sums.n_tokens;
        double norm = rd_gradient_norm(p->grads, p->total, scale);
        assert_near(sums.loss * scale, losses[t], 1e-6, 0, "loss", t);
        assert_near(norm, norms[t], 1e-4, 0, "gradient norm", t);
        rd_optimizer_step(&optimizer, &config, t + 1, scale, norm, (rd_slice){0, optimizer.n, 0},
                          p->values, p->grads, 0.0);
    }
    check_weights(p);
    rd_optimizer_free(&optimizer);
    rd_arena_free(&arena);
    rd_batch_free(&batch);
    rd_model_free(model);
    free(losses);
    free(norms);
    json_decref(golden);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_updates)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
