/* Weights to a safetensors file and back (https://huggingface.co/docs/safetensors). */
#include <jansson.h>
#include <string.h>

#include "base/checksum.h"
#include "base/file.h"
#include "model/parameters.h"
#include "io/safetensors.h"

static json_t *make_header(const rd_parameters *parameters, const float *values,
                           const rd_weights_owner *owner) {
    uint32_t checksum = rd_crc32(0, values, sizeof(float) * (size_t)parameters->total);
    json_t *header = rd_tensor_header_new(checksum, owner);
    int64_t at = 0;
    bool whole = header;
    for (int64_t i = 0; i < parameters->n; i++) {
        const rd_parameter *item = &parameters->items[i];
        whole &=
            rd_tensor_header_add(header, item->name, "F32", item->shape[0], item->shape[1], &at);
    }
    if (whole) return header;
    json_decref(header);
    return NULL;
}

typedef struct {
    const float *values;
    int64_t n;
} floats;

static void write_floats(const void *self, FILE *out) {
    const floats *data = self;
    fwrite(data->values, sizeof(float), (size_t)data->n, out);
}

rd_status rd_parameters_save(const rd_parameters *parameters, const float *values,
                             const rd_weights_owner *owner, const char *path) {
    const floats data = {values, parameters->total};
    return rd_tensor_file_save(path, make_header(parameters, values, owner), write_floats, &data);
}

/* Checks that the tensor is the one that the model expects. */
static rd_status check_tensor(const rd_stored_tensor *t, const rd_parameter *item) {
    if (strcmp(t->dtype, "F32") != 0 && (strcmp(t->dtype, "I8") != 0 || !item->shape[1]))
        return rd_error(RD_ERR_UNSUPPORTED, "%s: tensor %s has type %s, expected F32%s", t->path,
                        item->name, t->dtype, item->shape[1] ? " or I8" : "");
    int32_t rank = item->shape[1] ? 2 : 1;
    if (t->rank == rank && rd_stored_tensor_fits(t, item->shape[0], item->shape[1])) return RD_OK;
    return rd_error(RD_ERR_FORMAT,
                    "%s: tensor %s has another shape than [%lld%s%.0lld], which its config implies",
                    t->path, item->name, (long long)item->shape[0], rank == 2 ? ", " : "",
                    (long long)item->shape[1]);
}

/* Files that others made have none. */
static rd_status check_checksum(const rd_tensor_file *file, uint32_t checksum) {
    const json_t *metadata = json_object_get(file->header, "__metadata__");
    const char *wanted = json_string_value(json_object_get(metadata, RD_CHECKSUM));
    char found[16];
    if (!wanted) return RD_OK;
    snprintf(found, sizeof found, "%08x", (unsigned)checksum);
    if (strcmp(found, wanted) != 0)
        return rd_error(RD_ERR_FORMAT,
                        "%s: damaged (wrong checksum), or next to another model's config.yaml",
                        file->path);
    return RD_OK;
}

static rd_status load_tensor(const rd_tensor_file *file, const rd_parameter *item, float *value) {
    rd_stored_tensor tensor;
    RD_TRY(rd_tensor_file_find(file, item->name, &tensor));
    RD_TRY(check_tensor(&tensor, item));
    RD_TRY(strcmp(tensor.dtype, "I8") == 0 ? rd_parameters_read_int8(file, item, &tensor, value)
                                           : rd_stored_tensor_read(&tensor, value));
    rd_release_pages(tensor.bytes, tensor.n_bytes);
    return RD_OK;
}

static rd_status load_all(const rd_tensor_file *file, const rd_parameters *parameters,
                          float *values, rd_status (*loaded)(void *self, int64_t n), void *self) {
    uint32_t checksum = 0;
    for (int64_t i = 0; i < parameters->n; i++) {
        const rd_parameter *item = &parameters->items[i];
        int64_t n = rd_parameter_count(item);
        RD_TRY(load_tensor(file, item, values + item->offset));
        checksum = rd_crc32(checksum, values + item->offset, sizeof(float) * (size_t)n);
        if (loaded) RD_TRY(loaded(self, item->offset + n));
    }
    return check_checksum(file, checksum);
}

rd_status rd_parameters_load_each(const rd_parameters *parameters, float *values, const char *path,
                                  rd_status (*loaded)(void *self, int64_t n), void *self) {
    rd_tensor_file file;
    RD_TRY(rd_tensor_file_open(&file, path));
    rd_status status = load_all(&file, parameters, values, loaded, self);
    rd_tensor_file_close(&file);
    return status;
}

rd_status rd_parameters_load(const rd_parameters *parameters, float *values, const char *path) {
    return rd_parameters_load_each(parameters, values, path, NULL, NULL);
}

rd_status rd_parameters_check_size(const rd_parameters *parameters, const char *path) {
    rd_mapping mapping;
    RD_TRY(rd_map_file(&mapping, path));
    size_t size = mapping.size, needed = 0; /* matrices may be rounded to a byte an element */
    for (int64_t i = 0; i < parameters->n; i++)
        needed += (size_t)rd_parameter_count(&parameters->items[i]) *
                  (parameters->items[i].shape[1] ? 1 : sizeof(float));
    rd_unmap_file(&mapping);
    if (size >= needed) return RD_OK;
    return rd_error(
        RD_ERR_FORMAT,
        "%s: %zu bytes, but the weights its config describes take %zu: truncated, or of "
        "another model",
        path, size, needed);
}
