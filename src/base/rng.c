#include "base/rng.h"

#include <math.h>
#include <string.h>

void rd_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

double rd_rng_at(uint64_t seed, uint64_t stream, uint32_t i, uint32_t j) {
    uint32_t out[4];
    rd_philox((uint32_t[]){i, j, (uint32_t)stream, (uint32_t)(stream >> 32)},
              (uint32_t[]){(uint32_t)seed, (uint32_t)(seed >> 32)}, out);
    return (double)(((uint64_t)out[0] << 32 | out[1]) >> 11) * 0x1p-53;
}

rd_rng rd_rng_make(uint64_t seed, uint64_t stream) {
    return (rd_rng){.seed = seed, .stream = stream};
}

uint32_t rd_rng_u32(rd_rng *rng) {
    if (rng->position % 4 == 0) {
        uint64_t index = rng->position / 4;
        uint32_t counter[4] = {(uint32_t)index, (uint32_t)(index >> 32), (uint32_t)rng->stream,
                               (uint32_t)(rng->stream >> 32)};
        uint32_t key[2] = {(uint32_t)rng->seed, (uint32_t)(rng->seed >> 32)};
        rd_philox(counter, key, rng->block);
    }
    return rng->block[rng->position++ % 4];
}

static uint64_t next_u64(rd_rng *rng) {
    uint64_t high = rd_rng_u32(rng);
    return high << 32 | rd_rng_u32(rng);
}

uint64_t rd_rng_below(rd_rng *rng, uint64_t bound) {
    uint64_t limit = UINT64_MAX - UINT64_MAX % bound; /* reject the incomplete last interval */
    uint64_t draw;
    do draw = next_u64(rng);
    while (draw >= limit);
    return draw % bound;
}

double rd_rng_uniform(rd_rng *rng) {
    return (double)(next_u64(rng) >> 11) * 0x1p-53;
}

double rd_rng_normal(rd_rng *rng) {
    double u = 1.0 - rd_rng_uniform(rng); /* (0, 1]: the logarithm is finite */
    double v = rd_rng_uniform(rng);
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}

void rd_rng_shuffle(rd_rng *rng, int64_t *items, int64_t n) {
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t j = (int64_t)rd_rng_below(rng, (uint64_t)i + 1);
        int64_t kept = items[i];
        items[i] = items[j];
        items[j] = kept;
    }
}
