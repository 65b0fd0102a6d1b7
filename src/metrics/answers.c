/* Reading answers: labels become classes, in an order that does not depend on the lines'. */
#include "metrics/answers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/string_table.h"
#include "metrics/line_reader.h"

/* Labels as they come, before they have their order. */
typedef struct {
    const rd_answers_config *config;
    bool has_classes, has_numbers;
    rd_answers *answers;
    rd_string_table labels;             /* in order of appearance */
    rd_text line;                       /* the one being read, NUL-terminated */
    int64_t classes_room, numbers_room; /* capacities */
} reading;

static const char *path_of(const rd_answers_config *config, int row) {
    return row ? config->systems[row - 1] : config->reference;
}

static rd_status bad_line(const reading *r, int row, const char *found, const char *expected) {
    char shown[64];
    rd_escape(shown, sizeof shown, found);
    return rd_error(RD_ERR_FORMAT, "%s:%lld: %s%s%s: expected %s", path_of(r->config, row),
                    (long long)r->answers->n + 1, *found ? "'" : "", *found ? shown : "empty line",
                    *found ? "'" : "", expected);
}

static rd_status check_label(const reading *r, int row, rd_line label) {
    const char *expected = r->has_numbers ? "a number" : "a label";
    if (label.length == 0) return bad_line(r, row, "", expected);
    if (memchr(label.data, '\t', label.length))
        return bad_line(r, row, r->line.data, "one label a line, without tabs (see cut -f)");
    for (const char *s = label.data, *end = s + label.length; s < end;)
        if (rd_is_control(rd_utf8_next(&s, end)))
            return bad_line(r, row, r->line.data, "one label a line, without control characters");
    return RD_OK;
}

/* The answer of one row at line answers->n. */
static rd_status take(reading *r, int row, rd_line text) {
    rd_answers *a = r->answers;
    rd_line label = rd_line_strip(text);
    int64_t at = a->n * a->n_rows + row; /* turned at the end */
    rd_text_clear(&r->line);
    RD_TRY(rd_text_append(&r->line, label.data, label.length));
    RD_TRY(check_label(r, row, label));
    if (r->has_numbers) {
        RD_TRY(rd_reserve(&a->numbers, &r->numbers_room, at + 1, sizeof *a->numbers));
        if (!rd_parse_number(r->line.data, &a->numbers[at]))
            return bad_line(r, row, r->line.data, "a finite number");
    }
    if (!r->has_classes) return RD_OK;
    RD_TRY(rd_reserve(&a->classes, &r->classes_room, at + 1, sizeof *a->classes));
    return rd_string_add(&r->labels, label.data, label.length, &a->classes[at]);
}

static rd_status take_block(reading *r, const rd_line_block *block) {
    rd_answers *a = r->answers;
    int systems = a->n_rows - 1;
    for (int64_t i = 0; i < block->n; i++, a->n++) {
        const rd_line *texts = block->texts + block->first[i];
        int64_t references = block->first[i + 1] - block->first[i] - systems;
        if (references != 1)
            return rd_error(RD_ERR_FORMAT, "%s:%lld: %lld references: expected one",
                            r->config->reference, (long long)a->n + 1, (long long)references);
        RD_TRY(take(r, 0, texts[systems]));
        for (int s = 0; s < systems; s++) RD_TRY(take(r, 1 + s, texts[s]));
    }
    return RD_OK;
}

static rd_status take_all(reading *r, rd_line_reader *reader, rd_line_block *block) {
    enum { LINES = 4096 };
    do {
        RD_TRY(rd_line_reader_next(reader, LINES, block));
        RD_TRY(take_block(r, block));
    } while (block->n > 0);
    if (r->answers->n > 0) return RD_OK;
    return rd_error(RD_ERR_FORMAT, "%s is empty: nothing to score", r->config->reference);
}

static rd_status read_files(reading *r) {
    const rd_answers_config *config = r->config;
    rd_scored_files files = {.n_systems = config->n_systems,
                             .n_refs = 1,
                             .systems = config->systems,
                             .refs = &config->reference};
    rd_line_reader *reader;
    rd_line_block block = {0};
    RD_TRY(rd_line_reader_open(&reader, &files, false));
    rd_status status = take_all(r, reader, &block);
    rd_line_block_free(&block);
    rd_line_reader_close(reader);
    return status;
}

typedef struct {
    char *label;
    int32_t id;
    double number;
} named_class;

static int by_bytes(const void *a, const void *b) {
    return strcmp(((const named_class *)a)->label, ((const named_class *)b)->label);
}

static int by_number(const void *a, const void *b) {
    const named_class *p = a, *q = b;
    if (p->number != q->number) return p->number < q->number ? -1 : 1;
    return by_bytes(a, b);
}

/* Gives labels their order. new_ids: [n_labels] by old id */
static rd_status sort_labels(rd_answers *a, int32_t *new_ids) {
    named_class *named = rd_calloc((size_t)a->n_labels, sizeof *named);
    if (!named) return RD_ERR_MEMORY;
    bool numbers = true;
    for (int32_t k = 0; k < a->n_labels; k++) {
        named[k] = (named_class){.label = a->labels[k], .id = k};
        numbers = rd_parse_number(a->labels[k], &named[k].number) && numbers;
    }
    qsort(named, (size_t)a->n_labels, sizeof *named, numbers ? by_number : by_bytes);
    for (int32_t k = 0; k < a->n_labels; k++) {
        a->labels[k] = named[k].label;
        new_ids[named[k].id] = k;
    }
    free(named);
    return RD_OK;
}

/* From [n, n_rows] of old ids to [n_rows, n] of new ones. */
static rd_status turn_classes(rd_answers *a) {
    int32_t *ids = rd_malloc((size_t)a->n_labels, sizeof *ids);
    int32_t *turned = rd_malloc((size_t)a->n * (size_t)a->n_rows, sizeof *turned);
    rd_status status = ids && turned ? sort_labels(a, ids) : RD_ERR_MEMORY;
    for (int64_t k = 0; status == RD_OK && k < a->n * a->n_rows; k++)
        turned[k % a->n_rows * a->n + k / a->n_rows] = ids[a->classes[k]];
    free(ids);
    free(a->classes);
    a->classes = turned;
    return status;
}

static rd_status turn_numbers(rd_answers *a) {
    double *turned = rd_malloc((size_t)a->n * (size_t)a->n_rows, sizeof *turned);
    if (!turned) return RD_ERR_MEMORY;
    for (int64_t k = 0; k < a->n * a->n_rows; k++)
        turned[k % a->n_rows * a->n + k / a->n_rows] = a->numbers[k];
    free(a->numbers);
    a->numbers = turned;
    return RD_OK;
}

static int32_t label_named(const rd_answers *a, const char *name) {
    int32_t k = 0;
    while (k < a->n_labels && strcmp(a->labels[k], name) != 0) k++;
    return k;
}

/* "a, b, c, d, ..." */
static void list_labels(const rd_answers *a, char text[256]) {
    enum { SHOWN = 4 };
    int used = 0;
    for (int32_t k = 0; k < a->n_labels && k < SHOWN; k++) {
        char label[48];
        rd_escape(label, sizeof label, a->labels[k]);
        used += sprintf(text + used, "%s%s", k ? ", " : "", label);
    }
    if (a->n_labels > SHOWN) strcpy(text + used, ", ...");
}

/* The last of two by their bytes, as training sorts labels; n_labels: there are not two. */
static int32_t last_of_two(const rd_answers *a) {
    return a->n_labels != 2 ? a->n_labels : strcmp(a->labels[0], a->labels[1]) < 0;
}

/* F1 of two classes is that of "1", else of the last one, unless another is chosen. */
static rd_status find_positive(const rd_answers_config *config, rd_answers *a) {
    char labels[256];
    list_labels(a, labels);
    a->positive = label_named(a, config->positive ? config->positive : "1");
    bool there = a->positive < a->n_labels;
    if (!config->positive && !there) a->positive = last_of_two(a);
    if (config->positive && !there)
        return rd_error(RD_ERR_ARGUMENT, "no line has the positive label '%.60s'; there are: %s",
                        config->positive, labels);
    if (config->positive) return RD_OK;
    if (a->n_labels > 2)
        return rd_error(RD_ERR_ARGUMENT,
                        "f1 is of two labels, but there are %d (%s): --positive LABEL for that of "
                        "one of them, or f1-macro, f1-micro",
                        (int)a->n_labels, labels);
    if (a->n_labels == 2 || there || strcmp(a->labels[0], "0") == 0) return RD_OK;
    return rd_error(RD_ERR_ARGUMENT, "f1: the only label is %s, not '1': --positive LABEL", labels);
}

static rd_status copy_labels(const reading *r) {
    rd_answers *a = r->answers;
    a->labels = rd_calloc((size_t)r->labels.n, sizeof *a->labels);
    if (!a->labels) return RD_ERR_MEMORY;
    for (; a->n_labels < r->labels.n; a->n_labels++)
        if (!(a->labels[a->n_labels] = rd_strdup(rd_string_at(&r->labels, a->n_labels))))
            return RD_ERR_MEMORY;
    return RD_OK;
}

static rd_status finish(reading *r) {
    rd_answers *a = r->answers;
    if (r->has_numbers) RD_TRY(turn_numbers(a));
    if (!r->has_classes) return RD_OK;
    RD_TRY(copy_labels(r));
    RD_TRY(turn_classes(a));
    a->positive = a->n_labels;
    for (int m = 0; m < r->config->n_metrics; m++)
        if (r->config->metrics[m]->has_positive) return find_positive(r->config, a);
    return RD_OK;
}

rd_status rd_answers_read(const rd_answers_config *config, rd_answers *answers) {
    *answers = (rd_answers){.n_rows = 1 + config->n_systems};
    reading r = {.config = config, .answers = answers};
    for (int m = 0; m < config->n_metrics; m++) {
        r.has_classes = r.has_classes || config->metrics[m]->has_classes;
        r.has_numbers = r.has_numbers || !config->metrics[m]->has_classes;
    }
    rd_status status = read_files(&r);
    if (status == RD_OK) status = finish(&r);
    rd_string_table_free(&r.labels);
    rd_text_free(&r.line);
    if (status != RD_OK) rd_answers_free(answers);
    return status;
}

void rd_answers_free(rd_answers *answers) {
    for (int32_t k = 0; k < answers->n_labels; k++) free(answers->labels[k]);
    free(answers->labels);
    free(answers->classes);
    free(answers->numbers);
    *answers = (rd_answers){0};
}
