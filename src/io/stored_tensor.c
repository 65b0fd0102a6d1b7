/* The values of stored tensors. */
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "io/torch_file.h"

bool rd_shape_grow(int64_t *n, int64_t size) {
    if (size < 0 || (size > 0 && *n > INT64_MAX / 16 / size)) return false;
    *n *= size;
    return true;
}

bool rd_stored_tensor_fits(const rd_stored_tensor *t, int64_t rows, int64_t columns) {
    const int64_t shape[2] = {rows, columns};
    int32_t first = 0, rank = columns ? 2 : 1;
    while (t->rank - first > rank && t->shape[first] == 1) first++;
    if (t->rank - first != rank) return false;
    for (int32_t i = 0; i < rank; i++)
        if (t->shape[first + i] != shape[i]) return false;
    return true;
}

/* IEEE half precision: 1 sign bit, 5 of exponent, 10 of fraction. */
static float from_f16(uint16_t bits) {
    int exponent = bits >> 10 & 31, fraction = bits & 1023;
    float value = exponent == 31  ? (fraction ? NAN : INFINITY)
                  : exponent == 0 ? ldexpf((float)fraction, -24)
                                  : ldexpf((float)(fraction + 1024), exponent - 25);
    return bits >> 15 ? -value : value;
}

static float element(const rd_stored_tensor *t, int64_t i) {
    uint16_t half;
    uint32_t bits;
    float value;
    double wide;
    if (strcmp(t->dtype, "F64") == 0) {
        memcpy(&wide, t->bytes + i * 8, 8);
        return (float)wide;
    }
    if (strcmp(t->dtype, "F32") == 0) {
        memcpy(&value, t->bytes + i * 4, 4);
        return value;
    }
    memcpy(&half, t->bytes + i * 2, 2);
    if (strcmp(t->dtype, "F16") == 0) return from_f16(half);
    bits = (uint32_t)half << 16; /* BF16: the upper half of a float */
    memcpy(&value, &bits, 4);
    return value;
}

static bool is_float(const rd_stored_tensor *t) {
    return rd_is_listed("F32 F16 BF16 F64", t->dtype);
}

static void read_in_order(const rd_stored_tensor *t, float *values) {
    if (strcmp(t->dtype, "F32") == 0)
        memcpy(values, t->bytes, t->n_bytes);
    else
        for (int64_t i = 0; i < t->n; i++) values[i] = element(t, i);
}

/* Rows of the last dimension, from the tensor's place among all of its storage's elements. */
static void read_by_strides(const rd_stored_tensor *t, const rd_torch_tensor *place,
                            float *values) {
    int64_t index[RD_TENSOR_RANK] = {0}, at = place->offset;
    for (int64_t i = 0; i < t->n; i++) {
        values[i] = element(t, at);
        for (int32_t d = t->rank - 1; d >= 0; d--) {
            if (t->shape[d] == 1) continue; /* whose stride may be any */
            at += place->strides[d];
            if (++index[d] < t->shape[d]) break;
            at -= place->strides[d] * t->shape[d];
            index[d] = 0;
        }
    }
}

static bool is_contiguous(const rd_torch_tensor *place) {
    int64_t expected = 1;
    for (int32_t d = place->rank - 1; d >= 0; d--) {
        if (place->shape[d] > 1 && place->strides[d] != expected) return false;
        expected *= place->shape[d];
    }
    return true;
}

static rd_status read_torch(const rd_stored_tensor *t, float *values) {
    rd_stored_tensor stored = *t; /* with the bytes of the whole storage */
    RD_TRY(rd_torch_storage_get(t->torch, &stored.bytes));
    if (is_contiguous(t->torch)) {
        stored.bytes += t->torch->offset * (int64_t)t->torch->element;
        read_in_order(&stored, values);
    } else {
        read_by_strides(&stored, t->torch, values);
    }
    rd_torch_storage_release(t->torch);
    return RD_OK;
}

rd_status rd_stored_tensor_read(const rd_stored_tensor *t, float *values) {
    if (!is_float(t))
        return rd_error(RD_ERR_UNSUPPORTED,
                        "%s: tensor %.100s has type %s, expected F32, F16, BF16 or F64", t->path,
                        t->name, t->dtype);
    if (t->torch)
        RD_TRY(read_torch(t, values));
    else
        read_in_order(t, values);
    for (int64_t i = 0; i < t->n; i++)
        if (!isfinite(values[i]))
            return rd_error(RD_ERR_NUMERIC, "%s: tensor %.100s contains %f", t->path, t->name,
                            (double)values[i]);
    return RD_OK;
}
