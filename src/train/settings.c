#include "train/settings.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "data/labels.h"
#include "recipe/recipe_keys.h"
#include "search/options.h"

/* Keys whose values change neither weights nor their kept state. */
static bool is_without_effect(const rd_recipe *recipe, const rd_key *key) {
    if (strcmp(key->name, "shard-optimizer") == 0) return !recipe->train.reduce_bf16;
    return rd_recipe_effect_of(key) == RD_EFFECT_NONE;
}

/* Lines that no key of the recipe gives. */
enum { TRAIN_DATA, VALID_DATA, START, WORKERS, THREADS, PRODUCTS, OTHERS };
const char rd_setting_threads[] = "number of threads", rd_setting_products[] = "products in";
static const char *const others[OTHERS] = {"train.bin",        "valid.bin",
                                           "start-weights",    "number of workers",
                                           rd_setting_threads, rd_setting_products};

static void describe_data(const rd_run *run, rd_split split, char value[80]) {
    snprintf(value, 80, "%" PRId64 " %s (%016" PRIx64 ")", run->task->n_examples(run->data, split),
             run->task->examples, run->task->checksum(run->data, split));
}

/* value: "" when the run does not know. */
static void describe_other(const rd_run *run, int which, char value[80]) {
    *value = '\0';
    if (!run->train_batches.self) return;
    if (which == TRAIN_DATA) describe_data(run, RD_TRAINING_DATA, value);
    if (which == VALID_DATA) describe_data(run, RD_VALIDATION_DATA, value);
    if (which == WORKERS && run->n_workers > 1) snprintf(value, 80, "%d", run->n_workers);
    if (which == THREADS) snprintf(value, 80, "%d", run->n_threads);
    if (which == PRODUCTS) snprintf(value, 80, "%s", run->bf16 ? "bf16" : "fp32");
    if (which != START) return;
    bool random = !*run->recipe->train.finetune_from_model;
    snprintf(value, 80, random ? "random" : "%08" PRIx32, run->start_checksum);
}

static rd_status write_keys(const rd_run *run, rd_text *out) {
    const rd_key *key;
    for (int i = 0; (key = rd_recipe_key(i)); i++) {
        if (is_without_effect(run->recipe, key)) continue;
        RD_TRY(rd_text_printf(out, "%s: ", key->name));
        RD_TRY(rd_recipe_format_key(run->recipe, key, out));
        RD_TRY(rd_text_append(out, "\n", 1));
    }
    return RD_OK;
}

rd_status rd_settings_write(const rd_run *run, rd_text *settings) {
    char other[80];
    RD_TRY(write_keys(run, settings));
    for (int i = 0; i < OTHERS; i++) {
        describe_other(run, i, other);
        if (i == WORKERS && !*other) continue;
        RD_TRY(rd_text_printf(settings, "%s: %s\n", others[i], other));
    }
    return RD_OK;
}

bool rd_setting_next(const char **at, rd_setting *setting) {
    const char *line = *at;
    int length = (int)strcspn(line, "\n"), n_key = (int)strcspn(line, ":\n");
    int begin = n_key + 2 < length ? n_key + 2 : length;
    *setting = (rd_setting){line, line + begin, n_key, length - begin};
    *at = line + length + (line[length] == '\n');
    return *line != '\0';
}

/* The value of a key, n bytes long; NULL: there is none. */
static const char *find(const char *settings, const char *key, size_t *n) {
    for (rd_setting s; rd_setting_next(&settings, &s);) {
        *n = (size_t)s.n_value;
        if ((size_t)s.n_key == strlen(key) && memcmp(s.key, key, strlen(key)) == 0) return s.value;
    }
    return NULL;
}

rd_status rd_settings_keep(const rd_run *run, const char *before, rd_text *settings) {
    char value[80];
    size_t n;
    const char *old = find(before, others[VALID_DATA], &n);
    if (!old) return rd_text_put(settings, before);
    describe_other(run, VALID_DATA, value);
    RD_TRY(rd_text_append(settings, before, (size_t)(old - before)));
    RD_TRY(rd_text_put(settings, value));
    return rd_text_put(settings, old + n);
}

rd_status rd_settings_get(const char *settings, const char *key, char **value) {
    size_t n;
    const char *found = find(settings, key, &n);
    *value = found ? strndup(found, n) : NULL;
    return *value || !found ? RD_OK : rd_error(RD_ERR_MEMORY, "out of memory");
}

/* A text without its quotes, a fingerprint by its beginning. */
static rd_status add_value(rd_text *list, const char *key, const char *value) {
    size_t n = strlen(value);
    bool quoted = n >= 2 && *value == '"';
    if (quoted) value++, n -= 2;
    if (strcmp(key, "vocabulary") == 0 && n > 12) return rd_text_printf(list, "%.12s...", value);
    return n > 0 ? rd_text_append(list, value, n) : rd_text_append(list, "none", 4);
}

/* "KEY OLD -> NEW". */
static rd_status add_difference(rd_text *list, const char *key, const char *before,
                                const char *after) {
    RD_TRY(rd_text_printf(list, "%s ", key));
    RD_TRY(add_value(list, key, before));
    RD_TRY(rd_text_append(list, " -> ", 4));
    return add_value(list, key, after);
}

typedef struct {
    rd_run *run;
    const char *settings;
    const rd_recipe *defaults; /* of keys that an older program did not have */
    rd_text refused;
    bool more; /* than it says */
    bool other_vocabulary;
} comparison;

/* Refusals make one line, changes a line each. */
static rd_status tell(comparison *c, bool refused, const char *key, const char *before,
                      const char *after) {
    rd_text *changes = &c->run->changes;
    enum { ENOUGH = 500 }; /* of a message */
    if (refused && c->refused.length > ENOUGH) {
        c->more = true;
        return RD_OK;
    }
    if (refused && c->refused.length > 0) RD_TRY(rd_text_append(&c->refused, "; ", 2));
    RD_TRY(add_difference(refused ? &c->refused : changes, key, before, after));
    return refused ? RD_OK : rd_text_append(changes, "\n", 1);
}

/* Whether results of validation with another value of the key say nothing about those so far: what
 * validation reads, and how its outputs are made and measured. The loss of pictures is without
 * smoothing. */
static bool is_of_results(const rd_run *run, const rd_key *key) {
    const rd_key *table = rd_recipe_group_of(key)->keys;
    if (table == rd_noise_keys || table == rd_masking_keys ||
        rd_is_listed("tokens-per-sample sample-break-mode", key->name))
        return true;
    if (run->metric->generates)
        return (table == rd_search_keys &&
                !rd_is_listed("beam nbest diverse-beam-groups diverse-beam-strength", key->name)) ||
               rd_is_listed("eval-bleu-beam eval-bleu-sentences eval-bleu-lowercase "
                            "eval-bleu-tokenizer",
                            key->name);
    return strcmp(run->metric->name, "loss") == 0 && strcmp(key->name, "label-smoothing") == 0 &&
           run->task->bit != RD_IMAGE_CLASSIFICATION;
}

static rd_status compare_values(comparison *c, const rd_key *key, const char *before,
                                const char *now) {
    rd_key_effect effect = rd_recipe_effect_of(key);
    bool refused = effect == RD_EFFECT_MODEL ||
                   (effect == RD_EFFECT_UPDATES && c->run->other_training != NULL);
    if (strcmp(before, now) == 0) return RD_OK;
    if (is_of_results(c->run, key)) c->run->other_results = true;
    if (strcmp(key->name, "vocabulary") == 0) c->other_vocabulary = true;
    return tell(c, refused, key->name, before, now);
}

static rd_status compare_key(comparison *c, const rd_key *key) {
    char *before;
    rd_text usual = {0}, now = {0};
    RD_TRY(rd_settings_get(c->settings, key->name, &before));
    rd_status status = before ? RD_OK : rd_recipe_format_key(c->defaults, key, &usual);
    if (status == RD_OK) status = rd_recipe_format_key(c->run->recipe, key, &now);
    if (status == RD_OK) status = compare_values(c, key, before ? before : usual.data, now.data);
    free(before);
    rd_text_free(&usual);
    rd_text_free(&now);
    return status;
}

static rd_status compare_other(comparison *c, int which) {
    char after[80], *before;
    describe_other(c->run, which, after);
    RD_TRY(rd_settings_get(c->settings, others[which], &before));
    const char *was = before ? before : "";
    rd_status status = RD_OK;
    if (which == WORKERS && c->run->n_workers > 0) { /* one leaves no line */
        if (!*was) was = "1";
        if (!*after) strcpy(after, "1");
    }
    if (*was && *after && strcmp(was, after) != 0) {
        bool is_data = which == TRAIN_DATA || which == VALID_DATA;
        bool refused = which == START || (is_data && c->run->other_training);
        status = tell(c, refused, others[which], was, after);
        if (which == VALID_DATA) c->run->other_results = true;
    }
    free(before);
    return status;
}

/* A vocabulary's fingerprint is also that of its classes: says which ones changed, if these did. */
static void describe_classes(const rd_run *run, char *text, size_t room) {
    rd_labels before = {0}, now = {0};
    char old[80], new[80];
    char *model = run->save_dir ? rd_run_path(run, "model") : NULL;
    if (model && rd_labels_read(&before, model) == RD_OK &&
        rd_labels_read(&now, run->data_dir) == RD_OK && rd_labels_difference(&before, &now) >= 0) {
        rd_labels_list(&before, old, sizeof old);
        rd_labels_list(&now, new, sizeof new);
        snprintf(text, room, " (classes: %s -> %s; %s names them in their order)", old, new,
                 run->task->bit == RD_IMAGE_CLASSIFICATION ? "class-names" : "labels");
    }
    rd_labels_free(&before);
    rd_labels_free(&now);
    free(model);
}

static rd_status compare(comparison *c, const char *path) {
    const rd_key *key;
    for (int i = 0; (key = rd_recipe_key(i)); i++)
        if (!is_without_effect(c->run->recipe, key)) RD_TRY(compare_key(c, key));
    for (int i = 0; i < OTHERS; i++) RD_TRY(compare_other(c, i));
    if (c->refused.length == 0) return RD_OK;
    if (c->run->other_training) {
        *c->run->other_training = true;
        return rd_error(RD_ERR_ARGUMENT,
                        "%s: a training with other settings or data (checkpoint -> now): %s%s",
                        path, c->refused.data, c->more ? "; and more" : "");
    }
    char advice[256] = "";
    if (c->other_vocabulary) describe_classes(c->run, advice, sizeof advice);
    if (c->other_vocabulary && !*advice)
        strcpy(advice, " (rdrop-preprocess --set vocab-from=MODEL makes data of an earlier "
                       "vocabulary)");
    return rd_error(RD_ERR_ARGUMENT,
                    "%s: a training of another model (checkpoint -> recipe): %s%s. Choose another "
                    "--save-dir, or set back what differs%s",
                    path, c->refused.data, c->more ? "; and more" : "", advice);
}

rd_status rd_settings_compare(rd_run *run, const char *path, const char *settings) {
    rd_recipe *defaults;
    RD_TRY(rd_recipe_new(&defaults));
    comparison c = {.run = run, .settings = settings, .defaults = defaults};
    rd_text_free(&run->changes);
    run->other_results = false;
    rd_status status = compare(&c, path);
    rd_text_free(&c.refused);
    rd_recipe_free(defaults);
    return status;
}
