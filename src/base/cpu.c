#include "base/cpu.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <xmmintrin.h>
#endif
#include <omp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static rd_isa detect(void) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("bmi2"))
        return RD_ISA_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return RD_ISA_AVX2;
#endif
    return RD_ISA_GENERIC;
}

static rd_isa choose(void) {
    rd_isa best = detect();
    const char *wish = getenv("RDROP_ISA");
    if (wish && !strcmp(wish, "generic")) return RD_ISA_GENERIC;
    if (wish && !strcmp(wish, "avx2") && best > RD_ISA_AVX2) return RD_ISA_AVX2;
    return best;
}

static rd_isa chosen;

static void keep_choice(void) {
    chosen = choose();
}

/* Each operation asks; looking at the environment every time took 1% of a translation. */
rd_isa rd_cpu_isa(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, keep_choice);
    return chosen;
}

void rd_cpu_ignore_denormals(void) {
#if defined(__x86_64__)
    enum { OF_RESULTS = 0x8000, OF_OPERANDS = 0x40 };
    _mm_setcsr(_mm_getcsr() | OF_RESULTS | OF_OPERANDS);
#elif defined(__aarch64__)
    enum { FLUSH = 1 << 24 };
    __builtin_aarch64_set_fpcr(__builtin_aarch64_get_fpcr() | FLUSH);
#endif
}

#if defined(__x86_64__)
/* AMX, which GCC's names of features lack here: bits of cpuid's leaf 7, register edx. */
enum { AMX_BF16 = 22, AMX_INT8 = 25 };

static bool has_amx(int bit) {
    uint32_t a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && d >> bit & 1;
}
#endif

bool rd_cpu_has_bf16_pairs(void) {
#if defined(__x86_64__)
    return rd_cpu_isa() == RD_ISA_AVX512 && __builtin_cpu_is("amd") &&
           __builtin_cpu_supports("avx512bf16");
#else
    return false;
#endif
}

bool rd_cpu_bf16_is_fast(void) {
#if defined(__x86_64__)
    return rd_cpu_has_bf16_pairs() || (rd_cpu_isa() == RD_ISA_AVX512 && has_amx(AMX_BF16));
#else
    return false;
#endif
}

bool rd_cpu_has_int8_dots(void) {
#if defined(__x86_64__)
    return rd_cpu_isa() == RD_ISA_AVX512 && __builtin_cpu_supports("avx512vnni");
#else
    return false;
#endif
}

bool rd_cpu_has_int8_tiles(void) {
#if defined(__x86_64__)
    return rd_cpu_isa() == RD_ISA_AVX512 && has_amx(AMX_INT8);
#else
    return false;
#endif
}
