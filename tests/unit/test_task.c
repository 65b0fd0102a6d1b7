/* The table of tasks, and the results that each names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "recipe/recipe_keys.h"
#include "task/class_weights.h"
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

/* Keys that would be accepted and do nothing. */
static void keys_of_other_tasks_are_refused(void **state) {
    static const char *const cases[][3] = {{"denoising", "eval-bleu", "true"},
                                           {"translation", "class-weights", "a=2"},
                                           {"language_modeling", "mask", "0.3"},
                                           {"language_modeling", "sentencepiece-alpha", "0.1"},
                                           {"image_classification", "eval-bleu", "true"},
                                           {"sentence_prediction", "sentencepiece-alpha", "0.1"},
                                           {"masked_lm", "permute-sentences", "1"}};
    const rd_task *task;
    const rd_result_kind *metric;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rd_recipe *recipe;
        assert_int_equal(rd_recipe_new(&recipe), RD_OK);
        assert_int_equal(rd_recipe_set_key(recipe, rd_recipe_find_key("task"), cases[i][0]), RD_OK);
        assert_int_equal(rd_task_check(recipe, &task, &metric), RD_OK);
        assert_int_equal(rd_recipe_set_key(recipe, rd_recipe_find_key(cases[i][1]), cases[i][2]),
                         RD_OK);
        assert_int_equal(rd_task_check(recipe, &task, &metric), RD_ERR_ARGUMENT);
        if (!strstr(rd_last_error(), cases[i][1])) fail_msg("%s", rd_last_error());
        rd_recipe_free(recipe);
    }
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
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_are_found_by_name), cmocka_unit_test(results_are_found_by_name),
        cmocka_unit_test(denoising_wants_noise), cmocka_unit_test(keys_of_other_tasks_are_refused),
        cmocka_unit_test(classes_weigh_what_the_recipe_says)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
