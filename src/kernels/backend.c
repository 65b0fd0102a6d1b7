#include "kernels/backend.h"

#include "base/cpu.h"
#include "base/rng.h"

extern const rd_backend_ops rd_backend_generic;
#if defined(__x86_64__)
extern const rd_backend_ops rd_backend_avx2, rd_backend_avx512;
#endif

const rd_backend_ops *rd_backend(void) {
    switch (rd_cpu_isa()) {
#if defined(__x86_64__)
    case RD_ISA_AVX512:
        return &rd_backend_avx512;
    case RD_ISA_AVX2:
        return &rd_backend_avx2;
#endif
    default:
        return &rd_backend_generic;
    }
}

static int64_t pad16(int64_t n) {
    return (n + 15) / 16 * 16;
}

int64_t rd_attention_scratch(int64_t n_queries, int64_t n_keys, int64_t head_dim) {
    int64_t block = n_queries < RD_ATTENTION_BLOCK ? n_queries : RD_ATTENTION_BLOCK;
    int64_t keys = pad16(n_keys), width = pad16(head_dim);
    /* k, v, their transposes, dk, dv; p, dp and a dropout row; q, out and d_out of a block. */
    return 6 * keys * width + 2 * block * keys + (keys + 128) + 4 * block * width + 64;
}

/* Elements come in groups of 128 = 16 lanes x 8 slots; lane l of group g is the Philox block number
 * 16 g + l, whose eight 16-bit halves are that lane's slots. The layout suits 16-lane vectors. */
void rd_dropout_row_reference(const rd_dropout *dropout, int64_t row, int64_t width, float *scale) {
    int64_t second = dropout->rows_per_pass > 0 && row >= dropout->rows_per_pass;
    uint64_t row_in_pass = (uint64_t)(row - second * dropout->rows_per_pass);
    uint64_t groups = ((uint64_t)width + 127) / 128;
    uint32_t threshold = (uint32_t)((double)dropout->rate * 65536.0 + 0.5);
    float kept = 1.0f / (1.0f - dropout->rate);
    uint32_t key[2] = {(uint32_t)dropout->seed, (uint32_t)(dropout->seed >> 32)};
    for (int64_t column = 0; column < width; column++) {
        uint64_t group = row_in_pass * groups + (uint64_t)column / 128;
        uint32_t lane = (uint32_t)column % 16, slot = (uint32_t)column % 128 / 16;
        uint64_t block = group * 16 + lane;
        uint32_t counter[4] = {(uint32_t)block,
                               (uint32_t)(block >> 32) << 24 | (uint32_t)dropout->site << 1 |
                                   (uint32_t)second,
                               (uint32_t)dropout->update, (uint32_t)dropout->micro_batch};
        uint32_t bits[4];
        rd_philox(counter, key, bits);
        uint32_t half = slot % 2 ? bits[slot / 2] >> 16 : bits[slot / 2] & 0xFFFF;
        scale[column] = half >= threshold ? kept : 0.0f;
    }
}
