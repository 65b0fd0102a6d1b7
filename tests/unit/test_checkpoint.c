/* Checkpoints whose checksum is right and whose counters cannot be: damaged, whoever reads them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>
#include <unistd.h>

#include "train/checkpoint.h"

enum { WEIGHTS = 3 };

static char path[] = "/tmp/rdrop-checkpoint-XXXXXX";

static int setup(void **state) {
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state) {
    (void)state;
    return unlink(path);
}

static const rd_progress_state sound = {.update = 12,
                                        .epoch = 2,
                                        .next_batch = 3,
                                        .skipped_updates = 4,
                                        .skipped_in_a_row = 1,
                                        .validated_update = 10,
                                        .validations_without_improvement = 1,
                                        .best_metric = -1.5,
                                        .metric = "loss",
                                        .best_update = 5,
                                        .seconds = 8.5};

static rd_status accept(void *self, const char *at, const char *settings) {
    (void)self;
    (void)at;
    assert_string_equal(settings, "seed: 1\n");
    return RD_OK;
}

static rd_status block_of(void *self, int i, const float **block) {
    *block = ((float *const *)self)[i];
    return RD_OK;
}

static rd_status save_and_load(const rd_progress_state *state) {
    float weights[WEIGHTS] = {1, 2, 3}, m[WEIGHTS] = {0}, v[WEIGHTS] = {0};
    rd_parameters parameters = {.total = WEIGHTS, .values = weights};
    rd_optimizer optimizer = {.m = m, .v = v, .n = WEIGHTS};
    rd_progress_state loaded;
    rd_checkpoint_info info;
    char previous[64];
    snprintf(previous, sizeof previous, "%s.previous", path);
    float *saved[] = {weights, m, v};
    const rd_checkpoint_blocks blocks = {3, WEIGHTS, block_of, (void *)saved};
    assert_int_equal(rd_checkpoint_save(path, previous, "seed: 1\n", state, &blocks), RD_OK);
    unlink(previous);
    const rd_checkpoint_judge judge = {accept, NULL};
    rd_status status = rd_checkpoint_load(path, &judge, &loaded, &parameters, &optimizer);
    assert_int_equal(rd_checkpoint_read_info(path, &info), status);
    rd_checkpoint_info_free(&info);
    if (status == RD_OK) assert_memory_equal(&loaded, state, sizeof loaded);
    return status;
}

static void test_sound_states(void **state) {
    (void)state;
    rd_progress_state first = {.epoch = 1, .best_metric = NAN};
    assert_int_equal(save_and_load(&sound), RD_OK);
    assert_int_equal(save_and_load(&first), RD_OK);
}

static void test_impossible_counters(void **state) {
    (void)state;
    static const struct {
        size_t offset;
        int64_t value;
    } changes[] = {{offsetof(rd_progress_state, update), -5},
                   {offsetof(rd_progress_state, update), INT64_MAX},
                   {offsetof(rd_progress_state, epoch), 0},
                   {offsetof(rd_progress_state, epoch), INT64_MAX},
                   {offsetof(rd_progress_state, next_batch), -1},
                   {offsetof(rd_progress_state, next_batch), INT64_MAX},
                   {offsetof(rd_progress_state, skipped_updates), -1},
                   {offsetof(rd_progress_state, skipped_in_a_row), -1},
                   {offsetof(rd_progress_state, skipped_in_a_row), 5},
                   {offsetof(rd_progress_state, validated_update), 13},
                   {offsetof(rd_progress_state, validations_without_improvement), -1},
                   {offsetof(rd_progress_state, best_update), 13}};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        rd_progress_state changed = sound;
        memcpy((char *)&changed + changes[i].offset, &changes[i].value, sizeof(int64_t));
        if (save_and_load(&changed) != RD_ERR_FORMAT) fail_msg("change %zu is taken", i);
        assert_non_null(strstr(rd_last_error(), "damaged: update "));
    }
}

static void test_impossible_rest(void **state) {
    (void)state;
    rd_progress_state changed = sound;
    changed.best_metric = INFINITY;
    assert_int_equal(save_and_load(&changed), RD_ERR_FORMAT);
    changed.best_metric = -INFINITY; /* of a perplexity that was infinite */
    assert_int_equal(save_and_load(&changed), RD_OK);
    changed = sound;
    changed.seconds = NAN;
    assert_int_equal(save_and_load(&changed), RD_ERR_FORMAT);
    changed = sound;
    memcpy(changed.metric, "\x1B[2Jloss", 8);
    assert_int_equal(save_and_load(&changed), RD_ERR_FORMAT);
    changed = sound;
    changed.metric[6] = 'x'; /* after the end of its name */
    assert_int_equal(save_and_load(&changed), RD_ERR_FORMAT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound_states),
        cmocka_unit_test(test_impossible_counters),
        cmocka_unit_test(test_impossible_rest),
    };
    return cmocka_run_group_tests_name("checkpoint", tests, setup, teardown);
}
