#include "tools/predict/answer_pictures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "data/corpus.h"
#include "io/json.h"
#include "io/output.h"
#include "predict/pictures.h"
#include "tools/common/stop.h"
#include "tools/predict/answers.h"

enum { WINDOW = 32 /* pictures answered at once */ };

typedef struct {
    const arguments *arguments;
    rd_picture_predictor predictor;
    FILE *output;
    char *paths[WINDOW]; /* [n] malloc'ed */
    char *problems[WINDOW];
    int64_t n, unread; /* unread: files that could not be read, of all */
    float *probabilities;
} job;

/* A name need not be UTF-8, JSON is. */
static rd_status print_object(const job *j, int64_t i, const float *row) {
    rd_text clean = {0};
    RD_TRY(rd_text_append_clean(&clean, j->paths[i], strlen(j->paths[i]), true));
    const char *name = clean.data ? clean.data : "";
    json_t *object =
        j->problems[i]
            ? json_pack("{s:s, s:s}", "picture", name, "error", j->problems[i])
            : answers_add_label(json_pack("{s:s}", "picture", name), &j->predictor.labels, row);
    rd_text_free(&clean);
    return rd_json_write_line(j->output, object);
}

/* A file that could not be read is an empty line, and said. */
static rd_status print_answer(const job *j, int64_t i) {
    const rd_labels *labels = &j->predictor.labels;
    const float *row = j->probabilities + i * labels->n;
    char shown[512];
    if (j->problems[i]) {
        rd_escape(shown, sizeof shown, j->problems[i]);
        fprintf(stderr, "rdrop-predict: %s\n", shown);
    }
    if (j->arguments->json) return print_object(j, i, row);
    if (!j->problems[i]) answers_write_label(j->output, labels, row, j->arguments->probabilities);
    fputc('\n', j->output);
    return RD_OK;
}

static rd_status print_answers(job *j) {
    for (int64_t i = 0; i < j->n; i++) {
        RD_TRY(print_answer(j, i));
        j->unread += j->problems[i] != NULL;
    }
    return rd_output_flush(j->output);
}

static void forget(job *j) {
    for (int64_t i = 0; i < j->n; i++) {
        free(j->paths[i]);
        free(j->problems[i]);
        j->problems[i] = NULL;
    }
    j->n = 0;
}

static rd_status answer(job *j) {
    if (j->n == 0) return RD_OK;
    RD_TRY(rd_picture_predict(&j->predictor, j->n, j->paths, j->probabilities, j->problems));
    RD_TRY(print_answers(j));
    forget(j);
    return rd_check_stop(stop_requested());
}

static rd_status add(job *j, const char *path, size_t n) {
    char *copy = rd_malloc(n + 1, 1);
    if (!copy) return RD_ERR_MEMORY;
    memcpy(copy, path, n);
    copy[n] = '\0';
    j->paths[j->n++] = copy;
    RD_TRY(rd_refuse_input(j->arguments->output, copy));
    return j->n == WINDOW ? answer(j) : RD_OK;
}

/* The first line of a JPEG or PNG file, where a list of names should be. */
static bool is_of_picture(const char *line, size_t n) {
    return n >= 3 && (memcmp(line, "\xFF\xD8\xFF", 3) == 0 || memcmp(line, "\x89PN", 3) == 0);
}

static rd_status answer_lines(job *j, rd_corpus *lines) {
    const char *line;
    size_t n;
    RD_TRY(rd_corpus_next(lines, &line, &n));
    if (line && is_of_picture(line, n))
        return rd_error(
            RD_ERR_FORMAT,
            "the input is a picture, but should list names of pictures; name it without "
            "--input: rdrop-predict --model DIR PICTURE...");
    while (line) {
        if (n == 0)
            return rd_error(RD_ERR_FORMAT, "%s:%lld: empty; expected the name of a picture",
                            rd_corpus_path(lines), (long long)rd_corpus_line_number(lines));
        if (memchr(line, '\t', n))
            return rd_error(RD_ERR_FORMAT,
                            "%s:%lld: expected the name of a picture, without a tab (of a list "
                            "with classes: cut -f1)",
                            rd_corpus_path(lines), (long long)rd_corpus_line_number(lines));
        RD_TRY(add(j, line, n));
        if (!rd_corpus_has_line(lines)) RD_TRY(answer(j)); /* nothing to wait for */
        RD_TRY(rd_corpus_next(lines, &line, &n));
    }
    return answer(j);
}

static rd_status answer_all(job *j) {
    const options_list *operands = &j->arguments->pictures;
    rd_corpus *lines;
    for (int i = 0; i < operands->n; i++)
        RD_TRY(add(j, operands->items[i], strlen(operands->items[i])));
    if (operands->n > 0) return answer(j);
    RD_TRY(rd_corpus_open(&lines, j->arguments->input, RD_UTF8_ANY));
    rd_corpus_stop_by(lines, stop_fd());
    rd_status status = answer_lines(j, lines);
    rd_corpus_close(lines);
    return status;
}

static rd_status check_arguments(const arguments *a) {
    if (a->embed || a->plain || a->references || a->settings.n > 0)
        return rd_error(RD_ERR_ARGUMENT,
                        "%s: the model reads pictures, for which there is no --embed, no --plain, "
                        "no --references and no table",
                        a->model);
    if (a->pictures.n > 0 && strcmp(a->input, "-") != 0)
        return rd_error(RD_ERR_ARGUMENT, "pictures are named, and --input lists others");
    if (options_has(&a->given, "max-tokens") || options_has(&a->given, "window"))
        return rd_error(RD_ERR_ARGUMENT,
                        "%s: the model reads pictures; --max-tokens and --window are of sentences",
                        a->model);
    return RD_OK;
}

static rd_status work(job *j) {
    const arguments *a = j->arguments;
    rd_atomic_file file = {0};
    RD_TRY(check_arguments(a));
    RD_TRY(rd_picture_predictor_open(&j->predictor, a->model, a->precision));
    j->probabilities =
        rd_malloc((size_t)(WINDOW * j->predictor.labels.n), sizeof *j->probabilities);
    if (!j->probabilities) return RD_ERR_MEMORY;
    RD_TRY(rd_refuse_input(a->output, a->input));
    RD_TRY(rd_refuse_inputs_in(a->output, a->model));
    RD_TRY(rd_output_open(&file, a->output));
    j->output = file.stream;
    return rd_atomic_close(&file, answer_all(j));
}

rd_status predict_pictures(const arguments *a) {
    job j = {.arguments = a};
    rd_status status = work(&j);
    if (status == RD_OK && j.unread > 0)
        status =
            rd_error(RD_ERR_FORMAT, "pictures that could not be read: %lld", (long long)j.unread);
    forget(&j);
    rd_picture_predictor_close(&j.predictor);
    free(j.probabilities);
    return status;
}
