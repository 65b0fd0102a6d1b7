/* Packed weights: which matrices there are, and packing them while they are read. */
#include <stdlib.h>

#include "base/parallel.h"
#include "model/transformer.h"

/* Rows of one tensor that are multiplied together. */
typedef struct {
    rd_packed **packed;
    const float *values; /* [n_out, n_in] */
    int64_t n_out, n_in;
} matrix;

typedef struct {
    rd_model *model;
    rd_precision precision;
    matrix *matrices; /* in the order of the parameters, the output projection last */
    int64_t n, next;
} packing;

static void add(packing *p, rd_packed **packed, const rd_weight *weights, int64_t first_row,
                int64_t n_out, int64_t n_in) {
    p->matrices[p->n++] = (matrix){.packed = packed,
                                   .values = weights->value + first_row * n_in,
                                   .n_out = n_out,
                                   .n_in = n_in};
}

/* Queries are projected apart from keys and values. */
static void add_attention(packing *p, rd_attention *attention, int64_t width) {
    add(p, &attention->packed_in, &attention->in_weight, 0, width, width);
    add(p, &attention->packed_memory, &attention->in_weight, width, 2 * width, width);
    add(p, &attention->packed_out, &attention->out_weight, 0, width, width);
}

static void add_layer(packing *p, const rd_stack *stack, int32_t i) {
    rd_layer *layer = &stack->layers[i];
    rd_attention *self = &layer->self_attention;
    int64_t width = stack->width;
    if (self->apart) {
        add_attention(p, self, width);
    } else {
        add(p, &self->packed_in, &self->in_weight, 0, 3 * width, width);
        add(p, &self->packed_out, &self->out_weight, 0, width, width);
    }
    if (stack->cross) add_attention(p, &layer->cross_attention, width);
    add(p, &layer->ffn.packed1, &layer->ffn.weight1, 0, layer->ffn.ffn_dim, width);
    add(p, &layer->ffn.packed2, &layer->ffn.weight2, 0, width, layer->ffn.ffn_dim);
}

static rd_status list(packing *p) {
    enum { MOST_OF_LAYER = 7 };
    rd_model *m = p->model;
    const rd_model_config *c = &m->config;
    int64_t layers = (int64_t)m->encoder.n_layers + m->decoder.n_layers;
    size_t most = (size_t)(layers * MOST_OF_LAYER + 2);
    p->matrices = rd_malloc(most, sizeof *p->matrices);
    m->packed = rd_calloc(most, sizeof(rd_packed *));
    if (!p->matrices || !m->packed) return RD_ERR_MEMORY;
    for (int32_t i = 0; i < m->encoder.n_layers; i++) add_layer(p, &m->encoder, i);
    for (int32_t i = 0; i < m->decoder.n_layers; i++) add_layer(p, &m->decoder, i);
    if (m->head.transform != RD_TRANSFORM_NONE)
        add(p, &m->head.packed_dense, &m->head.dense, 0, c->d_model, c->d_model);
    /* An adaptive softmax's matrices stay float32. */
    if (c->head != RD_HEAD_NONE && m->head.adaptive.n_tails == 0)
        add(p, &m->head.packed, &m->head.weight, 0, m->head.n_out, c->d_model);
    return RD_OK;
}

/* Packs the matrices that are complete when the first n floats are there. A tied output projection
 * comes early in the parameters and waits for the rest here, which does no harm. */
static rd_status pack_ready(void *self, int64_t n) {
    packing *p = self;
    const float *end = p->model->parameters.values + n;
    for (; p->next < p->n; p->next++) {
        const matrix *m = &p->matrices[p->next];
        size_t count = (size_t)(m->n_out * m->n_in);
        if (m->values + count > end) break;
        RD_TRY(rd_packed_new(m->packed, p->precision, m->n_out, m->n_in, m->values));
        p->model->packed[p->model->n_packed++] = *m->packed;
        /* The last is the output projection, whose rows are still read: by restricted projections,
         * and as embeddings where they are tied. */
        if (p->next + 1 < p->n) rd_release_pages(m->values, count * sizeof(float));
    }
    return RD_OK;
}

rd_status rd_model_read_packed(rd_model *model, const char *path, rd_precision precision) {
    packing p = {.model = model};
    RD_TRY(rd_packed_choose(precision, &p.precision));
    rd_status status = list(&p);
    int threads = rd_get_threads();
    rd_set_threads(1); /* too little work to share */
    if (status == RD_OK)
        status = rd_parameters_load_each(&model->parameters, model->parameters.values, path,
                                         pack_ready, &p);
    rd_set_threads(threads);
    free(p.matrices);
    return status;
}
