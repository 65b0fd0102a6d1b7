#include "model/parameters.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

static rd_status add_view(rd_parameters *parameters, rd_weight *view, int64_t offset) {
    RD_TRY(rd_reserve(&parameters->views, &parameters->views_capacity, parameters->n_views + 1,
                      sizeof *parameters->views));
    parameters->views[parameters->n_views++] = (rd_parameter_view){view, offset};
    return RD_OK;
}

rd_status rd_parameters_add(rd_parameters *parameters, rd_weight *view, rd_init init, int64_t rows,
                            int64_t columns, const char *format, ...) {
    RD_TRY(rd_reserve(&parameters->items, &parameters->capacity, parameters->n + 1,
                      sizeof *parameters->items));
    if (view) RD_TRY(add_view(parameters, view, parameters->total));
    rd_parameter *item = &parameters->items[parameters->n++];
    *item = (rd_parameter){.shape = {rows, columns}, .offset = parameters->total, .init = init};
    va_list args;
    va_start(args, format);
    vsnprintf(item->name, sizeof item->name, format, args);
    va_end(args);
    parameters->total += rd_parameter_count(item);
    return RD_OK;
}

rd_status rd_parameters_share(rd_parameters *parameters, rd_weight *view, const char *name) {
    const rd_parameter *item = rd_parameters_find(parameters, name);
    if (!item) return rd_error(RD_ERR_ARGUMENT, "model: no tensor %s to share", name);
    return add_view(parameters, view, item->offset);
}

void rd_parameters_bind(const rd_parameters *p) {
    for (int64_t i = 0; i < p->n_views; i++) {
        int64_t offset = p->views[i].offset;
        *p->views[i].weight = (rd_weight){.value = p->values ? p->values + offset : NULL,
                                          .grad = p->grads ? p->grads + offset : NULL,
                                          .bf16 = p->bf16 ? p->bf16 + offset : NULL};
    }
}

static double draw(const rd_init *init, rd_rng *rng) {
    switch (init->kind) {
    case RD_INIT_NORMAL:
        return init->scale * rd_rng_normal(rng);
    case RD_INIT_UNIFORM:
        return init->scale * (2.0 * rd_rng_uniform(rng) - 1.0);
    default:
        return init->scale;
    }
}

void rd_parameters_initialise(const rd_parameters *parameters, uint64_t seed) {
    for (int64_t i = 0; i < parameters->n; i++) {
        const rd_parameter *item = &parameters->items[i];
        float *w = parameters->values + item->offset;
        int64_t n = rd_parameter_count(item), columns = item->shape[1];
        rd_rng rng = rd_rng_make(seed, (uint64_t)i); /* a stream each: order does not matter */
        for (int64_t k = 0; k < n; k++) w[k] = (float)draw(&item->init, &rng);
        if (item->init.zero_row >= 0 && item->init.zero_row < item->shape[0])
            memset(w + item->init.zero_row * columns, 0, sizeof(float) * (size_t)columns);
    }
}

rd_status rd_parameters_allocate(rd_parameters *parameters) {
    parameters->values = rd_calloc((size_t)parameters->total, sizeof(float));
    return parameters->values ? RD_OK : RD_ERR_MEMORY;
}

rd_status rd_parameters_allocate_unset(rd_parameters *parameters) {
    parameters->values = rd_malloc((size_t)parameters->total, sizeof(float));
    return parameters->values ? RD_OK : RD_ERR_MEMORY;
}

rd_status rd_parameters_allocate_grads(rd_parameters *parameters) {
    if (!parameters->grads) parameters->grads = rd_calloc((size_t)parameters->total, sizeof(float));
    return parameters->grads ? RD_OK : RD_ERR_MEMORY;
}

rd_status rd_parameters_refresh_bf16(rd_parameters *parameters) {
    if (!parameters->bf16)
        parameters->bf16 = rd_malloc((size_t)parameters->total, sizeof *parameters->bf16);
    if (!parameters->bf16) return RD_ERR_MEMORY;
    rd_op_to_bf16(parameters->bf16, parameters->values, parameters->total);
    return RD_OK;
}

void rd_parameters_free(rd_parameters *parameters) {
    free(parameters->items);
    free(parameters->views);
    free(parameters->values);
    free(parameters->grads);
    free(parameters->bf16);
    *parameters = (rd_parameters){0};
}

const rd_parameter *rd_parameters_find(const rd_parameters *parameters, const char *name) {
    for (int64_t i = 0; i < parameters->n; i++)
        if (!strcmp(parameters->items[i].name, name)) return &parameters->items[i];
    return NULL;
}
