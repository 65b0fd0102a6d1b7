/* The table of tasks, and the results that each names. */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "recipe/recipe_keys.h"
#include "task/class_weights.h"
#include "task/keys.h"
#include "task/task.h"

static void tasks_are_found_by_name(void **state) {
    (void)state;
    const rd_task *task;
    assert_int_equal(rd_task_find(&task, "translation"), RD_OK);
    assert_ptr_equal(task, &rd_task_translation);
    assert_int_equal(rd_task_find(&task, "denoising"), RD_OK);
    assert_ptr_equal(task, &rd_task_denoising);
    assert_int_equal(rd_task_find(&task, "translating"), RD_ERR_ARGUMENT);
    assert_null(task);
    assert_non_null(strstr(rd_last_error(), "translation, denoising"));
}

/* best-checkpoint-metric takes any name that the task gives, and no other. */
static void results_are_found_by_name(void **state) {
    (void)state;
    const rd_result_kind *kind;
    static const char *const names[] = {"loss", "nll",    "ppl",    "bleu",
                                        "chrf", "rouge1", "rouge2", "rougeL"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(rd_task_find_result(&rd_task_translation, names[i], &kind), RD_OK);
        assert_string_equal(kind->name, names[i]);
        assert_int_equal(kind->larger_is_better, i > 2);
    }
    assert_int_equal(rd_task_find_result(&rd_task_translation, "rouge", &kind), RD_ERR_ARGUMENT);
    assert_non_null(strstr(rd_last_error(), "rougeL"));
    assert_int_equal(rd_task_find_result(&rd_task_denoising, "bleu", &kind), RD_ERR_ARGUMENT);
}

/* A denoising training without noise would learn to copy. */
static void denoising_wants_noise(void **state) {
    (void)state;
    rd_recipe *recipe;
    void *self;
    rd_text warnings = {0};
    assert_int_equal(rd_recipe_new(&recipe), RD_OK);
    assert_int_equal(rd_task_denoising.open(&self, recipe, "/nowhere", &warnings), RD_ERR_ARGUMENT);
    assert_non_null(strstr(rd_last_error(), "no noise"));
    rd_task_denoising.close(self);
    rd_recipe_free(recipe);
}

/* A recipe of these lines; with a name, the file stays, for others to extend. */
static rd_recipe *recipe_of(const char *name, const char *lines) {
    char path[80];
    rd_recipe *recipe = NULL;
    snprintf(path, sizeof path, "/tmp/rdrop-task-%d-%s.yaml", (int)getpid(), name ? name : "own");
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "max-epoch: 1\n%s", lines);
    fclose(file);
    if (rd_recipe_load(&recipe, path, NULL, 0) != RD_OK) fail_msg("%s: %s", lines, rd_last_error());
    if (!name) unlink(path);
    return recipe;
}

static void remove_recipe(const char *name) {
    char path[80];
    snprintf(path, sizeof path, "/tmp/rdrop-task-%d-%s.yaml", (int)getpid(), name);
    unlink(path);
}

/* Whether the task refuses the setting, written down as "key: value". */
static bool refuses(const char *task, const char *setting) {
    char lines[256];
    const rd_task *found;
    const rd_result_kind *metric;
    snprintf(lines, sizeof lines, "task: %s\n%s\n", task, setting);
    rd_recipe *recipe = recipe_of(NULL, lines);
    rd_status status = rd_task_check(recipe, &found, &metric);
    if (status != RD_OK) {
        snprintf(lines, sizeof lines, "task %s: %.*s", task, (int)strcspn(setting, ":"), setting);
        assert_non_null(strstr(rd_last_error(), lines));
        assert_non_null(strstr(rd_last_error(), " has no meaning here; leave it out"));
    }
    rd_recipe_free(recipe);
    return status != RD_OK;
}

enum { T = 1, D = 2, M = 4, L = 8, S = 16, P = 32, ALL = 63 };
static const char *const task_names[] = {"translation",         "denoising",
                                         "masked_lm",           "language_modeling",
                                         "sentence_prediction", "image_classification"};

/* Keys that would be accepted and do nothing, of recipes of two languages. */
static void keys_of_other_tasks_are_refused(void **state) {
    static const struct {
        const char *setting;
        int tasks; /* that read it */
    } cases[] = {{"class-names: a", P},
                 {"source-lang: en", T | D | M | L},
                 {"target-lang: en", T | D | M | L},
                 {"vocab-type: words", T | D | M | L},
                 {"threshold: 2", T | D | M | L},
                 {"nwords: 9", T | D | M | L},
                 {"vocab-size: 9", T | D | M | L},
                 {"character-coverage: 0.99", T | D | M | L},
                 {"byte-fallback: true", T | D | M | L},
                 {"normalization: nfkc", T | D | M | L},
                 {"user-defined-symbols: a", T | D | M | L},
                 {"mask-piece: true", T | D | M | L},
                 {"vocab-sentences: 9", T | D | M | L},
                 {"min-source-len: 2", T | D | M},
                 {"max-source-len: 9", T | D | M},
                 {"truncate-source: true", T | D | M},
                 {"sentencepiece-alpha: 0.1", T | D | M},
                 {"sentencepiece-nbest: 9", T | D | M},
                 {"min-target-len: 2", T | D},
                 {"max-target-len: 9", T | D},
                 {"max-ratio: 2", T},
                 {"tokens-per-sample: 9", L},
                 {"sample-break-mode: eos", L},
                 {"line-end: eos", L},
                 {"score-tokens-per-sample: 9", L},
                 {"score-context-window: 9", L},
                 {"score-break-mode: complete", L},
                 {"padding-idx: true", ALL - P},
                 {"joined-dictionary: true", ALL - P},
                 {"cutoff: token", ALL - P},
                 {"prepend-bos: true", T | D | M | S},
                 {"layernorm-embedding: true", ALL - P},
                 {"segment-types: 2", ALL - P},
                 {"output-bias: true", ALL - P},
                 {"adaptive-input: true", ALL - P},
                 {"adaptive-softmax-cutoff: 3", ALL - P},
                 {"position-layout: marian", ALL - P},
                 {"no-scale-embedding: true", ALL - P},
                 {"share-decoder-input-output-embed: true", ALL - P},
                 {"src-vocab: 7", ALL - P},
                 {"max-tokens: 9", ALL - P},
                 {"max-tokens: 0\nmax-sentences: 9", ALL},
                 {"max-tokens-valid: 9", ALL - P},
                 {"encoder-ffn-embed-dim: 9", ALL - L},
                 {"encoder-attention-heads: 4", ALL}, /* archs set it */
                 {"encoder-normalize-before: true", ALL - L},
                 {"encoder-learned-pos: true", ALL - L},
                 {"drop-path: 0.1", ALL - L},
                 {"max-source-positions: 9", T | D | M | S},
                 {"max-target-positions: 9", ALL - P},
                 {"decoder-ffn-embed-dim: 9", T | D | L},
                 {"decoder-attention-heads: 4", ALL},
                 {"decoder-normalize-before: true", T | D | L},
                 {"decoder-learned-pos: true", T | D | L},
                 {"no-decoder-final-norm: true", T | D | L},
                 {"decoder-layers: 0", ALL},
                 {"encoder-layers: 0", ALL},
                 {"decoder-start: pad", T | D},
                 {"head: value", T | D | L},
                 {"head: classes", ALL}, /* an arch's */
                 {"pooling: mean", ALL - M},
                 {"num-classes: 9", 0},
                 {"zero-init-head: true", S | P},
                 {"class-weights: a=2", S | P},
                 {"kl-reduction: sum", S | P},
                 {"eval-bleu: true", T},
                 {"eval-bleu-lowercase: true", T},
                 {"eval-bleu-tokenizer: 13a", T},
                 {"eval-bleu-beam: 2", T | D},
                 {"eval-bleu-sentences: 9", T | D},
                 {"score-lowercase: true", T},
                 {"score-tokenizer: 13a", T},
                 {"regression-target: true", S},
                 {"picture-channels: 1", P},
                 {"patch-size: 9", P},
                 {"stem-layers: 1", P},
                 {"class-tokens: 0", P},
                 {"picture-mean: 0.3", P},
                 {"picture-resize: 9", P},
                 {"position-interpolation: timm", P},
                 {"mixup: 0.5", P},
                 {"mask: 0.3", T | D},
                 {"permute-sentences: 1", T | D},
                 {"mask-prob: 0.3", M},
                 {"beam: 9", T | D | L},
                 {"sequence-bias: '5: 1'", T | D | L},
                 {"lenpen: 1", ALL}, /* the default */
                 {"dropout: 0.3", ALL}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int task = 0; task < 6; task++)
            if (refuses(task_names[task], cases[i].setting) == (cases[i].tasks >> task & 1))
                fail_msg("task %s and %s", task_names[task], cases[i].setting);
    assert_true(refuses("denoising", "score-metrics: chrf"));
    assert_false(refuses("denoising", "max-ratio: 2\nsource-lang: en")); /* and no target-lang */
    assert_true(refuses("masked_lm", "max-target-len: 9\nsource-lang: en"));
}

/* A recipe that extends one of another task inherits that one's keys, and says so. */
static void inherited_keys_may_be_of_another_task(void **state) {
    const rd_task *task;
    const rd_result_kind *metric;
    rd_text warnings = {0};
    char lines[160];
    (void)state;
    rd_recipe_free(recipe_of("base", "eval-bleu: true\nbeam: 4\ndropout: 0.3\n"));
    snprintf(lines, sizeof lines, "extends: rdrop-task-%d-base.yaml\ntask: masked_lm\n",
             (int)getpid());
    rd_recipe *recipe = recipe_of("middle", lines);
    assert_int_equal(rd_task_check(recipe, &task, &metric), RD_OK);
    assert_int_equal(rd_task_warn_of_ignored(task, recipe, &warnings), RD_OK);
    assert_string_equal(
        warnings.data,
        "eval-bleu, beam: of an extended recipe, without effect on the task masked_lm\n");
    rd_recipe_free(recipe);
    snprintf(lines, sizeof lines, "extends: rdrop-task-%d-middle.yaml\nlenpen: 2\n", (int)getpid());
    recipe = recipe_of(NULL, lines);
    assert_int_equal(rd_task_check(recipe, &task, &metric), RD_ERR_ARGUMENT);
    assert_non_null(strstr(rd_last_error(), "lenpen has no meaning"));
    rd_recipe_free(recipe);
    remove_recipe("base");
    remove_recipe("middle");
    rd_text_free(&warnings);
}

/* No recipe of ours has a key without effect. */
static void recipes_need_no_warning(void **state) {
    (void)state;
    glob_t found;
    assert_int_equal(glob(TEST_DATA "/../../recipes/*.yaml", 0, NULL, &found), 0);
    assert_true(found.gl_pathc > 40);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        rd_recipe *recipe;
        const rd_task *task;
        rd_text warnings = {0};
        assert_int_equal(rd_recipe_load(&recipe, found.gl_pathv[i], NULL, 0), RD_OK);
        assert_int_equal(rd_task_find(&task, recipe->task), RD_OK);
        assert_int_equal(rd_task_refuse_ignored(task, recipe), RD_OK);
        assert_int_equal(rd_task_warn_of_ignored(task, recipe, &warnings), RD_OK);
        assert_int_equal(rd_recipe_warn_of_idle(recipe, NULL, &warnings), RD_OK);
        if (warnings.length > 0) fail_msg("%s: %s", found.gl_pathv[i], warnings.data);
        rd_text_free(&warnings);
        rd_recipe_free(recipe);
    }
    globfree(&found);
}

static const int32_t classes[] = {0, 1, 1, 1, 3, 3}; /* of four */

/* Data with these classes: as the value of an example, or as the one token of a picture. */
static void write_classes(const char *path, bool of_pictures) {
    rd_identity identity;
    rd_dataset_writer *writer;
    assert_int_equal(rd_identity_make(&identity, "image_classification", "", "", ""), RD_OK);
    identity.src_vocab = identity.tgt_vocab = 4;
    assert_int_equal(rd_dataset_writer_open(&writer, path, &identity, 0), RD_OK);
    if (!of_pictures) rd_dataset_writer_answers(writer, RD_CLASSES);
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        rd_pair pair = {.src = classes, .n_src = 1, .tgt = &classes[i], .n_tgt = 1};
        if (!of_pictures) pair.value = (float)classes[i];
        assert_int_equal(rd_dataset_writer_add(writer, &pair), RD_OK);
    }
    assert_int_equal(rd_dataset_writer_finish(writer), RD_OK);
}

static void classes_weigh_what_the_recipe_says(void **state) {
    static const float balanced[] = {6.0f / (4 * 1), 6.0f / (4 * 3), 1.0f, 6.0f / (4 * 2)};
    static const float named[] = {1.0f, 0.5f, 1.0f, 2.0f};
    char path[] = "/tmp/rdrop-classes-XXXXXX";
    rd_labels labels = {0};
    float *weights;
    (void)state;
    close(mkstemp(path));
    assert_int_equal(rd_labels_add_list(&labels, "no,a=b,none,yes"), RD_OK);
    for (int of_pictures = 0; of_pictures < 2; of_pictures++) {
        rd_dataset *data;
        write_classes(path, of_pictures);
        assert_int_equal(rd_dataset_open(&data, path), RD_OK);
        assert_int_equal(rd_class_weights_make("balanced", &labels, data, &weights), RD_OK);
        assert_memory_equal(weights, balanced, sizeof balanced);
        free(weights);
        rd_dataset_close(data);
    }
    assert_int_equal(rd_class_weights_make("yes=2, a=b=0.5", &labels, NULL, &weights), RD_OK);
    assert_memory_equal(weights, named, sizeof named);
    free(weights);
    assert_int_equal(rd_labels_add(&labels, "x=a, y", 6), RD_OK); /* a name with what separates */
    assert_int_equal(rd_class_weights_make("x=a, y=3,yes=2", &labels, NULL, &weights), RD_OK);
    assert_true(weights[3] == 2.0f && weights[4] == 3.0f);
    free(weights);
    assert_int_equal(rd_class_weights_make("", &labels, NULL, &weights), RD_OK);
    assert_null(weights);
    static const char *const wrong[][2] = {{"maybe=2", "no class 'maybe'; expected one of: no"},
                                           {"yes", "expected NAME=WEIGHT, not 'yes'"},
                                           {"yes=-1", "'-1' of class yes"},
                                           {"yes=inf", "'inf' of class yes"},
                                           {"yes=2x", "'2x' of class yes"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(rd_class_weights_make(wrong[i][0], &labels, NULL, &weights),
                         RD_ERR_FORMAT);
        assert_non_null(strstr(rd_last_error(), wrong[i][1]));
        free(weights);
    }
    rd_labels_free(&labels);
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(tasks_are_found_by_name),
                                       cmocka_unit_test(results_are_found_by_name),
                                       cmocka_unit_test(denoising_wants_noise),
                                       cmocka_unit_test(keys_of_other_tasks_are_refused),
                                       cmocka_unit_test(inherited_keys_may_be_of_another_task),
                                       cmocka_unit_test(recipes_need_no_warning),
                                       cmocka_unit_test(classes_weigh_what_the_recipe_says)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
