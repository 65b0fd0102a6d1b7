/* The table of tasks, and the results that each names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

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

/* A denoising training without noise would learn to copy; one with scores has nothing to score. */
static void denoising_wants_noise(void **state) {
    (void)state;
    rd_recipe *recipe;
    void *self;
    rd_text warnings = {0};
    assert_int_equal(rd_recipe_new(&recipe), RD_OK);
    assert_int_equal(rd_task_denoising.open(&self, recipe, "/nowhere", &warnings), RD_ERR_ARGUMENT);
    assert_non_null(strstr(rd_last_error(), "no noise"));
    recipe->train.noise.mask = 0.3f;
    recipe->train.eval_bleu = true;
    assert_int_equal(rd_task_denoising.open(&self, recipe, "/nowhere", &warnings), RD_ERR_ARGUMENT);
    assert_non_null(strstr(rd_last_error(), "eval-bleu"));
    rd_task_denoising.close(self);
    rd_recipe_free(recipe);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(tasks_are_found_by_name),
                                       cmocka_unit_test(results_are_found_by_name),
                                       cmocka_unit_test(denoising_wants_noise)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
