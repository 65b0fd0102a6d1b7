#include "ops/cpu/packed_onednn.h"

#ifdef RD_HAVE_ONEDNN

#include <oneapi/dnnl/dnnl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "ops/cpu/matmul.h"

bool rd_packed_onednn_is_there(void) {
    return true;
}

enum { N_SIZES = 17, N_ARGS = 4 };

static const int64_t sizes[N_SIZES] = {
    2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 28, 32, 40, 48, 56, RD_PACKED_MOST_ROWS};

/* A thread's objects for one call, kept for the next: making them takes as long as a small
 * product. */
typedef struct prepared {
    dnnl_primitive_t primitive;
    dnnl_stream_t stream;
    dnnl_exec_arg_t args[N_ARGS]; /* x, y, weights, scratch */
    size_t scratch;               /* bytes */
    struct prepared *next;
} prepared;

struct rd_packed_onednn {
    int64_t n_out, n_in;
    rd_precision precision;
    dnnl_engine_t engine;
    dnnl_memory_desc_t weights_desc;
    void *panels;
    pthread_mutex_t lock;      /* of `unused` */
    prepared *unused[N_SIZES]; /* made when first needed */
};

static dnnl_data_type_t type_of_x(rd_precision precision) {
    return precision == RD_PRECISION_INT8   ? dnnl_u8
           : precision == RD_PRECISION_BF16 ? dnnl_bf16
                                            : dnnl_f32;
}

static dnnl_status_t describe_weights(rd_packed_onednn *p) {
    const dnnl_dims_t dims = {p->n_in, p->n_out};
    bool int8 = p->precision == RD_PRECISION_INT8, bf16 = p->precision == RD_PRECISION_BF16;
    return dnnl_memory_desc_init_by_tag(&p->weights_desc, 2, dims,
                                        int8 ? dnnl_s8 : type_of_x(p->precision),
                                        int8   ? dnnl_BA16a64b4a
                                        : bf16 ? dnnl_BA16a64b2a
                                               : dnnl_BA16a64b);
}

static rd_status failed(dnnl_status_t status) {
    return status == dnnl_out_of_memory
               ? rd_error(RD_ERR_MEMORY, "out of memory for a matrix product")
               : rd_error(RD_ERR_UNSUPPORTED, "oneDNN cannot do a matrix product (%d)",
                          (int)status);
}

static dnnl_status_t describe(const rd_packed_onednn *p, int64_t rows,
                              dnnl_primitive_desc_t *desc) {
    const dnnl_dims_t x_dims = {rows, p->n_in}, y_dims = {rows, p->n_out};
    dnnl_memory_desc_t x, y;
    dnnl_matmul_desc_t matmul;
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_status_t status =
        dnnl_memory_desc_init_by_tag(&x, 2, x_dims, type_of_x(p->precision), dnnl_ab);
    if (status == dnnl_success)
        status = dnnl_memory_desc_init_by_tag(
            &y, 2, y_dims, p->precision == RD_PRECISION_INT8 ? dnnl_s32 : dnnl_f32, dnnl_ab);
    if (status == dnnl_success)
        status = dnnl_matmul_desc_init(&matmul, &x, &p->weights_desc, NULL, &y);
    if (status == dnnl_success) status = dnnl_primitive_attr_create(&attributes);
    if (status == dnnl_success)
        status = dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user);
    if (status == dnnl_success)
        status = dnnl_primitive_desc_create(desc, &matmul, attributes, p->engine, NULL);
    dnnl_primitive_attr_destroy(attributes);
    return status;
}

static bool has_room(const rd_packed_onednn *p) {
    return rd_matmul_has_room(2 * p->n_out * p->n_in);
}

/* An implementation made for one layout is fast; one that takes any is not. */
static dnnl_status_t is_fast(const rd_packed_onednn *p, bool *fast) {
    dnnl_primitive_desc_t desc = NULL;
    const char *name = "";
    dnnl_status_t status = describe(p, RD_PACKED_MOST_ROWS, &desc);
    if (status == dnnl_success)
        status = dnnl_primitive_desc_query(desc, dnnl_query_impl_info_str, 0, (void *)&name);
    *fast = status == dnnl_success && !strncmp(name, "brg", 3);
    dnnl_primitive_desc_destroy(desc);
    return status == dnnl_unimplemented ? dnnl_success : status;
}

rd_status rd_packed_onednn_new(rd_packed_onednn **made, rd_precision precision, int64_t n_out,
                               int64_t n_in, void *panels) {
    *made = NULL;
    rd_packed_onednn *p = rd_calloc(1, sizeof *p);
    if (!p) return RD_ERR_MEMORY;
    *p = (rd_packed_onednn){.n_out = n_out, .n_in = n_in, .precision = precision, .panels = panels};
    pthread_mutex_init(&p->lock, NULL);
    rd_settle_threads();
    bool fast = false;
    dnnl_status_t status = dnnl_out_of_memory;
    if (has_room(p)) {
        status = dnnl_engine_create(&p->engine, dnnl_cpu, 0);
        if (status == dnnl_success) status = describe_weights(p);
        if (status == dnnl_success) status = is_fast(p, &fast);
    }
    if (fast)
        *made = p;
    else
        rd_packed_onednn_free(p);
    return status == dnnl_success ? RD_OK : failed(status);
}

static void free_prepared(prepared *call) {
    if (!call) return;
    for (int i = 0; i < N_ARGS; i++) dnnl_memory_destroy(call->args[i].memory);
    dnnl_stream_destroy(call->stream);
    dnnl_primitive_destroy(call->primitive);
    free(call);
}

void rd_packed_onednn_free(rd_packed_onednn *p) {
    if (!p) return;
    for (int i = 0; i < N_SIZES; i++)
        for (prepared *call = p->unused[i], *next; call; call = next) {
            next = call->next;
            free_prepared(call);
        }
    dnnl_engine_destroy(p->engine);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static dnnl_status_t prepare(const rd_packed_onednn *p, int64_t rows, prepared *call) {
    static const int names[N_ARGS] = {DNNL_ARG_SRC, DNNL_ARG_DST, DNNL_ARG_WEIGHTS,
                                      DNNL_ARG_SCRATCHPAD};
    static const dnnl_query_t what[N_ARGS] = {dnnl_query_src_md, dnnl_query_dst_md,
                                              dnnl_query_weights_md, dnnl_query_scratchpad_md};
    dnnl_primitive_desc_t desc = NULL;
    dnnl_status_t status = describe(p, rows, &desc);
    if (status == dnnl_success) status = dnnl_primitive_create(&call->primitive, desc);
    if (status == dnnl_success)
        status = dnnl_stream_create(&call->stream, p->engine, dnnl_stream_default_flags);
    for (int i = 0; i < N_ARGS && status == dnnl_success; i++) {
        const dnnl_memory_desc_t *own = dnnl_primitive_desc_query_md(desc, what[i], 0);
        call->args[i].arg = names[i];
        status =
            dnnl_memory_create(&call->args[i].memory, own, p->engine,
                               what[i] == dnnl_query_weights_md ? p->panels : DNNL_MEMORY_NONE);
        if (what[i] == dnnl_query_scratchpad_md) call->scratch = dnnl_memory_desc_get_size(own);
    }
    dnnl_primitive_desc_destroy(desc);
    return status;
}

/* One that no other thread has. */
static rd_status take(rd_packed_onednn *p, int size, prepared **call) {
    pthread_mutex_lock(&p->lock);
    *call = p->unused[size];
    if (*call) p->unused[size] = (*call)->next;
    pthread_mutex_unlock(&p->lock);
    if (*call) return RD_OK;
    if (!has_room(p)) return rd_error(RD_ERR_MEMORY, "out of memory for a matrix product");
    *call = rd_calloc(1, sizeof **call);
    if (!*call) return RD_ERR_MEMORY;
    dnnl_status_t status = prepare(p, sizes[size], *call);
    if (status == dnnl_success) return RD_OK;
    free_prepared(*call);
    return failed(status);
}

static void give_back(rd_packed_onednn *p, int size, prepared *call) {
    pthread_mutex_lock(&p->lock);
    call->next = p->unused[size];
    p->unused[size] = call;
    pthread_mutex_unlock(&p->lock);
}

static int largest_size(int64_t rows) {
    int size = N_SIZES - 1;
    while (size > 0 && sizes[size] > rows) size--;
    return size;
}

int64_t rd_packed_onednn_rows(int64_t rows) {
    return sizes[largest_size(rows)];
}

rd_status rd_packed_onednn_multiply(rd_packed_onednn *p, rd_arena *arena, int64_t rows,
                                    const void *x, float *y) {
    int size = largest_size(rows);
    prepared *call;
    rd_settle_threads();
    RD_TRY(take(p, size, &call));
    rd_arena_mark mark = rd_arena_save(arena);
    void *scratch = rd_arena_alloc(arena, call->scratch, 1);
    dnnl_status_t status = scratch ? dnnl_success : dnnl_out_of_memory;
    void *const data[N_ARGS] = {(void *)x, y, p->panels, scratch};
    for (int i = 0; i < N_ARGS && status == dnnl_success; i++)
        status = dnnl_memory_set_data_handle(call->args[i].memory, data[i]);
    if (status == dnnl_success)
        status = dnnl_primitive_execute(call->primitive, call->stream, N_ARGS, call->args);
    if (status == dnnl_success) status = dnnl_stream_wait(call->stream);
    rd_arena_restore(arena, mark);
    give_back(p, size, call);
    return status == dnnl_success ? RD_OK : failed(status);
}

#else

bool rd_packed_onednn_is_there(void) {
    return false;
}

rd_status rd_packed_onednn_new(rd_packed_onednn **made, rd_precision precision, int64_t n_out,
                               int64_t n_in, void *panels) {
    (void)precision, (void)n_out, (void)n_in, (void)panels;
    *made = NULL;
    return RD_OK;
}

void rd_packed_onednn_free(rd_packed_onednn *product) {
    (void)product;
}

int64_t rd_packed_onednn_rows(int64_t rows) {
    return rows;
}

rd_status rd_packed_onednn_multiply(rd_packed_onednn *product, rd_arena *arena, int64_t rows,
                                    const void *x, float *y) {
    (void)product, (void)arena, (void)rows, (void)x, (void)y;
    return rd_error(RD_ERR_UNSUPPORTED, "this build has no oneDNN");
}

#endif
