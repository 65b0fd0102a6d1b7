/* Statistics of dropout's bits: uniform, and without correlation between elements of a row, rows,
 * passes, sites, micro-batches, updates and seeds. RDROP_DROPOUT_ROWS=N draws N rows for each
 * check instead of a few thousand, and prints the results; N = 100000000 takes some minutes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ops/cpu/kernels.h"

enum { WORDS = 16, ELEMENTS = 64 };

/* Bit r of element: [ELEMENTS] is whether row r of 64 keeps that element. */
typedef struct {
    uint64_t element[ELEMENTS];
} masks;

/* Coincidences of kept elements in two series of masks. */
typedef struct {
    double rows, kept, first[ELEMENTS], second[ELEMENTS], both[ELEMENTS][ELEMENTS];
} counts;

static int64_t rows_of_a_check(void) {
    const char *wish = getenv("RDROP_DROPOUT_ROWS");
    return wish ? (strtoll(wish, NULL, 10) + 63) / 64 * 64 : 1 << 14;
}

/* Rows first .. first + 63, whose elements come in words `step` apart. */
static masks draw(const rd_dropout *dropout, int64_t first, uint64_t step) {
    rd_dropout_keys keys = rd_dropout_keys_of(dropout);
    masks m = {{0}};
    for (int r = 0; r < 64; r++) {
        uint64_t key = rd_dropout_row_key(&keys, first + r);
        for (uint64_t w = 0; w < WORDS; w++) {
            uint64_t word = rd_dropout_word(key + w * step * RD_DROPOUT_STEP);
            for (int h = 0; h < 4; h++)
                m.element[4 * w + (uint64_t)h] |=
                    (uint64_t)((word >> 16 * h & 0xFFFF) >= keys.threshold) << r;
        }
    }
    return m;
}

static void count(counts *c, const masks *a, const masks *b) {
    c->rows += 64.0;
    for (int i = 0; i < ELEMENTS; i++) {
        c->first[i] += __builtin_popcountll(a->element[i]);
        c->second[i] += __builtin_popcountll(b->element[i]);
        for (int j = 0; j < ELEMENTS; j++)
            c->both[i][j] += __builtin_popcountll(a->element[i] & b->element[j]);
    }
}

/* Every pair's correlation times the root of the number of rows is a standard normal deviate, the
 * mean of their squares 1 give or take sqrt(2 / pairs). `same`: the two series are one. */
static void assert_uncorrelated(const char *name, const counts *c, double rate, bool same) {
    double variance = rate * (1.0 - rate), squares = 0.0, largest = 0.0, pairs = 0.0, mean = 0.0;
    for (int i = 0; i < ELEMENTS; i++) {
        double z = (c->first[i] - c->rows * (1.0 - rate)) / sqrt(c->rows * variance);
        mean = fmax(mean, fabs(z));
        for (int j = 0; j < (same ? i : ELEMENTS); j++) {
            double expected = c->first[i] / c->rows * c->second[j] / c->rows;
            double deviate = (c->both[i][j] / c->rows - expected) / variance * sqrt(c->rows);
            squares += deviate * deviate;
            largest = fmax(largest, fabs(deviate));
            pairs += 1.0;
        }
    }
    double excess = (squares / pairs - 1.0) / sqrt(2.0 / pairs);
    if (getenv("RDROP_DROPOUT_ROWS"))
        printf("%-40s rate %.1f: %.3g rows, rate off by %.2f, largest correlation %.2f = %.1e, "
               "squares %+.2f deviations\n",
               name, rate, c->rows, mean, largest, largest / sqrt(c->rows), excess);
    if (mean > 5.0 || largest > 6.0 || fabs(excess) > 6.0)
        fail_msg("%s, rate %g: rate off by %.2f deviations, largest correlation %.2f, squares %.2f",
                 name, rate, mean, largest, excess);
}

static const double rates[] = {0.1, 0.5}; /* with a rate of 0.5 every first bit shows */

static rd_dropout base(double rate) {
    return (rd_dropout){
        .rate = (float)rate, .seed = 1, .update = 1, .site = 3, .rows_per_pass = 1ll << 40};
}

static void test_elements_of_a_row(void **state) {
    (void)state;
    static const uint64_t steps[] = {1, 8, 129};
    for (int r = 0; r < 2; r++)
        for (int s = 0; s < 3; s++) {
            rd_dropout dropout = base(rates[r]);
            counts c = {0};
            for (int64_t row = 0; row < rows_of_a_check(); row += 64) {
                masks m = draw(&dropout, row, steps[s]);
                count(&c, &m, &m);
            }
            double rate = rint(rates[r] * 65536.0) / 65536.0;
            char name[64];
            snprintf(name, sizeof name, "elements, words %d apart", (int)steps[s]);
            assert_uncorrelated(name, &c, rate, true);
        }
}

/* The same rows of two neighbours: each element of the one with each of the other. */
static void check_neighbours(const char *name, rd_dropout a, rd_dropout b, int64_t shift) {
    counts c = {0};
    for (int64_t row = 0; row < rows_of_a_check(); row += 64) {
        masks first = draw(&a, row, 1), second = draw(&b, row + shift, 1);
        count(&c, &first, &second);
    }
    assert_uncorrelated(name, &c, rint((double)a.rate * 65536.0) / 65536.0, false);
}

static void test_neighbours(void **state) {
    (void)state;
    for (int r = 0; r < 2; r++) {
        rd_dropout a = base(rates[r]), site = a, update = a, batch = a, seed = a, high = a;
        site.site++, update.update++, batch.micro_batch++, seed.seed++, high.seed ^= 1ull << 63;
        check_neighbours("rows", a, a, 1);
        check_neighbours("rows, 64 apart", a, a, 64);
        for (int64_t pass = 1; pass < 4; pass++)
            check_neighbours("passes", a, a, pass * a.rows_per_pass);
        check_neighbours("sites", a, site, 0);
        check_neighbours("updates", a, update, 0);
        check_neighbours("micro-batches", a, batch, 0);
        check_neighbours("seeds", a, seed, 0);
        check_neighbours("seeds, last bit", a, high, 0);
    }
}

/* One row after the other in many updates: what one element sees in a training. */
static void test_updates_of_a_row(void **state) {
    (void)state;
    int64_t rows = rows_of_a_check() / 16;
    for (int r = 0; r < 2; r++) {
        rd_dropout dropout = base(rates[r]);
        counts c = {0};
        masks last = draw(&dropout, 0, 1);
        for (int64_t u = 0; u < rows; u += 64) {
            dropout.update++;
            masks next = draw(&dropout, 0, 1);
            count(&c, &last, &next);
            last = next;
        }
        assert_uncorrelated("row 0 to 63 from update to update", &c,
                            rint(rates[r] * 65536.0) / 65536.0, false);
    }
}

/* Each byte of the draws takes each value equally often. */
static void test_uniform(void **state) {
    (void)state;
    static double seen[8][256];
    rd_dropout dropout = base(0.5);
    rd_dropout_keys keys = rd_dropout_keys_of(&dropout);
    int64_t rows = rows_of_a_check();
    for (int64_t row = 0; row < rows; row++)
        for (uint64_t w = 0; w < WORDS; w++) {
            uint64_t word = rd_dropout_word(rd_dropout_row_key(&keys, row) + w * RD_DROPOUT_STEP);
            for (int b = 0; b < 8; b++) seen[b][word >> 8 * b & 0xFF] += 1.0;
        }
    double expected = (double)rows * WORDS / 256.0;
    for (int b = 0; b < 8; b++) {
        double squares = 0.0;
        for (int v = 0; v < 256; v++)
            squares += (seen[b][v] - expected) * (seen[b][v] - expected) / expected;
        double deviate = (squares - 255.0) / sqrt(2.0 * 255.0);
        if (getenv("RDROP_DROPOUT_ROWS"))
            printf("byte %d: chi square %.1f of 255, %+.2f deviations\n", b, squares, deviate);
        if (fabs(deviate) > 5.0) fail_msg("byte %d: chi square %g of 255", b, squares);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_uniform),
        cmocka_unit_test(test_elements_of_a_row),
        cmocka_unit_test(test_neighbours),
        cmocka_unit_test(test_updates_of_a_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
