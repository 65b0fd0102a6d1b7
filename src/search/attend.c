/* What the live hypotheses attend to: the alignment of their next token, and how much of the source
 * they have covered so far. */
#include "search/state.h"

#include <math.h>
#include <string.h>

/* The source token with the most attention; the last one, eos, stands for none. */
static int32_t most_attended(const float *attention, int32_t src_length) {
    int32_t best = -1;
    for (int32_t j = 0; j + 1 < src_length; j++)
        if (best < 0 || attention[j] > attention[best]) best = j;
    return best;
}

rd_status rd_search_attend(rd_search *s) {
    if (!s->attention) return RD_OK;
    for (int64_t r = 0; r < s->n_rows; r++) {
        int32_t n = s->src_lengths[s->rows[r].sentence];
        float *row = s->attention + r * s->src_stride;
        s->scorer->attention(s->scorer->self, r, n, row);
        s->aligned[r] = most_attended(row, n);
        for (int32_t j = 0; j < n; j++)
            if (isnan(row[j]))
                return rd_error(RD_ERR_NUMERIC, "the model gives attention that is not a number; "
                                                "its weights are damaged");
        if (s->coverage)
            for (int32_t j = 0; j < n; j++) s->coverage[r * s->src_stride + j] += row[j];
    }
    return RD_OK;
}

void rd_coverage_start(rd_search *s, int64_t row) {
    if (s->coverage)
        memset(s->coverage + row * s->src_stride, 0, (size_t)s->src_stride * sizeof *s->coverage);
}

void rd_coverage_continue(rd_search *s, int64_t row, int64_t next_row) {
    if (!s->coverage) return;
    memcpy(s->next_coverage + next_row * s->src_stride, s->coverage + row * s->src_stride,
           (size_t)s->src_stride * sizeof *s->coverage);
}

float rd_coverage_score(const rd_search *s, int64_t row) {
    if (!s->coverage) return 0.0f;
    const float *coverage = s->coverage + row * s->src_stride;
    float sum = 0.0f;
    for (int32_t j = 0; j < s->src_lengths[s->rows[row].sentence]; j++)
        sum += logf(fminf(fmaxf(coverage[j], 1e-9f), 1.0f)); /* never -inf: it must rank */
    return s->config->coverage_penalty * sum;
}
