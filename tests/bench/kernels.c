#include "kernels.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "support.h"

/* Array i from element `at` on, as activations. */
static rd_activations f32(const bench_arrays *a, int i, int64_t at) {
    return (rd_activations){.f32 = a->x[i] + at};
}

static void embed(const bench_arrays *a, int64_t begin, int64_t end, int64_t thread) {
    (void)thread;
    a->ops->embed(f32(a, 0, begin * a->width), begin, end - begin, a->width, a->tokens + begin,
                  a->tokens, a->table, a->table, 2.0f, &a->dropout);
}

static void apply_dropout(const bench_arrays *a, int64_t begin, int64_t end, int64_t thread) {
    (void)thread;
    a->ops->apply_dropout(f32(a, 0, begin * a->width), begin, end - begin, a->width, &a->dropout);
}

static void activation(const bench_arrays *a, int64_t begin, int64_t end, int64_t thread,
                       rd_activation kind) {
    (void)thread;
    int64_t at = begin * a->width;
    a->ops->activation(f32(a, 0, at), f32(a, 1, at), a->vectors, begin, end - begin, a->width, kind,
                       &a->dropout);
}

static void activation_backward(const bench_arrays *a, int64_t begin, int64_t end, int64_t thread,
                                rd_activation kind) {
    int64_t at = begin * a->width;
    a->ops->activation_backward(f32(a, 0, at), f32(a, 1, at), f32(a, 2, at), f32(a, 3, at),
                                a->vectors, a->sums + thread * 2 * a->width, begin, end - begin,
                                a->width, kind, &a->dropout);
}

static void relu(const bench_arrays *a, int64_t begin, int64_t end, int64_t thread) {
    activation(a, begin, end, thread, RD_RELU);
}
static void relu_backward(const bench_arrays *a, int64_t begin, int64_t end, int64_t thread) {
    activation_backward(a, begin, end, thread, RD_RELU);
}
static void gelu(const bench_arrays *a, int64_t begin, int64_t end, int64_t thread) {
    activation(a, begin, end, thread, RD_GELU);
}
static void gelu_backward(const bench_arrays *a, int64_t begin, int64_t end, int64_t thread) {
    activation_backward(a, begin, end, thread, RD_GELU);
}

/* Of rows from `first` on. */
static rd_norm_stats stats_of(const bench_arrays *a, int64_t first) {
    return (rd_norm_stats){a->statistics + first, a->statistics + a->rows + first};
}

static void residual_norm(const bench_arrays *a, int64_t begin, int64_t end, int64_t thread) {
    (void)thread;
    int64_t at = begin * a->width, w = a->width;
    const rd_layer_norm norm = {a->vectors + w, a->vectors + 2 * w, 1e-5f};
    a->ops->residual_norm(a->x[0] + at, f32(a, 1, at), stats_of(a, begin), a->x[2] + at,
                          f32(a, 3, at), a->vectors, &norm, begin, end - begin, w, &a->dropout);
}

static void norm_backward(const bench_arrays *a, int64_t begin, int64_t end, int64_t thread) {
    int64_t at = begin * a->width, w = a->width;
    float *sums = a->sums + thread * 2 * w;
    a->ops->norm_backward(a->x[0] + at, true, a->x[1] + at, a->x[2] + at, stats_of(a, begin),
                          a->vectors, sums, sums + w, end - begin, w);
}

static void residual_backward(const bench_arrays *a, int64_t begin, int64_t end, int64_t thread) {
    int64_t at = begin * a->width;
    a->ops->residual_backward(f32(a, 0, at), a->x[1] + at, a->sums + thread * 2 * a->width, begin,
                              end - begin, a->width, &a->dropout);
}

static void to_bf16(const bench_arrays *a, int64_t begin, int64_t end, int64_t thread) {
    (void)thread;
    a->ops->to_bf16((uint16_t *)a->x[0] + begin * a->width, a->x[1] + begin * a->width,
                    (end - begin) * a->width);
}

static void column_sums(const bench_arrays *a, int64_t begin, int64_t end, int64_t thread) {
    a->ops->column_sums(a->sums + thread * 2 * a->width, f32(a, 0, begin * a->width), end - begin,
                        a->width);
}

/* Array i from element `at` on, in either form. */
static rd_activations form(const bench_arrays *a, int i, int64_t at, bool bf16) {
    return bf16 ? (rd_activations){.bf16 = (uint16_t *)a->x[i] + at} : f32(a, i, at);
}

/* Self-attention of the sequence and head. */
static rd_attention_head head_view(const bench_arrays *a, int64_t sequence, int64_t head,
                                   bool bf16) {
    int64_t row = sequence * a->length, heads = a->width / a->head;
    int64_t at = row * a->width + head * a->head, column = head * a->head;
    return (rd_attention_head){.n_queries = a->length,
                               .n_keys = a->length,
                               .head_dim = a->head,
                               .pairs = a->pairs,
                               .q = form(a, 0, at, bf16),
                               .k = form(a, 1, at, bf16),
                               .v = form(a, 2, at, bf16),
                               .bias_q = a->vectors + column,
                               .bias_v = a->vectors + 2 * a->width + column,
                               .stride_q = a->width,
                               .stride_kv = a->width,
                               .out = form(a, 3, at, bf16),
                               .lse = a->lse + row * heads + head,
                               .stride_out = a->width,
                               .stride_lse = heads,
                               .dropout = &a->dropout,
                               .dropout_row = row * heads + head,
                               .dropout_row_stride = heads};
}

static void attend(const bench_arrays *a, int64_t begin, int64_t end, int64_t thread, bool bf16) {
    for (int64_t s = begin / a->length; s < end / a->length; s++)
        for (int64_t h = 0; h < a->width / a->head; h++) {
            rd_attention_head head = head_view(a, s, h, bf16);
            a->ops->attention(&head, a->scratch + thread * a->scratch_size);
        }
}

static void attend_backward(const bench_arrays *a, int64_t begin, int64_t end, int64_t thread,
                            bool bf16) {
    for (int64_t s = begin / a->length; s < end / a->length; s++)
        for (int64_t h = 0; h < a->width / a->head; h++) {
            rd_attention_head head = head_view(a, s, h, bf16);
            int64_t at = s * a->length * a->width + h * a->head;
            head.d_out = form(a, 4, at, bf16);
            head.d_q = form(a, 5, at, bf16);
            head.d_k = form(a, 6, at, bf16);
            head.d_v = form(a, 7, at, bf16);
            a->ops->attention_backward(&head, a->scratch + thread * a->scratch_size);
        }
}

static void attention(const bench_arrays *a, int64_t begin, int64_t end, int64_t thread) {
    attend(a, begin, end, thread, false);
}
static void attention_bf16(const bench_arrays *a, int64_t begin, int64_t end, int64_t thread) {
    attend(a, begin, end, thread, true);
}
static void attention_backward(const bench_arrays *a, int64_t begin, int64_t end, int64_t thread) {
    attend_backward(a, begin, end, thread, false);
}
static void attention_backward_bf16(const bench_arrays *a, int64_t begin, int64_t end,
                                    int64_t thread) {
    attend_backward(a, begin, end, thread, true);
}

/* Each query has keys of its own, as in a beam of different sentences; x[2] and x[3] are one array.
 */
static void attention_query(const bench_arrays *a, int64_t begin, int64_t end, int64_t thread) {
    for (int64_t r = begin; r < end; r++) {
        int64_t first = r * a->length % (a->rows - a->length + 1);
        a->ops->attention_query(a->x[0] + r * a->width, a->x[1] + r * a->width,
                                a->x[2] + first * 2 * a->width, 2 * a->width, NULL, a->length,
                                a->width / a->head, a->head, a->scratch + thread * a->scratch_size);
    }
}

static void criterion(const bench_arrays *a, int64_t begin, int64_t end, int64_t thread) {
    rd_criterion_partial sums = {0};
    for (int64_t r = begin; r < end; r++)
        a->ops->criterion(a->x[0] + r * a->width, f32(a, 0, r * a->width), 2, a->x[1] - a->x[0],
                          a->width, 7, 0.1f, 5.0f, a->scratch + thread * a->scratch_size, &sums);
}

static void row_stats(const bench_arrays *a, int64_t begin, int64_t end, int64_t thread) {
    rd_row_stats stats;
    for (int64_t r = begin; r < end; r++) {
        a->ops->row_stats(&stats, a->x[0] + r * a->width, a->x[1] + r * a->width, a->width);
        a->sums[thread * 2 * a->width] = (float)stats.sum[0];
    }
}

static void row_gradient(const bench_arrays *a, int64_t begin, int64_t end, int64_t thread) {
    (void)thread;
    const rd_row_loss loss = {.target = 7, .hit = 0.9f, .kl = {1.0f, 1.0f}, .total = 1.0f};
    const rd_row_stats stats = {.max = {1.0, 1.0}, .log_z = {10.0, 10.0}};
    for (int64_t r = begin; r < end; r++)
        a->ops->row_gradient(f32(a, 0, r * a->width), f32(a, 1, r * a->width),
                             a->x[0] + r * a->width, a->x[1] + r * a->width, a->width, &stats,
                             &loss);
}

static void log_sum_exp(const bench_arrays *a, int64_t begin, int64_t end, int64_t thread) {
    for (int64_t r = begin; r < end; r++)
        a->sums[thread * 2 * a->width] = a->ops->log_sum_exp(a->x[0] + r * a->width, a->width);
}

static void log_softmax(const bench_arrays *a, int64_t begin, int64_t end, int64_t thread) {
    (void)thread;
    for (int64_t r = begin; r < end; r++) a->ops->log_softmax(a->x[0] + r * a->width, a->width);
}

static void log_add_exp(const bench_arrays *a, int64_t begin, int64_t end, int64_t thread) {
    (void)thread;
    for (int64_t r = begin; r < end; r++)
        a->ops->log_add_exp(a->x[0] + r * a->width, a->x[1] + r * a->width, a->width, 0.0f);
}

static void add_bias(const bench_arrays *a, int64_t begin, int64_t end, int64_t thread) {
    (void)thread;
    a->ops->add_bias(a->x[0] + begin * a->width, a->vectors, end - begin, a->width);
}

/* Weights of width rows, with a word for each token of a sequence. */
static rd_panels_product panels_product(const bench_arrays *a, int64_t begin, int64_t end) {
    int64_t n_words = a->length < a->width ? a->length : a->width;
    return (rd_panels_product){.rows = end - begin,
                               .n_out = a->width < BENCH_TABLE ? a->width : BENCH_TABLE,
                               .n_words = n_words,
                               .x = a->x[1] + begin * a->width,
                               .panels = (const uint32_t *)(const void *)a->table,
                               .y = a->x[0] + begin * a->width,
                               .stride_y = a->width};
}

static void panels_f32(const bench_arrays *a, int64_t begin, int64_t end, int64_t thread) {
    const rd_panels_product product = panels_product(a, begin, end);
    (void)thread;
    a->ops->panels_f32(&product);
}

static void panels_bf16(const bench_arrays *a, int64_t begin, int64_t end, int64_t thread) {
    const rd_panels_product product = panels_product(a, begin, end);
    (void)thread;
    a->ops->panels_bf16(&product);
}

static void panels_int8(const bench_arrays *a, int64_t begin, int64_t end, int64_t thread) {
    const rd_panels_product product = panels_product(a, begin, end);
    (void)thread;
    rd_int8_kernels()->panels_int8(&product);
}

static void quantize_rows(const bench_arrays *a, int64_t begin, int64_t end, int64_t thread) {
    (void)thread;
    a->ops->quantize_rows((uint8_t *)(a->x[0] + begin * a->width), a->statistics + begin,
                          a->x[1] + begin * a->width, end - begin, a->width);
}

static void signs_apart(const bench_arrays *a, int64_t begin, int64_t end, int64_t thread) {
    const uint8_t *rounded = (const uint8_t *)(a->x[1] + begin * a->width);
    (void)thread;
    rd_int8_kernels()->signs_apart((uint32_t *)(a->x[0] + begin * a->width), rounded,
                                   (end - begin) * a->width / 4);
}

/* Floats read as integers are integers like others. */
static void dequantize_rows(const bench_arrays *a, int64_t begin, int64_t end, int64_t thread) {
    (void)thread;
    a->ops->dequantize_rows(a->x[0] + begin * a->width, a->statistics + begin, a->vectors,
                            a->vectors, a->vectors, end - begin, a->width);
}

static void strided_maxima(const bench_arrays *a, int64_t begin, int64_t end, int64_t thread) {
    enum { STRIDE = 256 };
    int64_t stride = a->width < STRIDE ? a->width : STRIDE;
    for (int64_t r = begin; r < end; r++)
        a->ops->strided_maxima(a->scratch + thread * a->scratch_size, a->x[0] + r * a->width,
                               a->width, stride);
}

static void sum_of_squares(const bench_arrays *a, int64_t begin, int64_t end, int64_t thread) {
    a->sums[thread * 2 * a->width] =
        (float)a->ops->sum_of_squares(a->x[0] + begin * a->width, (end - begin) * a->width);
}

/* Decay rates of 1 keep the moments from running into denormal numbers over many calls. */
/* One picture of the rows, [side, side, channels], and its windows of 3 x 3. */
static rd_windows windows_of(int64_t begin, int64_t end, int64_t channels, int64_t stride) {
    int64_t side = 1;
    while ((side + 1) * (side + 1) <= end - begin) side++;
    return (rd_windows){.n = 1,
                        .side = side,
                        .channels = channels,
                        .kernel = 3,
                        .stride = stride,
                        .padding = 1,
                        .interleaved = true};
}

static void fold(const bench_arrays *a, int64_t begin, int64_t end, int64_t thread) {
    (void)thread;
    int64_t channels = a->width / 9 > 0 ? a->width / 9 : 1, at = begin * a->width;
    const rd_windows windows = windows_of(begin, end, channels, 1);
    if (end > begin && a->width >= 9) a->ops->fold(a->x[0] + at, a->x[1] + at, &windows);
}

static void max_pool(const bench_arrays *a, int64_t begin, int64_t end, int64_t thread) {
    (void)thread;
    const rd_windows windows = windows_of(begin, end, a->width, 2);
    int64_t at = begin * a->width;
    if (end > begin) a->ops->max_pool(a->x[0] + at, a->x[1] + at, &windows);
}

static void max_pool_backward(const bench_arrays *a, int64_t begin, int64_t end, int64_t thread) {
    (void)thread;
    const rd_windows windows = windows_of(begin, end, a->width, 2);
    int64_t at = begin * a->width;
    if (end > begin)
        a->ops->max_pool_backward(a->x[0] + at, a->x[1] + at, a->x[2] + at, a->x[3] + at, &windows);
}

static void adam(const bench_arrays *a, int64_t begin, int64_t end, int64_t thread) {
    (void)thread;
    int64_t at = begin * a->width;
    const rd_adam idle = {
        .beta1 = 1.0f, .beta2 = 1.0f, .eps = 1e-8f, .grad_scale = 1.0f, .decay = 1.0f};
    a->ops->adam(a->x[0] + at, a->x[1] + at, a->x[2] + at, a->x[3] + at, (end - begin) * a->width,
                 &idle);
}

/* clang-format off: a table */
const bench_kernel bench_kernels[] = {
    {"embed", 1, 2, {0, 0}, false, embed},
    {"apply_dropout", 1, 2, {0, 0}, false, apply_dropout},
    {"activation relu", 2, 2, {0, 0}, false, relu},
    {"activation_backward relu", 4, 4, {0, 0}, false, relu_backward},
    {"activation gelu", 2, 2, {0, 0}, false, gelu},
    {"activation_backward gelu", 4, 4, {0, 0}, false, gelu_backward},
    {"residual_norm", 4, 4, {0, 0}, false, residual_norm},
    {"norm_backward", 3, 4, {0, 0}, false, norm_backward},
    {"residual_backward", 2, 2, {0, 0}, false, residual_backward},
    {"to_bf16", 2, 1.5, {0, 0}, false, to_bf16},
    {"column_sums", 1, 1, {0, 0}, false, column_sums},
    {"attention", 4, 4, {0, 4}, false, attention},
    {"attention bf16", 4, 2, {0, 4}, false, attention_bf16},
    {"attention_backward", 8, 8, {0, 10}, false, attention_backward},
    {"attention_backward bf16", 8, 4, {0, 10}, false, attention_backward_bf16},
    {"attention_query", 4, 2, {2, 4}, false, attention_query},
    {"criterion", 2, 4, {0, 0}, true, criterion},
    {"row_stats", 2, 2, {0, 0}, true, row_stats},
    {"row_gradient", 2, 4, {0, 0}, true, row_gradient},
    {"log_sum_exp", 1, 1, {0, 0}, true, log_sum_exp},
    {"log_softmax", 1, 2, {0, 0}, true, log_softmax},
    {"log_add_exp", 2, 3, {0, 0}, true, log_add_exp},
    {"add_bias", 1, 2, {0, 0}, false, add_bias},
    {"panels_f32", 2, 1, {0, 2}, false, panels_f32},
    {"panels_bf16", 2, 1, {0, 4}, false, panels_bf16},
    {"panels_int8", 2, 1, {0, 8}, false, panels_int8},
    {"quantize_rows", 2, 1.25, {0, 0}, false, quantize_rows},
    {"signs_apart", 2, 0.75, {0, 0}, false, signs_apart},
    {"dequantize_rows", 1, 2, {0, 0}, false, dequantize_rows},
    {"strided_maxima", 1, 1, {0, 0}, true, strided_maxima},
    {"sum_of_squares", 1, 1, {0, 0}, false, sum_of_squares},
    {"fold", 2, 1.11, {0, 0}, false, fold},
    {"max_pool", 2, 1.25, {0, 0}, false, max_pool},
    {"max_pool_backward", 4, 2.5, {0, 0}, false, max_pool_backward},
    {"adam", 4, 8, {0, 0}, false, adam},
};
/* clang-format on */
const int bench_n_kernels = (int)(sizeof bench_kernels / sizeof *bench_kernels);

void bench_arrays_make(bench_arrays *a, const bench_kernel *kernel, const bench_settings *settings,
                       int64_t rows, int64_t width) {
    enum { APART = 272 }; /* floats between arrays, whose rows then do not share cache sets */
    int64_t threads = omp_get_max_threads(), n = rows * width + APART;
    *a = (bench_arrays){.ops = rd_cpu_kernels(),
                        .pairs = rd_cpu_has_bf16_pairs(),
                        .rows = rows,
                        .width = width,
                        .length = settings->length,
                        .head = settings->head};
    float *block = bench_floats(kernel->arrays * n);
    for (int64_t i = 0; i < kernel->arrays * n; i++) { /* may be read as bfloat16, too */
        uint16_t half = rd_f32_to_bf16(block[i]), both[2] = {half, half};
        memcpy(&block[i], both, sizeof both);
    }
    for (int i = 0; i < kernel->arrays; i++) a->x[i] = block + i * n;
    a->vectors = bench_floats(4 * width);
    a->sums = bench_floats(threads * 2 * width);
    a->statistics = bench_floats(2 * rows);
    a->lse = bench_floats(rows * (width / a->head + 1));
    a->table = bench_floats(kernel->vocabulary ? 1 : BENCH_TABLE * width);
    a->scratch_size = rd_attention_scratch(a->length, a->length, a->head) + 2 * width;
    a->scratch_size = (a->scratch_size + 15) / 16 * 16;
    a->scratch = bench_floats(threads * a->scratch_size);
    a->tokens = rd_malloc((size_t)rows, sizeof *a->tokens);
    if (!a->tokens) bench_fail();
    for (int64_t r = 0; r < rows; r++) a->tokens[r] = (int32_t)(r * 2654435761 % BENCH_TABLE);
    a->dropout = (rd_dropout){.rate = settings->dropout, .seed = 1, .update = 1, .site = 3};
    if (strcmp(kernel->name, "adam") == 0) /* second moments */
        for (int64_t i = 0; i < rows * width; i++) a->x[3][i] *= a->x[3][i];
}

void bench_arrays_free(bench_arrays *a) {
    free(a->x[0]);
    free(a->vectors);
    free(a->sums);
    free(a->statistics);
    free(a->lse);
    free(a->table);
    free(a->scratch);
    free(a->tokens);
}
