/* Every kernel of the dispatch table, on all threads as the layers call it, against what this
 * machine could do at best: the memory bandwidth at that size, or its fastest arithmetic. */
#include <omp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "kernels.h"
#include "support.h"

/* Rows and widths: of a model's activations, and of logits. */
static const int64_t model_sizes[][2] = {{256, 128}, {4096, 128}, {32768, 128},
                                         {256, 512}, {4096, 512}, {32768, 512}};
static const int64_t vocabulary_sizes[][2] = {{16, 6000}, {512, 6000}, {16, 32000}, {512, 32000}};

typedef struct {
    const char *kernel;
    int32_t threads, length, head;
    double budget, most, dropout;
    bench_settings settings; /* of kernels.h */
    bool json;
} arguments;

/* clang-format off: a row an option */
static const rd_key keys[] = {
    {"kernel", RD_KEY_WORD, offsetof(arguments, kernel), .default_value = "", .value = "NAME",
     .help = "only those whose name contains NAME"},
    {"most", RD_KEY_DOUBLE, offsetof(arguments, most), 0, 1e9, "1e9", .value = "MIB",
     .help = "leave out sizes whose arrays are larger together"},
    {"budget", RD_KEY_DOUBLE, offsetof(arguments, budget), 0, 1e3, "0.05", .value = "SECONDS",
     .help = "spent on each measurement"},
    {"threads", RD_KEY_INT32, offsetof(arguments, threads), 0, 4096, "0", .help = "0: all cores"},
    {"dropout", RD_KEY_DOUBLE, offsetof(arguments, dropout), 0, 0.99, "0.1", .value = "RATE",
     .help = "0 shows what dropout costs"},
    {"length", RD_KEY_INT32, offsetof(arguments, length), 1, 1 << 15, "32", .value = "TOKENS",
     .help = "of the sequences that attention sees"},
    {"head", RD_KEY_INT32, offsetof(arguments, head), 1, 128, "32", .value = "WIDTH",
     .help = "of its heads"},
    {"json", RD_KEY_BOOL, offsetof(arguments, json), .help = "as a JSON object"},
    {.name = NULL}};
/* clang-format on */

static const options_program program = {
    .name = "bench-kernels",
    .summary = "how fast each kernel is",
    .synopsis = (const char *const[]){"[OPTION]...", NULL},
    .description =
        "Times each kernel at several sizes and prints what it reads and writes and computes a "
        "second. The limit is the time that the same bytes take to stream through arrays of that "
        "size (those that fit caches are faster) or, where that is longer, the time of the same "
        "operations in float32 matrix products; both are measured in the same run. Drawing "
        "dropout's bits and exponentials count as no operations, so kernels with these cannot come "
        "near it.",
    .groups = (const options_group[]){{.heading = "Options", .keys = keys}, {.heading = NULL}}};

typedef struct {
    const bench_kernel *kernel;
    bench_arrays arrays;
} task;

static void run_kernel(void *self) {
    const task *t = self;
#pragma omp parallel
    {
        int64_t threads = omp_get_num_threads(), thread = omp_get_thread_num();
        int64_t rows = t->arrays.rows;
        t->kernel->run(&t->arrays, rows * thread / threads, rows * (thread + 1) / threads, thread);
    }
}

/* Bandwidth is measured once per size of the arrays, to the nearest power of two. */
static double bandwidth_at(double bytes, double budget) {
    static double known[64];
    int power = 12;
    while (power < 28 && (double)((int64_t)1 << power) < bytes) power++;
    if (known[power] <= 0.0) known[power] = bench_bandwidth((int64_t)1 << power, budget);
    return known[power];
}

static void measure(const arguments *a, const bench_kernel *kernel, int64_t rows, int64_t width,
                    double peak, json_t *results) {
    task t = {.kernel = kernel};
    double elements = (double)(rows * width), size = 4.0 * kernel->arrays * elements;
    double length = (double)a->settings.length;
    if (size > a->most * 1048576.0 || (kernel->keys[1] > 0.0 && rows < a->settings.length)) return;
    bench_arrays_make(&t.arrays, kernel, &a->settings, rows, width);
    double seconds = bench_time(run_kernel, &t, a->budget);
    bench_arrays_free(&t.arrays);
    double bytes = 4.0 * (kernel->floats + kernel->keys[0] * length) * elements;
    double flops = kernel->keys[1] * length * elements;
    double by_memory = bytes / bandwidth_at(size, a->budget), by_arithmetic = flops / peak;
    double limit = by_memory > by_arithmetic ? by_memory : by_arithmetic;
    const char *bound = by_memory > by_arithmetic ? "memory" : "arithmetic";
    if (a->json)
        json_array_append_new(
            results, json_pack("{s:s, s:I, s:I, s:f, s:f, s:f, s:s, s:f}", "kernel", kernel->name,
                               "rows", rows, "width", width, "seconds", seconds, "bytes_per_second",
                               bytes / seconds, "flop_per_second", flops / seconds, "bound", bound,
                               "fraction", limit / seconds));
    else
        printf("%-25s %6lld %6lld %10.1f %8.1f %9.1f  %-10s %6.1f%%\n", kernel->name,
               (long long)rows, (long long)width, 1e6 * seconds, 1e-9 * bytes / seconds,
               1e-9 * flops / seconds, bound, 100.0 * limit / seconds);
}

/* What this processor has not and the kernel needs; NULL: nothing. */
static const char *what_it_lacks(const char *kernel) {
    const rd_kernels *int8 = rd_int8_kernels();
    if (strcmp(kernel, "panels_int8") == 0 && !int8) return "AVX2";
    if (strcmp(kernel, "signs_apart") == 0 && !(int8 && int8->signs_apart)) return "AVX2, not VNNI";
    return NULL;
}

static void bench(void *self) {
    arguments *a = self;
    rd_set_threads(a->threads);
    a->settings = (bench_settings){(float)a->dropout, a->length, a->head};
    enum { SQUARE = 1024 };
    double peak = bench_gemm(BENCH_FORWARD, false, SQUARE, SQUARE, SQUARE, a->budget);
    json_t *results = json_array();
    if (!a->json) bench_print_machine();
    if (!a->json)
        printf("float32 products: %.0f GFLOP/s\n%-25s %6s %6s %10s %8s %9s  %-10s %6s\n",
               1e-9 * peak, "kernel", "rows", "width", "us", "GB/s", "GFLOP/s", "limit", "of it");
    for (int k = 0; k < bench_n_kernels; k++) {
        const bench_kernel *kernel = &bench_kernels[k];
        const int64_t(*sizes)[2] = kernel->vocabulary ? vocabulary_sizes : model_sizes;
        const char *needs = what_it_lacks(kernel->name);
        if (needs && !a->json && strstr(kernel->name, a->kernel))
            printf("%-25s needs a processor with %s\n", kernel->name, needs);
        if (needs) continue;
        int n = kernel->vocabulary ? (int)(sizeof vocabulary_sizes / sizeof *vocabulary_sizes)
                                   : (int)(sizeof model_sizes / sizeof *model_sizes);
        for (int i = 0; i < n && strstr(kernel->name, a->kernel); i++)
            measure(a, kernel, sizes[i][0], sizes[i][1], peak, results);
    }
    if (a->json)
        bench_print_json(json_pack("{s:o, s:f, s:o}", "machine", bench_machine(), "gemm_fp32", peak,
                                   "kernels", results));
    else
        json_decref(results);
}

int main(int argc, char **argv) {
    arguments a = {0};
    return bench_main(&program, &a, bench, argc, argv);
}
