/* Dropout as a pure function. */
#ifndef RD_OPS_DROPOUT_H
#define RD_OPS_DROPOUT_H

#include <stdint.h>

/* One place in the network where dropout acts, in one update. Its bits are a pure function of
 * (seed, update, micro_batch, site, pass, row, column): nothing is stored for the backward pass,
 * and threads may take any rows. Rows [0, rows_per_pass) are R-Drop's first pass, as many more
 * its second, and so on; a row's number is counted inside its pass. */
typedef struct {
    float rate; /* 0: off */
    uint64_t seed;
    int64_t update;
    int32_t micro_batch;
    int32_t site;
    int64_t rows_per_pass; /* 0: a single pass */
} rd_dropout;

#endif
