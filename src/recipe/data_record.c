#include "recipe/data_record.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "io/output.h"
#include "recipe/recipe_keys.h"

static const char RECORD[] = "made-with.yaml";

/* By task: the keys whose effect is in the data and, unlike that of labels and vocabularies, cannot
 * be seen there. */
static const struct {
    const char *tasks, *keys;
} recorded[] = {{"translation denoising masked_lm",
                 "task min-source-len max-source-len min-target-len max-target-len truncate-source "
                 "max-ratio"},
                {"language_modeling", "task line-end"},
                {"sentence_prediction", "task table-format table-quoting table-header "
                                        "sentence1-column sentence2-column label-column "
                                        "max-sequence-len"}};
enum { N_RECORDED = sizeof recorded / sizeof *recorded };

static bool is_recorded(const rd_recipe *recipe, const rd_key *key) {
    for (int i = 0; i < N_RECORDED; i++)
        if (rd_is_listed(recorded[i].tasks, recipe->task))
            return rd_is_listed(recorded[i].keys, key->name);
    return strcmp(key->name, "task") == 0;
}

static rd_status write_record(const rd_recipe *recipe, const char *path) {
    rd_text text = {0};
    rd_status status =
        rd_text_put(&text, "# What rdrop-preprocess made this data with; rdrop-train compares.\n");
    if (status == RD_OK) status = rd_recipe_write_keys(recipe, NULL, is_recorded, &text);
    if (status == RD_OK) status = rd_write_file(path, text.data, (size_t)text.length);
    rd_text_free(&text);
    return status;
}

rd_status rd_data_record_write(const rd_recipe *recipe, const char *data_dir) {
    char *path = rd_path_join(data_dir, RECORD);
    rd_status status = path ? write_record(recipe, path) : RD_ERR_MEMORY;
    free(path);
    return status;
}

rd_status rd_data_record_remove(const char *data_dir) {
    return rd_remove_file(data_dir, RECORD);
}

rd_status rd_data_record_refuse_recipe(const char *recipe_path, const char *data_dir) {
    char *path = rd_path_join(data_dir, RECORD);
    rd_status status = path ? rd_recipe_refuse_output(recipe_path, path) : RD_ERR_MEMORY;
    free(path);
    return status;
}

/* NULL where there is none. */
static rd_status read_record(rd_recipe **made, const char *data_dir) {
    bool there;
    *made = NULL;
    RD_TRY(rd_has_file(data_dir, RECORD, &there));
    if (!there) return RD_OK;
    char *path = rd_path_join(data_dir, RECORD);
    rd_status status = path ? rd_recipe_load_config(made, path) : RD_ERR_MEMORY;
    free(path);
    return status;
}

/* ours: the value that the recipe has. A value "auto" agrees with any. */
static rd_status warn(const char *name, const char *ours, const char *theirs, const char *data_dir,
                      rd_text *warnings) {
    if (strcmp(ours, "auto") == 0) return RD_OK;
    return rd_text_printf(warnings,
                          "%s has no effect: it is %s, but %s was made with %s; run "
                          "rdrop-preprocess again to change that\n",
                          name, *ours ? ours : "empty", data_dir, *theirs ? theirs : "none");
}

static rd_status take_key(rd_recipe *recipe, const rd_recipe *made, const rd_key *key,
                          const char *data_dir, rd_text *warnings) {
    if (rd_recipe_same_value(recipe, made, key)) return RD_OK;
    rd_text ours = {0}, theirs = {0};
    rd_status status = rd_recipe_value(recipe, key, &ours);
    if (status == RD_OK) status = rd_recipe_value(made, key, &theirs);
    if (status == RD_OK && rd_recipe_is_written(recipe, key->name))
        status = warn(key->name, ours.data, theirs.data, data_dir, warnings);
    if (status == RD_OK) status = rd_recipe_set_key(recipe, key, theirs.data);
    rd_text_free(&ours);
    rd_text_free(&theirs);
    return status;
}

rd_status rd_data_record_take(rd_recipe *recipe, const char *data_dir, rd_text *warnings) {
    rd_recipe *made;
    RD_TRY(read_record(&made, data_dir));
    if (!made)
        return rd_text_printf(
            warnings,
            "%s: %s, which rdrop-preprocess writes last, is missing: the data may "
            "be of several recipes; run rdrop-preprocess again\n",
            data_dir, RECORD);
    rd_status status = RD_OK;
    const rd_key *key;
    bool same_task = strcmp(recipe->task, made->task) == 0;
    for (int i = 0; same_task && status == RD_OK && (key = rd_recipe_key(i)); i++)
        if (is_recorded(recipe, key)) status = take_key(recipe, made, key, data_dir, warnings);
    rd_recipe_free(made);
    return status;
}
