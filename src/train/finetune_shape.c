/* The shape of the model that a training starts from, and its search, taken into the recipe. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "data/labels.h"
#include "io/output.h"
#include "model/model_keys.h"
#include "recipe/model_dir.h"
#include "recipe/recipe_keys.h"
#include "train/run.h"

/* The head is the recipe's own: a model that was pre-trained is given another. */
static bool is_of_head(const char *key) {
    return rd_is_listed("head num-classes pooling head-transform zero-init-head", key);
}

/* Pictures may have another size, for which the positions are resized. */
static bool may_differ(const char *key) {
    return is_of_head(key) || strcmp(key, "picture-size") == 0;
}

static rd_status differs(const rd_recipe *own, const rd_recipe *start, const rd_key *key) {
    rd_text ours = {0}, theirs = {0};
    rd_status status = rd_recipe_format_key(own, key, &ours);
    if (status == RD_OK) status = rd_recipe_format_key(start, key, &theirs);
    if (status == RD_OK && strcmp(ours.data, theirs.data) == 0)
        status = RD_ERR_MEMORY; /* which made them seem to differ */
    else if (status == RD_OK)
        status = rd_error(RD_ERR_FORMAT, "%s is %s there, but %s in the recipe", key->name,
                          theirs.data, ours.data);
    rd_text_free(&ours);
    rd_text_free(&theirs);
    return status;
}

/* A key of the shape that the recipe sets must agree with the model, whose shape stays. Defaults
 * give way, and so does arch: *unlike is set to a key of it. */
static rd_status check_key(const rd_recipe *own, const rd_recipe *start, int i,
                           const char **unlike) {
    const rd_key *key = rd_recipe_key(i);
    bool of_lines = strcmp(key->name, "line-end") == 0;
    bool of_data = of_lines || strcmp(key->name, "joined-dictionary") == 0;
    if ((!of_data && !rd_recipe_is_of_shape(key)) || may_differ(key->name)) return RD_OK;
    if (rd_recipe_same_value(own, start, key)) return RD_OK;
    if (of_lines &&
        (rd_recipe_has_value(own, key, "auto") || rd_recipe_has_value(start, key, "auto")))
        return RD_OK;
    /* These change the data, so the recipe must set them. */
    if (own->origins[i] >= RD_INHERITED || of_data || strcmp(key->name, "prepend-bos") == 0)
        return differs(own, start, key);
    if (own->origins[i] == RD_BY_ARCH) *unlike = key->name;
    return RD_OK;
}

/* The form of pictures is the model's, except for keys that the recipe writes down. */
static rd_status adopt_pictures(rd_recipe *own, const rd_recipe *start) {
    for (const rd_key *key = rd_picture_form_keys; key->name; key++)
        if (!rd_recipe_is_written(own, key->name)) RD_TRY(rd_recipe_copy_key(own, start, key));
    return RD_OK;
}

/* The rules of the output are the model's, except for keys of the recipe or its arch. */
static rd_status adopt_outputs(rd_recipe *own, const rd_recipe *start) {
    static const char *const names[] = {
        "forced-bos",    "forced-tokens-free",    "no-forced-eos", "suppress-tokens",
        "sequence-bias", "begin-suppress-tokens", "end-tokens"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const rd_key *key = rd_recipe_find_key(names[i]);
        if (own->origins[rd_recipe_key_index(key)] == RD_BY_DEFAULT)
            RD_TRY(rd_recipe_copy_key(own, start, key));
    }
    return RD_OK;
}

rd_status rd_run_has_other_labels(const rd_run *run, const char *start, bool *other) {
    rd_labels own = {0}, theirs = {0};
    rd_status status = rd_labels_read(&own, run->data_dir);
    if (status == RD_OK) status = rd_labels_read(&theirs, start);
    *other = rd_labels_difference(&own, &theirs) >= 0;
    rd_labels_free(&own);
    rd_labels_free(&theirs);
    return status;
}

/* Whether what comes before the head, a pooling or a transform, is the start's where the recipe
 * does not set it: with a head of the same kind. A transform of pictures is of the classes that it
 * was trained with (pre_logits). */
static rd_status keeps(const rd_run *run, const rd_model_dir *start, const rd_key *key, bool *yes) {
    rd_head_kind head = start->recipe->model.head;
    bool of_sequences = head == RD_HEAD_CLASSES || head == RD_HEAD_VALUE, other = false;
    *yes = false;
    if (!rd_is_listed("head-transform pooling", key->name) ||
        rd_recipe_is_written(run->recipe, key->name))
        return RD_OK;
    if (run->task->bit == RD_IMAGE_CLASSIFICATION && head == RD_HEAD_CLASSES &&
        strcmp(key->name, "head-transform") == 0)
        RD_TRY(rd_run_has_other_labels(run, start->path, &other));
    *yes = run->task->bit & (RD_SENTENCE_PREDICTION | RD_IMAGE_CLASSIFICATION)
               ? of_sequences && !other
               : head == RD_HEAD_TOKENS;
    return RD_OK;
}

/* The model's shape, with the recipe's own head and its keys that matter only in training. */
static rd_status adopt_model(const rd_run *run, const rd_model_dir *from) {
    rd_recipe *own = run->recipe;
    const rd_recipe *start = from->recipe;
    const rd_model_config before = own->model;
    own->model = start->model;
    if (rd_recipe_is_written(own, "picture-size")) own->model.picture.size = before.picture.size;
    for (const rd_key *key = rd_model_keys; key->name; key++) {
        if (rd_recipe_is_of_shape(key) && !is_of_head(key->name)) continue;
        bool kept;
        RD_TRY(keeps(run, from, key, &kept));
        if (!kept) RD_TRY(rd_key_copy(&own->model, &before, key));
    }
    return RD_OK;
}

static rd_status adopt(rd_run *run, const rd_model_dir *from) {
    rd_recipe *own = run->recipe;
    const rd_recipe *start = from->recipe;
    const char *unlike = NULL;
    if (*own->train.extend_vocab &&
        (start->model.adaptive_input || start->model.adaptive_softmax_cutoff.n > 0))
        return rd_error(RD_ERR_UNSUPPORTED, "extend-vocab: its pieces are in bands of frequency "
                                            "(adaptive input or softmax), where new ones have no "
                                            "place");
    for (int i = 0; i < rd_recipe_key_count(); i++) RD_TRY(check_key(own, start, i, &unlike));
    if (unlike)
        RD_TRY(rd_text_printf(&run->warnings,
                              "arch has no effect: %s and all else of the shape are those of %s\n",
                              unlike, own->train.finetune_from_model));
    RD_TRY(adopt_model(run, from));
    RD_TRY(adopt_outputs(own, start));
    return adopt_pictures(own, start);
}

/* A start that this training would replace by its own model, however either is named. */
static rd_status refuse_overwriting(const rd_run *run, const char *start) {
    static const char *const written[] = {"model/model.safetensors", "model/config.yaml",
                                          "checkpoint_best.safetensors"};
    for (size_t i = 0; run->save_dir && i < sizeof written / sizeof *written; i++) {
        char *path = rd_run_path(run, written[i]);
        rd_status status = path ? rd_refuse_inputs_in(path, start) : RD_ERR_MEMORY;
        free(path);
        RD_TRY(status);
    }
    return RD_OK;
}

rd_status rd_run_adopt_shape(rd_run *run) {
    const char *path = run->recipe->train.finetune_from_model;
    if (!*path) return RD_OK;
    rd_model_dir start = {0};
    rd_status status = refuse_overwriting(run, path);
    if (status == RD_OK) status = rd_model_dir_open(&start, path);
    if (status == RD_OK) {
        status = adopt(run, &start);
        if (status != RD_OK) rd_error_prefix(status, "%s", path);
    }
    if (status != RD_OK) rd_error_prefix(status, "finetune-from-model");
    rd_model_dir_close(&start);
    return status;
}
