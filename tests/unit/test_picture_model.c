/* An encoder of pictures against PyTorch: outputs and the gradient of every parameter, from weights
 * that tests/oracles/picture_model_golden.py drew; and against finite differences with dropout and
 * stochastic depth on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "golden.h"
#include "io/safetensors.h"
#include "model/network.h"
#include "model/position_resize.h"

/* The loss is the sum of outputs times `times`, in each pass. */
typedef struct {
    rd_criterion base;
    const float *times, *out; /* [rows, width]; out NULL: not compared */
} weighted_sum;

static rd_status loss_of_outputs(const rd_criterion *self, const rd_step *step, const rd_head *head,
                                 const rd_batch *batch, const rd_output *out,
                                 rd_criterion_sums *sums) {
    const weighted_sum *s = (const weighted_sum *)(const void *)self;
    int64_t n = out->rows * out->width;
    (void)head;
    for (int64_t i = 0; i < step->n_passes * n; i++) {
        if (s->out)
            assert_near((double)out->x.f32[i], (double)s->out[i % n], 1e-5, 1e-5, "output", i);
        sums->loss += (double)out->x.f32[i] * (double)s->times[i % n];
        if (out->dx) out->dx[i] = s->times[i % n];
    }
    sums->n_tokens += batch->n;
    return RD_OK;
}

static int32_t whole(const json_t *object, const char *key) {
    return (int32_t)golden_number(object, key);
}

static rd_model_config config_of(const json_t *c) {
    return (rd_model_config){.d_model = whole(c, "d_model"),
                             .encoder = {.layers = whole(c, "layers"),
                                         .heads = whole(c, "heads"),
                                         .ffn_dim = whole(c, "ffn_dim"),
                                         .normalize_before = true,
                                         .learned_pos = true},
                             .activation = RD_GELU,
                             .layer_norm_eps = 1e-6f,
                             .picture = {.size = whole(c, "size"),
                                         .channels = whole(c, "channels"),
                                         .patch = whole(c, "patch"),
                                         .stem_layers = whole(c, "stem"),
                                         .class_tokens = whole(c, "class_tokens")},
                             .max_source_positions = 1,
                             .max_target_positions = 1,
                             .tgt_vocab = 5};
}

typedef struct {
    json_t *json;
    rd_model *model;
    rd_batch batch;
    float *times, *out;
} fixture;

static bool is_of_head(const rd_parameter *item) {
    return strstr(item->name, "output_projection") || strstr(item->name, "head");
}

/* All of the encoder's tensors; those of the head become 0. */
static void read_tensors(const rd_parameters *p, const char *name, const char *suffix,
                         float *values) {
    char path[512];
    rd_tensor_file file;
    snprintf(path, sizeof path, "%s/picture_model_%s%s.safetensors", TEST_DATA, name, suffix);
    must(rd_tensor_file_open(&file, path));
    for (int64_t i = 0; i < p->n; i++) {
        const rd_parameter *item = &p->items[i];
        rd_stored_tensor tensor;
        float *to = values + item->offset;
        memset(to, 0, sizeof *to * (size_t)rd_parameter_count(item));
        if (is_of_head(item)) continue;
        must(rd_tensor_file_find(&file, item->name, &tensor));
        if (!rd_stored_tensor_fits(&tensor, item->shape[0], item->shape[1]))
            fail_msg("%s has another shape", item->name);
        must(rd_stored_tensor_read(&tensor, to));
    }
    rd_tensor_file_close(&file);
}

static fixture open_fixture(const char *name, float drop) {
    char file[64];
    int64_t n;
    snprintf(file, sizeof file, "picture_model_%s.json", name);
    fixture f = {.json = golden_load(file)};
    const json_t *c = json_object_get(f.json, "config");
    rd_model_config config = config_of(c);
    config.dropout = config.attention_dropout = config.activation_dropout = config.drop_path = drop;
    must(rd_model_new(&f.model, &config, 1));
    must(rd_model_prepare_training(f.model, false));
    read_tensors(&f.model->parameters, name, "", f.model->parameters.values);
    float *pictures = golden_floats(f.json, "pictures", &n);
    must(rd_floats_add(&f.batch.pictures, pictures, n));
    f.batch.n = n / (config.picture.channels * config.picture.size * config.picture.size);
    f.times = golden_floats(f.json, "times", &n);
    f.out = golden_floats(f.json, "out", &n);
    free(pictures);
    return f;
}

static void close_fixture(fixture *f) {
    rd_model_free(f->model);
    rd_batch_free(&f->batch);
    free(f->times);
    free(f->out);
    json_decref(f->json);
}

static double run(fixture *f, const rd_step *step, const float *out, bool gradient) {
    rd_parameters *p = &f->model->parameters;
    weighted_sum criterion = {{.loss = loss_of_outputs}, f->times, out};
    rd_criterion_sums sums = {0};
    if (gradient) memset(p->grads, 0, sizeof(float) * (size_t)p->total);
    must(rd_network_loss(f->model, step, &f->batch, &criterion.base, gradient, &sums));
    rd_arena_reset(step->arena);
    return sums.loss;
}

static void check_against_pytorch(const char *name, int32_t passes, bool again) {
    fixture f = open_fixture(name, 0.0f);
    const rd_parameters *p = &f.model->parameters;
    float *wanted = malloc(sizeof *wanted * (size_t)p->total);
    rd_arena arena = {0};
    rd_step step = {
        .arena = &arena, .training = true, .n_passes = passes, .checkpoint_activations = again};
    read_tensors(p, name, ".gradients", wanted);
    run(&f, &step, f.out, true);
    for (int64_t i = 0; i < p->n; i++) {
        const rd_parameter *item = &p->items[i];
        for (int64_t k = 0; k < rd_parameter_count(item); k++) {
            int64_t at = item->offset + k;
            assert_near((double)p->grads[at], passes * (double)wanted[at], 1e-5, 2e-5, item->name,
                        k);
        }
    }
    free(wanted);
    rd_arena_free(&arena);
    close_fixture(&f);
}

static void test_patches(void **state) {
    (void)state;
    check_against_pytorch("patches", 1, false);
    check_against_pytorch("patches", 2, false);
    check_against_pytorch("patches", 2, true);
}

static void test_grey_without_class_token(void **state) {
    (void)state;
    check_against_pytorch("grey", 1, false);
    check_against_pytorch("grey", 2, true);
}

static void test_stem(void **state) {
    (void)state;
    check_against_pytorch("stem", 1, false);
    check_against_pytorch("stem", 2, false);
    check_against_pytorch("stem", 2, true);
}

/* The slope along the gradient itself. */
static void check_slope(const char *name) {
    fixture f = open_fixture(name, 0.3f);
    rd_parameters *p = &f.model->parameters;
    rd_arena arena = {0};
    rd_step step = {.arena = &arena, .training = true, .seed = 5, .update = 7, .n_passes = 2};
    float *start = malloc(sizeof *start * (size_t)p->total);
    float *gradient = malloc(sizeof *start * (size_t)p->total);
    memcpy(start, p->values, sizeof *start * (size_t)p->total);
    run(&f, &step, NULL, true);
    memcpy(gradient, p->grads, sizeof *start * (size_t)p->total);
    step.checkpoint_activations = true;
    run(&f, &step, NULL, true);
    assert_memory_equal(gradient, p->grads, sizeof *start * (size_t)p->total);
    double norm = 0.0, loss[2], h = 1e-3;
    for (int64_t i = 0; i < p->total; i++) norm += (double)gradient[i] * (double)gradient[i];
    norm = sqrt(norm);
    for (int side = 0; side < 2; side++) {
        for (int64_t i = 0; i < p->total; i++)
            p->values[i] = start[i] + (float)((side ? h : -h) / norm) * gradient[i];
        loss[side] = run(&f, &step, NULL, false);
    }
    assert_near((loss[1] - loss[0]) / (2 * h), norm, 0.02, 0, name, 0); /* kinks */
    free(start);
    free(gradient);
    rd_arena_free(&arena);
    close_fixture(&f);
}

static void test_slopes_with_dropout_and_stochastic_depth(void **state) {
    (void)state;
    check_slope("patches");
    check_slope("grey");
    check_slope("stem");
}

/* Both passes leave out other sublayers; without training none is left out. */
static void test_stochastic_depth(void **state) {
    (void)state;
    fixture f = open_fixture("patches", 0.0f);
    f.model->encoder.layers[1].self_residual.drop_path = 0.5f;
    rd_arena arena = {0};
    rd_step step = {.arena = &arena, .training = true, .seed = 5, .n_passes = 1};
    double first = run(&f, &step, NULL, false);
    step.update = 1;
    double second = run(&f, &step, NULL, false);
    assert_true(first != second);
    step.training = false;
    run(&f, &step, f.out, false);
    rd_arena_free(&arena);
    close_fixture(&f);
}

static void test_resized_positions(void **state) {
    (void)state;
    static const char *const names[] = {"google", "huggingface", "timm", "timm-bilinear"};
    json_t *cases = golden_load("positions.json"), *item;
    size_t i;
    json_array_foreach(cases, i, item) {
        int64_t n_from, n_to, before = whole(item, "before"), after = whole(item, "after");
        float *from = golden_floats(item, "from", &n_from),
              *wanted = golden_floats(item, "to", &n_to);
        const char *how = json_string_value(json_object_get(item, "how"));
        int kind = 0;
        while (strcmp(names[kind], how) != 0) kind++;
        float *with_token = malloc(sizeof *from * (size_t)(n_from + 2));
        float *to = malloc(sizeof *to * (size_t)(n_to + 2));
        with_token[0] = 5.0f, with_token[1] = -3.0f;
        memcpy(with_token + 2, from, sizeof *from * (size_t)n_from);
        must(rd_positions_resize(to, after, with_token, before, 1, 2,
                                 (rd_position_interpolation)kind));
        assert_memory_equal(to, with_token, 2 * sizeof *to);
        for (int64_t k = 0; k < n_to; k++)
            assert_near((double)to[k + 2], (double)wanted[k], 1e-5, 1e-6, how, k);
        free(from);
        free(wanted);
        free(with_token);
        free(to);
    }
    json_decref(cases);
}

static void refused(rd_model_config c, const char *message) {
    rd_model *model;
    assert_int_equal(rd_model_new(&model, &c, 1), RD_ERR_ARGUMENT);
    if (!strstr(rd_last_error(), message)) fail_msg("%s", rd_last_error());
}

/* Of one pixel. */
static void test_smallest_picture(void **state) {
    (void)state;
    json_t *json = golden_load("picture_model_patches.json");
    rd_model_config c = config_of(json_object_get(json, "config"));
    c.picture.size = c.picture.patch = 1;
    c.src_vocab = 0;
    rd_model *model;
    assert_int_equal(rd_model_new(&model, &c, 1), RD_OK);
    rd_model_free(model);
    json_decref(json);
}

static void test_refused_shapes(void **state) {
    (void)state;
    json_t *json = golden_load("picture_model_patches.json");
    rd_model_config c = config_of(json_object_get(json, "config")), other = c;
    other.picture.patch = 3;
    refused(other, "patches of 3 pixels (patch-size) do not divide pictures of 8");
    other = c;
    other.picture.size = 100000;
    refused(other, "picture-size is 100000; expected 0 to 4096");
    other = c;
    other.decoder = c.encoder;
    refused(other, "decoder-layers: 0");
    other = c;
    other.encoder.normalize_before = false;
    refused(other, "pre-norm encoder");
    json_decref(json);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patches),
        cmocka_unit_test(test_grey_without_class_token),
        cmocka_unit_test(test_stem),
        cmocka_unit_test(test_slopes_with_dropout_and_stochastic_depth),
        cmocka_unit_test(test_stochastic_depth),
        cmocka_unit_test(test_resized_positions),
        cmocka_unit_test(test_smallest_picture),
        cmocka_unit_test(test_refused_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
