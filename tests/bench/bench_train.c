/* How fast training is, where its time goes, and how far that is from what this machine can do. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "base/parallel.h"
#include "dist/ranks.h"
#include "dist/threads.h"
#include "recipe/recipe_keys.h"
#include "support.h"
#include "train/run.h"
#include "train_work.h"

typedef struct {
    const char *data;
    int64_t updates, warmup, square;
    double budget;
    bool json;
    options_list settings, recipes;
} arguments;

/* clang-format off: a row an option */
static const rd_key keys[] = {
    {"data", RD_KEY_WORD, offsetof(arguments, data), .value = "DIR",
     .help = "binarized data and vocabularies, from rdrop-preprocess"},
    {"updates", RD_KEY_INT64, offsetof(arguments, updates), 1, 1e6, "20", .help = "measured"},
    {"warmup", RD_KEY_INT64, offsetof(arguments, warmup), 0, 1e6, "3", .help = "before those"},
    {"budget", RD_KEY_DOUBLE, offsetof(arguments, budget), 0, 1e3, "0.1", .value = "SECONDS",
     .help = "spent on measuring each matrix product; 0: one call each, roughly"},
    {"square", RD_KEY_INT64, offsetof(arguments, square), 16, 16384, "2048",
     .help = "size of the large square product"},
    {"set", RD_KEY_LIST, offsetof(arguments, settings), .value = "KEY=VALUE",
     .help = "override a key of the recipe; may be repeated"},
    {"json", RD_KEY_BOOL, offsetof(arguments, json), .help = "everything as a JSON object"},
    {.name = NULL}};
/* clang-format on */

static const options_program program = {
    .name = "bench-train",
    .summary = "how fast training is, and where its time goes",
    .synopsis = (const char *const[]){"RECIPE --data DIR [OPTION]...", NULL},
    .description = "Trains for some updates, saving nothing, and prints: source and target tokens "
                   "a second, each pair counted once, or pictures; where the time of an update "
                   "goes; operations "
                   "a second (matrix products and attention), against the fastest of the library's "
                   "own matrix products measured afterwards, of the model's shapes and of a large "
                   "square; memory bandwidth; peak memory.",
    .operand = "RECIPE",
    .operand_help = "the recipe",
    .least_operands = 1,
    .most_operands = 1,
    .operands = offsetof(arguments, recipes),
    .find_setting = rd_recipe_find_key,
    .groups = (const options_group[]){{.heading = "Options", .keys = keys}, {.heading = NULL}},
    .relations = (const options_relation[]){{"data", OPTIONS_IS_REQUIRED, NULL}, {.name = NULL}}};

typedef struct {
    rd_meters window;
    rd_profile profile;
    double flops[RD_PARTS];
    double median; /* tokens a second of the median update */
    double cpu_seconds;
    int64_t n_src, n_tgt, batches, peak_memory, n_parameters;
    int32_t passes;
    bool bf16;
    const char *workers; /* how many, and why; NULL: one */
} measured;

typedef struct {
    double square[2], shapes[BENCH_SHAPES][3][2], mean[2], fastest[2]; /* [fp32, bf16] */
    bench_shape shape[BENCH_SHAPES];
    int n_shapes, n_precisions;
    double bandwidth;
} limits;

static const char *const part_names[RD_PARTS] = {"data",      "embedding", "attention", "ffn",
                                                 "criterion", "optimizer", "workers",   "rest"};
static const char *const precisions[2] = {"fp32", "bf16"};
static const char *const products[3] = {"forward", "backward_data", "backward_weights"};

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of an adaptive softmax: each target adds to the loss of all bands. */
static bool sees_every_band(const rd_recipe *recipe) {
    const rd_train_config *train = &recipe->train;
    bool exact = train->reg_alpha > 0.0f && train->adaptive_kl == RD_ADAPTIVE_KL_EXACT;
    return exact || train->label_smoothing > 0.0f;
}

/* The batches that the next update takes, counted. */
static void count_batches(rd_run *run, int64_t first, int64_t end, rd_batch *batch, measured *m) {
    for (int64_t i = first; i < end; i++) {
        if (run->train_batches.get(run->train_batches.self, i, batch) != RD_OK) bench_fail();
        bench_count_flops(&run->recipe->model, m->window.passes, sees_every_band(run->recipe),
                          batch, m->flops);
        m->n_src += bench_source_rows(&run->recipe->model, batch);
        m->n_tgt += rd_tokens_total(&batch->target);
        m->batches++;
    }
}

static double cpu_seconds(clockid_t of) {
    struct timespec spent;
    clock_gettime(of, &spent);
    return (double)spent.tv_sec + 1e-9 * (double)spent.tv_nsec;
}

static void one_update(rd_run *run, rd_meters *window) {
    bool skipped;
    rd_progress_state *s = &run->state;
    if (s->next_batch >= rd_run_n_batches(run)) {
        s->epoch++;
        s->next_batch = 0;
    }
    if (run->dealt_epoch != s->epoch && rd_run_start_epoch(run) != RD_OK) bench_fail();
    if (rd_run_update(run, window, &skipped) != RD_OK) bench_fail();
}

static void train(rd_run *run, const arguments *a, measured *m) {
    rd_meters warmup = {0};
    rd_batch batch = {0};
    double *speeds = rd_calloc((size_t)a->updates, sizeof *speeds);
    if (!speeds || rd_run_prepare_workers(run) != RD_OK) bench_fail();
    for (int64_t i = 0; i < a->warmup; i++) one_update(run, &warmup);
    memset(&run->profile, 0, sizeof run->profile);
    m->cpu_seconds = -cpu_seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (int64_t i = 0; i < a->updates; i++) {
        rd_meters before = m->window;
        one_update(run, &m->window);
        speeds[i] =
            (double)(m->window.tokens - before.tokens) / (m->window.seconds - before.seconds);
        int64_t end = run->state.next_batch, freq = rd_run_batches_per_update(run);
        m->cpu_seconds += cpu_seconds(CLOCK_THREAD_CPUTIME_ID);
        count_batches(run, end - 1 - (end - 1) % freq, end, &batch, m);
        m->cpu_seconds -= cpu_seconds(CLOCK_THREAD_CPUTIME_ID);
    }
    m->cpu_seconds += cpu_seconds(CLOCK_PROCESS_CPUTIME_ID);
    qsort(speeds, (size_t)a->updates, sizeof *speeds, compare);
    m->median = speeds[a->updates / 2];
    m->profile = run->profile;
    m->passes = m->window.passes;
    m->bf16 = run->bf16;
    m->n_parameters = rd_model_n_parameters(run->model);
    m->peak_memory = rd_peak_memory();
    rd_batch_free(&batch);
    free(speeds);
}

static void measure_limits(const arguments *a, const rd_model_config *config, bool can_bf16,
                           const measured *m, limits *l) {
    l->n_precisions = can_bf16 ? 2 : 1;
    l->n_shapes = bench_model_shapes(config, m->passes, m->n_src / m->batches,
                                     m->n_tgt / m->batches, l->shape);
    for (int p = 0; p < l->n_precisions; p++) {
        double operations = 0.0, seconds = 0.0;
        l->square[p] = bench_gemm(BENCH_FORWARD, p, a->square, a->square, a->square, a->budget);
        l->fastest[p] = l->square[p];
        for (int i = 0; i < l->n_shapes; i++)
            for (int k = 0; k < 3; k++) {
                const bench_shape *s = &l->shape[i];
                double rate =
                    bench_gemm((bench_product)k, p, s->rows, s->n_out, s->n_in, a->budget);
                double work = s->times * (double)s->rows * (double)s->n_out * (double)s->n_in;
                l->shapes[i][k][p] = rate;
                operations += work;
                seconds += work / rate;
                if (rate > l->fastest[p]) l->fastest[p] = rate;
            }
        l->mean[p] = operations / seconds;
    }
    l->bandwidth = bench_bandwidth(192 << 20, a->budget);
}

static double total(const double values[RD_PARTS]) {
    double sum = 0.0;
    for (int i = 0; i < RD_PARTS; i++) sum += values[i];
    return sum;
}

static void print_text(const rd_recipe *r, const measured *m, const limits *l) {
    double updates = (double)m->window.updates, seconds = m->window.seconds;
    double peak = l->fastest[m->bf16], flops = total(m->flops);
    bench_print_machine();
    if (m->workers) printf("%s\n", m->workers);
    printf("%s: %.2f M parameters, %s, %s\n", r->name, 1e-6 * (double)m->n_parameters,
           m->passes > 1 ? "R-Drop" : "one pass", precisions[m->bf16]);
    printf("%.0f tokens/s (median update %.0f), %.1f ms and %.0f tokens an update\n",
           (double)m->window.tokens / seconds, m->median, 1e3 * seconds / updates,
           (double)m->window.tokens / updates);
    printf("%.1f ms of all threads' time an update\n", 1e3 * m->cpu_seconds / updates);
    printf("%-12s %10s %8s %9s %8s\n", "part", "ms/update", "share", "GFLOP/s", "of peak");
    for (int i = 0; i < RD_PARTS; i++) {
        double spent = m->profile.seconds[i], rate = spent > 0.0 ? m->flops[i] / spent : 0.0;
        printf("%-12s %10.2f %7.2f%%", part_names[i], 1e3 * spent / updates,
               100.0 * spent / seconds);
        if (rate > 0.0) printf(" %9.1f %7.1f%%", 1e-9 * rate, 100.0 * rate / peak);
        putchar('\n');
    }
    printf("%-12s %10.2f %7.2f%% %9.1f %7.1f%%\n", "update", 1e3 * seconds / updates, 100.0,
           1e-9 * flops / seconds, 100.0 * flops / seconds / peak);
    printf("%.1f MFLOP a token; peak memory %.0f MiB; memory bandwidth %.1f GB/s\n\n",
           1e-6 * flops / (double)m->window.tokens, (double)m->peak_memory / 1048576.0,
           1e-9 * l->bandwidth);
    printf("GFLOP/s of matrix products: forward, backward (data), backward (weights)\n");
    for (int p = 0; p < l->n_precisions; p++) {
        printf("%s: fastest %.0f, large square %.0f, the model's shapes %.0f\n", precisions[p],
               1e-9 * l->fastest[p], 1e-9 * l->square[p], 1e-9 * l->mean[p]);
        for (int i = 0; i < l->n_shapes; i++)
            printf("  %-34s %6lld x %5lld x %5lld %7.0f %7.0f %7.0f\n", l->shape[i].name,
                   (long long)l->shape[i].rows, (long long)l->shape[i].n_out,
                   (long long)l->shape[i].n_in, 1e-9 * l->shapes[i][0][p],
                   1e-9 * l->shapes[i][1][p], 1e-9 * l->shapes[i][2][p]);
    }
}

static json_t *limits_json(const limits *l) {
    json_t *all = json_object();
    for (int p = 0; p < l->n_precisions; p++) {
        json_t *shapes = json_array();
        for (int i = 0; i < l->n_shapes; i++) {
            const bench_shape *s = &l->shape[i];
            json_t *shape = json_pack("{s:s, s:I, s:I, s:I}", "name", s->name, "rows", s->rows,
                                      "n_out", s->n_out, "n_in", s->n_in);
            for (int k = 0; k < 3; k++)
                json_object_set_new(shape, products[k], json_real(l->shapes[i][k][p]));
            json_array_append_new(shapes, shape);
        }
        json_object_set_new(all, precisions[p],
                            json_pack("{s:f, s:f, s:f, s:o}", "fastest", l->fastest[p], "square",
                                      l->square[p], "model", l->mean[p], "shapes", shapes));
    }
    return all;
}

static json_t *to_json(const rd_recipe *r, const measured *m, const limits *l) {
    double updates = (double)m->window.updates, seconds = m->window.seconds;
    double flops = total(m->flops);
    json_t *parts = json_object();
    for (int i = 0; i < RD_PARTS; i++)
        json_object_set_new(parts, part_names[i],
                            json_pack("{s:f, s:f}", "seconds", m->profile.seconds[i] / updates,
                                      "flop", m->flops[i] / updates));
    return json_pack(
        "{s:o, s:s, s:I, s:i, s:s, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f,"
        " s:I, s:f, s:o, s:o}",
        "machine", bench_machine(), "recipe", r->name, "parameters", m->n_parameters, "passes",
        (int)m->passes, "precision", precisions[m->bf16], "updates", m->window.updates,
        "tokens_per_second", (double)m->window.tokens / seconds, "median_tokens_per_second",
        m->median, "tokens_per_update", (double)m->window.tokens / updates, "seconds_per_update",
        seconds / updates, "cpu_seconds_per_update", m->cpu_seconds / updates,
        "product_seconds_per_update", flops / updates / l->mean[m->bf16], "flop_per_update",
        flops / updates, "flop_per_second", flops / seconds, "fraction_of_peak",
        flops / seconds / l->fastest[m->bf16], "peak_memory", m->peak_memory, "bandwidth",
        l->bandwidth, "parts", parts, "gemm", limits_json(l));
}

/* The work of all workers; the first one is measured. */
typedef struct {
    rd_run *run;
    const arguments *a;
    measured *m;
} training;

static rd_status train_as(void *self, rd_comm *comm) {
    training *t = self;
    rd_run other = {0};
    rd_meters meters = {0};
    if (comm->rank == 0) {
        t->run->comm = comm;
        train(t->run, t->a, t->m);
        return rd_comm_meet(comm);
    }
    if (rd_run_attach(&other, t->run, comm) != RD_OK) bench_fail();
    for (int64_t i = 0; i < t->a->warmup + t->a->updates; i++) one_update(&other, &meters);
    rd_status status = rd_comm_meet(comm);
    rd_run_close(&other);
    return status;
}

/* A rank of several, or alone, or threads (workers). */
static void train_together(rd_run *run, const arguments *a, measured *m) {
    training t = {run, a, m};
    rd_set_threads(run->recipe->train.threads);
    if (run->n_workers == run->comm->size)
        train(run, a, m);
    else if (rd_comm_run_threads(run->n_workers, run->recipe->train.threads, train_as, &t) != RD_OK)
        bench_fail();
}

static void bench(void *self) {
    const arguments *a = self;
    rd_run run = {0};
    measured m = {0};
    limits l = {0};
    bool can_bf16 = false;
    if (rd_ranks_open(&run.comm) != RD_OK) bench_fail();
    if (rd_recipe_load(&run.recipe, a->recipes.items[0], a->settings.items, a->settings.n) != RD_OK)
        bench_fail();
    run.data_dir = a->data;
    if (rd_run_join(&run, rd_run_open(&run, true)) != RD_OK) bench_fail();
    rd_comm *ranks = run.comm;
    train_together(&run, a, &m);
    m.workers = run.n_workers > 1 ? run.workers : NULL;
    can_bf16 = rd_gemm_choose(RD_PRECISION_BF16, &can_bf16) == RD_OK;
    if (ranks->rank == 0) {
        measure_limits(a, &run.recipe->model, can_bf16, &m, &l);
        if (a->json)
            bench_print_json(to_json(run.recipe, &m, &l));
        else
            print_text(run.recipe, &m, &l);
    }
    rd_run_close(&run);
    rd_recipe_free(run.recipe);
    rd_ranks_close(ranks);
}

int main(int argc, char **argv) {
    arguments a = {0};
    return bench_main(&program, &a, bench, argc, argv);
}
