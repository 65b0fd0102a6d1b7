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

bool rd_cpu_int8_is_fast(void) {
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

/* OMP_NUM_THREADS, as the batch systems of clusters set it for one process; 0: it says nothing. */
static int threads_of_environment(void) {
    const char *said = getenv("OMP_NUM_THREADS");
    long n = said ? strtol(said, NULL, 10) : 0;
    return n < 0 ? 0 : n < omp_get_num_procs() ? (int)n : omp_get_num_procs();
}

void rd_set_threads(int n) {
    if (n <= 0) n = threads_of_environment();
    omp_set_num_threads(n > 0 ? n : omp_get_num_procs());
    omp_set_dynamic(0); /* sums of another number of threads have other bits */
}

int rd_processors_of(int processes) {
    int n = threads_of_environment();
    if (n > 0) return n;
    n = omp_get_num_procs();
    if (n < sysconf(_SC_NPROCESSORS_ONLN)) return n;
    return n > processes ? n / processes : 1;
}

int rd_get_threads(void) {
    return omp_get_max_threads();
}

void rd_over_rows(int64_t n, rd_rows_work work, const void *self) {
    if (omp_get_max_threads() == 1) {
        work(self, 0, 0, n);
        return;
    }
#pragma omp parallel
    {
        int64_t threads = omp_get_num_threads(), thread = omp_get_thread_num();
        work(self, (int)thread, n * thread / threads, n * (thread + 1) / threads);
    }
}

static rd_status one_after_another(int64_t n, rd_job_work work, void *self, int64_t *failed) {
    for (int64_t i = 0; i < n; i++) {
        if (failed) *failed = i;
        RD_TRY(work(self, 0, i));
    }
    return RD_OK;
}

rd_status rd_over_jobs(int threads, int64_t n, int64_t chunk, rd_job_work work, void *self,
                       int64_t *failed) {
    rd_failure failure = {0};
    int64_t first = n; /* of the jobs that failed */
    if (threads <= 0) threads = omp_get_max_threads();
    if (threads == 1 || n <= 1) return one_after_another(n, work, self, failed);
#pragma omp parallel num_threads(threads)
    {
        omp_set_num_threads(1);
#pragma omp for schedule(dynamic, chunk)
        for (int64_t i = 0; i < n; i++) {
            int64_t before;
#pragma omp atomic read
            before = first;
            rd_status status = i < before ? work(self, omp_get_thread_num(), i) : RD_OK;
            if (status == RD_OK) continue;
            rd_failure_keep(&failure, i, status);
#pragma omp atomic write
            first = i;
        }
    }
    if (failed) *failed = failure.job;
    return rd_failure_report(&failure);
}
