/* BLEU (Papineni et al. 2002) with sacreBLEU's smoothing and edge cases. Statistics:
 * [hypothesis words, closest reference's words, matches by order ..., n-grams by order ...]. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/scratch.h"

/* The reference length nearest to the hypothesis length, the shorter of two as near. */
static int64_t closest_length(int64_t length, int n_refs, const int32_t *offsets) {
    int64_t closest = -1;
    for (int r = 0; r < n_refs; r++) {
        int64_t n = offsets[r + 1] - offsets[r];
        int64_t distance = llabs(length - n), best = llabs(length - closest);
        if (closest < 0 || distance < best || (distance == best && n < closest)) closest = n;
    }
    return closest;
}

rd_status rd_bleu_line(const rd_metric_config *config, rd_metric_scratch *scratch,
                       rd_line hypothesis, int n_refs, const rd_line *refs, double *stats) {
    int orders = config->max_ngram_order;
    RD_TRY(rd_prepare_words(config, scratch, hypothesis, n_refs, refs));
    const int32_t *offsets = scratch->offsets.data;
    RD_TRY(rd_ngram_counts_clear(&scratch->counts, scratch->reference.n, orders));
    for (int r = 0; r < n_refs; r++)
        RD_TRY(rd_ngram_counts_add(&scratch->counts, scratch->reference.data + offsets[r],
                                   offsets[r + 1] - offsets[r], orders));
    int64_t length = scratch->hypothesis.n;
    memset(stats, 0, (size_t)(2 + 2 * orders) * sizeof *stats);
    stats[0] = (double)length;
    stats[1] = (double)closest_length(length, n_refs, offsets);
    for (int n = 0; n < orders; n++) stats[2 + orders + n] = fmax(0, (double)(length - n));
    return rd_ngram_counts_match(&scratch->counts, scratch->hypothesis.data, length, orders,
                                 stats + 2, 1);
}

static double smooth_value(const rd_metric_config *config) {
    if (!isnan(config->smooth_value)) return config->smooth_value;
    return config->smooth_method == RD_SMOOTH_FLOOR ? 0.1 : 1;
}

double rd_bleu_score(const rd_metric_config *config, const double *stats, double *precisions,
                     double *brevity_penalty) {
    int orders = config->max_ngram_order, effective = orders;
    double sys_len = stats[0], ref_len = stats[1], by_order[RD_METRIC_MAX_ORDER] = {0};
    const double *correct = stats + 2, *total = stats + 2 + orders;
    double bp = 1;
    if (sys_len < ref_len) bp = sys_len > 0 ? exp(1 - ref_len / sys_len) : 0;
    if (brevity_penalty) *brevity_penalty = bp;
    if (precisions) memset(precisions, 0, (size_t)orders * sizeof *precisions);
    bool any = false;
    for (int n = 0; n < orders; n++) any = any || correct[n] != 0;
    if (!any) return 0;

    double halved = 1, log_sum = 0;
    for (int n = 0; n < orders; n++) {
        double k = config->smooth_method == RD_SMOOTH_ADD_K && n > 0 ? smooth_value(config) : 0;
        double matched = correct[n] + k, all = total[n] + k;
        if (all == 0) break;
        if (config->effective_order) effective = n + 1;
        if (matched != 0) {
            by_order[n] = 100 * matched / all;
        } else if (config->smooth_method == RD_SMOOTH_EXP) {
            halved *= 2;
            by_order[n] = 100 / (halved * all);
        } else if (config->smooth_method == RD_SMOOTH_FLOOR) {
            by_order[n] = 100 * smooth_value(config) / all;
        }
    }
    /* sacreBLEU's logarithm of 0 is finite, and makes the score 0 all the same. */
    for (int n = 0; n < effective; n++)
        log_sum += by_order[n] == 0 ? -9999999999.0 : log(by_order[n]);
    if (precisions) memcpy(precisions, by_order, (size_t)orders * sizeof *precisions);
    return bp * exp(log_sum / effective);
}
