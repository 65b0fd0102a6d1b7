#include "slopes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "base/rng.h"

enum { TRIALS = 4, MOST_PARTS = 2 };

static float *copy_of(const float *x, int64_t n) {
    float *copy = malloc(sizeof *x * (size_t)n);
    return memcpy(copy, x, sizeof *x * (size_t)n);
}

/* One random direction; the slope that the gradient says along it is added to *slope. */
static float *direction_of(const slope_part *part, rd_rng *rng, double *slope) {
    float *direction = malloc(sizeof *direction * (size_t)part->n);
    for (int64_t i = 0; i < part->n; i++) {
        direction[i] = (float)rd_rng_normal(rng);
        *slope += (double)direction[i] * (double)part->gradient[i];
    }
    return direction;
}

void assert_slopes(const slope_part *parts, int n_parts, double h, double tolerance,
                   double (*loss)(void *self), void *self) {
    float *start[MOST_PARTS], *direction[MOST_PARTS];
    double squares = 0.0;
    rd_rng rng = rd_rng_make(1, 1);
    assert_in_range(n_parts, 1, MOST_PARTS);
    for (int p = 0; p < n_parts; p++) {
        start[p] = copy_of(parts[p].x, parts[p].n);
        for (int64_t i = 0; i < parts[p].n; i++) squares += pow((double)parts[p].gradient[i], 2);
    }
    assert_true(squares > 0.0);
    for (int trial = 0; trial < TRIALS; trial++) {
        double slope = 0.0, losses[2];
        for (int p = 0; p < n_parts; p++) direction[p] = direction_of(&parts[p], &rng, &slope);
        for (int side = 0; side < 2; side++) {
            double step = side ? h : -h;
            for (int p = 0; p < n_parts; p++)
                for (int64_t i = 0; i < parts[p].n; i++)
                    parts[p].x[i] = start[p][i] + (float)(step * (double)direction[p][i]);
            losses[side] = loss(self);
        }
        double measured = (losses[1] - losses[0]) / (2 * h);
        if (!(fabs(measured - slope) <= tolerance * sqrt(squares)))
            fail_msg("slope %f, finite difference %f, norm %f", slope, measured, sqrt(squares));
        for (int p = 0; p < n_parts; p++) free(direction[p]);
    }
    for (int p = 0; p < n_parts; p++) {
        memcpy(parts[p].x, start[p], sizeof(float) * (size_t)parts[p].n);
        free(start[p]);
    }
}
