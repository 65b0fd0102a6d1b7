/* BLEU (Papineni et al. 2002) with sacreBLEU's smoothing and edge cases. Statistics:
 * [hypothesis words, closest reference's words, matches by order ..., n-grams by order ...]. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/c_locale.h"
#include "metrics/metric.h"
#include "metrics/tokenize.h"

static const double MOST_SMOOTHING = 1e9; /* so that details fit their line */

static rd_status check(const rd_metric_config *config) {
    if (config->max_ngram_order < 1 || config->max_ngram_order > RD_METRIC_MAX_ORDER)
        return rd_error(RD_ERR_ARGUMENT, "BLEU's n-gram order is %d, must be 1 to %d",
                        config->max_ngram_order, RD_METRIC_MAX_ORDER);
    if ((int)config->smooth_method < 0 || config->smooth_method > RD_SMOOTH_NONE)
        return rd_error(RD_ERR_ARGUMENT, "no such smoothing: %d", (int)config->smooth_method);
    if (config->smooth_value < 0 || config->smooth_value > MOST_SMOOTHING)
        return rd_error(RD_ERR_ARGUMENT, "the smoothing value is %g, must be 0 to %g",
                        config->smooth_value, MOST_SMOOTHING);
    return RD_OK;
}

static int n_stats(const rd_metric_config *config) {
    return 2 + 2 * config->max_ngram_order;
}

static rd_status prepare(const rd_metric_config *config, rd_metric_scratch *scratch, rd_line line,
                         bool reference, rd_line *out) {
    (void)reference;
    RD_TRY(rd_lower_if(config->lowercase, scratch, &line, &scratch->lower));
    return rd_tokenize(config->tokenizer, rd_line_rstrip(line), &scratch->a, &scratch->b, out);
}

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

static rd_status statistics(const rd_metric_config *config, rd_metric_scratch *scratch,
                            rd_line hypothesis, int n_refs, const rd_line *refs, double *stats) {
    int orders = config->max_ngram_order;
    RD_TRY(rd_prepare_words(config, scratch, hypothesis, n_refs, refs));
    const int32_t *offsets = scratch->offsets.data;
    RD_TRY(rd_ngram_counts_clear(&scratch->counts, scratch->reference.length, orders));
    for (int r = 0; r < n_refs; r++)
        RD_TRY(rd_ngram_counts_add(&scratch->counts, scratch->reference.data + offsets[r],
                                   offsets[r + 1] - offsets[r], orders));
    int64_t length = scratch->hypothesis.length;
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

/* precisions: [max_ngram_order] */
static double combine(const rd_metric_config *config, const double *stats, double *precisions,
                      double *brevity_penalty) {
    int orders = config->max_ngram_order, effective = orders;
    double sys_len = stats[0], ref_len = stats[1], by_order[RD_METRIC_MAX_ORDER] = {0};
    const double *correct = stats + 2, *total = stats + 2 + orders;
    double bp = 1;
    if (sys_len < ref_len) bp = sys_len > 0 ? exp(1 - ref_len / sys_len) : 0;
    *brevity_penalty = bp;
    memset(precisions, 0, (size_t)orders * sizeof *precisions);
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
    memcpy(precisions, by_order, (size_t)orders * sizeof *precisions);
    return bp * exp(log_sum / effective);
}

const char *const rd_smoothing_names[] = {"exp", "floor", "add-k", "none", NULL};

static double score(const rd_metric_config *config, int which, const double *stats,
                    rd_metric_parts *parts) {
    (void)which, (void)parts;
    double precisions[RD_METRIC_MAX_ORDER], bp;
    return combine(config, stats, precisions, &bp);
}

static void sign(const rd_metric_config *config, bool brief, char signature[128]) {
    rd_bleu_smooth method = config->smooth_method;
    char value[32] = "";
    if (method == RD_SMOOTH_FLOOR || method == RD_SMOOTH_ADD_K)
        rd_snprintf(value, sizeof value, "[%.2f]", smooth_value(config));
    snprintf(signature, 128, "%s:%s|%s:%s|tok:%s|%s:%s%s|", brief ? "c" : "case",
             config->lowercase ? "lc" : "mixed", brief ? "e" : "eff",
             config->effective_order ? "yes" : "no", rd_tokenizer_signature(config->tokenizer),
             brief ? "s" : "smooth", rd_smoothing_names[method], value);
}

static void explain(const rd_metric_config *config, int which, const double *stats,
                    char details[256]) {
    (void)which;
    double precisions[RD_METRIC_MAX_ORDER], bp;
    int used = 0;
    combine(config, stats, precisions, &bp);
    for (int n = 0; n < config->max_ngram_order; n++)
        used +=
            rd_snprintf(details + used, 256 - (size_t)used, "%s%.1f", n ? "/" : "", precisions[n]);
    rd_snprintf(details + used, 256 - (size_t)used,
                " (BP = %.3f ratio = %.3f hyp_len = %.0f ref_len = %.0f)", bp,
                stats[1] > 0 ? stats[0] / stats[1] : 0.0, stats[0], stats[1]);
}

const rd_metric rd_metric_bleu = {.name = "BLEU",
                                  .n_scores = 1,
                                  .wants_raw_text = true,
                                  .check = check,
                                  .n_stats = n_stats,
                                  .prepare = prepare,
                                  .statistics = statistics,
                                  .score = score,
                                  .sign = sign,
                                  .explain = explain};
