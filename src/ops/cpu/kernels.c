#include "ops/cpu/kernels.h"

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

const rd_kernels *rd_cpu_kernels(void) {
    return rd_kernels_of(rd_cpu_isa());
}

const rd_kernels *rd_int8_kernels(void) {
    rd_isa isa = rd_cpu_isa();
    if (isa == RD_ISA_AVX512 && !rd_cpu_has_int8_dots()) isa = RD_ISA_AVX2;
    const rd_kernels *ops = rd_kernels_of(isa);
    return ops->panels_int8 ? ops : NULL;
}

enum { ATTENTION_BLOCK = 64, ATTENTION_SCORES = 32768 }; /* the most of each, at first */

int64_t rd_attention_block(int64_t n_queries, int64_t n_keys) {
    int64_t block = rd_pad16(n_queries) < ATTENTION_BLOCK ? rd_pad16(n_queries) : ATTENTION_BLOCK;
    while (block > 16 && block * n_keys > ATTENTION_SCORES) block -= 16;
    return block;
}

/* Sequences may be shorter than those that are given: their blocks may be larger. */
int64_t rd_attention_scratch(int64_t n_queries, int64_t n_keys, int64_t head_dim) {
    int64_t block = rd_pad16(n_queries) < ATTENTION_BLOCK ? rd_pad16(n_queries) : ATTENTION_BLOCK;
    int64_t scores = block * n_keys, width = rd_pad16(head_dim);
    if (scores > ATTENTION_SCORES)
        scores = 16 * n_keys > ATTENTION_SCORES ? 16 * n_keys : ATTENTION_SCORES;
    /* k, v, dk, dv; p, dp and pairs; q, out, d_out and two transposes of a block; four numbers
     * a query, and half a one that the division of pairs rounds up to. */
    return 4 * n_keys * width + 2 * scores + scores / 2 + 5 * block * width + 5 * block;
}

rd_dropout_keys rd_dropout_keys_of(const rd_dropout *dropout) {
    if (dropout->rate <= 0.0f) return (rd_dropout_keys){.kept = 1.0f};
    uint64_t update = (uint64_t)dropout->update;
    uint32_t counter[4] = {(uint32_t)update, (uint32_t)(update >> 32),
                           (uint32_t)dropout->micro_batch, (uint32_t)dropout->site};
    uint32_t seed[2] = {(uint32_t)dropout->seed, (uint32_t)(dropout->seed >> 32)}, bits[4];
    rd_philox(counter, seed, bits);
    return (rd_dropout_keys){
        .pass = {(uint64_t)bits[1] << 32 | bits[0], (uint64_t)bits[3] << 32 | bits[2]},
        .rows_per_pass = dropout->rows_per_pass,
        .threshold = (uint32_t)((double)dropout->rate * 65536.0 + 0.5),
        .kept = 1.0f / (1.0f - dropout->rate)};
}
