/* The rows of the last stack's output that have something to predict. */
#ifndef RD_CRITERION_COUNTED_H
#define RD_CRITERION_COUNTED_H

#include "criterion/criterion.h"

typedef struct {
    int64_t n;
    const int32_t *rows;    /* [n] of one pass, ascending; NULL: all, in order */
    const int32_t *targets; /* [n] */
} rd_counted;

/* The rows that count in one pass of `rows` rows: the batch's labels that are not -1, else its
 * targets. In the step's arena. */
rd_status rd_count_rows(const rd_step *step, const rd_batch *batch, int64_t rows,
                        rd_counted *counted);

/* Counted rows first .. first + n of each pass of whole: [passes * total, width] to (or, with
 * `back`, from) those of part: [passes * n, width]. */
void rd_counted_exchange(rd_activations part, rd_activations whole, const rd_counted *counted,
                         bool back, int64_t passes, int64_t total, int64_t first, int64_t n,
                         int64_t width);

#endif
