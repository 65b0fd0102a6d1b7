#include "io/tensor_set.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "io/json_file.h"

static rd_status add_file(rd_tensor_set *set, const char *directory, const char *name) {
    for (int64_t i = 0; i < set->n; i++)
        if (strcmp(set->names[i], name) == 0) return RD_OK;
    int64_t capacity = set->capacity;
    RD_TRY(rd_reserve(&set->names, &capacity, set->n + 1, sizeof *set->names));
    RD_TRY(rd_reserve(&set->files, &set->capacity, set->n + 1, sizeof *set->files));
    char *path = rd_path_join(directory, name), *copy = rd_strdup(name);
    rd_status status = path && copy ? RD_OK : RD_ERR_MEMORY;
    if (status == RD_OK) status = rd_tensor_file_open(&set->files[set->n], path);
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

rd_status rd_tensor_set_open(rd_tensor_set *set, const char *directory) {
    static const char single[] = "model.safetensors", index[] = "model.safetensors.index.json";
    *set = (rd_tensor_set){0};
    bool has_single, has_index, has_pickle;
    RD_TRY(rd_json_exists(directory, single, &has_single));
    RD_TRY(rd_json_exists(directory, index, &has_index));
    RD_TRY(rd_json_exists(directory, "pytorch_model.bin", &has_pickle));
    rd_status status =
        has_single  ? add_file(set, directory, single)
        : has_index ? open_shards(set, directory, index)
                    : rd_error(RD_ERR_IO, "%s: no model.safetensors%s", directory,
                               has_pickle ? ", and pytorch_model.bin cannot be read; load and save "
                                            "the model with transformers first"
                                          : "");
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
