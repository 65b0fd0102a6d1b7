#include "predict/rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { FIRST, SECOND, ANSWER, FIELDS };

static rd_status append(rd_rows *r, const rd_field *const fields[FIELDS]) {
    RD_TRY(rd_reserve(&r->places, &r->places_capacity, 2 * FIELDS * (r->n + 1), sizeof *r->places));
    int64_t *place = r->places + 2 * FIELDS * r->n;
    for (int i = 0; i < FIELDS; i++) {
        place[2 * i] = r->text.length;
        place[2 * i + 1] = fields[i] ? (int64_t)fields[i]->length : -1;
        if (fields[i]) /* with its NUL */
            RD_TRY(rd_text_append(&r->text, fields[i]->text, fields[i]->length + 1));
    }
    r->n++;
    return RD_OK;
}

static rd_field field_of(const rd_rows *r, int64_t row, int field) {
    const int64_t *place = r->places + 2 * (FIELDS * row + field);
    if (place[1] < 0) return (rd_field){NULL, 0};
    return (rd_field){r->text.data + place[0], (size_t)place[1]};
}

/* It will be a line of a file, and compared with those that the model gives. */
static rd_status check_answer(const rd_table *table, const rd_field *answer,
                              const rd_predictor *predictor) {
    double number;
    const char *wrong =
        answer->length == 0 ? "is missing"
        : strpbrk(answer->text, "\n\r") || strlen(answer->text) != answer->length
            ? "holds a line break or a NUL"
        : predictor->kind == RD_PREDICT_NUMBER && !rd_parse_number(answer->text, &number)
            ? "is no number"
        : predictor->kind == RD_PREDICT_CLASSES &&
                rd_labels_find(&predictor->labels, answer->text) < 0
            ? "is none of the model's labels"
            : NULL;
    char shown[64];
    if (!wrong) return RD_OK;
    rd_escape(shown, sizeof shown, answer->text);
    return rd_error(RD_ERR_FORMAT, "%s:%lld: the answer '%s' %s", rd_table_path(table),
                    (long long)rd_table_line(table), shown, wrong);
}

/* *ended: there is none. */
static rd_status take_row(rd_rows *r, rd_table *table, int n_columns, const rd_predictor *answers,
                          bool *ended) {
    const rd_field *row;
    int first = answers ? 1 : 0;
    RD_TRY(rd_table_next(table, &row));
    *ended = !row;
    if (!row) return RD_OK;
    if (answers) RD_TRY(check_answer(table, row, answers));
    const rd_field *const fields[FIELDS] = {
        row + first, first + 1 < n_columns ? row + first + 1 : NULL, answers ? row : NULL};
    return append(r, fields);
}

static rd_status keep_failure(rd_rows *r, rd_status status) {
    rd_text_clear(&r->message);
    RD_TRY(rd_text_printf(&r->message, "%s", rd_last_error()));
    r->failed = status;
    return RD_OK;
}

rd_status rd_rows_take(rd_rows *r, rd_table *table, int n_columns, const rd_predictor *answers,
                       int64_t most) {
    bool ended = false;
    r->n = 0;
    rd_text_clear(&r->text);
    if (r->failed != RD_OK) return rd_error(r->failed, "%s", r->message.data);
    do {
        rd_status status = take_row(r, table, n_columns, answers, &ended);
        if (status != RD_OK && r->n == 0) return status;
        if (status != RD_OK) RD_TRY(keep_failure(r, status));
    } while (!ended && r->failed == RD_OK && r->n < most && rd_table_has_row(table));
    RD_TRY(rd_reserve(&r->items, &r->items_capacity, r->n, sizeof *r->items));
    for (int64_t i = 0; i < r->n; i++)
        r->items[i] =
            (rd_predict_row){field_of(r, i, FIRST), field_of(r, i, SECOND), field_of(r, i, ANSWER)};
    return RD_OK;
}

void rd_rows_free(rd_rows *r) {
    free(r->items);
    free(r->places);
    rd_text_free(&r->text);
    rd_text_free(&r->message);
    *r = (rd_rows){0};
}
