#include "model/parameters.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

rd_status rd_parameters_add(rd_parameters *parameters, int64_t rows, int64_t columns,
                            const char *format, ...) {
    RD_TRY(rd_reserve(&parameters->items, &parameters->capacity, parameters->n + 1,
                      sizeof *parameters->items));
    rd_parameter *item = &parameters->items[parameters->n++];
    *item = (rd_parameter){.shape = {rows, columns}, .offset = parameters->total};
    va_list args;
    va_start(args, format);
    vsnprintf(item->name, sizeof item->name, format, args);
    va_end(args);
    parameters->total += rows * (columns ? columns : 1);
    return RD_OK;
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
    const rd_backend_ops *ops = rd_backend();
#pragma omp parallel
    {
        int64_t begin, end;
        rd_thread_rows(parameters->total, &begin, &end);
        ops->to_bf16(parameters->bf16 + begin, parameters->values + begin, end - begin);
    }
    return RD_OK;
}

void rd_parameters_free(rd_parameters *parameters) {
    free(parameters->items);
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
