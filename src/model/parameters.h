/* All weights of a model in one block, each tensor a named, shaped view; gradients in a second
 * block of the same layout, so clipping, Adam and averaging are single loops. */
#ifndef RD_MODEL_PARAMETERS_H
#define RD_MODEL_PARAMETERS_H

#include <math.h>
#include <stdint.h>

#include "base/error.h"
#include "layers/layer.h"
#include "io/safetensors.h"

/* How a tensor's values start. */
typedef struct {
    enum { RD_INIT_CONSTANT, RD_INIT_NORMAL, RD_INIT_UNIFORM } kind;
    double scale;     /* the constant; the deviation (around 0); the bound (on both sides of 0) */
    int32_t zero_row; /* a row that starts as zeros nevertheless, such as pad's; -1: none */
} rd_init;

static inline rd_init rd_init_constant(double value) {
    return (rd_init){RD_INIT_CONSTANT, value, -1};
}
static inline rd_init rd_init_normal(double deviation) {
    return (rd_init){RD_INIT_NORMAL, deviation, -1};
}
static inline rd_init rd_init_uniform(double bound) {
    return (rd_init){RD_INIT_UNIFORM, bound, -1};
}
/* Xavier-uniform: with a gain of 1 the variance of a product's output is that of its input. */
static inline rd_init rd_init_xavier(int64_t n_out, int64_t n_in, double gain) {
    return rd_init_uniform(sqrt(6.0 / (double)(n_out + n_in)) * gain);
}

typedef struct {
    char name[80];
    int64_t shape[2]; /* [rows, columns]; columns 0: a vector */
    int64_t offset;   /* in floats */
    rd_init init;
} rd_parameter;

/* A layer's view of a tensor. */
typedef struct {
    rd_weight *weight;
    int64_t offset;
} rd_parameter_view;

typedef struct {
    rd_parameter *items;
    int64_t n, capacity;
    rd_parameter_view *views;
    int64_t n_views, views_capacity;
    int64_t total;         /* floats */
    float *values, *grads; /* [total]; grads NULL until training */
    uint16_t *bf16;        /* [total] the values rounded; NULL unless asked for */
} rd_parameters;

static inline int64_t rd_parameter_count(const rd_parameter *item) {
    return item->shape[0] * (item->shape[1] ? item->shape[1] : 1);
}

/* Registers a tensor and the layer's view of it (NULL: none); its offset is the end of the one
 * before. Values come with _allocate, and the view points at them after _bind. */
rd_status rd_parameters_add(rd_parameters *parameters, rd_weight *view, rd_init init, int64_t rows,
                            int64_t columns, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
/* One more view, of a registered tensor: tied weights. */
rd_status rd_parameters_share(rd_parameters *parameters, rd_weight *view, const char *name);
/* Points all views at values, gradients and bfloat16 copies, as far as these are allocated. */
void rd_parameters_bind(const rd_parameters *parameters);
/* Draws all values: the same seed gives the same values on every machine. */
void rd_parameters_initialise(const rd_parameters *parameters, uint64_t seed);

rd_status rd_parameters_allocate(rd_parameters *parameters); /* zeros */
/* Does not touch memory that will be overwritten anyway: the system gives pages as they are. */
rd_status rd_parameters_allocate_unset(rd_parameters *parameters);
rd_status rd_parameters_allocate_grads(rd_parameters *parameters); /* zeros */
/* Makes the bfloat16 copy at the first call; brings it up to date with the values at every call. */
rd_status rd_parameters_refresh_bf16(rd_parameters *parameters);
void rd_parameters_free(rd_parameters *parameters);

const rd_parameter *rd_parameters_find(const rd_parameters *parameters, const char *name);

/* Safetensors (Hugging Face): 8 bytes of header length, a JSON header, the data. Reading checks
 * every name, shape, type and offset against the registered tensors. Written as float32, or with
 * matrices rounded to 8 bits (int8_file.c); reading takes both. owner: of the values; NULL: no
 * model. */
rd_status rd_parameters_save(const rd_parameters *parameters, const float *values,
                             const rd_weights_owner *owner, const char *path);
rd_status rd_parameters_save_int8(const rd_parameters *parameters, const float *values,
                                  const rd_weights_owner *owner, const char *path);
rd_status rd_weights_are_int8(const char *path, bool *int8);
/* Whether the file is large enough for the registered tensors. */
rd_status rd_parameters_check_size(const rd_parameters *parameters, const char *path);
rd_status rd_parameters_load(const rd_parameters *parameters, float *values, const char *path);
/* The same, in the order of the model; after each tensor calls loaded(self, n) with the number of
 * floats that are there. They are not read again: the caller may overwrite them. */
rd_status rd_parameters_load_each(const rd_parameters *parameters, float *values, const char *path,
                                  rd_status (*loaded)(void *self, int64_t n), void *self);

/* A matrix that is stored as I8: values: [rows, columns]. */
rd_status rd_parameters_read_int8(const rd_tensor_file *file, const rd_parameter *item,
                                  const rd_stored_tensor *rounded, float *values);

#endif
