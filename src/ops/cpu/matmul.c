#include "ops/cpu/matmul.h"

#include "base/memory.h"
#include "base/parallel.h"

bool rd_matmul_has_room(int64_t floats) {
    enum { CODE = 8 << 20 };
    return !rd_memory_is_short(CODE + sizeof(float) * (size_t)floats);
}

#ifdef RD_HAVE_ONEDNN

#include <oneapi/dnnl/dnnl.h>

static dnnl_status_t describe(dnnl_memory_desc_t *desc, rd_matmul_operand x, int64_t rows,
                              int64_t columns) {
    const dnnl_dims_t dims = {rows, columns};
    const dnnl_dims_t strides = {x.transposed ? 1 : columns, x.transposed ? rows : 1};
    return dnnl_memory_desc_init_by_strides(desc, 2, dims, x.bf16 ? dnnl_bf16 : dnnl_f32, strides);
}

/* descs: a, b, c. oneDNN caches primitives by shape, so only the first of a kind is slow. */
static dnnl_status_t make_primitive(dnnl_primitive_t *primitive, dnnl_engine_t engine,
                                    const dnnl_memory_desc_t *descs, float beta) {
    dnnl_matmul_desc_t matmul;
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_post_ops_t sum = NULL;
    dnnl_primitive_desc_t desc = NULL;
    dnnl_status_t status = dnnl_matmul_desc_init(&matmul, &descs[0], &descs[1], NULL, &descs[2]);
    if (status == dnnl_success && beta != 0.0f) {
        status = dnnl_primitive_attr_create(&attributes);
        if (status == dnnl_success) status = dnnl_post_ops_create(&sum);
        if (status == dnnl_success) status = dnnl_post_ops_append_sum(sum, beta);
        if (status == dnnl_success) status = dnnl_primitive_attr_set_post_ops(attributes, sum);
    }
    if (status == dnnl_success)
        status = dnnl_primitive_desc_create(&desc, &matmul, attributes, engine, NULL);
    if (status == dnnl_success) status = dnnl_primitive_create(primitive, desc);
    dnnl_primitive_desc_destroy(desc);
    dnnl_post_ops_destroy(sum);
    dnnl_primitive_attr_destroy(attributes);
    return status;
}

static dnnl_status_t execute(dnnl_primitive_t primitive, dnnl_engine_t engine,
                             const dnnl_memory_desc_t *descs, void *const *data) {
    static const int names[3] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST};
    dnnl_exec_arg_t args[3] = {{0}};
    dnnl_stream_t stream = NULL;
    dnnl_status_t status = dnnl_stream_create(&stream, engine, dnnl_stream_default_flags);
    for (int i = 0; i < 3 && status == dnnl_success; i++) {
        args[i].arg = names[i];
        status = dnnl_memory_create(&args[i].memory, &descs[i], engine, data[i]);
    }
    if (status == dnnl_success) status = dnnl_primitive_execute(primitive, stream, 3, args);
    if (status == dnnl_success) status = dnnl_stream_wait(stream);
    for (int i = 0; i < 3; i++) dnnl_memory_destroy(args[i].memory);
    dnnl_stream_destroy(stream);
    return status;
}

bool rd_matmul(int64_t m, int64_t n, int64_t k, rd_matmul_operand a, rd_matmul_operand b,
               float beta, rd_matmul_operand c) {
    dnnl_engine_t engine = NULL;
    dnnl_primitive_t primitive = NULL;
    dnnl_memory_desc_t descs[3];
    void *data[3] = {(void *)a.data, (void *)b.data, (void *)c.data};
    rd_settle_threads();
    dnnl_status_t status = dnnl_engine_create(&engine, dnnl_cpu, 0);
    if (status == dnnl_success) status = describe(&descs[0], a, m, k);
    if (status == dnnl_success) status = describe(&descs[1], b, k, n);
    if (status == dnnl_success) status = describe(&descs[2], c, m, n);
    if (status == dnnl_success) status = make_primitive(&primitive, engine, descs, beta);
    if (status == dnnl_success) status = execute(primitive, engine, descs, data);
    dnnl_primitive_destroy(primitive);
    dnnl_engine_destroy(engine);
    return status == dnnl_success;
}

#else

bool rd_matmul(int64_t m, int64_t n, int64_t k, rd_matmul_operand a, rd_matmul_operand b,
               float beta, rd_matmul_operand c) {
    (void)m, (void)n, (void)k, (void)a, (void)b, (void)beta, (void)c;
    return false;
}

#endif
