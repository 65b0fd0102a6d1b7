/* A model before training: how its weights begin, and that each dropout has a site of its own, on
 * which its bits depend. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "golden.h"
#include "model/transformer.h"

static rd_model_config translation(void) {
    return (rd_model_config){
        .d_model = 24,
        .encoder = {.layers = 3, .heads = 2, .ffn_dim = 40},
        .decoder = {.layers = 2, .heads = 3, .ffn_dim = 36, .learned_pos = true},
        .max_source_positions = 50,
        .max_target_positions = 50,
        .src_vocab = 31,
        .tgt_vocab = 37,
        .pad_id = 1,
        .eos_id = 2,
        .unk_id = 3};
}

static rd_model_config adaptive(bool tied) {
    const rd_cutoffs cutoffs = {.n = 2, .items = {40, 80}};
    return (rd_model_config){.d_model = 32,
                             .decoder = {.layers = 1, .heads = 2, .ffn_dim = 36},
                             .adaptive_input = true,
                             .adaptive_input_cutoff = cutoffs,
                             .adaptive_softmax_cutoff = cutoffs,
                             .adaptive_input_factor = 2,
                             .adaptive_softmax_factor = 2,
                             .tie_adaptive_weights = tied,
                             .tie_adaptive_proj = tied,
                             .max_target_positions = 50,
                             .max_source_positions = 50,
                             .src_vocab = 150,
                             .tgt_vocab = 150,
                             .pad_id = 1,
                             .eos_id = 2,
                             .unk_id = 3};
}

static bool has(const char *name, const char *part) {
    return strstr(name, part) != NULL;
}

/* values: [n] between -bound and bound, and out to both. */
static void assert_uniform(const float *values, int64_t n, double bound, const char *name) {
    double lowest = 0, highest = 0;
    for (int64_t i = 0; i < n; i++) {
        if (values[i] < lowest) lowest = values[i];
        if (values[i] > highest) highest = values[i];
    }
    if (lowest < -bound * 1.000001 || highest > bound * 1.000001 || lowest > -0.5 * bound ||
        highest < 0.5 * bound)
        fail_msg("%s: from %g to %g, expected -%g to %g", name, lowest, highest, bound, bound);
}

/* Of embeddings; the row of pad is zero. */
static void assert_normal(const float *values, int64_t rows, int64_t width, int64_t zero_row,
                          const char *name) {
    double sum = 0;
    for (int64_t i = 0; i < rows * width; i++) {
        if (i / width == zero_row) assert_true(values[i] == 0);
        sum += (double)values[i] * (double)values[i];
    }
    double deviation = sqrt(sum / (double)((rows - (zero_row >= 0)) * width));
    assert_near(deviation * sqrt((double)width), 1, 0.15, 0, name, 0);
}

/* fairseq's: Xavier's bound, times sqrt(1/2) for query, key and value; PyTorch's for the
 * feed-forward layer and for biases. */
static void check_values(const rd_parameter *item, const float *values, const rd_model_config *c) {
    int64_t rows = item->shape[0], columns = item->shape[1], n = rd_parameter_count(item);
    const char *name = item->name;
    bool in_projection = has(name, "q_proj") || has(name, "k_proj") || has(name, "v_proj");
    int32_t ffn_dim = has(name, "encoder.") ? c->encoder.ffn_dim : c->decoder.ffn_dim;
    if (has(name, ".fc1."))
        assert_uniform(values, n, 1 / sqrt((double)c->d_model), name);
    else if (has(name, ".fc2."))
        assert_uniform(values, n, 1 / sqrt((double)ffn_dim), name);
    else if (columns == 0 && in_projection)
        assert_uniform(values, n, 1 / sqrt((double)c->d_model), name);
    else if (columns == 0)
        for (int64_t i = 0; i < n; i++)
            assert_near((double)values[i], has(name, "norm.weight"), 0, 0, name, i);
    else if (has(name, "embed_tokens.weight") || has(name, "embed_positions") ||
             has(name, "embeddings.0.0."))
        assert_normal(values, rows, columns, c->pad_id, name);
    else if (has(name, "embed_tokens.embeddings") && has(name, ".0.weight"))
        assert_normal(values, rows, columns, -1, name);
    else if (has(name, "output_projection"))
        assert_normal(values, rows, columns, -1, name);
    else
        assert_uniform(values, n,
                       sqrt(6 / (double)(rows + columns)) * (in_projection ? sqrt(0.5) : 1), name);
}

static void check_model(const rd_model_config *config) {
    rd_model *model;
    must(rd_model_new(&model, config, 3));
    for (int64_t i = 0; i < model->parameters.n; i++) {
        const rd_parameter *item = &model->parameters.items[i];
        check_values(item, model->parameters.values + item->offset, config);
    }
    rd_model_free(model);
}

static void test_values(void **state) {
    (void)state;
    rd_model_config configs[] = {translation(), adaptive(false), adaptive(true)};
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) check_model(&configs[i]);
}

/* sites: [*n], in which none may be twice. */
static void add_site(int32_t *sites, int *n, int32_t site) {
    for (int i = 0; i < *n; i++)
        if (sites[i] == site) fail_msg("two dropouts at site %d", site);
    sites[(*n)++] = site;
}

static void add_sites_of(const rd_stack *stack, int32_t *sites, int *n) {
    if (stack->n_layers == 0) return;
    add_site(sites, n, stack->embedding.site);
    for (int32_t i = 0; i < stack->n_layers; i++) {
        const rd_layer *layer = &stack->layers[i];
        add_site(sites, n, layer->self_attention.site);
        add_site(sites, n, layer->self_residual.site);
        if (stack->cross) add_site(sites, n, layer->cross_attention.site);
        if (stack->cross) add_site(sites, n, layer->cross_residual.site);
        add_site(sites, n, layer->ffn.site);
        add_site(sites, n, layer->ffn_residual.site);
        if (layer->self_residual.drop_path > 0) {
            add_site(sites, n, layer->self_residual.path_site);
            add_site(sites, n, layer->ffn_residual.path_site);
        }
    }
}

static void test_sites(void **state) {
    (void)state;
    rd_model_config configs[] = {translation(), translation(), adaptive(false)};
    configs[1].drop_path = 0.1f;
    configs[1].encoder.normalize_before = configs[1].decoder.normalize_before = true;
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        int32_t sites[64];
        int n = 0;
        rd_model *model;
        must(rd_model_new(&model, &configs[i], 3));
        add_sites_of(&model->encoder, sites, &n);
        add_sites_of(&model->decoder, sites, &n);
        const rd_adaptive_softmax *softmax = &model->head.adaptive;
        for (int32_t k = 0; k <= softmax->n_tails && softmax->n_tails > 0; k++)
            add_site(sites, &n, softmax->site + k);
        assert_true(n > 5);
        rd_model_free(model);
    }
}

/* Of the encoder's layers the first is never left out, and the last as often as the recipe says. */
static void test_drop_path_rises(void **state) {
    (void)state;
    const float wanted[] = {0.0f, 0.15f, 0.3f};
    for (int32_t layers = 1; layers <= 3; layers += 2) {
        rd_model_config config = translation();
        rd_model *model;
        config.encoder.layers = layers;
        config.encoder.normalize_before = true;
        config.drop_path = 0.3f;
        must(rd_model_new(&model, &config, 3));
        for (int32_t i = 0; i < layers; i++) {
            const rd_layer *layer = &model->encoder.layers[i];
            double rate = layers == 1 ? 0.3 : (double)wanted[i];
            assert_near((double)layer->self_residual.drop_path, rate, 1e-6, 0, "attention", i);
            assert_near((double)layer->ffn_residual.drop_path, rate, 1e-6, 0, "feed-forward", i);
        }
        rd_model_free(model);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_values), cmocka_unit_test(test_sites),
                                       cmocka_unit_test(test_drop_path_rises)};
    return cmocka_run_group_tests_name("new_model", tests, NULL, NULL);
}
