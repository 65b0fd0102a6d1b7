/* Values of a config.json become keys of a recipe, whose table knows the possible ones. */
#include <stdlib.h>

#include "convert/hf.h"
#include "recipe/recipe_keys.h"

rd_status rd_hf_set(const char *directory, rd_recipe *recipe, const char *ours, const char *theirs,
                    const char *text) {
    rd_status status = rd_recipe_set_key(recipe, rd_recipe_find_key(ours), text);
    if (status != RD_ERR_FORMAT) return status;
    return rd_error_prefix(status, "%s/config.json: %s", directory, theirs);
}

rd_status rd_hf_set_number(const char *directory, rd_recipe *recipe, const char *ours,
                           const char *theirs, const json_t *value, const char *otherwise) {
    if (!value && otherwise) return rd_hf_set(directory, recipe, ours, theirs, otherwise);
    if (!json_is_number(value))
        return rd_error(RD_ERR_FORMAT, "%s/config.json: %s is %s", directory, theirs,
                        value ? "not a number" : "missing");
    char *text = json_dumps(value, JSON_ENCODE_ANY);
    if (!text) return rd_error(RD_ERR_MEMORY, "out of memory");
    rd_status status = rd_hf_set(directory, recipe, ours, theirs, text);
    free(text);
    return status;
}
