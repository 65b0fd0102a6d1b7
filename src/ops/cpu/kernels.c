#include "ops/cpu/kernels.h"

#include <stdatomic.h>

#include "base/rng.h"

extern const rd_kernels rd_kernels_generic;
#if defined(__x86_64__)
extern const rd_kernels rd_kernels_avx2, rd_kernels_avx512;
#endif

const rd_kernels *rd_kernels_of(rd_isa isa) {
    switch (isa) {
#if defined(__x86_64__)
    case RD_ISA_AVX512:
        return &rd_kernels_avx512;
    case RD_ISA_AVX2:
        return &rd_kernels_avx2;
#endif
    default:
        return &rd_kernels_generic;
    }
}

/* Each operation asks; looking at the environment every time took 1% of a translation. */
const rd_kernels *rd_cpu_kernels(void) {
    static _Atomic(const rd_kernels *) chosen;
    const rd_kernels *kernels = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (!kernels) {
        kernels = rd_kernels_of(rd_cpu_isa());
        atomic_store_explicit(&chosen, kernels, memory_order_relaxed);
    }
    return kernels;
}

int64_t rd_attention_scratch(int64_t n_queries, int64_t n_keys, int64_t head_dim) {
    int64_t block = n_queries < RD_ATTENTION_BLOCK ? n_queries : RD_ATTENTION_BLOCK;
    int64_t keys = rd_pad16(n_keys), width = rd_pad16(head_dim);
    /* k, v, their transposes, dk, dv; p, dp and a dropout row; q, out and d_out of a block. */
    return 6 * keys * width + 2 * block * keys + (keys + 128) + 4 * block * width + 64;
}

/* Elements come in groups of 128 = 16 lanes x 8 slots; lane l of a row's group g is the Philox
 * block numbered 16 row + l in the counter's first words and g in its last, whose eight 16-bit
 * halves are that lane's slots. The layout suits 16-lane vectors, and rows may be of any lengths:
 * attention's are, one for each number of visible keys. */
void rd_dropout_row_reference(const rd_dropout *dropout, int64_t row, int64_t width, float *scale) {
    int64_t second = dropout->rows_per_pass > 0 && row >= dropout->rows_per_pass;
    uint64_t row_in_pass = (uint64_t)(row - second * dropout->rows_per_pass);
    uint32_t threshold = (uint32_t)((double)dropout->rate * 65536.0 + 0.5);
    float kept = 1.0f / (1.0f - dropout->rate);
    uint32_t key[2] = {(uint32_t)dropout->seed, (uint32_t)(dropout->seed >> 32)};
    for (int64_t column = 0; column < width; column++) {
        uint32_t group = (uint32_t)(column / 128);
        uint32_t lane = (uint32_t)column % 16, slot = (uint32_t)column % 128 / 16;
        uint64_t block = row_in_pass * 16 + lane;
        uint32_t counter[4] = {
            (uint32_t)block,
            (uint32_t)(block >> 32) << 24 | (uint32_t)dropout->site << 1 | (uint32_t)second,
            (uint32_t)dropout->update, rd_dropout_word(dropout->micro_batch, group)};
        uint32_t bits[4];
        rd_philox(counter, key, bits);
        uint32_t half = slot % 2 ? bits[slot / 2] >> 16 : bits[slot / 2] & 0xFFFF;
        scale[column] = half >= threshold ? kept : 0.0f;
    }
}
