/* Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy as
 * 1, 2, 3", SC 2011). A number is a pure function of (key, counter): nothing to store, nothing to
 * share between threads, the same on every machine. */
#ifndef RD_BASE_RNG_H
#define RD_BASE_RNG_H

#include <stdint.h>

/* One block: 128 bits from a 128-bit counter and a 64-bit key. */
void rd_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* Uniform in [0, 1), 53 bits: a pure function of its arguments, for draws made in any order. */
double rd_rng_at(uint64_t seed, uint64_t stream, uint32_t i, uint32_t j);

/* A sequential stream over one key, for shuffles, initialisation and sampling. Copy it to fork. */
typedef struct {
    uint64_t seed, stream, position;
    uint32_t block[4];
} rd_rng;

rd_rng rd_rng_make(uint64_t seed, uint64_t stream);
uint32_t rd_rng_u32(rd_rng *rng);
uint64_t rd_rng_below(rd_rng *rng, uint64_t bound); /* uniform in [0, bound), unbiased; bound > 0 */
double rd_rng_uniform(rd_rng *rng);                 /* [0, 1), 53 bits */
double rd_rng_normal(rd_rng *rng);                  /* mean 0, variance 1 (Box-Muller) */
void rd_rng_shuffle(rd_rng *rng, int64_t *items, int64_t n); /* Fisher-Yates */

#endif
