/* chrF (Popović 2015) and chrF++ (Popović 2017). Statistics: for each character order, then each
 * word order: [n-grams of the hypothesis, of the reference, matches]. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "metrics/metric.h"

static rd_status check(const rd_metric_config *config) {
    int most = RD_METRIC_MAX_ORDER;
    if (config->char_order < 0 || config->char_order > most || config->word_order < 0 ||
        config->word_order > most || config->char_order + config->word_order == 0)
        return rd_error(
            RD_ERR_ARGUMENT,
            "chrF's character and word order are %d and %d, must be 0 to %d, not both 0",
            config->char_order, config->word_order, most);
    if (config->beta < 0 || config->beta > 1000)
        return rd_error(RD_ERR_ARGUMENT, "chrF's beta is %d, must be 0 to 1000", config->beta);
    return RD_OK;
}

static int n_stats(const rd_metric_config *config) {
    return 3 * (config->char_order + config->word_order);
}

/* Code points of a line, white space left out unless asked for. */
static rd_status push_characters(rd_line line, bool whitespace, rd_ids *out) {
    out->length = 0;
    RD_TRY(rd_reserve(&out->data, &out->capacity, (int64_t)line.length + 1, sizeof *out->data));
    int32_t *to = out->data;
    for (const char *s = line.data, *end = s + line.length; s < end;) {
        int space = whitespace ? 0 : rd_space_at(s, end);
        if (space > 0)
            s += space;
        else if ((unsigned char)*s < 0x80)
            *to++ = (unsigned char)*s++;
        else
            *to++ = (int32_t)rd_utf8_next(&s, end);
    }
    out->length = to - out->data;
    return RD_OK;
}

static bool is_punctuation(char c) {
    return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
           (c >= '{' && c <= '~');
}

static int32_t word_id(rd_word_table *words, const char *start, const char *end, bool add) {
    rd_line word = {start, (size_t)(end - start)};
    return add ? rd_word_add(words, word) : rd_word_find(words, word);
}

/* Where a word is cut in two: before a punctuation mark at its end, or else after one at its
 * beginning; without either, its end. */
static const char *cut_of(rd_line word) {
    const char *start = word.data, *end = start + word.length;
    if ((size_t)rd_utf8_bytes(*start) < word.length) {
        if (is_punctuation(end[-1])) return end - 1;
        if (is_punctuation(*start)) return start + 1;
    }
    return end;
}

/* The words of word n-grams. */
static rd_status prepare(const rd_metric_config *config, rd_metric_scratch *scratch, rd_line line,
                         bool reference, rd_line *out) {
    (void)reference;
    RD_TRY(rd_lower_if(config->lowercase, scratch, &line, &scratch->lower));
    const char *cursor = line.data, *line_end = line.data + line.length;
    rd_text *text = &scratch->a;
    rd_text_clear(text);
    for (rd_line word; rd_next_word(&cursor, line_end, &word);) {
        size_t first = (size_t)(cut_of(word) - word.data);
        RD_TRY(rd_text_append(text, word.data, first));
        RD_TRY(rd_text_append(text, " ", 1));
        RD_TRY(rd_text_append(text, word.data + first, word.length - first));
        RD_TRY(rd_text_append(text, " ", 1));
    }
    *out = rd_text_line(text);
    return RD_OK;
}

static rd_status push_words(rd_word_table *words, rd_line line, bool add, rd_ids *out) {
    out->length = 0;
    RD_TRY(rd_reserve(&out->data, &out->capacity, (int64_t)line.length + 1, sizeof *out->data));
    int32_t *to = out->data;
    const char *cursor = line.data, *line_end = line.data + line.length;
    for (rd_line word; rd_next_word(&cursor, line_end, &word);) {
        const char *end = word.data + word.length, *cut = cut_of(word);
        *to++ = word_id(words, word.data, cut, add);
        if (cut < end) *to++ = word_id(words, cut, end, add);
    }
    out->length = to - out->data;
    return RD_OK;
}

/* stats: [3 orders]; [0], [3], ... are n-grams of the hypothesis. */
static rd_status match(rd_ngram_counts *counts, const rd_ids *hypothesis, const rd_ids *reference,
                       int orders, double *stats) {
    RD_TRY(rd_ngram_counts_clear(counts, reference->length, orders));
    RD_TRY(rd_ngram_counts_add(counts, reference->data, reference->length, orders));
    for (int n = 0; n < orders; n++) {
        double in_reference = fmax(0, (double)(reference->length - n));
        stats[3 * n] = in_reference > 0 ? fmax(0, (double)(hypothesis->length - n)) : 0;
        stats[3 * n + 1] = in_reference;
        stats[3 * n + 2] = 0;
    }
    return rd_ngram_counts_match(counts, hypothesis->data, hypothesis->length, orders, stats + 2,
                                 3);
}

static rd_status match_words(const rd_metric_config *config, rd_metric_scratch *scratch,
                             rd_line hypothesis, rd_line reference, double *stats) {
    RD_TRY(rd_word_table_clear(&scratch->words, (int64_t)reference.length + 1));
    RD_TRY(push_words(&scratch->words, reference, true, &scratch->reference));
    RD_TRY(push_words(&scratch->words, hypothesis, false, &scratch->hypothesis));
    return match(&scratch->counts, &scratch->hypothesis, &scratch->reference, config->word_order,
                 stats);
}

static double score(const rd_metric_config *config, int which, const double *stats,
                    rd_metric_parts *parts) {
    (void)which, (void)parts;
    const double eps = 1e-16, factor = (double)config->beta * config->beta;
    int orders = config->char_order + config->word_order, effective = 0;
    double sum = 0, precision_sum = 0, recall_sum = 0;
    for (int i = 0; i < orders; i++) {
        double n_hyp = stats[3 * i], n_ref = stats[3 * i + 1], matched = stats[3 * i + 2];
        double precision = n_hyp > 0 ? matched / n_hyp : eps;
        double recall = n_ref > 0 ? matched / n_ref : eps;
        double denominator = factor * precision + recall;
        sum += denominator > 0 ? (1 + factor) * precision * recall / denominator : eps;
        if (n_hyp > 0 && n_ref > 0) {
            precision_sum += precision;
            recall_sum += recall;
            effective++;
        }
    }
    if (config->eps_smoothing) return 100 * sum / orders;
    if (effective == 0 || precision_sum + recall_sum == 0) return 0;
    double precision = precision_sum / effective, recall = recall_sum / effective;
    return 100 * ((1 + factor) * precision * recall / (factor * precision + recall));
}

static rd_status statistics(const rd_metric_config *config, rd_metric_scratch *scratch,
                            rd_line hypothesis, int n_refs, const rd_line *refs, double *stats) {
    double best = -1, candidate[RD_METRIC_MAX_STATS];
    RD_TRY(rd_lower_if(config->lowercase, scratch, &hypothesis, &scratch->a));
    RD_TRY(push_characters(hypothesis, config->whitespace, &scratch->characters[0]));
    for (int r = 0; r < n_refs; r++) {
        rd_line reference = refs[r];
        RD_TRY(rd_lower_if(config->lowercase, scratch, &reference, &scratch->lower));
        RD_TRY(push_characters(reference, config->whitespace, &scratch->characters[1]));
        RD_TRY(match(&scratch->counts, &scratch->characters[0], &scratch->characters[1],
                     config->char_order, candidate));
        if (config->word_order > 0)
            RD_TRY(match_words(config, scratch, hypothesis, reference,
                               candidate + 3 * config->char_order));
        double value = n_refs > 1 ? score(config, 0, candidate, NULL) : 0;
        if (value <= best) continue;
        best = value;
        memcpy(stats, candidate, (size_t)n_stats(config) * sizeof *stats);
    }
    return RD_OK;
}

/* sacreBLEU puts a plus for each word order. */
static void label(const rd_metric_config *config, int which, char name[32]) {
    (void)which;
    snprintf(name, 32, "chrF%d%.*s", config->beta, config->word_order, "++++++++++++++++");
}

static void sign(const rd_metric_config *config, bool brief, char signature[128]) {
    snprintf(signature, 128, "%s:%s|%s:%s|nc:%d|nw:%d|%s:%s|", brief ? "c" : "case",
             config->lowercase ? "lc" : "mixed", brief ? "e" : "eff",
             config->eps_smoothing ? "no" : "yes", config->char_order, config->word_order,
             brief ? "s" : "space", config->whitespace ? "yes" : "no");
}

const rd_metric rd_metric_chrf = {.n_scores = 1,
                                  .check = check,
                                  .n_stats = n_stats,
                                  .prepare = prepare,
                                  .statistics = statistics,
                                  .score = score,
                                  .label = label,
                                  .sign = sign};
