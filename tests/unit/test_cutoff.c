/* Cutoff: what is set to 0, how much of it, and on what it depends. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ops/ops.h"

enum { SEQUENCES = 600, PASSES = 2, LENGTH = 7, WIDTH = 9, ROWS = SEQUENCES * LENGTH };

static int32_t offsets[SEQUENCES + 1];
static const rd_sequences sequences = {SEQUENCES, ROWS, offsets};
static float x[ROWS * WIDTH], again[ROWS * WIDTH];

static int setup(void **state) {
    (void)state;
    for (int32_t s = 0; s <= SEQUENCES; s++) offsets[s] = s * LENGTH;
    return 0;
}

static void cut(float *to, const rd_cutoff *cutoff) {
    for (int i = 0; i < ROWS * WIDTH; i++) to[i] = 1.0f + (float)i;
    rd_op_cutoff((rd_activations){.f32 = to}, &sequences, WIDTH, cutoff);
}

static rd_cutoff cutoff_of(rd_cutoff_kind kind, float ratio) {
    return (rd_cutoff){.kind = kind, .ratio = ratio, .seed = 8, .update = 3, .passes = PASSES};
}

static bool is_cut(int s, int t, int i) {
    float value = x[(s * LENGTH + t) * WIDTH + i];
    bool zero = value == 0.0f;
    assert_true(zero || value == 1.0f + (float)((s * LENGTH + t) * WIDTH + i));
    return zero;
}

/* Whole tokens; whole features of a sequence; one run of tokens. */
static void each_kind_cuts_what_it_says(void **state) {
    (void)state;
    rd_cutoff cutoff = cutoff_of(RD_CUTOFF_TOKEN, 0.3f);
    cut(x, &cutoff);
    for (int s = 0; s < SEQUENCES; s++)
        for (int t = 0; t < LENGTH; t++)
            for (int i = 1; i < WIDTH; i++) assert_int_equal(is_cut(s, t, i), is_cut(s, t, 0));
    cutoff = cutoff_of(RD_CUTOFF_FEATURE, 0.3f);
    cut(x, &cutoff);
    for (int s = 0; s < SEQUENCES; s++)
        for (int t = 1; t < LENGTH; t++)
            for (int i = 0; i < WIDTH; i++) assert_int_equal(is_cut(s, t, i), is_cut(s, 0, i));
    cutoff = cutoff_of(RD_CUTOFF_SPAN, 0.5f);
    cut(x, &cutoff);
    for (int s = 0; s < SEQUENCES; s++) {
        int runs = is_cut(s, 0, 0), n = 0;
        for (int t = 1; t < LENGTH; t++) runs += is_cut(s, t, 0) && !is_cut(s, t - 1, 0);
        for (int t = 0; t < LENGTH; t++) n += is_cut(s, t, 0);
        assert_int_equal(runs, 1);
        assert_in_range(n, 3, 4);
    }
    cutoff = cutoff_of(RD_CUTOFF_NONE, 0.5f);
    cut(x, &cutoff);
    for (int i = 0; i < ROWS * WIDTH; i++) assert_true(x[i] != 0.0f);
}

/* The part that is 0 is the ratio, within five deviations of its mean; also where a sequence has
 * less than one token of it. */
static void the_ratio_is_what_is_cut(void **state) {
    (void)state;
    static const float ratios[] = {0.05f, 0.4f};
    for (int kind = RD_CUTOFF_TOKEN; kind <= RD_CUTOFF_SPAN; kind++)
        for (int r = 0; r < 2; r++) {
            rd_cutoff cutoff = cutoff_of((rd_cutoff_kind)kind, ratios[r]);
            double zeros = 0.0, p = (double)ratios[r];
            cut(x, &cutoff);
            for (int i = 0; i < ROWS * WIDTH; i++) zeros += x[i] == 0.0f;
            double of_all = zeros / (ROWS * WIDTH);
            if (fabs(of_all - p) > 5 * sqrt(p / (double)(SEQUENCES * LENGTH)))
                fail_msg("kind %d: %f of %f", kind, of_all, p);
        }
}

/* Another pass, update, micro-batch, site or seed hides something else; the same hides the same. */
static void it_depends_on_all_that_it_should(void **state) {
    (void)state;
    rd_cutoff cutoff = cutoff_of(RD_CUTOFF_TOKEN, 0.5f), others[4];
    cut(x, &cutoff);
    int half = ROWS / PASSES, equal = 0;
    for (int r = 0; r < half; r++)
        equal += (x[r * WIDTH] == 0.0f) == (x[(half + r) * WIDTH] == 0.0f);
    assert_in_range(equal, half * 2 / 5, half * 3 / 5);
    cut(again, &cutoff);
    assert_memory_equal(x, again, sizeof x);
    for (int k = 0; k < 4; k++) others[k] = cutoff;
    others[0].update++, others[1].micro_batch++, others[2].site++, others[3].seed++;
    for (int k = 0; k < 4; k++) {
        cut(again, &others[k]);
        for (int r = equal = 0; r < ROWS; r++)
            equal += (x[r * WIDTH] == 0.0f) == (again[r * WIDTH] == 0.0f);
        assert_in_range(equal, ROWS * 2 / 5, ROWS * 3 / 5);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_kind_cuts_what_it_says),
                                       cmocka_unit_test(the_ratio_is_what_is_cut),
                                       cmocka_unit_test(it_depends_on_all_that_it_should)};
    return cmocka_run_group_tests(tests, setup, NULL);
}
