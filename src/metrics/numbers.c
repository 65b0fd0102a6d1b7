/* Correlations of numbers, defined as in SciPy. */
#include "metrics/numbers.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"

/* A list about its mean, in units of its farthest number from there, so that squares are finite. */
typedef struct {
    double mean, unit; /* unit 0: all are equal; NaN: there is a NaN or infinity */
} centre;

static centre centre_of(int64_t n, const double *x, const uint32_t *times) {
    long double sum = 0, count = 0;
    double low = INFINITY, high = -INFINITY, finite = 0;
    for (int64_t i = 0; i < n; i++) {
        uint32_t k = times ? times[i] : 1;
        if (k == 0) continue;
        sum += (long double)k * x[i];
        count += k;
        low = fmin(low, x[i]);
        high = fmax(high, x[i]);
        finite += x[i] - x[i]; /* 0, or NaN for ever */
    }
    if (isnan(finite) || count < 2) return (centre){0, NAN};
    if (low == high) return (centre){low, 0};
    double mean = (double)(sum / count);
    return (centre){mean, fmax(high - mean, mean - low)};
}

double rd_pearson_times(int64_t n, const double *x, const double *y, const uint32_t *times) {
    centre cx = centre_of(n, x, times), cy = centre_of(n, y, times);
    if (!(cx.unit > 0) || !(cy.unit > 0)) return NAN;
    long double sx = 0, sy = 0, count = 0, xx = 0, yy = 0, xy = 0;
    for (int64_t i = 0; i < n; i++) {
        uint32_t k = times ? times[i] : 1;
        if (k == 0) continue;
        long double dx = ((long double)x[i] - cx.mean) / cx.unit;
        long double dy = ((long double)y[i] - cy.mean) / cy.unit;
        count += k;
        sx += k * dx;
        sy += k * dy;
        xx += k * dx * dx;
        yy += k * dy * dy;
        xy += k * dx * dy;
    }
    /* The rounding errors of the means. */
    xx -= sx * sx / count;
    yy -= sy * sy / count;
    xy -= sx * sy / count;
    double r = (double)(xy / (sqrtl(xx) * sqrtl(yy)));
    return isnan(r) ? r : fmax(-1, fmin(1, r));
}

static rd_status check_size(int64_t n) {
    if (n >= 2) return RD_OK;
    return rd_error(RD_ERR_ARGUMENT, "a correlation needs two examples, not %lld", (long long)n);
}

rd_status rd_pearson(int64_t n, const double *x, const double *y, double *correlation) {
    RD_TRY(check_size(n));
    *correlation = rd_pearson_times(n, x, y, NULL);
    return RD_OK;
}

typedef struct {
    double value;
    int64_t index;
} placed_number;

static int by_value(const void *a, const void *b) {
    const placed_number *p = a, *q = b;
    if (p->value != q->value) return p->value < q->value ? -1 : 1;
    return (p->index > q->index) - (p->index < q->index);
}

rd_status rd_order_numbers(int64_t n, const double *x, int64_t *order) {
    placed_number *placed = rd_malloc((size_t)n, sizeof *placed);
    if (!placed) return RD_ERR_MEMORY;
    for (int64_t i = 0; i < n; i++) placed[i] = (placed_number){x[i], i};
    qsort(placed, (size_t)n, sizeof *placed, by_value);
    for (int64_t i = 0; i < n; i++) order[i] = placed[i].index;
    free(placed);
    return RD_OK;
}

void rd_rank_numbers(int64_t n, const double *x, const int64_t *order, const uint32_t *times,
                     double *ranks) {
    int64_t below = 0;
    for (int64_t i = 0, end; i < n; i = end) {
        int64_t equal = 0;
        for (end = i; end < n && x[order[end]] == x[order[i]]; end++)
            equal += times ? times[order[end]] : 1;
        for (int64_t k = i; k < end; k++) ranks[order[k]] = (double)below + (double)(equal + 1) / 2;
        below += equal;
    }
}

static bool has_nan(int64_t n, const double *x) {
    for (int64_t i = 0; i < n; i++)
        if (isnan(x[i])) return true;
    return false;
}

static rd_status rank(int64_t n, const double *x, int64_t *order, double *ranks) {
    RD_TRY(rd_order_numbers(n, x, order));
    rd_rank_numbers(n, x, order, NULL, ranks);
    return RD_OK;
}

/* order: [n]; ranks: [2, n] */
static rd_status correlate_ranks(int64_t n, const double *x, const double *y, int64_t *order,
                                 double *ranks, double *correlation) {
    RD_TRY(rank(n, x, order, ranks));
    RD_TRY(rank(n, y, order, ranks + n));
    *correlation = rd_pearson_times(n, ranks, ranks + n, NULL);
    return RD_OK;
}

rd_status rd_spearman(int64_t n, const double *x, const double *y, double *correlation) {
    RD_TRY(check_size(n));
    *correlation = NAN;
    if (has_nan(n, x) || has_nan(n, y)) return RD_OK;
    int64_t *order = rd_malloc((size_t)n, sizeof *order);
    double *ranks = rd_malloc((size_t)n, 2 * sizeof *ranks);
    rd_status status =
        order && ranks ? correlate_ranks(n, x, y, order, ranks, correlation) : RD_ERR_MEMORY;
    free(order);
    free(ranks);
    return status;
}
