/* Weights rounded to 8 bits: each matrix NAME is stored as I8, [rows, columns], with F32
 * NAME.scales, [rows], which its rows are multiplied by. Vectors and tables of positions stay F32.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "ops/packed.h"
#include "model/parameters.h"
#include "io/safetensors.h"

static bool is_rounded(const rd_parameter *item) {
    return item->shape[1] > 0 && !strstr(item->name, "embed_positions");
}

static void scales_name(char name[100], const rd_parameter *item) {
    snprintf(name, 100, "%s.scales", item->name);
}

typedef struct {
    const rd_parameters *parameters;
    const float *values; /* [total] */
    int8_t *rounded;     /* [total]; only matrices are filled in */
    float *scales;       /* [total] likewise, as many of an item's as it has rows */
    uint32_t checksum;   /* of the values that reading it gives */
} rounding;

/* Dequantizes; the same product when writing and when reading. */
static void restore(float *values, const int8_t *rounded, const float *scales, int64_t rows,
                    int64_t columns) {
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < columns; i++)
            values[r * columns + i] = scales[r] * (float)rounded[r * columns + i];
}

static rd_status round_all(rounding *q) {
    const rd_parameters *p = q->parameters;
    for (int64_t i = 0; i < p->n; i++) {
        const rd_parameter *item = &p->items[i];
        const float *from = q->values + item->offset;
        float *restored = NULL;
        if (is_rounded(item)) {
            int8_t *rounded = q->rounded + item->offset;
            float *scales = q->scales + item->offset;
            restored = rd_malloc((size_t)rd_parameter_count(item), sizeof *restored);
            if (!restored) return RD_ERR_MEMORY;
            rd_quantize_weights(rounded, scales, from, item->shape[0], item->shape[1]);
            restore(restored, rounded, scales, item->shape[0], item->shape[1]);
            from = restored;
        }
        q->checksum = rd_crc32(q->checksum, from, sizeof(float) * (size_t)rd_parameter_count(item));
        free(restored);
    }
    return RD_OK;
}

/* All float32 first, so that it is aligned. */
static json_t *make_header(const rounding *q, const rd_weights_owner *owner) {
    const rd_parameters *p = q->parameters;
    json_t *header = rd_tensor_header_new(q->checksum, owner);
    char name[100];
    int64_t at = 0;
    bool whole = header;
    for (int64_t i = 0; i < p->n; i++) {
        const rd_parameter *item = &p->items[i];
        bool rounded = is_rounded(item);
        scales_name(name, item);
        whole &= rd_tensor_header_add(header, rounded ? name : item->name, "F32", item->shape[0],
                                      rounded ? 0 : item->shape[1], &at);
    }
    for (int64_t i = 0; i < p->n; i++) {
        const rd_parameter *item = &p->items[i];
        if (is_rounded(item))
            whole &=
                rd_tensor_header_add(header, item->name, "I8", item->shape[0], item->shape[1], &at);
    }
    if (whole) return header;
    json_decref(header);
    return NULL;
}

static void write_data(const void *self, FILE *out) {
    const rounding *q = self;
    const rd_parameters *p = q->parameters;
    for (int64_t i = 0; i < p->n; i++) {
        const rd_parameter *item = &p->items[i];
        if (is_rounded(item))
            fwrite(q->scales + item->offset, sizeof(float), (size_t)item->shape[0], out);
        else
            fwrite(q->values + item->offset, sizeof(float), (size_t)rd_parameter_count(item), out);
    }
    for (int64_t i = 0; i < p->n; i++)
        if (is_rounded(&p->items[i]))
            fwrite(q->rounded + p->items[i].offset, 1, (size_t)rd_parameter_count(&p->items[i]),
                   out);
}

static rd_status round_and_write(rounding *q, const rd_weights_owner *owner, const char *path) {
    if (!q->rounded || !q->scales) return RD_ERR_MEMORY;
    RD_TRY(round_all(q));
    return rd_tensor_file_save(path, make_header(q, owner), write_data, q);
}

rd_status rd_parameters_save_int8(const rd_parameters *parameters, const float *values,
                                  const rd_weights_owner *owner, const char *path) {
    size_t total = (size_t)parameters->total;
    rounding q = {.parameters = parameters,
                  .values = values,
                  .rounded = rd_malloc(total, sizeof(int8_t)),
                  .scales = rd_malloc(total, sizeof(float))};
    rd_status status = round_and_write(&q, owner, path);
    free(q.rounded);
    free(q.scales);
    return status;
}

rd_status rd_parameters_read_int8(const rd_tensor_file *file, const rd_parameter *item,
                                  const rd_stored_tensor *rounded, float *values) {
    char name[100];
    rd_stored_tensor scales;
    scales_name(name, item);
    RD_TRY(rd_tensor_file_find(file, name, &scales));
    if (strcmp(scales.dtype, "F32") != 0 || !rd_stored_tensor_fits(&scales, item->shape[0], 0))
        return rd_error(RD_ERR_FORMAT, "%s: tensor %s is not F32 [%lld]", file->path, name,
                        (long long)item->shape[0]);
    float *by_row = rd_malloc((size_t)item->shape[0], sizeof *by_row);
    rd_status status = by_row ? rd_stored_tensor_read(&scales, by_row) : RD_ERR_MEMORY;
    if (status == RD_OK)
        restore(values, (const int8_t *)rounded->bytes, by_row, item->shape[0], item->shape[1]);
    free(by_row);
    RD_TRY(status);
    for (int64_t i = 0; i < rd_parameter_count(item); i++)
        if (!(values[i] - values[i] == 0)) /* scales may be anything */
            return rd_error(RD_ERR_NUMERIC, "%s: tensor %s overflows", file->path, item->name);
    return RD_OK;
}

rd_status rd_weights_are_int8(const char *path, bool *int8) {
    rd_tensor_file file;
    *int8 = false;
    RD_TRY(rd_tensor_file_open(&file, path));
    const char *name;
    json_t *entry;
    json_object_foreach(file.header, name, entry) {
        const char *dtype = json_string_value(json_object_get(entry, "dtype"));
        *int8 = *int8 || (dtype && strcmp(dtype, "I8") == 0);
    }
    rd_tensor_file_close(&file);
    return RD_OK;
}
