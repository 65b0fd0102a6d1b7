#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "ops/cpu/kernels.h"
#include "ops/gemm.h"

int bench_main(const options_program *program, void *arguments, bench_work bench, int argc,
               char **argv) {
    options_given given;
    int status = options_parse(&given, program, arguments, argc, argv);
    if (status < 0) {
        rd_cpu_ignore_denormals(); /* as the programs do */
        bench(arguments);
        status = 0;
    }
    options_free(&given);
    return status;
}

_Noreturn void bench_fail(void) {
    fprintf(stderr, "%s: %s\n", program_invocation_short_name, rd_last_error());
    exit(1);
}

float *bench_floats(int64_t n) {
    float *x = rd_malloc((size_t)n, sizeof *x);
    if (!x) bench_fail();
    enum { DISTINCT = 1 << 16 }; /* drawing more would take longer than measuring */
    rd_rng rng = rd_rng_make(1, (uint64_t)n);
    for (int64_t i = 0; i < n && i < DISTINCT; i++) x[i] = (float)rd_rng_normal(&rng);
    for (int64_t i = DISTINCT; i < n; i++) x[i] = x[i - DISTINCT];
    return x;
}

double bench_time(bench_work work, void *self, double budget) {
    enum {
        FEWEST = 5
    }; /* calls, unless they take far longer than the budget; but one in any case */
    work(self);
    double begin = rd_seconds(), best = 1e30, spent = 0.0;
    for (int calls = 0; calls == 0 || spent < budget || (calls < FEWEST && spent < 10 * budget);
         calls++) {
        double start = rd_seconds();
        work(self);
        double end = rd_seconds();
        if (end - start < best) best = end - start;
        spent = end - begin;
    }
    return best > 0.0 ? best : 1e-9;
}

typedef struct {
    float *a, *b;
    int64_t n, times;
} stream;

static void run_stream(void *self) {
    const stream *t = self;
#pragma omp parallel
    for (int64_t k = 0; k < t->times; k++) {
#pragma omp for schedule(static) nowait
        for (int64_t i = 0; i < t->n; i++) t->a[i] += 1e-3f * t->b[i];
    }
}

double bench_bandwidth(int64_t bytes, double budget) {
    enum { LEAST = 4 << 20 }; /* bytes a call, so that starting threads does not count */
    stream t = {.n = bytes / 8, .times = 1 + LEAST / bytes};
    t.a = bench_floats(t.n), t.b = bench_floats(t.n);
    double seconds = bench_time(run_stream, &t, budget);
    free(t.a);
    free(t.b);
    return 12.0 * (double)(t.n * t.times) / seconds;
}

typedef struct {
    bench_product product;
    int64_t rows, n_out, n_in;
    rd_activations x, y, w;
    float *result;
} gemm;

static void run_gemm(void *self) {
    const gemm *g = self;
    if (g->product == BENCH_FORWARD)
        rd_gemm_forward(g->rows, g->n_out, g->n_in, g->x, g->w, 0.0f,
                        (rd_activations){.f32 = g->result});
    else if (g->product == BENCH_BACKWARD_DATA)
        rd_gemm_backward_data(g->rows, g->n_out, g->n_in, g->y, g->w, 0.0f,
                              (rd_activations){.f32 = g->result});
    else
        rd_gemm_backward_weights(g->rows, g->n_out, g->n_in, g->y, g->x, 1.0f, g->result);
}

/* Random, in bfloat16 as well if wanted. */
static rd_activations operand(int64_t n, bool bf16) {
    rd_activations made = {.f32 = bench_floats(n)};
    if (!bf16) return made;
    uint16_t *copy = rd_malloc((size_t)n, sizeof *copy);
    if (!copy) bench_fail();
    rd_cpu_kernels()->to_bf16(copy, made.f32, n);
    made.bf16 = copy;
    return made;
}

static void release(rd_activations o) {
    free(o.f32);
    free(o.bf16);
}

double bench_gemm(bench_product product, bool bf16, int64_t rows, int64_t n_out, int64_t n_in,
                  double budget) {
    int64_t padded = rd_gemm_rows(rows);
    int64_t sizes[3] = {padded * n_out, padded * n_in, n_out * n_in};
    gemm g = {.product = product,
              .rows = rows,
              .n_out = n_out,
              .n_in = n_in,
              .x = operand(padded * n_in, bf16),
              .y = operand(padded * n_out, bf16),
              .w = operand(n_out * n_in, bf16),
              .result = bench_floats(sizes[product])};
    double seconds = bench_time(run_gemm, &g, budget);
    release(g.x);
    release(g.y);
    release(g.w);
    free(g.result);
    return 2.0 * (double)rows * (double)n_out * (double)n_in / seconds;
}

/* The processor's name, as Linux gives it. */
static void cpu_name(char *name, size_t room) {
    char line[256];
    FILE *info = fopen("/proc/cpuinfo", "r");
    snprintf(name, room, "unknown");
    while (info && fgets(line, sizeof line, info)) {
        char *value = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !value) continue;
        value[strcspn(value, "\n")] = '\0';
        snprintf(name, room, "%s", value + 2);
        break;
    }
    if (info) fclose(info);
}

json_t *bench_machine(void) {
    static const char *const isas[] = {"generic", "avx2", "avx512"}; /* rd_isa */
    char name[128];
    bool bf16 = false;
    double load = 0.0;
    cpu_name(name, sizeof name);
    (void)getloadavg(&load, 1);
    bool can = rd_gemm_choose(RD_PRECISION_BF16, &bf16) == RD_OK && bf16;
    return json_pack("{s:s, s:s, s:i, s:b, s:f}", "cpu", name, "isa", isas[rd_cpu_isa()], "threads",
                     rd_get_threads(), "bf16", can, "load_average", load);
}

void bench_print_machine(void) {
    json_t *machine = bench_machine();
    printf("%s, %s, %lld threads; load %.2f\n", json_string_value(json_object_get(machine, "cpu")),
           json_string_value(json_object_get(machine, "isa")),
           (long long)json_integer_value(json_object_get(machine, "threads")),
           json_real_value(json_object_get(machine, "load_average")));
    json_decref(machine);
}

void bench_print_json(json_t *object) {
    if (!object || json_dumpf(object, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(6)) != 0) {
        fprintf(stderr, "%s: out of memory\n", program_invocation_short_name);
        exit(1);
    }
    putchar('\n');
    json_decref(object);
}
