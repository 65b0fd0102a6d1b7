#include "io/json_file.h"

#include <stdlib.h>

#include "base/file.h"
#include "io/json.h"

enum { MAX_FILE = 1 << 28 };

rd_status rd_json_exists(const char *directory, const char *name, bool *found) {
    char *path = rd_path_join(directory, name);
    if (!path) return RD_ERR_MEMORY;
    *found = rd_file_exists(path);
    free(path);
    return RD_OK;
}

rd_status rd_json_read(const char *directory, const char *name, json_t **root) {
    char *path = rd_path_join(directory, name), *bytes = NULL;
    size_t n = 0;
    *root = NULL;
    rd_status status = path ? rd_read_file(path, MAX_FILE, &bytes, &n) : RD_ERR_MEMORY;
    if (status == RD_OK) status = rd_json_parse(root, path, bytes, n);
    if (status == RD_OK && !json_is_object(*root))
        status = rd_error(RD_ERR_FORMAT, "%s: not a JSON object", path);
    if (status != RD_OK) {
        json_decref(*root);
        *root = NULL;
    }
    free(bytes);
    free(path);
    return status;
}

rd_status rd_json_read_optional(const char *directory, const char *name, json_t **root) {
    bool found;
    *root = NULL;
    RD_TRY(rd_json_exists(directory, name, &found));
    if (found) return rd_json_read(directory, name, root);
    *root = json_object();
    return *root ? RD_OK : rd_error(RD_ERR_MEMORY, "out of memory");
}

rd_status rd_json_write(const char *directory, const char *name, json_t *root) {
    char *text =
        root ? json_dumps(root, JSON_INDENT(2) | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(7)) : NULL;
    char *path = rd_path_join(directory, name);
    json_decref(root);
    rd_status status = RD_OK;
    if (!text || !path) status = rd_error(RD_ERR_MEMORY, "%s/%s: out of memory", directory, name);
    rd_atomic_file file;
    if (status == RD_OK) status = rd_atomic_open(&file, path);
    if (status == RD_OK) {
        fprintf(file.stream, "%s\n", text);
        status = rd_atomic_commit(&file);
    }
    free(text);
    free(path);
    return status;
}

rd_status rd_copy_file(const char *from, const char *name, const char *to, const char *as) {
    char *source = rd_path_join(from, name), *target = rd_path_join(to, as);
    rd_mapping mapping = {0};
    rd_status status = source && target ? rd_map_file(&mapping, source) : RD_ERR_MEMORY;
    if (status == RD_OK) {
        status = rd_write_file(target, mapping.bytes, mapping.size);
        rd_unmap_file(&mapping);
    }
    free(source);
    free(target);
    return status;
}
