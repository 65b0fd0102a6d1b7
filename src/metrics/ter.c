/* TER (Snover et al. 2006): the fewest edits and block shifts that turn the hypothesis into the
 * reference, by Tercom's greedy search with sacreBLEU's limits and order of preference.
 * Statistics: [edits against the best reference, mean length of the references]. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "metrics/metric.h"
#include "metrics/tokenize.h"

enum {
    MAX_SHIFT_SIZE = 10,
    MAX_SHIFT_DISTANCE = 50,
    MAX_SHIFT_CANDIDATES = 1000,
    BEAM_WIDTH = 25,
    INFINITE = 1 << 29
};

/* One reference, a hypothesis that shifts change step by step, and the edit distance between. */
typedef struct {
    const int32_t *ref;     /* [n_ref] */
    int32_t *hyp, *shifted; /* [n_hyp]; candidate shifts of hyp are built in shifted */
    int64_t n_ref, n_hyp;
    int32_t *costs;             /* [n_hyp + 1, n_ref + 1] edit distances of hyp's prefixes */
    int32_t *rows;              /* [2, n_ref + 1] for candidates */
    int32_t *band;              /* [n_hyp + 1, 2] columns searched in each row, half open */
    int32_t *align;             /* [n_ref] last word of hyp at or before each word of ref, or -1 */
    int32_t *hyp_err, *ref_err; /* [n + 1] words in error before each position */
} ter_search;

static rd_status make_search(ter_search *search, rd_metric_scratch *scratch, const int32_t *ref,
                             int64_t n_ref) {
    int64_t n_hyp = scratch->hypothesis.length;
    int64_t sizes[] = {n_hyp,           n_hyp,           (n_hyp + 1) * (n_ref + 1),
                       2 * (n_ref + 1), 2 * (n_hyp + 1), n_ref,
                       n_hyp + 1,       n_ref + 1};
    int32_t **arrays[] = {&search->hyp,  &search->shifted, &search->costs,   &search->rows,
                          &search->band, &search->align,   &search->hyp_err, &search->ref_err};
    int64_t total = 0;
    for (int i = 0; i < 8; i++) total += sizes[i];
    RD_TRY(rd_scratch_table(scratch, total * (int64_t)sizeof(int32_t)));
    int32_t *next = scratch->table;
    for (int i = 0; i < 8; next += sizes[i++]) *arrays[i] = next;
    search->ref = ref;
    search->n_ref = n_ref;
    search->n_hyp = n_hyp;
    if (n_hyp) memcpy(search->hyp, scratch->hypothesis.data, (size_t)n_hyp * sizeof(int32_t));

    /* The search stays near the diagonal, wider where the lengths differ much. */
    double ratio = n_hyp ? (double)n_ref / (double)n_hyp : 1;
    int64_t width = BEAM_WIDTH < ratio / 2 ? (int64_t)ceil(ratio / 2 + BEAM_WIDTH) : BEAM_WIDTH;
    for (int64_t i = 1; i <= n_hyp; i++) {
        int64_t diagonal = (int64_t)floor((double)i * ratio);
        int64_t low = diagonal - width, high = diagonal + width;
        search->band[2 * i] = (int32_t)(low > 0 ? low : 0);
        search->band[2 * i + 1] = (int32_t)(high > n_ref + 1 || i == n_hyp ? n_ref + 1 : high);
    }
    for (int64_t j = 0; j <= n_ref; j++) search->costs[j] = (int32_t)j;
    return RD_OK;
}

/* Row i of the edit distance: prefixes of ref against the first i words, the last being `word`. */
static void fill_row(const ter_search *search, int64_t i, int32_t word, const int32_t *above,
                     int32_t *row) {
    int64_t low = search->band[2 * i], high = search->band[2 * i + 1];
    for (int64_t j = 0; j < low; j++) row[j] = INFINITE;
    for (int64_t j = high; j <= search->n_ref; j++) row[j] = INFINITE;
    int32_t left = INFINITE;
    if (low == 0) row[low++] = left = above[0] + 1;
    for (int64_t j = low; j < high; j++) {
        int32_t cost = above[j - 1] + (word != search->ref[j - 1]);
        if (above[j] + 1 < cost) cost = above[j] + 1;
        if (left + 1 < cost) cost = left + 1;
        row[j] = left = cost < INFINITE ? cost : INFINITE;
    }
}

static int32_t fill_costs(const ter_search *search) {
    int64_t width = search->n_ref + 1;
    for (int64_t i = 1; i <= search->n_hyp; i++)
        fill_row(search, i, search->hyp[i - 1], search->costs + (i - 1) * width,
                 search->costs + i * width);
    return search->costs[search->n_hyp * width + search->n_ref];
}

/* Edit distance of `shifted`, which differs from hyp in positions [first, last) only. */
static int32_t shifted_cost(const ter_search *search, int64_t first, int64_t last) {
    int64_t width = search->n_ref + 1, n_hyp = search->n_hyp;
    const int32_t *above = search->costs + first * width;
    for (int64_t i = first + 1; i <= n_hyp; i++) {
        int32_t *row = search->rows + (i % 2) * width;
        fill_row(search, i, search->shifted[i - 1], above, row);
        above = row;
        /* After the shift, rows that agree stay in agreement. */
        if (i >= last && memcmp(row, search->costs + i * width, (size_t)width * 4) == 0)
            return search->costs[n_hyp * width + search->n_ref];
    }
    return above[search->n_ref];
}

/* Walks the cheapest edits backwards, preferring substitution, then deletion, then insertion (of
 * hypothesis words into the reference's view), and records alignments and errors. */
static rd_status align(ter_search *search) {
    int64_t i = search->n_hyp, j = search->n_ref, width = search->n_ref + 1;
    memset(search->hyp_err, 0, (size_t)(i + 1) * sizeof(int32_t));
    memset(search->ref_err, 0, (size_t)(j + 1) * sizeof(int32_t));
    while (i > 0 || j > 0) {
        const int32_t *row = search->costs + i * width, *above = i > 0 ? row - width : row;
        int32_t cost = row[j];
        if (cost >= INFINITE) return rd_error(RD_ERR_NUMERIC, "TER: no path near the diagonal");
        bool differ = i > 0 && j > 0 && search->hyp[i - 1] != search->ref[j - 1];
        if (i > 0 && j > 0 && above[j - 1] + differ == cost) {
            search->hyp_err[i] = search->ref_err[j] = differ;
            search->align[--j] = (int32_t)--i;
        } else if (i > 0 && above[j] + 1 == cost) {
            search->hyp_err[i--] = 1;
        } else {
            search->ref_err[j--] = 1;
            search->align[j] = (int32_t)i - 1;
        }
    }
    for (i = 0; i < search->n_hyp; i++) search->hyp_err[i + 1] += search->hyp_err[i];
    for (j = 0; j < search->n_ref; j++) search->ref_err[j + 1] += search->ref_err[j];
    return RD_OK;
}

/* Moves words [start, start + length) before position `target`, into search->shifted; the
 * positions that may have changed are [*first, *last). */
static void perform_shift(ter_search *search, int64_t start, int64_t length, int64_t target,
                          int64_t *first, int64_t *last) {
    const int32_t *hyp = search->hyp;
    int32_t *to = search->shifted;
    int64_t n = search->n_hyp, end = start + length;
    memcpy(to, hyp, (size_t)n * sizeof *to);
    if (target < start) {
        memcpy(to + target, hyp + start, (size_t)length * sizeof *to);
        memcpy(to + target + length, hyp + target, (size_t)(start - target) * sizeof *to);
        *first = target;
        *last = end;
        return;
    }
    /* A target inside the block counts from its beginning: the block moves that far. */
    int64_t stop = target > end ? target : target + length;
    if (stop > n) stop = n;
    memcpy(to + start, hyp + end, (size_t)(stop - end) * sizeof *to);
    memcpy(to + start + stop - end, hyp + start, (size_t)length * sizeof *to);
    *first = start;
    *last = stop;
}

/* The best shift so far: the largest gain, then the longest, then the earliest from, then to. */
typedef struct {
    int64_t gain, length, start, target;
    bool found;
} ter_shift;

static bool better(const ter_shift *a, const ter_shift *b) {
    if (!b->found) return true;
    if (a->gain != b->gain) return a->gain > b->gain;
    if (a->length != b->length) return a->length > b->length;
    if (a->start != b->start) return a->start < b->start;
    return a->target < b->target;
}

/* All targets for one block that matches the reference at start_r; returns how many were tried. */
static int64_t try_block(ter_search *search, int32_t cost, int64_t start, int64_t start_r,
                         int64_t length, ter_shift *best) {
    if (search->hyp_err[start + length] == search->hyp_err[start]) return 0;
    if (search->ref_err[start_r + length] == search->ref_err[start_r]) return 0;
    int64_t aligned = search->align[start_r], previous = -1, tried = 0;
    if (start <= aligned && aligned < start + length) return 0;
    for (int64_t r = start_r - 1; r < start_r + length && r < search->n_ref; r++) {
        int64_t target = r < 0 ? 0 : search->align[r] + 1, first, last;
        if (target == previous) continue;
        previous = target;
        perform_shift(search, start, length, target, &first, &last);
        ter_shift shift = {cost - shifted_cost(search, first, last), length, start, target, true};
        if (better(&shift, best)) *best = shift;
        tried++;
    }
    return tried;
}

/* Tries every block of hyp that occurs elsewhere in ref. Adds to *tried, stops at the limit. */
static void find_shift(ter_search *search, int32_t cost, int64_t *tried, ter_shift *best) {
    int64_t n_hyp = search->n_hyp, n_ref = search->n_ref;
    for (int64_t h = 0; h < n_hyp; h++) {
        int64_t low = h > MAX_SHIFT_DISTANCE ? h - MAX_SHIFT_DISTANCE : 0;
        int64_t high = h + MAX_SHIFT_DISTANCE < n_ref ? h + MAX_SHIFT_DISTANCE + 1 : n_ref;
        for (int64_t r = low; r < high; r++)
            for (int64_t length = 1;
                 length <= MAX_SHIFT_SIZE && h + length <= n_hyp && r + length <= n_ref &&
                 search->hyp[h + length - 1] == search->ref[r + length - 1];
                 length++) {
                int64_t here = try_block(search, cost, h, r, length, best);
                *tried += here;
                if (here && *tried >= MAX_SHIFT_CANDIDATES) return;
            }
    }
}

static rd_status count_edits(ter_search *search, int64_t *edits) {
    int64_t shifts = 0, tried = 0;
    int32_t cost = fill_costs(search);
    while (cost > 0) {
        ter_shift best = {0};
        RD_TRY(align(search));
        find_shift(search, cost, &tried, &best);
        if (tried >= MAX_SHIFT_CANDIDATES || !best.found || best.gain <= 0) break;
        int64_t first, last;
        perform_shift(search, best.start, best.length, best.target, &first, &last);
        int32_t *swap = search->hyp;
        search->hyp = search->shifted;
        search->shifted = swap;
        cost = fill_costs(search);
        shifts++;
    }
    *edits = shifts + cost;
    return RD_OK;
}

static int n_stats(const rd_metric_config *config) {
    (void)config;
    return 2;
}

static rd_status prepare_once(const rd_metric_config *config, rd_metric_scratch *scratch,
                              rd_line line, rd_line *out) {
    RD_TRY(rd_lower_if(!config->case_sensitive, scratch, &line, &scratch->lower));
    *out = rd_line_rstrip(line);
    return out->length > 0 ? rd_tokenize_ter(config, *out, &scratch->a, &scratch->b, out) : RD_OK;
}

/* sacreBLEU normalises references twice, the second time on words joined by blanks, and the rules
 * do not leave their own output alone: "Nima's," becomes "nima's ," and then "nima 's ,". */
static rd_status prepare(const rd_metric_config *config, rd_metric_scratch *scratch, rd_line line,
                         bool reference, rd_line *out) {
    RD_TRY(prepare_once(config, scratch, line, out));
    if (!reference || !config->normalized) return RD_OK;
    rd_text *joined = &scratch->joined;
    rd_text_clear(joined);
    const char *cursor = out->data, *end = out->data + out->length;
    for (rd_line word; rd_next_word(&cursor, end, &word);) {
        if (joined->length > 0) RD_TRY(rd_text_append(joined, " ", 1));
        RD_TRY(rd_text_append(joined, word.data, word.length));
    }
    return prepare_once(config, scratch, rd_text_line(joined), out);
}

static rd_status statistics(const rd_metric_config *config, rd_metric_scratch *scratch,
                            rd_line hypothesis, int n_refs, const rd_line *refs, double *stats) {
    RD_TRY(rd_prepare_words(config, scratch, hypothesis, n_refs, refs));
    int64_t fewest = INT64_MAX;
    for (int r = 0; r < n_refs; r++) {
        int64_t start = scratch->offsets.data[r], n_ref = scratch->offsets.data[r + 1] - start;
        int64_t edits = scratch->hypothesis.length; /* an empty reference: delete all */
        if (n_ref > 0) {
            ter_search search;
            RD_TRY(make_search(&search, scratch, scratch->reference.data + start, n_ref));
            RD_TRY(count_edits(&search, &edits));
        }
        if (edits < fewest) fewest = edits;
    }
    stats[0] = (double)fewest;
    stats[1] = (double)scratch->reference.length / n_refs;
    return RD_OK;
}

static double score(const rd_metric_config *config, int which, const double *stats,
                    rd_metric_parts *parts) {
    (void)config, (void)which, (void)parts;
    if (stats[1] > 0) return 100 * (stats[0] / stats[1]);
    return stats[0] > 0 ? 100 : 0;
}

static void sign(const rd_metric_config *config, bool brief, char signature[128]) {
    snprintf(signature, 128, "%s:%s|%s:tercom|%s:%s|%s:%s|%s:%s|", brief ? "c" : "case",
             config->case_sensitive ? "mixed" : "lc", brief ? "t" : "tok", brief ? "nr" : "norm",
             config->normalized ? "yes" : "no", brief ? "pn" : "punct",
             config->no_punct ? "no" : "yes", brief ? "as" : "asian",
             config->asian_support ? "yes" : "no");
}

const rd_metric rd_metric_ter = {.name = "TER",
                                 .n_scores = 1,
                                 .smaller_is_better = true,
                                 .n_stats = n_stats,
                                 .prepare = prepare,
                                 .statistics = statistics,
                                 .score = score,
                                 .sign = sign};
