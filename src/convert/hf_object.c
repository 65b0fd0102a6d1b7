#include <stdio.h>

#include "base/c_locale.h"
#include "convert/hf.h"
#include "io/json.h"
#include "recipe/recipe_keys.h"

rd_object rd_object_new(void) {
    json_t *root = json_object();
    return (rd_object){root, !root};
}

void rd_put(rd_object *o, const char *key, json_t *value) {
    o->failed |= json_object_set_new(o->root, key, value) != 0;
}

rd_object rd_object_of_model(const char *type, const char *architecture) {
    rd_object o = rd_object_new();
    rd_put(&o, "model_type", json_string(type));
    rd_put(&o, "architectures", json_pack("[s]", architecture));
    rd_put(&o, "dtype", json_string("float32"));
    return o;
}

void rd_put_keys(rd_object *o, const rd_recipe *recipe, const rd_foreign_key *keys) {
    for (; keys->theirs; keys++) {
        const rd_key *key = rd_recipe_find_key(keys->ours);
        rd_text text = {0};
        bool failed = rd_recipe_value(recipe, key, &text) != RD_OK;
        double value = failed ? 0 : rd_strtod(text.data, NULL);
        rd_text_free(&text);
        rd_put(o, keys->theirs,
               failed                      ? NULL
               : key->type == RD_KEY_FLOAT ? json_real(value)
                                           : json_integer((json_int_t)value));
    }
}

void rd_hf_default_label(int32_t i, char name[24]) {
    snprintf(name, 24, "LABEL_%d", (int)i);
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
