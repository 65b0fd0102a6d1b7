#include <stdio.h>

#include "convert/hf.h"
#include "io/json.h"

rd_object rd_object_new(void) {
    json_t *root = json_object();
    return (rd_object){root, !root};
}

void rd_put(rd_object *o, const char *key, json_t *value) {
    o->failed |= json_object_set_new(o->root, key, value) != 0;
}

void rd_put_labels(rd_object *o, int64_t n, const char *const *names) {
    rd_object labels = rd_object_new(), ids = rd_object_new();
    for (int64_t i = 0; i < n; i++) {
        char number[24];
        snprintf(number, sizeof number, "%lld", (long long)i);
        rd_put(&labels, number, json_string(names[i]));
        rd_put(&ids, names[i], json_integer(i));
    }
    rd_put(o, "id2label", labels.root);
    rd_put(o, "label2id", ids.root);
    o->failed |= labels.failed || ids.failed;
}

rd_status rd_object_write(const rd_object *o, const char *directory, const char *name) {
    if (!o->failed) return rd_json_write(directory, name, o->root);
    json_decref(o->root);
    return rd_error(RD_ERR_MEMORY, "%s/%s: out of memory", directory, name);
}
