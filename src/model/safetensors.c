/* The file format of rd_parameters: https://huggingface.co/docs/safetensors (format description).
 */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/file.h"
#include "model/parameters.h"

enum { MAX_HEADER = 100 << 20 }; /* the format's own bound */

static int64_t element_count(const rd_parameter *item) {
    return item->shape[0] * (item->shape[1] ? item->shape[1] : 1);
}

/* A checksum over all values in the order of the model, whatever the order of the file: what one
 * flipped bit anywhere in header or data changes. */
static const char CHECKSUM[] = "rdrop_crc32";

static void checksum_of(const rd_parameters *parameters, const float *values, char text[16]) {
    snprintf(text, 16, "%08x",
             (unsigned)rd_crc32(0, values, sizeof(float) * (size_t)parameters->total));
}

static json_t *make_header(const rd_parameters *parameters, const float *values) {
    json_t *header = json_object();
    char checksum[16];
    checksum_of(parameters, values, checksum);
    int failed = json_object_set_new(header, "__metadata__",
                                     json_pack("{s:s, s:s}", "format", "pt", CHECKSUM, checksum));
    for (int64_t i = 0; i < parameters->n; i++) {
        const rd_parameter *item = &parameters->items[i];
        json_t *shape = item->shape[1] ? json_pack("[I,I]", (json_int_t)item->shape[0],
                                                   (json_int_t)item->shape[1])
                                       : json_pack("[I]", (json_int_t)item->shape[0]);
        json_int_t begin = item->offset * 4, end = begin + element_count(item) * 4;
        failed |= json_object_set_new(header, item->name,
                                      json_pack("{s:s,s:o,s:[I,I]}", "dtype", "F32", "shape", shape,
                                                "data_offsets", begin, end));
    }
    if (!failed) return header;
    json_decref(header);
    return NULL;
}

rd_status rd_parameters_save(const rd_parameters *parameters, const float *values,
                             const char *path) {
    json_t *header = make_header(parameters, values);
    char *text = header ? json_dumps(header, JSON_COMPACT) : NULL;
    json_decref(header);
    if (!text) return rd_error(RD_ERR_MEMORY, "%s: out of memory for its header", path);
    uint64_t length = strlen(text), padded = (length + 7) / 8 * 8; /* data starts aligned */
    rd_atomic_file file;
    rd_status status = rd_atomic_open(&file, path);
    if (status == RD_OK) {
        fwrite(&padded, sizeof padded, 1, file.stream); /* little-endian, as all our targets */
        fprintf(file.stream, "%s%*s", text, (int)(padded - length), "");
        fwrite(values, sizeof(float), (size_t)parameters->total, file.stream);
        status = rd_atomic_commit(&file);
    }
    free(text);
    return status;
}

/* Checks one entry of the header against what the model expects; *begin: its offset in the data. */
static rd_status check_entry(const char *path, const json_t *header, const rd_parameter *item,
                             size_t data_size, size_t *begin) {
    const json_t *entry = json_object_get(header, item->name);
    if (!entry) return rd_error(RD_ERR_FORMAT, "%s: tensor %s is missing", path, item->name);
    const char *dtype = json_string_value(json_object_get(entry, "dtype"));
    if (!dtype || strcmp(dtype, "F32") != 0)
        return rd_error(RD_ERR_UNSUPPORTED, "%s: tensor %s has type %s, expected F32", path,
                        item->name, dtype ? dtype : "(none)");
    const json_t *shape = json_object_get(entry, "shape");
    size_t dims = item->shape[1] ? 2 : 1;
    bool same = json_array_size(shape) == dims;
    for (size_t i = 0; same && i < dims; i++)
        same = json_integer_value(json_array_get(shape, i)) == item->shape[i];
    if (!same)
        return rd_error(
            RD_ERR_FORMAT,
            "%s: tensor %s has another shape than [%lld%s%.0lld], which its config implies", path,
            item->name, (long long)item->shape[0], dims == 2 ? ", " : "",
            (long long)item->shape[1]);
    const json_t *offsets = json_object_get(entry, "data_offsets");
    json_int_t first = json_integer_value(json_array_get(offsets, 0));
    json_int_t last = json_integer_value(json_array_get(offsets, 1));
    if (json_array_size(offsets) != 2 || first < 0 || first % 4 ||
        last - first != element_count(item) * 4 || (size_t)last > data_size)
        return rd_error(RD_ERR_FORMAT, "%s: tensor %s lies outside the file or has the wrong size",
                        path, item->name);
    *begin = (size_t)first;
    return RD_OK;
}

/* Files that others made have none. */
static rd_status check_checksum(const char *path, const json_t *header,
                                const rd_parameters *parameters, const float *values) {
    const json_t *metadata = json_object_get(header, "__metadata__");
    const char *wanted = json_string_value(json_object_get(metadata, CHECKSUM));
    char found[16];
    if (!wanted) return RD_OK;
    checksum_of(parameters, values, found);
    if (strcmp(found, wanted) != 0)
        return rd_error(RD_ERR_FORMAT, "%s: damaged (wrong checksum)", path);
    return RD_OK;
}

static rd_status load_mapped(const rd_parameters *parameters, float *values, const char *path,
                             const rd_mapping *mapping) {
    uint64_t length = 0;
    if (mapping->size >= 8) memcpy(&length, mapping->bytes, 8);
    if (length < 2 || length > MAX_HEADER || length > mapping->size - 8)
        return rd_error(RD_ERR_FORMAT, "%s: not a safetensors file, or truncated", path);
    json_error_t error;
    json_t *header = json_loadb(mapping->bytes + 8, (size_t)length, JSON_REJECT_DUPLICATES, &error);
    if (!header && !*error.text)
        return rd_error(RD_ERR_MEMORY, "%s: out of memory for its header", path);
    if (!json_is_object(header)) {
        json_decref(header);
        return rd_error(RD_ERR_FORMAT, "%s: its header is not a JSON object: %s", path, error.text);
    }
    const char *data = mapping->bytes + 8 + length;
    size_t data_size = mapping->size - 8 - (size_t)length, begin = 0;
    rd_status status = RD_OK;
    for (int64_t i = 0; status == RD_OK && i < parameters->n; i++) {
        const rd_parameter *item = &parameters->items[i];
        status = check_entry(path, header, item, data_size, &begin);
        if (status != RD_OK) break;
        float *target = values + item->offset;
        memcpy(target, data + begin, sizeof(float) * (size_t)element_count(item));
        for (int64_t k = 0; status == RD_OK && k < element_count(item); k++)
            if (!isfinite(target[k]))
                status = rd_error(RD_ERR_NUMERIC, "%s: tensor %s contains %f", path, item->name,
                                  (double)target[k]);
    }
    if (status == RD_OK) status = check_checksum(path, header, parameters, values);
    json_decref(header);
    return status;
}

rd_status rd_parameters_load(const rd_parameters *parameters, float *values, const char *path) {
    rd_mapping mapping;
    RD_TRY(rd_map_file(&mapping, path));
    rd_status status = load_mapped(parameters, values, path, &mapping);
    rd_unmap_file(&mapping);
    return status;
}

rd_status rd_parameters_check_size(const rd_parameters *parameters, const char *path) {
    rd_mapping mapping;
    RD_TRY(rd_map_file(&mapping, path));
    size_t size = mapping.size, needed = sizeof(float) * (size_t)parameters->total;
    rd_unmap_file(&mapping);
    if (size >= needed) return RD_OK;
    return rd_error(
        RD_ERR_FORMAT,
        "%s: %zu bytes, but the weights its config describes take %zu: truncated, or of "
        "another model",
        path, size, needed);
}
