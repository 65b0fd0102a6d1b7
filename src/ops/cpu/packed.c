/* Rows are multiplied in pieces of a few set sizes, because oneDNN generates code for each size it
 * meets. */
#include "ops/packed.h"

#include "ops/cpu/kernels.h"

/* The rounding is that of activations, which are stored with 128 added. */
void rd_quantize_weights(int8_t *rounded, float *scales, const float *w, int64_t n_out,
                         int64_t n_in) {
    uint8_t *shifted = (uint8_t *)rounded;
    rd_cpu_kernels()->quantize_rows(shifted, scales, w, n_out, n_in);
    for (int64_t i = 0; i < n_out * n_in; i++) rounded[i] = (int8_t)((int)shifted[i] - 128);
}

#ifdef RD_HAVE_ONEDNN

#include <oneapi/dnnl/dnnl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/cpu.h"

enum { N_SIZES = 14, MOST_ROWS = 64, N_ARGS = 4 };

static const int64_t sizes[N_SIZES] = {1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32, 48, MOST_ROWS};

struct rd_packed {
    const rd_kernels *ops;
    int64_t n_out, n_in;
    rd_precision precision;
    dnnl_engine_t engine;
    dnnl_memory_desc_t weights_desc;
    void *weights;
    dnnl_memory_t weights_memory; /* weights with weights_desc, as oneDNN takes them */
    /* int8 only. y = row scale * (scale * sum - offset): inputs are stored with 128 added, so
     * offset = 128 * scale * (sum of the row of W). */
    float *scales, *offsets;                       /* [n_out] */
    _Atomic(dnnl_primitive_t) primitives[N_SIZES]; /* made when first needed */
};

static dnnl_data_type_t input_type(const rd_packed *p) {
    return p->precision == RD_PRECISION_INT8   ? dnnl_u8
           : p->precision == RD_PRECISION_BF16 ? dnnl_bf16
                                               : dnnl_f32;
}

static dnnl_data_type_t weights_type(const rd_packed *p) {
    return p->precision == RD_PRECISION_INT8 ? dnnl_s8 : input_type(p);
}

static size_t input_size(const rd_packed *p) {
    return p->precision == RD_PRECISION_INT8 ? 1 : p->precision == RD_PRECISION_BF16 ? 2 : 4;
}

static rd_status failed(dnnl_status_t status) {
    return status == dnnl_out_of_memory
               ? rd_error(RD_ERR_MEMORY, "out of memory for a matrix product")
               : rd_error(RD_ERR_UNSUPPORTED, "oneDNN cannot do a matrix product (%d)",
                          (int)status);
}

static dnnl_status_t plain_desc(dnnl_memory_desc_t *desc, int64_t rows, int64_t columns,
                                dnnl_data_type_t type) {
    const dnnl_dims_t dims = {rows, columns};
    return dnnl_memory_desc_init_by_tag(desc, 2, dims, type, dnnl_ab);
}

/* Of [rows, n_in] times weights of the given layout. */
static dnnl_status_t describe(const rd_packed *p, int64_t rows,
                              const dnnl_memory_desc_t *weights_desc, dnnl_primitive_desc_t *desc) {
    dnnl_memory_desc_t src, dst;
    dnnl_matmul_desc_t matmul;
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_status_t status = plain_desc(&src, rows, p->n_in, input_type(p));
    if (status == dnnl_success)
        status = plain_desc(&dst, rows, p->n_out,
                            p->precision == RD_PRECISION_INT8 ? dnnl_s32 : dnnl_f32);
    if (status == dnnl_success)
        status = dnnl_matmul_desc_init(&matmul, &src, weights_desc, NULL, &dst);
    if (status == dnnl_success) status = dnnl_primitive_attr_create(&attributes);
    /* Given by each call: threads share the primitive. */
    if (status == dnnl_success)
        status = dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user);
    if (status == dnnl_success)
        status = dnnl_primitive_desc_create(desc, &matmul, attributes, p->engine, NULL);
    dnnl_primitive_attr_destroy(attributes);
    return status;
}

/* The layout that is best for many rows, which all sizes then use. */
static dnnl_status_t choose_layout(rd_packed *p) {
    const dnnl_dims_t dims = {p->n_in, p->n_out};
    dnnl_memory_desc_t any;
    dnnl_primitive_desc_t desc = NULL;
    dnnl_status_t status =
        dnnl_memory_desc_init_by_tag(&any, 2, dims, weights_type(p), dnnl_format_tag_any);
    if (status == dnnl_success) status = describe(p, MOST_ROWS, &any, &desc);
    if (status == dnnl_success)
        p->weights_desc = *dnnl_primitive_desc_query_md(desc, dnnl_query_weights_md, 0);
    dnnl_primitive_desc_destroy(desc);
    return status;
}

/* Copies `from`: [n_out, n_in], of the type of the weights or of float, into the layout. */
static dnnl_status_t reorder(rd_packed *p, const void *from, dnnl_data_type_t type) {
    const dnnl_dims_t dims = {p->n_in, p->n_out}, strides = {1, p->n_in};
    dnnl_memory_desc_t from_desc;
    dnnl_primitive_desc_t desc = NULL;
    dnnl_primitive_t primitive = NULL;
    dnnl_stream_t stream = NULL;
    dnnl_exec_arg_t args[2] = {{DNNL_ARG_FROM, NULL}, {DNNL_ARG_TO, p->weights_memory}};
    dnnl_status_t status = dnnl_memory_desc_init_by_strides(&from_desc, 2, dims, type, strides);
    if (status == dnnl_success)
        status = dnnl_reorder_primitive_desc_create(&desc, &from_desc, p->engine, &p->weights_desc,
                                                    p->engine, NULL);
    if (status == dnnl_success) status = dnnl_primitive_create(&primitive, desc);
    if (status == dnnl_success) status = dnnl_stream_create(&stream, p->engine, 0);
    if (status == dnnl_success)
        status = dnnl_memory_create(&args[0].memory, &from_desc, p->engine, (void *)from);
    if (status == dnnl_success) status = dnnl_primitive_execute(primitive, stream, 2, args);
    if (status == dnnl_success) status = dnnl_stream_wait(stream);
    dnnl_memory_destroy(args[0].memory);
    dnnl_stream_destroy(stream);
    dnnl_primitive_destroy(primitive);
    dnnl_primitive_desc_destroy(desc);
    return status;
}

static rd_status fill_int8(rd_packed *p, const float *w) {
    p->scales = rd_malloc((size_t)p->n_out, sizeof *p->scales);
    p->offsets = rd_malloc((size_t)p->n_out, sizeof *p->offsets);
    int8_t *rounded = rd_malloc((size_t)(p->n_out * p->n_in), sizeof *rounded);
    rd_status status = p->scales && p->offsets && rounded ? RD_OK : RD_ERR_MEMORY;
    if (status == RD_OK) rd_quantize_weights(rounded, p->scales, w, p->n_out, p->n_in);
    for (int64_t r = 0; status == RD_OK && r < p->n_out; r++) {
        int32_t sum = 0;
        for (int64_t i = 0; i < p->n_in; i++) sum += rounded[r * p->n_in + i];
        p->offsets[r] = 128.0f * p->scales[r] * (float)sum;
    }
    if (status == RD_OK) {
        dnnl_status_t done = reorder(p, rounded, dnnl_s8);
        if (done != dnnl_success) status = failed(done);
    }
    free(rounded);
    return status;
}

static rd_status fill(rd_packed *p, const float *w) {
    dnnl_status_t status = dnnl_engine_create(&p->engine, dnnl_cpu, 0);
    if (status == dnnl_success) status = choose_layout(p);
    if (status != dnnl_success) return failed(status);
    p->weights = rd_calloc(dnnl_memory_desc_get_size(&p->weights_desc), 1);
    if (!p->weights) return RD_ERR_MEMORY;
    status = dnnl_memory_create(&p->weights_memory, &p->weights_desc, p->engine, p->weights);
    if (status != dnnl_success) return failed(status);
    if (p->precision == RD_PRECISION_INT8) return fill_int8(p, w);
    status = reorder(p, w, dnnl_f32);
    return status == dnnl_success ? RD_OK : failed(status);
}

/* oneDNN crashes, or ends the process, when there is no room for the code it makes. */
static bool has_room(const rd_packed *p) {
    enum { CODE = 8 << 20 };
    return !rd_memory_is_short(CODE + 2 * sizeof(float) * (size_t)(p->n_out * p->n_in));
}

rd_status rd_packed_new(rd_packed **packed, rd_precision chosen, int64_t n_out, int64_t n_in,
                        const float *w) {
    *packed = NULL;
    rd_packed *p = rd_calloc(1, sizeof *p);
    if (!p) return RD_ERR_MEMORY;
    *p = (rd_packed){.ops = rd_cpu_kernels(), .n_out = n_out, .n_in = n_in, .precision = chosen};
    rd_status status = has_room(p) ? fill(p, w)
                                   : rd_error(RD_ERR_MEMORY,
                                              "out of memory for packed weights of "
                                              "%lld x %lld",
                                              (long long)n_out, (long long)n_in);
    if (status == RD_OK)
        *packed = p;
    else
        rd_packed_free(p);
    return status;
}

void rd_packed_free(rd_packed *p) {
    if (!p) return;
    for (int i = 0; i < N_SIZES; i++) dnnl_primitive_destroy(atomic_load(&p->primitives[i]));
    dnnl_memory_destroy(p->weights_memory);
    dnnl_engine_destroy(p->engine);
    free(p->weights);
    free(p->scales);
    free(p->offsets);
    free(p);
}

rd_precision rd_packed_precision(const rd_packed *p) {
    return p ? p->precision : RD_PRECISION_FP32;
}

/* Two threads may make the same one; the first to put it in place wins. */
static rd_status primitive_for(rd_packed *p, int size, dnnl_primitive_t *found) {
    *found = atomic_load(&p->primitives[size]);
    if (*found) return RD_OK;
    if (!has_room(p)) return rd_error(RD_ERR_MEMORY, "out of memory for a matrix product");
    dnnl_primitive_desc_t desc = NULL;
    dnnl_primitive_t made = NULL;
    dnnl_status_t status = describe(p, sizes[size], &p->weights_desc, &desc);
    if (status == dnnl_success) status = dnnl_primitive_create(&made, desc);
    dnnl_primitive_desc_destroy(desc);
    if (status != dnnl_success) return failed(status);
    if (atomic_compare_exchange_strong(&p->primitives[size], found, made))
        *found = made;
    else
        dnnl_primitive_destroy(made);
    return RD_OK;
}

static dnnl_status_t add_argument(dnnl_exec_arg_t *args, int *n, int name, const rd_packed *p,
                                  const_dnnl_primitive_desc_t desc, dnnl_query_t what, void *data) {
    args[*n].arg = name;
    return dnnl_memory_create(&args[(*n)++].memory, dnnl_primitive_desc_query_md(desc, what, 0),
                              p->engine, data);
}

static rd_status execute(const rd_packed *p, dnnl_stream_t stream, rd_arena *arena,
                         dnnl_primitive_t primitive, const void *x, float *y) {
    dnnl_exec_arg_t args[N_ARGS] = {{DNNL_ARG_WEIGHTS, p->weights_memory}};
    const_dnnl_primitive_desc_t desc = NULL;
    int n = 1;
    dnnl_status_t status = dnnl_primitive_get_primitive_desc(primitive, &desc);
    if (status == dnnl_success)
        status = add_argument(args, &n, DNNL_ARG_SRC, p, desc, dnnl_query_src_md, (void *)x);
    if (status == dnnl_success)
        status = add_argument(args, &n, DNNL_ARG_DST, p, desc, dnnl_query_dst_md, y);
    size_t needed =
        dnnl_memory_desc_get_size(dnnl_primitive_desc_query_md(desc, dnnl_query_scratchpad_md, 0));
    if (status == dnnl_success && needed > 0) {
        void *scratch = rd_arena_alloc(arena, needed, 1);
        status = scratch ? add_argument(args, &n, DNNL_ARG_SCRATCHPAD, p, desc,
                                        dnnl_query_scratchpad_md, scratch)
                         : dnnl_out_of_memory;
    }
    if (status == dnnl_success) status = dnnl_primitive_execute(primitive, stream, n, args);
    if (status == dnnl_success) status = dnnl_stream_wait(stream);
    for (int i = 1; i < n; i++) dnnl_memory_destroy(args[i].memory);
    return status == dnnl_success ? RD_OK : failed(status);
}

/* One piece: x: [rows, n_in], y: [rows, n_out], where `rows` is sizes[size]. */
static rd_status multiply_piece(rd_packed *p, dnnl_stream_t stream, rd_arena *arena, int size,
                                const float *x, const float *bias, float *y) {
    int64_t rows = sizes[size];
    float row_scales[MOST_ROWS];
    const void *input = x;
    dnnl_primitive_t primitive;
    RD_TRY(primitive_for(p, size, &primitive));
    if (p->precision != RD_PRECISION_FP32) {
        void *rounded = rd_arena_alloc(arena, (size_t)(rows * p->n_in), input_size(p));
        if (!rounded) return RD_ERR_MEMORY;
        if (p->precision == RD_PRECISION_BF16)
            p->ops->to_bf16(rounded, x, rows * p->n_in);
        else
            p->ops->quantize_rows(rounded, row_scales, x, rows, p->n_in);
        input = rounded;
    }
    RD_TRY(execute(p, stream, arena, primitive, input, y));
    if (p->precision == RD_PRECISION_INT8)
        p->ops->dequantize_rows(y, row_scales, p->scales, p->offsets, bias, rows, p->n_out);
    else if (bias)
        p->ops->add_bias(y, bias, rows, p->n_out);
    return RD_OK;
}

static int largest_piece(int64_t rows) {
    int size = N_SIZES - 1;
    while (sizes[size] > rows) size--;
    return size;
}

rd_status rd_packed_multiply(const rd_packed *packed, rd_arena *arena, int64_t rows, const float *x,
                             const float *bias, float *y) {
    rd_packed *p = (rd_packed *)packed; /* const except the cache of primitives */
    dnnl_stream_t stream = NULL;
    dnnl_status_t made = dnnl_stream_create(&stream, p->engine, dnnl_stream_default_flags);
    if (made != dnnl_success) return failed(made);
    rd_status status = RD_OK;
    for (int64_t done = 0; status == RD_OK && done < rows;) {
        int size = largest_piece(rows - done);
        rd_arena_mark mark = rd_arena_save(arena);
        status =
            multiply_piece(p, stream, arena, size, x + done * p->n_in, bias, y + done * p->n_out);
        rd_arena_restore(arena, mark);
        done += sizes[size];
    }
    dnnl_stream_destroy(stream);
    return status;
}

bool rd_packed_has_int8(void) {
    return rd_cpu_int8_is_fast();
}

rd_status rd_packed_choose(rd_precision precision, rd_precision *chosen) {
    *chosen = precision;
    if (precision == RD_PRECISION_AUTO)
        *chosen = rd_cpu_bf16_is_fast() ? RD_PRECISION_BF16 : RD_PRECISION_FP32;
    if (precision == RD_PRECISION_BF16 && rd_cpu_isa() != RD_ISA_AVX512)
        return rd_error(RD_ERR_ARGUMENT,
                        "precision bf16: needs a processor with AVX-512; use fp32 or auto");
    if (precision == RD_PRECISION_INT8 && !rd_packed_has_int8())
        return rd_error(RD_ERR_ARGUMENT, "precision int8: needs a processor with AVX-512 VNNI; use "
                                         "fp32 or auto");
    return RD_OK;
}

#else

struct rd_packed {
    int unused;
};

bool rd_packed_has_int8(void) {
    return false;
}

rd_status rd_packed_choose(rd_precision precision, rd_precision *chosen) {
    *chosen = RD_PRECISION_FP32;
    if (precision == RD_PRECISION_AUTO || precision == RD_PRECISION_FP32) return RD_OK;
    return rd_error(RD_ERR_ARGUMENT,
                    "precision bf16 and int8: need a build with oneDNN; use fp32 or auto");
}

rd_status rd_packed_new(rd_packed **packed, rd_precision chosen, int64_t n_out, int64_t n_in,
                        const float *w) {
    (void)chosen, (void)n_out, (void)n_in, (void)w;
    *packed = NULL;
    return RD_OK;
}

void rd_packed_free(rd_packed *packed) {
    (void)packed;
}

rd_precision rd_packed_precision(const rd_packed *packed) {
    (void)packed;
    return RD_PRECISION_FP32;
}

rd_status rd_packed_multiply(const rd_packed *packed, rd_arena *arena, int64_t rows, const float *x,
                             const float *bias, float *y) {
    (void)packed, (void)arena, (void)rows, (void)x, (void)bias, (void)y;
    return rd_error(RD_ERR_UNSUPPORTED, "this build has no packed weights");
}

#endif
