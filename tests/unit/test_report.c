/* The report's history of a training that was killed and went on, and its charts. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "io/output.h"
#include "train/report.h"

enum { NLL = 1, BLEU = 3 }; /* of rd_task_translation.kinds */

static void read_lines(rd_train_history *history, const char *lines) {
    char path[] = "/tmp/rdrop-report-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0 && close(fd) == 0);
    assert_int_equal(rd_write_file(path, lines, strlen(lines)), RD_OK);
    assert_int_equal(rd_train_history_read(history, path), RD_OK);
    unlink(path);
}

static int count(const char *text, const char *part) {
    int n = 0;
    for (const char *at = text; (at = strstr(at, part)); at++) n++;
    return n;
}

static void what_a_killed_run_did_in_vain_is_left_out(void **state) {
    (void)state;
    rd_train_history h;
    read_lines(&h, "{\"event\":\"start\",\"update\":0}\n"
                   "{\"event\":\"train\",\"update\":10,\"nll\":5.0,\"loss\":11.0}\n"
                   "{\"event\":\"valid\",\"update\":10,\"nll\":4.5,\"bleu\":1.5}\n"
                   "{\"event\":\"train\",\"update\":20,\"nll\":4.0}\n"
                   "{\"event\":\"valid\",\"update\":20,\"nll\":3.5}\n"
                   "{\"event\":\"end\",\"update\":20,\"reason\":\"max-update reached\"}\n"
                   "{\"event\":\"train\",\"upd\n"
                   "{\"event\":\"start\",\"update\":10}\n"
                   "not JSON\n\n[1]\n{}\n{\"event\":\"train\"}\n"
                   "{\"event\":\"train\",\"update\":20,\"nll\":3.9}\n"
                   "{\"event\":\"train\",\"update\":30,\"nll\":\"x\",\"kl\":0.5}");
    assert_int_equal(h.n_runs, 2);
    assert_null(h.reason); /* it went on */
    const rd_curve *nll = &h.curves[RD_CURVE_TRAIN_NLL];
    assert_int_equal(nll->n, 2);
    assert_true(nll->points[0].x == 10 && nll->points[0].y == 5.0);
    assert_true(nll->points[1].x == 20 && nll->points[1].y == 3.9);
    assert_int_equal(h.results[NLL].n, 1);
    assert_int_equal(h.curves[RD_CURVE_TRAIN_LOSS].n, 1);
    assert_int_equal(h.results[BLEU].n, 1);
    assert_true(h.results[BLEU].points[0].y == 1.5);
    assert_int_equal(h.curves[RD_CURVE_KL].n, 1);
    assert_int_equal(json_array_size(h.validations), 1);
    rd_train_history_free(&h);
    read_lines(&h, "{\"event\":\"end\",\"update\":3,\"reason\":\"patience exhausted\"}\n");
    assert_string_equal(h.reason, "patience exhausted");
    rd_train_history_free(&h);
    assert_int_equal(rd_train_history_read(&h, "/nowhere/train.jsonl"), RD_ERR_IO);
    assert_non_null(strstr(rd_last_error(), "/nowhere/train.jsonl"));
    rd_train_history_free(&h);
}

/* A change that a later run tells again, or no more, is drawn once, or not at all. */
static void changes_are_those_that_held(void **state) {
    (void)state;
    rd_train_history h;
    read_lines(&h, "{\"event\":\"start\",\"update\":0}\n"
                   "{\"event\":\"start\",\"update\":10}\n"
                   "{\"event\":\"changed\",\"update\":10,\"reason\":\"changed: lr 1 -> 2\"}\n"
                   "{\"event\":\"train\",\"update\":20,\"nll\":4.0}\n"
                   "{\"event\":\"start\",\"update\":20}\n"
                   "{\"event\":\"changed\",\"update\":20,\"reason\":\"changed: lr 2 -> 3\"}\n"
                   "{\"event\":\"start\",\"update\":20}\n"
                   "{\"event\":\"changed\",\"update\":20,\"reason\":\"changed: lr 2 -> 4\"}\n");
    assert_int_equal(h.changed.n, 2);
    assert_int_equal(json_array_size(h.changes), 2);
    assert_true(h.changed.points[0].x == 10 && h.changed.points[1].x == 20);
    assert_string_equal(json_string_value(json_object_get(json_array_get(h.changes, 1), "reason")),
                        "changed: lr 2 -> 4");
    rd_point line[] = {{1, 2.5}, {30, 1.125}};
    const rd_curve curve = {line, 2, 0};
    rd_chart chart = {.title = "T",
                      .series = {{"only", &curve}},
                      .x_end = 30,
                      .marked = NAN,
                      .changed = &h.changed,
                      .restarts = &h.restarts};
    rd_text out = {0};
    assert_int_equal(h.restarts.n, 2); /* two at 20 are one mark, and the first start is none */
    assert_true(h.restarts.points[0].x == 10 && h.restarts.points[1].x == 20);
    assert_int_equal(rd_chart_write(&chart, &out), RD_OK);
    assert_int_equal(count(out.data, "class=\"restarted\""), 2);
    assert_non_null(strstr(out.data, "<title>started again: after update 10</title>"));
    assert_non_null(strstr(out.data, "<title>settings changed: update 20</title>"));
    rd_text_free(&out);
    rd_train_history_free(&h);
}

static void samples_of_the_latest_are_kept(void **state) {
    (void)state;
    enum { MANY = 3 * RD_HISTORY_SAMPLES };
    static char text[MANY * 96];
    size_t n = 0;
    for (int i = 1; i <= MANY; i++)
        n +=
            (size_t)snprintf(text + n, sizeof text - n,
                             "{\"event\":\"valid\",\"update\":%d,\"nll\":2.5,\"samples\":[]}\n", i);
    rd_train_history h;
    read_lines(&h, text);
    assert_int_equal(h.results[NLL].n, MANY);
    assert_int_equal(json_array_size(h.validations), MANY);
    for (int i = 0; i < MANY; i++) {
        const json_t *event = json_array_get(h.validations, (size_t)i);
        assert_int_equal(json_integer_value(json_object_get(event, "update")), i + 1);
        assert_int_equal(json_object_get(event, "samples") != NULL, i >= MANY - RD_HISTORY_SAMPLES);
    }
    rd_train_history_free(&h);
}

/* Every number of the lines drawn lies inside the picture. */
static void inside(const char *svg) {
    const char *line = strstr(svg, "class=\"line");
    assert_non_null(line);
    for (line = strstr(line, "d=\"") + 3; *line && *line != '"';) {
        char *end;
        double x = strtod(line + 1, &end), y = strtod(end, &end);
        assert_true(x >= 58 && x <= 506 && y >= 12 && y <= 190);
        line = end;
    }
}

static void charts_fit_what_they_show(void **state) {
    (void)state;
    enum { MANY = 5000 };
    static rd_point many[MANY], one[] = {{7, 3.25}}, flat[] = {{1, 0}, {2, 0}, {3, 0}};
    for (int i = 0; i < MANY; i++) many[i] = (rd_point){i, 1e-5 + sin(i * 0.01) * 1e-6};
    const rd_curve curves[] = {
        {many, MANY, 0}, {one, 1, 0}, {flat, 3, 0}, {NULL, 0, 0}, {many, 50, 0}};
    for (int i = 0; i < 5; i++) {
        rd_text out = {0};
        rd_chart chart = {.title = "T",
                          .series = {{"only", &curves[i]}},
                          .from_zero = i == 2,
                          .x_end = i ? 50 : MANY,
                          .marked = i == 1 ? 7 : NAN};
        assert_int_equal(rd_chart_write(&chart, &out), RD_OK);
        if (curves[i].n == 0) {
            assert_null(out.data); /* nothing to show */
            continue;
        }
        assert_int_equal(count(out.data, "<figure>"), 1);
        assert_int_equal(count(out.data, "</svg>"), 1);
        assert_int_equal(count(out.data, "nan") + count(out.data, "inf"), 0);
        assert_in_range(count(out.data, "class=\"y\""), 2, 7);
        assert_in_range(count(out.data, "class=\"x\""), 2, 8);
        assert_int_equal(count(out.data, "class=\"best\""), i == 1);
        assert_int_equal(count(out.data, "<circle"), curves[i].n <= 60 ? (int)curves[i].n : 0);
        assert_true(out.length < 20000); /* however many points there are */
        inside(out.data);
        rd_text_free(&out);
    }
}

static void a_chart_shows_its_last_values(void **state) {
    (void)state;
    rd_point a[] = {{1, 2.5}, {2, 1.125}}, b[] = {{2, 12345.6}};
    const rd_curve curves[] = {{a, 2, 0}, {b, 1, 0}};
    rd_chart chart = {.title = "Both",
                      .series = {{"first", &curves[0]}, {"second", &curves[1]}},
                      .x_end = 2,
                      .marked = NAN};
    rd_text out = {0};
    assert_int_equal(rd_chart_write(&chart, &out), RD_OK);
    assert_non_null(strstr(out.data, "<span class=\"key s0\">first<i>1.125</i></span>"));
    assert_non_null(strstr(out.data, "<span class=\"key s1\">second<i>12345.6</i></span>"));
    assert_non_null(strstr(out.data, "<title>update 2: 1.125</title>"));
    rd_text_free(&out);
}

/* train.jsonl of a training of the task. */
static void write_training(const char *directory, const char *task) {
    char text[256];
    char *path = rd_path_join(directory, "train.jsonl");
    snprintf(text, sizeof text,
             "{\"event\":\"start\",\"update\":0,\"task\":\"%s\"}\n"
             "{\"event\":\"train\",\"update\":1,\"loss\":2.5,\"nll\":1.5,\"kl\":0.5,\"lr\":0.1,"
             "\"gnorm\":1.0,\"tokens_per_second\":100.0}\n",
             task);
    assert_non_null(path);
    assert_int_equal(rd_make_directories(directory), RD_OK);
    assert_int_equal(rd_write_file(path, text, strlen(text)), RD_OK);
    free(path);
}

/* The page of the directories' trainings; malloc'ed. */
static char *compare(const char *const *directories, int n, const char *path) {
    char *page;
    size_t length;
    assert_int_equal(rd_train_compare(directories, n, path), RD_OK);
    assert_int_equal(rd_read_file(path, 1 << 20, &page, &length), RD_OK);
    return page;
}

/* Losses and speeds are of what the tasks count, in the page of several tasks too. */
static void units_are_the_tasks(void **state) {
    (void)state;
    char root[] = "/tmp/rdrop-report-XXXXXX", command[64];
    assert_non_null(mkdtemp(root));
    char *lines = rd_path_join(root, "lines"), *pictures = rd_path_join(root, "pictures");
    char *classes = rd_path_join(root, "classes"), *path = rd_path_join(root, "page.html");
    write_training(lines, "translation");
    write_training(pictures, "image_classification");
    write_training(classes, "sentence_prediction");
    char *page = compare((const char *const[]){pictures}, 1, path);
    assert_non_null(strstr(page, ">Loss of training, per picture<"));
    assert_non_null(strstr(page, ">nll of training, per picture<"));
    assert_non_null(strstr(page, ">KL between the passes, per picture<"));
    assert_non_null(strstr(page, ">Learning rate<"));
    assert_non_null(strstr(page, ">Speed, pictures per second<"));
    assert_non_null(strstr(page, "<th>pictures/s, mean</th>"));
    assert_null(strstr(page, "token"));
    free(page);
    page = compare((const char *const[]){lines, pictures, lines, classes}, 4, path);
    assert_non_null(strstr(page, ">Loss of training, per token or picture or example<"));
    assert_non_null(strstr(page, ">Speed, tokens or pictures per second<"));
    free(page);
    free(lines);
    free(pictures);
    free(classes);
    free(path);
    snprintf(command, sizeof command, "rm -rf %s", root);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_killed_run_did_in_vain_is_left_out),
        cmocka_unit_test(changes_are_those_that_held),
        cmocka_unit_test(samples_of_the_latest_are_kept),
        cmocka_unit_test(charts_fit_what_they_show),
        cmocka_unit_test(a_chart_shows_its_last_values),
        cmocka_unit_test(units_are_the_tasks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
