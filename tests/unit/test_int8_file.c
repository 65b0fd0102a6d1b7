/* Weights rounded to 8 bits in a file: what reading gives, and what damaged files get. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "io/output.h"
#include "model/transformer.h"

static rd_model_config toy_config(void) {
    return (rd_model_config){
        .d_model = 16,
        .encoder = {.layers = 1, .heads = 2, .ffn_dim = 24},
        .decoder = {.layers = 2, .heads = 2, .ffn_dim = 24, .learned_pos = true},
        .max_source_positions = 30,
        .max_target_positions = 30,
        .src_vocab = 20,
        .tgt_vocab = 23,
        .pad_id = 1,
        .bos_id = 0,
        .eos_id = 2,
        .unk_id = 3};
}

static char path[] = "/tmp/rdrop-int8-XXXXXX";

static rd_model *written(const rd_model_config *c, bool zeros) {
    rd_model *model;
    assert_int_equal(rd_model_new(&model, c, 3), RD_OK);
    if (zeros) memset(model->parameters.values + 16, 0, 16 * sizeof(float)); /* a row */
    assert_int_equal(
        rd_parameters_save_int8(&model->parameters, model->parameters.values, NULL, path), RD_OK);
    return model;
}

/* Each row of a matrix to within half a step, everything else exactly; and rounding what was
 * read gives the same weights but for their last bits. */
static void test_rounding(void **state) {
    (void)state;
    rd_model_config c = toy_config();
    rd_model *model = written(&c, true), *again;
    bool int8 = true;
    assert_int_equal(rd_parameters_save(&model->parameters, model->parameters.values, NULL, path),
                     RD_OK);
    assert_int_equal(rd_weights_are_int8(path, &int8), RD_OK);
    assert_false(int8);
    rd_model_free(model);
    model = written(&c, true);
    assert_int_equal(rd_weights_are_int8(path, &int8), RD_OK);
    assert_true(int8);
    assert_int_equal(rd_model_load(&again, &c, path), RD_OK);
    for (int64_t i = 0; i < model->parameters.n; i++) {
        const rd_parameter *item = &model->parameters.items[i];
        const float *x = model->parameters.values + item->offset;
        const float *y = again->parameters.values + item->offset;
        int64_t columns = item->shape[1] ? item->shape[1] : 1;
        bool exact = !item->shape[1] || strstr(item->name, "embed_positions");
        for (int64_t r = 0; r < item->shape[0]; r++) {
            float largest = 0;
            for (int64_t k = 0; k < columns; k++)
                largest = fmaxf(largest, fabsf(x[r * columns + k]));
            for (int64_t k = 0; k < columns; k++)
                assert_true(fabsf(x[r * columns + k] - y[r * columns + k]) <=
                            (exact ? 0 : largest / 254 * 1.0001f));
        }
    }
    char *first, *second;
    size_t n_first, n_second;
    assert_int_equal(rd_read_file(path, 1 << 20, &first, &n_first), RD_OK);
    assert_int_equal(
        rd_parameters_save_int8(&again->parameters, again->parameters.values, NULL, path), RD_OK);
    assert_int_equal(rd_read_file(path, 1 << 20, &second, &n_second), RD_OK);
    rd_model *third;
    assert_int_equal(rd_model_load(&third, &c, path), RD_OK);
    for (int64_t i = 0; i < again->parameters.total; i++)
        assert_float_equal(again->parameters.values[i], third->parameters.values[i],
                           1e-6f * fabsf(again->parameters.values[i]));
    assert_int_equal(n_first, n_second);
    free(first);
    free(second);
    rd_model_free(third);
    rd_model_free(again);
    rd_model_free(model);
}

/* Every flipped bit of the data, and files of another model or cut short. */
static void test_damage(void **state) {
    (void)state;
    rd_model_config c = toy_config();
    rd_model *model = written(&c, false), *again;
    char *bytes;
    size_t n;
    uint64_t header;
    rd_model *sound;
    int harmless = 0;
    assert_int_equal(rd_model_load(&sound, &c, path), RD_OK);
    assert_int_equal(rd_read_file(path, 1 << 20, &bytes, &n), RD_OK);
    memcpy(&header, bytes, sizeof header);
    for (size_t at = 8 + header; at < n; at += 97) {
        bytes[at] ^= 0x41;
        assert_int_equal(rd_write_file(path, bytes, n), RD_OK);
        rd_status status = rd_model_load(&again, &c, path);
        assert_true(status == RD_ERR_FORMAT || status == RD_ERR_NUMERIC || status == RD_OK);
        if (status == RD_OK) { /* in a row of zeros, whose scale is 0 */
            assert_memory_equal(sound->parameters.values, again->parameters.values,
                                sizeof(float) * (size_t)sound->parameters.total);
            rd_model_free(again);
            harmless++;
        }
        bytes[at] ^= 0x41;
    }
    assert_true(harmless < 5);
    char *scales = strstr(bytes + 8, "fc1.weight.scales");
    memcpy(scales + strlen("fc1.weight."), "Scales", 6);
    assert_int_equal(rd_write_file(path, bytes, n), RD_OK);
    assert_int_equal(rd_model_load(&again, &c, path), RD_ERR_FORMAT);
    assert_non_null(strstr(rd_last_error(), "fc1.weight.scales is missing"));
    assert_int_equal(rd_write_file(path, bytes, n - 100), RD_OK);
    assert_int_equal(rd_model_load(&again, &c, path), RD_ERR_FORMAT);
    free(bytes);
    rd_model_free(sound);
    rd_model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rounding),
                                       cmocka_unit_test(test_damage)};
    close(mkstemp(path));
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failures;
}
