#include "ops/cpu/threads.h"

#include <omp.h>
#include <string.h>

rd_share rd_share_of(int64_t rows) {
    int64_t threads = omp_get_num_threads(), thread = omp_get_thread_num();
    int64_t begin = rows * thread / threads;
    return (rd_share){begin, rows * (thread + 1) / threads - begin};
}

bool rd_is_alone(void) {
    return omp_get_max_threads() == 1 || omp_in_parallel();
}

float *rd_partials_new(rd_arena *arena, int64_t width) {
    int64_t count = omp_get_max_threads() * width;
    float *partials = rd_arena_f32(arena, count);
    if (partials) memset(partials, 0, sizeof(float) * (size_t)count);
    return partials;
}

float *rd_partials_mine(float *partials, int64_t width) {
    return partials + omp_get_thread_num() * width;
}

void rd_partials_add(const float *partials, int64_t width, float *total) {
    for (int thread = 0; thread < omp_get_max_threads(); thread++)
        for (int64_t i = 0; i < width; i++) total[i] += partials[thread * width + i];
}
