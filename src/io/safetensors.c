#include "io/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "io/json.h"
#include "io/output.h"
#include "io/torch_file.h"

enum { MAX_HEADER = 100 << 20 }; /* the format's own bound */

static rd_status parse(rd_tensor_file *file) {
    const rd_mapping *mapping = &file->mapping;
    uint64_t length = 0;
    if (mapping->size >= 8) memcpy(&length, mapping->bytes, 8);
    if (length < 2 || length > MAX_HEADER || length > mapping->size - 8)
        return rd_error(RD_ERR_FORMAT, "%s: not a safetensors file, or truncated", file->path);
    char *header = rd_malloc((size_t)length, 1); /* the file could change after a look at it */
    if (!header) return RD_ERR_MEMORY;
    memcpy(header, mapping->bytes + 8, (size_t)length);
    rd_status status = rd_json_parse(&file->header, file->path, header, (size_t)length);
    free(header);
    if (status == RD_ERR_FORMAT) return rd_error_prefix(status, "its header");
    RD_TRY(status);
    if (!json_is_object(file->header))
        return rd_error(RD_ERR_FORMAT, "%s: its header is not a JSON object", file->path);
    file->data = mapping->bytes + 8 + length;
    file->data_size = mapping->size - 8 - (size_t)length;
    return RD_OK;
}

rd_status rd_tensor_file_open(rd_tensor_file *file, const char *path) {
    *file = (rd_tensor_file){.path = rd_strdup(path)};
    if (!file->path) return RD_ERR_MEMORY;
    rd_status status = rd_map_file(&file->mapping, path);
    if (status == RD_OK) status = parse(file);
    if (status != RD_OK) rd_tensor_file_close(file);
    return status;
}

rd_status rd_tensor_file_open_torch(rd_tensor_file *file, const char *path) {
    *file = (rd_tensor_file){.path = rd_strdup(path)};
    if (!file->path) return RD_ERR_MEMORY;
    rd_status status = rd_torch_file_open(&file->torch, path, &file->header);
    if (status != RD_OK) rd_tensor_file_close(file);
    return status;
}

void rd_tensor_file_close(rd_tensor_file *file) {
    rd_torch_file_close(file->torch);
    json_decref(file->header);
    rd_unmap_file(&file->mapping);
    free(file->path);
    *file = (rd_tensor_file){0};
}

rd_status rd_tensor_file_save(const char *path, json_t *header,
                              void (*write)(const void *self, FILE *out), const void *self) {
    rd_atomic_file file;
    char *text = header ? json_dumps(header, JSON_COMPACT) : NULL;
    json_decref(header);
    if (!text) return rd_error(RD_ERR_MEMORY, "%s: out of memory for its header", path);
    rd_status status = rd_atomic_open(&file, path);
    if (status == RD_OK) {
        uint64_t length = strlen(text), padded = (length + 7) / 8 * 8;
        fwrite(&padded, sizeof padded, 1, file.stream); /* little-endian, as all our targets */
        fprintf(file.stream, "%s%*s", text, (int)(padded - length), "");
        write(self, file.stream);
        status = rd_atomic_commit(&file);
    }
    free(text);
    return status;
}

bool rd_tensor_file_has(const rd_tensor_file *file, const char *name) {
    return strcmp(name, "__metadata__") != 0 && json_object_get(file->header, name);
}

/* Bytes of an element; 0: a type this program does not know. */
static size_t element_size(const char *dtype) {
    static const struct {
        const char *name;
        size_t size;
    } types[] = {{"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8},
                 {"U64", 8}, {"I32", 4}, {"U32", 4}, {"I16", 2},  {"U16", 2},
                 {"I8", 1},  {"U8", 1},  {"BOOL", 1}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(dtype, types[i].name) == 0) return types[i].size;
    return 0;
}

static const char METADATA[] = "__metadata__", TASK[] = "rdrop_task",
                  VOCABULARY[] = "rdrop_vocabulary";

json_t *rd_tensor_header_new(uint32_t checksum, const rd_weights_owner *owner) {
    char text[16];
    snprintf(text, sizeof text, "%08x", (unsigned)checksum);
    const char *task = owner && *owner->task ? owner->task : NULL;
    const char *vocabulary = owner && *owner->vocabulary ? owner->vocabulary : NULL;
    return json_pack("{s:{s:s,s:s,s:s*,s:s*}}", METADATA, "format", "pt", RD_CHECKSUM, text, TASK,
                     task, VOCABULARY, vocabulary);
}

static rd_status check_owner(const rd_tensor_file *file, const rd_weights_owner *owner) {
    const json_t *metadata = json_object_get(file->header, METADATA);
    const char *task = json_string_value(json_object_get(metadata, TASK));
    const char *vocabulary = json_string_value(json_object_get(metadata, VOCABULARY));
    if (task && *owner->task && strcmp(task, owner->task) != 0)
        return rd_error(RD_ERR_FORMAT,
                        "%s: the weights of another model, of the task %.32s, not %s; were files "
                        "taken from two models?",
                        file->path, task, owner->task);
    if (vocabulary && *owner->vocabulary && strcmp(vocabulary, owner->vocabulary) != 0)
        return rd_error(RD_ERR_FORMAT,
                        "%s: the weights of another model, whose vocabulary is %.12s..., not "
                        "%.12s...; were files taken from two models?",
                        file->path, vocabulary, owner->vocabulary);
    return RD_OK;
}

rd_status rd_weights_check_owner(const char *path, const rd_weights_owner *owner) {
    rd_tensor_file file;
    RD_TRY(rd_tensor_file_open(&file, path));
    rd_status status = check_owner(&file, owner);
    rd_tensor_file_close(&file);
    return status;
}

bool rd_tensor_header_add(json_t *header, const char *name, const char *dtype, int64_t rows,
                          int64_t columns, int64_t *at) {
    json_t *shape = columns ? json_pack("[I,I]", (json_int_t)rows, (json_int_t)columns)
                            : json_pack("[I]", (json_int_t)rows);
    json_int_t begin = *at;
    *at += rows * (columns ? columns : 1) * (int64_t)element_size(dtype);
    json_t *entry = json_pack("{s:s,s:o,s:[I,I]}", "dtype", dtype, "shape", shape, "data_offsets",
                              begin, (json_int_t)*at);
    return json_object_set_new(header, name, entry) == 0;
}

static rd_status read_shape(rd_stored_tensor *t, const json_t *shape) {
    if (!json_is_array(shape) || json_array_size(shape) > RD_TENSOR_RANK)
        return rd_error(RD_ERR_FORMAT, "%s: tensor %.100s has no shape of at most %d dimensions",
                        t->path, t->name, RD_TENSOR_RANK);
    t->rank = (int32_t)json_array_size(shape);
    t->n = 1;
    for (int32_t i = 0; i < t->rank; i++) {
        const json_t *size = json_array_get(shape, (size_t)i);
        t->shape[i] = json_integer_value(size);
        if (!json_is_integer(size) || !rd_shape_grow(&t->n, t->shape[i]))
            return rd_error(RD_ERR_FORMAT, "%s: tensor %.100s has an impossible shape", t->path,
                            t->name);
    }
    return RD_OK;
}

rd_status rd_tensor_file_find(const rd_tensor_file *file, const char *name, rd_stored_tensor *t) {
    *t = (rd_stored_tensor){.path = file->path, .name = name};
    if (!rd_tensor_file_has(file, name))
        return rd_error(RD_ERR_FORMAT, "%s: tensor %.100s is missing", file->path, name);
    void *place = json_object_iter_at(file->header, name);
    const json_t *entry = json_object_iter_value(place);
    if (file->torch) return rd_torch_file_find(file->torch, json_integer_value(entry), t);
    t->name = json_object_iter_key(place); /* lives as long as the file is open */
    t->dtype = json_string_value(json_object_get(entry, "dtype"));
    size_t size = t->dtype ? element_size(t->dtype) : 0;
    if (size == 0)
        return rd_error(RD_ERR_UNSUPPORTED, "%s: tensor %.100s has type %.20s", file->path, name,
                        t->dtype ? t->dtype : "(none)");
    RD_TRY(read_shape(t, json_object_get(entry, "shape")));
    const json_t *offsets = json_object_get(entry, "data_offsets");
    const json_t *first = json_array_get(offsets, 0), *last = json_array_get(offsets, 1);
    json_int_t begin = json_integer_value(first), end = json_integer_value(last);
    if (json_array_size(offsets) != 2 || !json_is_integer(first) || !json_is_integer(last) ||
        begin < 0 || end < begin || (size_t)end > file->data_size ||
        (size_t)(end - begin) != (size_t)t->n * size)
        return rd_error(RD_ERR_FORMAT,
                        "%s: tensor %.100s lies outside the file or has the wrong size", file->path,
                        name);
    t->bytes = file->data + begin;
    t->n_bytes = (size_t)(end - begin);
    return RD_OK;
}
