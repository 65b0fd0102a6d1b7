/* The rows of a table that are available without waiting, to be predicted together: so a slow
 * writer is answered line by line, and a fast one many lines at once. */
#ifndef RD_PREDICT_ROWS_H
#define RD_PREDICT_ROWS_H

#include "base/text.h"
#include "data/table.h"
#include "predict/predict.h"

typedef struct {
    rd_predict_row *items; /* [n] */
    int64_t n;
    /* Their text, and the place of each in it, as it moves when it grows. */
    rd_text text;
    int64_t *places; /* [n, 6] of both sentences and the answer, at and length */
    int64_t items_capacity, places_capacity;
    /* The failure of the row after these, reported when these are answered. */
    rd_status failed;
    rd_text message;
} rd_rows; /* {0} at first */

/* Waits for a row, and takes those after it that need no waiting, `most` at most. table: of
 * n_columns columns, the sentences, and before them one of answers if `answers` is not NULL: the
 * model that could give them. rows->n is 0 after the last; the items are valid until the next call.
 * A row that cannot be read fails the call after the one that takes those before it. */
rd_status rd_rows_take(rd_rows *rows, rd_table *table, int n_columns, const rd_predictor *answers,
                       int64_t most);
void rd_rows_free(rd_rows *rows);

#endif
