/* Every class of a system by itself, and the confusion matrix. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "metrics/answers.h"

/* The numbers shown of a system. */
typedef struct {
    const rd_answers *answers;
    int32_t n;
    rd_class_counts *counts; /* [n] */
    int64_t *matrix;         /* [n, n] */
    int width;               /* digits after the point */
} class_table;

static rd_status make_table(const rd_answers *answers, int system, class_table *table) {
    table->n = answers->n_labels;
    table->answers = answers;
    size_t n = (size_t)table->n;
    const int32_t *predictions = answers->classes + (1 + system) * answers->n;
    table->counts = rd_malloc(n, sizeof *table->counts);
    table->matrix = rd_malloc(n * n, sizeof *table->matrix);
    if (!table->counts || !table->matrix) return RD_ERR_MEMORY;
    RD_TRY(rd_count_classes(answers->n, answers->classes, predictions, table->n, table->counts));
    return rd_confusion_matrix(answers->n, answers->classes, predictions, table->n, table->matrix);
}

static void free_table(class_table *table) {
    free(table->counts);
    free(table->matrix);
}

static double (*const class_scores[])(const rd_class_counts *) = {rd_class_precision,
                                                                  rd_class_recall, rd_class_f1};
static const char *const score_names[] = {"precision", "recall", "f1"};

static rd_status write_members(const class_table *table, rd_text *out) {
    RD_TRY(rd_text_printf(out, ",\n  \"classes\": ["));
    for (int32_t k = 0; k < table->n; k++) {
        RD_TRY(rd_text_printf(out, "%s\n   {\"label\": ", k ? "," : ""));
        RD_TRY(rd_report_string(table->answers->labels[k], out));
        for (int i = 0; i < 3; i++) {
            RD_TRY(rd_text_printf(out, ", \"%s\": ", score_names[i]));
            RD_TRY(rd_report_number(100 * class_scores[i](&table->counts[k]), table->width, out));
        }
        RD_TRY(rd_text_printf(out, ", \"support\": %lld}", (long long)table->counts[k].support));
    }
    RD_TRY(rd_text_printf(out, "\n  ],\n  \"confusion_matrix\": ["));
    for (int32_t row = 0; row < table->n; row++) {
        for (int32_t k = 0; k < table->n; k++)
            RD_TRY(rd_text_printf(out, "%s%lld",
                                  k     ? ", "
                                  : row ? ",\n   ["
                                        : "\n   [",
                                  (long long)table->matrix[(int64_t)row * table->n + k]));
        RD_TRY(rd_text_append(out, "]", 1));
    }
    return rd_text_printf(out, "\n  ]");
}

static rd_status write_right(const char *text, int width, rd_text *out) {
    return rd_text_printf(out, "  %*s%s", width - rd_report_characters(text), "", text);
}

static int longest_label(const class_table *table) {
    int longest = rd_report_characters("label");
    for (int32_t k = 0; k < table->n; k++) {
        int length = rd_report_characters(table->answers->labels[k]);
        if (length > longest) longest = length;
    }
    return longest;
}

static rd_status write_classes(const class_table *table, int labels, rd_text *out) {
    int column = 9 + (table->width > 4 ? table->width - 4 : 0);
    RD_TRY(rd_report_padded("label", labels, out));
    for (int i = 0; i < 3; i++) RD_TRY(write_right(score_names[i], column, out));
    RD_TRY(rd_text_printf(out, "    support\n"));
    for (int32_t k = 0; k < table->n; k++) {
        RD_TRY(rd_report_padded(table->answers->labels[k], labels, out));
        for (int i = 0; i < 3; i++)
            RD_TRY(rd_text_printf(out, "  %*.*f", column, table->width,
                                  100 * class_scores[i](&table->counts[k])));
        RD_TRY(rd_text_printf(out, "  %9lld\n", (long long)table->counts[k].support));
    }
    return RD_OK;
}

/* Its width. */
static int matrix_column(const class_table *table, int32_t k) {
    int length = rd_report_characters(table->answers->labels[k]);
    return length > 6 ? length : 6;
}

static rd_status write_matrix(const class_table *table, int labels, rd_text *out) {
    RD_TRY(rd_text_printf(out, "\nlines by the reference's label (rows) and the system's\n"));
    RD_TRY(rd_report_padded("", labels, out));
    for (int32_t k = 0; k < table->n; k++)
        RD_TRY(write_right(table->answers->labels[k], matrix_column(table, k), out));
    RD_TRY(rd_text_append(out, "\n", 1));
    for (int32_t row = 0; row < table->n; row++) {
        RD_TRY(rd_report_padded(table->answers->labels[row], labels, out));
        for (int32_t k = 0; k < table->n; k++)
            RD_TRY(rd_text_printf(out, "  %*lld", matrix_column(table, k),
                                  (long long)table->matrix[(int64_t)row * table->n + k]));
        RD_TRY(rd_text_append(out, "\n", 1));
    }
    return RD_OK;
}

rd_status rd_answers_members(const rd_answers *answers, int system, int width, rd_text *out) {
    class_table table = {.width = width};
    rd_status status = make_table(answers, system, &table);
    if (status == RD_OK) status = write_members(&table, out);
    free_table(&table);
    return status;
}

rd_status rd_answers_table(const rd_answers *answers, int system, int width, rd_text *out) {
    class_table table = {.width = width >= 0 ? width : 1};
    rd_status status = make_table(answers, system, &table);
    int labels = status == RD_OK ? longest_label(&table) : 0;
    if (status == RD_OK) status = write_classes(&table, labels, out);
    if (status == RD_OK) status = write_matrix(&table, labels, out);
    free_table(&table);
    return status;
}
