#include "layers/patches.h"

/* Windows of a convolution that are unfolded at once: 16 MiB of floats. */
enum { CHUNK_FLOATS = 4 << 20 };

/* Along a side of the input of convolution i. */
static int64_t side_of(const rd_patches *p, int32_t i) {
    int64_t side = p->side;
    for (; i > 0; i--) side = (side - 1) / RD_POOL_STRIDE + 1;
    return side;
}

static int64_t patches_of(const rd_patches *p) {
    int64_t side = p->n_convolutions > 0 ? side_of(p, p->n_convolutions) : p->side / p->patch;
    return side * side;
}

int64_t rd_patches_length(const rd_patches *patches) {
    return patches_of(patches) + patches->class_tokens;
}

/* ---- Patches ---- */

/* *x: [n * patches, width]. */
static rd_status project(const rd_step *step, const rd_patches *p, rd_patches_saved *saved,
                         int64_t n, int64_t width, const float *pictures, float **x) {
    int64_t rows = n * patches_of(p), size = p->channels * p->patch * p->patch;
    const rd_windows windows = {
        .n = n, .side = p->side, .channels = p->channels, .kernel = p->patch, .stride = p->patch};
    float *unfolded = rd_step_rows(step, rows, size);
    *x = rd_step_rows(step, rows, width);
    if (!unfolded || !*x) return RD_ERR_MEMORY;
    rd_op_unfold(unfolded, pictures, &windows);
    RD_TRY(rd_step_operand(step, unfolded, rows, size, &saved->unfolded));
    return rd_step_product(step, rows, width, size, saved->unfolded, &p->weight, 0, NULL, NULL,
                           (rd_activations){.f32 = *x});
}

static rd_status project_backward(const rd_step *step, const rd_patches *p,
                                  const rd_patches_saved *saved, int64_t n, int64_t width,
                                  float *dx) {
    int64_t rows = n * patches_of(p), size = p->channels * p->patch * p->patch;
    rd_activations operand;
    RD_TRY(rd_step_operand(step, dx, rows, width, &operand));
    rd_gemm_backward_weights(rows, width, size, operand, saved->unfolded, 1.0f, p->weight.grad);
    return RD_OK;
}

/* ---- The stem ---- */

static rd_windows convolution_windows(const rd_patches *p, int32_t i, int64_t n) {
    return (rd_windows){.n = n,
                        .side = side_of(p, i),
                        .channels = p->convolutions[i].n_in,
                        .kernel = RD_CONVOLUTION_KERNEL,
                        .stride = 1,
                        .padding = RD_CONVOLUTION_KERNEL / 2,
                        .interleaved = i > 0};
}

static rd_windows pool_windows(const rd_patches *p, int32_t i, int64_t n) {
    return (rd_windows){.n = n,
                        .side = side_of(p, i),
                        .channels = p->convolutions[i].n_out,
                        .kernel = RD_POOL_KERNEL,
                        .stride = RD_POOL_STRIDE,
                        .padding = RD_POOL_KERNEL / 2,
                        .interleaved = true};
}

/* Pictures that are unfolded at once. */
static int64_t chunk_of(const rd_windows *w) {
    int64_t chunk = CHUNK_FLOATS / (w->side * w->side * rd_windows_size(w));
    return chunk < 1 ? 1 : chunk < w->n ? chunk : w->n;
}

/* Pictures [first, first + *n) of the windows, unfolded for a product. */
static rd_status unfold(const rd_step *step, const rd_windows *whole, const float *in,
                        int64_t first, int64_t *n, rd_activations *unfolded) {
    rd_windows part = *whole;
    int64_t size = rd_windows_size(whole), pixels = whole->side * whole->side;
    part.n = *n = whole->n - first < chunk_of(whole) ? whole->n - first : chunk_of(whole);
    float *x = rd_step_rows(step, part.n * pixels, size);
    if (!x) return RD_ERR_MEMORY;
    rd_op_unfold(x, in + first * pixels * whole->channels, &part);
    return rd_step_operand(step, x, part.n * pixels, size, unfolded);
}

/* out: [n, side, side, n_out], with rows for products. */
static rd_status convolve(const rd_step *step, const rd_convolution *c, const rd_windows *w,
                          const float *in, float *out) {
    int64_t size = rd_windows_size(w), pixels = w->side * w->side, n;
    for (int64_t first = 0; first < w->n; first += n) {
        rd_arena_mark mark = rd_arena_save(step->arena);
        rd_activations unfolded;
        RD_TRY(unfold(step, w, in, first, &n, &unfolded));
        RD_TRY(rd_step_product(step, n * pixels, c->n_out, size, unfolded, &c->weight, 0, NULL,
                               NULL, (rd_activations){.f32 = out + first * pixels * c->n_out}));
        rd_arena_restore(step->arena, mark);
    }
    return RD_OK;
}

/* *x: [n * patches, width]. */
static rd_status stem(const rd_step *step, const rd_patches *p, rd_patches_saved *saved, int64_t n,
                      const float *pictures, float **x) {
    const float *in = pictures;
    for (int32_t i = 0; i < p->n_convolutions; i++) {
        const rd_windows windows = convolution_windows(p, i, n), pool = pool_windows(p, i, n);
        int64_t n_out = p->convolutions[i].n_out, half = rd_windows_side(&pool);
        float *out = rd_step_rows_in_parts(step, n * windows.side * windows.side, n_out);
        *x = rd_step_rows(step, n * half * half, n_out);
        if (!out || !*x) return RD_ERR_MEMORY;
        RD_TRY(convolve(step, &p->convolutions[i], &windows, in, out));
        rd_op_max_pool(*x, out, &pool);
        saved->convolutions[i].in = in;
        saved->convolutions[i].out = out;
        saved->convolutions[i].pool = in = *x;
    }
    return RD_OK;
}

/* dout: of the convolution; din: as in, NULL: not wanted. */
static rd_status convolve_backward(const rd_step *step, const rd_convolution *c,
                                   const rd_windows *w, const float *in, float *dout, float *din) {
    int64_t size = rd_windows_size(w), pixels = w->side * w->side, n;
    for (int64_t first = 0; first < w->n; first += n) {
        rd_arena_mark mark = rd_arena_save(step->arena);
        rd_activations unfolded, operand;
        RD_TRY(unfold(step, w, in, first, &n, &unfolded));
        int64_t rows = n * pixels;
        RD_TRY(rd_step_operand(step, dout + first * pixels * c->n_out, rows, c->n_out, &operand));
        rd_gemm_backward_weights(rows, c->n_out, size, operand, unfolded, 1.0f, c->weight.grad);
        if (din) {
            float *dwindows = rd_step_rows(step, rows, size);
            rd_windows part = *w;
            part.n = n;
            if (!dwindows) return RD_ERR_MEMORY;
            rd_gemm_backward_data(rows, c->n_out, size, operand,
                                  rd_step_weights(step, &c->weight, 0), 0.0f,
                                  (rd_activations){.f32 = dwindows});
            rd_op_fold(din + first * pixels * w->channels, dwindows, &part);
        }
        rd_arena_restore(step->arena, mark);
    }
    return RD_OK;
}

static rd_status stem_backward(const rd_step *step, const rd_patches *p,
                               const rd_patches_saved *saved, int64_t n, float *dx) {
    for (int32_t i = p->n_convolutions - 1; i >= 0; i--) {
        const rd_windows windows = convolution_windows(p, i, n), pool = pool_windows(p, i, n);
        int64_t rows = n * windows.side * windows.side;
        float *dout = rd_step_rows(step, rows, p->convolutions[i].n_out);
        float *din = i > 0 ? rd_step_rows(step, rows, p->convolutions[i].n_in) : NULL;
        if (!dout || (i > 0 && !din)) return RD_ERR_MEMORY;
        rd_op_max_pool_backward(dout, dx, saved->convolutions[i].pool, saved->convolutions[i].out,
                                &pool);
        RD_TRY(convolve_backward(step, &p->convolutions[i], &windows, saved->convolutions[i].in,
                                 dout, din));
        dx = din;
    }
    return RD_OK;
}

/* ---- Both ---- */

static rd_patch_rows rows_of(const rd_step *step, const rd_patches *p, int64_t n, int64_t width) {
    return (rd_patch_rows){.passes = step->n_passes,
                           .n = n,
                           .patches = patches_of(p),
                           .width = width,
                           .class_tokens = p->class_tokens};
}

rd_status rd_patches_forward(const rd_step *step, const rd_patches *p, rd_patches_saved *saved,
                             int64_t n, int64_t width, const float *pictures, rd_activations *out) {
    const rd_patch_rows layout = rows_of(step, p, n, width);
    int64_t rows = step->n_passes * n * rd_patches_length(p);
    rd_dropout dropout = rd_step_dropout(step, p->dropout, p->site, rows);
    float *x;
    *out = rd_step_stream(step, rows, width);
    if (!rd_activations_exists(*out)) return RD_ERR_MEMORY;
    RD_TRY(p->n_convolutions > 0 ? stem(step, p, saved, n, pictures, &x)
                                 : project(step, p, saved, n, width, pictures, &x));
    rd_op_place_patches(out->f32, x, p->bias.value, p->class_token.value, p->positions.value,
                        &layout);
    rd_op_dropout((rd_activations){.f32 = out->f32}, rows, width, &dropout);
    if (out->bf16) rd_op_to_bf16(out->bf16, out->f32, rows * width);
    return RD_OK;
}

rd_status rd_patches_backward(const rd_step *step, const rd_patches *p,
                              const rd_patches_saved *saved, int64_t n, int64_t width,
                              float *dout) {
    const rd_patch_rows layout = rows_of(step, p, n, width);
    int64_t rows = step->n_passes * n * rd_patches_length(p);
    rd_dropout dropout = rd_step_dropout(step, p->dropout, p->site, rows);
    rd_arena_mark mark = rd_arena_save(step->arena);
    float *dx = rd_step_rows(step, n * layout.patches, width);
    if (!dx) return RD_ERR_MEMORY;
    rd_op_dropout((rd_activations){.f32 = dout}, rows, width, &dropout);
    rd_op_place_patches_backward(dx, p->bias.grad, p->class_token.grad, p->positions.grad, dout,
                                 &layout);
    RD_TRY(p->n_convolutions > 0 ? stem_backward(step, p, saved, n, dx)
                                 : project_backward(step, p, saved, n, width, dx));
    rd_arena_restore(step->arena, mark);
    return RD_OK;
}
