#include "predict/rows.h"

#include <stdlib.h>

#include "base/memory.h"

static rd_status append(rd_rows *r, int n_columns, const rd_field *row) {
    RD_TRY(rd_reserve(&r->places, &r->places_capacity, 4 * (r->n + 1), sizeof *r->places));
    int64_t *place = r->places + 4 * r->n;
    for (int i = 0; i < 2; i++) {
        place[2 * i] = r->text.length;
        place[2 * i + 1] = i < n_columns ? (int64_t)row[i].length : -1;
        if (i < n_columns)
            RD_TRY(rd_text_append(&r->text, row[i].text, row[i].length + 1)); /* with its NUL */
    }
    r->n++;
    return RD_OK;
}

static rd_field field_of(const rd_rows *r, const int64_t *place) {
    if (place[1] < 0) return (rd_field){NULL, 0};
    return (rd_field){r->text.data + place[0], (size_t)place[1]};
}

rd_status rd_rows_take(rd_rows *r, rd_table *table, int n_columns, int64_t most) {
    const rd_field *row;
    r->n = 0;
    rd_text_clear(&r->text);
    do {
        RD_TRY(rd_table_next(table, &row));
        if (row) RD_TRY(append(r, n_columns, row));
    } while (row && r->n < most && rd_table_has_line(table));
    RD_TRY(rd_reserve(&r->items, &r->items_capacity, r->n, sizeof *r->items));
    for (int64_t i = 0; i < r->n; i++)
        r->items[i] =
            (rd_predict_row){field_of(r, r->places + 4 * i), field_of(r, r->places + 4 * i + 2)};
    return RD_OK;
}

void rd_rows_free(rd_rows *r) {
    free(r->items);
    free(r->places);
    rd_text_free(&r->text);
    *r = (rd_rows){0};
}
