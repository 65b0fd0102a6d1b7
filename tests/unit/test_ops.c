/* Operations on whole tensors: the same bits on any number of threads, except sums over rows, which
 * differ by rounding; alone inside a parallel region; the arena as it was. */
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "ops/ops.h"

enum { ROWS = 37, HEADS = 3, DIM = 5, WIDTH = HEADS * DIM, N = ROWS * WIDTH, VOCAB = 11 };

static const int32_t offsets[] = {0, 1, 1, 20, ROWS}; /* one sequence is empty */
static const rd_sequences sequences = {4, ROWS, offsets};
static const rd_dropout dropout = {.rate = 0.3f, .seed = 5, .site = 2};
static int32_t tokens[ROWS], positions[ROWS];
static float x[N], h[N], d[N], qkv[3 * N], vectors[6 * WIDTH];

static int fill(void **state) {
    (void)state;
    rd_rng rng = rd_rng_make(3, 1);
    for (int r = 0; r < ROWS; r++) tokens[r] = (int32_t)rd_rng_below(&rng, VOCAB);
    for (int r = 0; r < ROWS; r++) positions[r] = r % 7;
    for (int i = 0; i < N; i++) x[i] = (float)rd_rng_normal(&rng);
    for (int i = 0; i < N; i++) h[i] = (float)rd_rng_normal(&rng);
    for (int i = 0; i < N; i++) d[i] = (float)rd_rng_normal(&rng);
    for (int i = 0; i < 3 * N; i++) qkv[i] = (float)rd_rng_normal(&rng);
    for (int i = 0; i < 6 * WIDTH; i++) vectors[i] = (float)rd_rng_normal(&rng);
    return 0;
}

static rd_activations f32(const float *data) {
    return (rd_activations){.f32 = (float *)data};
}

/* Everything whose bits do not depend on threads. */
typedef struct {
    float embedded[N], tables[2][VOCAB * WIDTH], biased[N], dropped[N], active[N], sum[N], y[N];
    float mean[ROWS], rstd[ROWS], attended[N], lse[ROWS * HEADS], dqkv[3 * N], cached[N];
    float weights[ROWS * ROWS], softmax[N], p[N], g[N], m[N], v[N], average[N];
    uint16_t rounded[N];
    double squares;
} exact;

/* Sums over rows, which add to what is there. */
typedef struct {
    float columns[WIDTH], activation[WIDTH], gain[WIDTH], shift[WIDTH], residual[WIDTH];
    double loss;
} sums;

static void run_attention(rd_arena *arena, exact *e) {
    rd_attention_operands operands = {.queries = &sequences,
                                      .keys = &sequences,
                                      .width = WIDTH,
                                      .heads = HEADS,
                                      .causal = true,
                                      .q = f32(qkv),
                                      .kv = f32(qkv + WIDTH),
                                      .stride_q = 3 * WIDTH,
                                      .stride_kv = 3 * WIDTH,
                                      .bias = vectors,
                                      .out = f32(e->attended),
                                      .lse = e->lse,
                                      .dropout = dropout};
    assert_int_equal(rd_op_attention(arena, &operands), RD_OK);
    assert_int_equal(
        rd_op_attention_backward(arena, &operands, f32(d), f32(e->dqkv), f32(e->dqkv + WIDTH)),
        RD_OK);
    rd_cached_keys keys[ROWS];
    for (int r = 0; r < ROWS; r++)
        keys[r] = (rd_cached_keys){.kv = qkv, .index = positions, .n = r + 1};
    assert_int_equal(rd_op_attention_cached(arena, e->cached, x, WIDTH, keys, ROWS, WIDTH, HEADS),
                     RD_OK);
    assert_int_equal(rd_op_attention_weights(arena, e->weights, ROWS, x, keys, ROWS, WIDTH, HEADS),
                     RD_OK);
}

static void run(rd_arena *arena, exact *e, sums *s) {
    memset(e, 0, sizeof *e);
    *s = (sums){.columns = {1}, .activation = {1}, .gain = {1}, .shift = {1}, .residual = {1}};
    rd_op_embed(f32(e->embedded), ROWS, WIDTH, tokens, positions, x, h, 2.0f, &dropout);
    rd_op_embed_backward(e->tables[0], e->tables[1], d, ROWS, WIDTH, tokens, positions, 2.0f);
    rd_op_embed_add(e->embedded, ROWS, WIDTH, positions, h);
    rd_op_copy(f32(e->biased), f32(x), N);
    rd_op_add_bias(e->biased, vectors, ROWS, WIDTH);
    rd_op_copy(f32(e->dropped), f32(x), N);
    rd_op_dropout(f32(e->dropped), ROWS, WIDTH, &dropout);
    rd_op_activation(f32(e->active), f32(h), vectors, ROWS, WIDTH, RD_GELU, &dropout);
    const rd_norm_stats stats = {e->mean, e->rstd};
    const rd_layer_norm norm = {vectors + WIDTH, vectors + 2 * WIDTH, 1e-5f};
    rd_op_residual_norm(e->sum, f32(e->y), stats, x, f32(h), vectors, &norm, ROWS, WIDTH, &dropout);
    run_attention(arena, e);
    rd_op_copy(f32(e->softmax), f32(x), N);
    rd_op_log_softmax(e->softmax, ROWS, WIDTH);
    rd_op_to_bf16(e->rounded, x, N);
    e->squares = rd_op_sum_of_squares(x, N);
    rd_op_copy(f32(e->p), f32(x), N);
    rd_op_copy(f32(e->g), f32(d), N);
    rd_adam adam = {.beta1 = 0.9f,
                    .beta2 = 0.98f,
                    .eps = 1e-8f,
                    .step = 0.1f,
                    .grad_scale = 0.5f,
                    .l2 = 0.01f,
                    .decay = 1.0f};
    rd_op_adam(e->p, e->g, e->m, e->v, N, &adam);
    rd_op_average(e->average, e->p, N, 0.25f);

    float dh[N], again[N], dx[N], logits[2 * N];
    assert_int_equal(rd_op_column_sums(arena, s->columns, f32(d), ROWS, WIDTH), RD_OK);
    assert_int_equal(rd_op_activation_backward(arena, f32(dh), f32(again), f32(d), f32(h), vectors,
                                               s->activation, ROWS, WIDTH, RD_GELU, &dropout),
                     RD_OK);
    assert_memory_equal(again, e->active, sizeof again);
    assert_int_equal(rd_op_norm_backward(arena, dx, false, d, e->sum, stats, vectors + WIDTH,
                                         s->gain, s->shift, ROWS, WIDTH),
                     RD_OK);
    assert_int_equal(rd_op_residual_backward(arena, f32(dh), d, s->residual, ROWS, WIDTH, &dropout),
                     RD_OK);
    rd_criterion_sums loss = {0};
    rd_op_copy(f32(logits), f32(x), N);
    rd_op_copy(f32(logits + N), f32(h), N);
    assert_int_equal(rd_op_token_criterion(arena, logits, vectors, f32(logits), 2, ROWS, WIDTH,
                                           tokens, 0.1f, 5.0f, &loss),
                     RD_OK);
    assert_int_equal(loss.n_tokens, ROWS);
    s->loss = loss.loss;
}

static void assert_near(const float *got, const float *wanted) {
    for (int i = 0; i < WIDTH; i++) assert_float_equal(got[i], wanted[i], 1e-5);
}

static void test_threads_change_no_bits_but_those_of_sums(void **state) {
    (void)state;
    static exact wanted, got;
    sums wanted_sums, sums_now, sums_again;
    rd_arena arena = {0};
    int before = omp_get_max_threads();
    omp_set_num_threads(1);
    run(&arena, &wanted, &wanted_sums);
    for (int threads = 2; threads <= 5; threads += 3) {
        omp_set_num_threads(threads);
        size_t used = arena.used;
        run(&arena, &got, &sums_now);
        assert_int_equal(arena.used, used);
        assert_memory_equal(&got, &wanted, sizeof got);
        assert_near(sums_now.columns, wanted_sums.columns);
        assert_near(sums_now.activation, wanted_sums.activation);
        assert_near(sums_now.gain, wanted_sums.gain);
        assert_near(sums_now.shift, wanted_sums.shift);
        assert_near(sums_now.residual, wanted_sums.residual);
        assert_float_equal(sums_now.loss, wanted_sums.loss, 1e-9 * wanted_sums.loss);
        run(&arena, &got, &sums_again); /* partial sums are added in the order of threads */
        assert_memory_equal(&sums_now, &sums_again, sizeof sums_now);
    }
    omp_set_num_threads(before);
    rd_arena_free(&arena);
}

static void test_the_token_criterion_is_the_public_one(void **state) {
    (void)state;
    rd_arena arena = {0};
    float logits[2 * N], biased[2 * N], dlogits[2 * N];
    rd_criterion_sums got = {0}, wanted;
    rd_op_copy(f32(logits), f32(x), N);
    rd_op_copy(f32(logits + N), f32(h), N);
    rd_op_copy(f32(biased), f32(logits), 2 * N);
    rd_op_add_bias(biased, vectors, 2 * ROWS, WIDTH);
    rd_criterion_config config = {.label_smoothing = 0.1f, .reg_alpha = 5, .pad_id = -1};
    assert_int_equal(rd_criterion_rdrop(&config, ROWS, WIDTH, biased, biased + N, tokens, biased,
                                        biased + N, &wanted),
                     RD_OK);
    assert_int_equal(rd_op_token_criterion(&arena, logits, vectors, f32(dlogits), 2, ROWS, WIDTH,
                                           tokens, 0.1f, 5, &got),
                     RD_OK);
    assert_float_equal(got.loss, wanted.loss, 1e-5 * wanted.loss);
    for (int i = 0; i < 2 * N; i++) assert_float_equal(dlogits[i], biased[i], 1e-5);
    rd_arena_free(&arena);
}

/* More rows than the outer region has threads: each operation must do all of its own. */
static void test_an_operation_is_alone_inside_a_parallel_region(void **state) {
    (void)state;
    float wanted[N], got[2][N], active[2][N];
    rd_op_copy(f32(wanted), f32(x), N);
    rd_op_log_softmax(wanted, ROWS, WIDTH);
    int before = omp_get_max_threads();
    omp_set_num_threads(2);
#pragma omp parallel for schedule(static)
    for (int i = 0; i < 2; i++) {
        rd_op_copy(f32(got[i]), f32(x), N);
        rd_op_log_softmax(got[i], ROWS, WIDTH);
        rd_op_activation(f32(active[i]), f32(x), vectors, ROWS, WIDTH, RD_RELU, &dropout);
    }
    omp_set_num_threads(before);
    assert_memory_equal(got[0], wanted, sizeof wanted);
    assert_memory_equal(got[1], wanted, sizeof wanted);
    rd_op_activation(f32(wanted), f32(x), vectors, ROWS, WIDTH, RD_RELU, &dropout);
    assert_memory_equal(active[0], wanted, sizeof wanted);
    assert_memory_equal(active[1], wanted, sizeof wanted);
}

static void test_rows_are_scattered_and_forms_copied(void **state) {
    (void)state;
    const int32_t places[] = {2, 0, 3};
    float to[4 * 2] = {0}, from[3 * 5];
    for (int i = 0; i < 15; i++) from[i] = (float)i;
    rd_op_scatter(to, places, from + 1, 5, 3, 2);
    const float wanted[] = {6, 7, 0, 0, 1, 2, 11, 12};
    assert_memory_equal(to, wanted, sizeof to);
    uint16_t a[3] = {1, 2, 3}, b[3] = {0};
    rd_op_copy((rd_activations){.bf16 = b}, (rd_activations){.f32 = from, .bf16 = a},
               3); /* `to` decides */
    assert_memory_equal(b, a, sizeof a);
    rd_op_zero((rd_activations){.f32 = to, .bf16 = a}, 2);
    assert_true(to[0] == 0 && to[1] == 0 && a[0] == 0 && a[1] == 0 && a[2] == 3);
}

/* Patches and class tokens in their places, in every pass, and nothing after the last row. */
static void test_patches_are_placed(void **state) {
    (void)state;
    enum { PASSES = 2, PICTURES = 3, PATCHES = 2, FRONT = 1, LONG = PATCHES + FRONT };
    enum { OUT = PASSES * PICTURES * LONG * WIDTH };
    const rd_patch_rows rows = {
        .passes = PASSES, .n = PICTURES, .patches = PATCHES, .width = WIDTH, .class_tokens = FRONT};
    const float *bias = vectors, *class_token = vectors + WIDTH, *places = vectors + 2 * WIDTH;
    float out[OUT + WIDTH], guard = 12345.0f;
    for (int i = 0; i < OUT + WIDTH; i++) out[i] = guard;
    rd_op_place_patches(out, x, bias, class_token, places, &rows);
    for (int r = 0; r < PASSES * PICTURES * LONG; r++)
        for (int i = 0; i < WIDTH; i++) {
            int t = r % LONG, patch = r / LONG % PICTURES * PATCHES + t - FRONT;
            float from = t < FRONT ? class_token[t * WIDTH + i] : x[patch * WIDTH + i];
            float wanted = from + places[t * WIDTH + i];
            if (t >= FRONT) wanted += bias[i];
            assert_true(out[r * WIDTH + i] == wanted);
        }
    for (int i = OUT; i < OUT + WIDTH; i++) assert_true(out[i] == guard);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_change_no_bits_but_those_of_sums),
        cmocka_unit_test(test_the_token_criterion_is_the_public_one),
        cmocka_unit_test(test_an_operation_is_alone_inside_a_parallel_region),
        cmocka_unit_test(test_rows_are_scattered_and_forms_copied),
        cmocka_unit_test(test_patches_are_placed),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
