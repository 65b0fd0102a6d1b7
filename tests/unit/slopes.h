/* Gradients against finite differences. */
#ifndef RD_TESTS_SLOPES_H
#define RD_TESTS_SLOPES_H

#include <stdint.h>

/* Numbers that a loss reads, and its gradient. */
typedef struct {
    float *x;
    const float *gradient;
    int64_t n;
} slope_part;

/* Moves all parts along random directions, by h and by -h: what the loss changes by must be
 * gradient . direction, within `tolerance` times the gradient's norm, because float32 rounding and
 * relu's kinks leave a noise that grows with it. Puts everything back. */
void assert_slopes(const slope_part *parts, int n_parts, double h, double tolerance,
                   double (*loss)(void *self), void *self);

#endif
