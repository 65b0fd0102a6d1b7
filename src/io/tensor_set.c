/* The tensors of a Hugging Face directory, in one file or several. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "io/json.h"
#include "io/safetensors.h"

static rd_status add_file(rd_tensor_set *set, const char *directory, const char *name) {
    for (int64_t i = 0; i < set->n; i++)
        if (strcmp(set->names[i], name) == 0) return RD_OK;
    int64_t capacity = set->capacity;
    RD_TRY(rd_reserve(&set->names, &capacity, set->n + 1, sizeof *set->names));
    RD_TRY(rd_reserve(&set->files, &set->capacity, set->n + 1, sizeof *set->files));
    char *path = rd_path_join(directory, name), *copy = rd_strdup(name);
    rd_status status = path && copy ? RD_OK : RD_ERR_MEMORY;
    if (status == RD_OK)
        status = (set->torch ? rd_tensor_file_open_torch : rd_tensor_file_open)(&set->files[set->n],
                                                                                path);
    free(path);
    if (status == RD_OK)
        set->names[set->n++] = copy;
    else
        free(copy);
    return status;
}

static rd_status open_shards(rd_tensor_set *set, const char *directory, const char *index_name) {
    json_t *root;
    RD_TRY(rd_json_read(directory, index_name, &root));
    set->index = json_incref(json_object_get(root, "weight_map"));
    json_decref(root);
    if (!json_is_object(set->index))
        return rd_error(RD_ERR_FORMAT, "%s/%s: no weight_map", directory, index_name);
    const char *tensor;
    json_t *value;
    json_object_foreach(set->index, tensor, value) {
        const char *name = json_string_value(value);
        if (!name || !*name || strchr(name, '/'))
            return rd_error(RD_ERR_FORMAT, "%s/%s: the place of %.100s is not a file name",
                            directory, index_name, tensor);
        RD_TRY(add_file(set, directory, name));
    }
    return RD_OK;
}

/* Of the files that may be there, the first one counts. */
static const struct {
    const char *name;
    bool index, torch;
} candidates[] = {{"model.safetensors", false, false},
                  {"model.safetensors.index.json", true, false},
                  {"pytorch_model.bin", false, true},
                  {"pytorch_model.bin.index.json", true, true}};

static rd_status open_first(rd_tensor_set *set, const char *directory) {
    for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++) {
        bool found;
        RD_TRY(rd_has_file(directory, candidates[i].name, &found));
        if (!found) continue;
        set->torch = candidates[i].torch;
        return (candidates[i].index ? open_shards : add_file)(set, directory, candidates[i].name);
    }
    return rd_error(RD_ERR_IO,
                    "%s: no weights: neither model.safetensors, pytorch_model.bin nor an index of "
                    "their shards",
                    directory);
}

rd_status rd_tensor_set_open(rd_tensor_set *set, const char *directory) {
    *set = (rd_tensor_set){0};
    rd_status status = open_first(set, directory);
    if (status != RD_OK) rd_tensor_set_close(set);
    return status;
}

void rd_tensor_set_close(rd_tensor_set *set) {
    for (int64_t i = 0; i < set->n; i++) {
        rd_tensor_file_close(&set->files[i]);
        free(set->names[i]);
    }
    free(set->files);
    free(set->names);
    json_decref(set->index);
    *set = (rd_tensor_set){0};
}

const rd_tensor_file *rd_tensor_set_find(const rd_tensor_set *set, const char *tensor) {
    const char *name = json_string_value(json_object_get(set->index, tensor));
    for (int64_t i = 0; i < set->n; i++)
        if ((!set->index || (name && strcmp(set->names[i], name) == 0)) &&
            rd_tensor_file_has(&set->files[i], tensor))
            return &set->files[i];
    return NULL;
}
