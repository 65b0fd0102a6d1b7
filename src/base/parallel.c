#include "base/parallel.h"

#include <omp.h>
#include <stdlib.h>
#include <unistd.h>

/* OMP_NUM_THREADS, as the batch systems of clusters set it for one process; 0: it says nothing. */
static int threads_of_environment(void) {
    const char *said = getenv("OMP_NUM_THREADS");
    long n = said ? strtol(said, NULL, 10) : 0;
    return n < 0 ? 0 : n < omp_get_num_procs() ? (int)n : omp_get_num_procs();
}

void rd_settle_threads(void) {
    int most = omp_get_max_active_levels() < 1 ? 1 : omp_get_thread_limit();
    if (omp_get_max_threads() > most) omp_set_num_threads(most);
    if (omp_get_dynamic()) omp_set_dynamic(0); /* sums of fewer threads have other bits, too */
}

void rd_set_threads(int n) {
    if (n <= 0) n = threads_of_environment();
    omp_set_num_threads(n > 0 ? n : omp_get_num_procs());
    rd_settle_threads();
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
