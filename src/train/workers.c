/* Several workers in one training: their number, and the data they share. */
#include "base/memory.h"
#include "base/parallel.h"
#include "base/text.h"
#include "train/run.h"

rd_status rd_run_attach(rd_run *run, const rd_run *first, rd_comm *comm) {
    *run = (rd_run){.recipe = first->recipe,
                    .data_dir = first->data_dir,
                    .comm = comm,
                    .first = first,
                    .n_workers = first->n_workers,
                    .task = first->task,
                    .data = first->data,
                    .metric = first->metric,
                    .train_batches = first->train_batches,
                    .optimizer = first->optimizer,
                    .state = first->state,
                    .saved_update = first->saved_update,
                    .bf16 = first->bf16,
                    .stop = first->stop};
    RD_TRY(rd_run_prepare_workers(run));
    return rd_model_share(&run->model, first->model);
}

/* "2,1,1", one for each worker. */
static rd_status read_speeds(const char *text, int n, double *speeds) {
    bool good = rd_parse_numbers(text, n, speeds) == n;
    for (int i = 0; good && i < n; i++) good = speeds[i] >= 0.001 && speeds[i] <= 1e9;
    if (good) return RD_OK;
    return rd_error(RD_ERR_ARGUMENT,
                    "worker-speeds is '%s', expected %d numbers from 0.001 to 1e9 with commas, one "
                    "for each worker",
                    text, n);
}

rd_status rd_run_prepare_workers(rd_run *run) {
    const char *text = run->recipe->train.worker_speeds;
    if (run->comm->size == 1 && !*text) return RD_OK;
    run->measured = rd_calloc((size_t)run->comm->size, sizeof *run->measured);
    if (!run->measured) return RD_ERR_MEMORY;
    if (!*text) return RD_OK;
    run->speeds = rd_malloc((size_t)run->comm->size, sizeof *run->speeds);
    if (!run->speeds) return RD_ERR_MEMORY;
    return read_speeds(text, run->comm->size, run->speeds);
}

double *rd_run_measured_speeds(const rd_run *run) {
    int n = run->comm->size;
    double *speeds = run->measured && n > 1 ? rd_calloc((size_t)n, sizeof *speeds) : NULL;
    for (int i = 0; speeds && i < n; i++) {
        const rd_worker_meter *m = &run->measured[i];
        speeds[i] = m->seconds > 0.0 ? (double)m->tokens / m->seconds : 0.0;
    }
    return speeds;
}

/* Workers keep a gradient and a batch's activations each, and pay for that with waiting less for
 * each other; large products are as fast on several threads as on one each. */
enum { LARGE = 100000000 /* parameters */ };

/* Workers that end an update's batches first, if threads share a batch's work evenly; of equals the
 * most. */
static int quickest(int cores, int64_t batches) {
    int best = 1;
    int64_t least = batches; /* rounds of batches, each divided by the threads of a worker */
    int of = cores;
    for (int n = 2; n <= cores && n <= batches; n++) {
        int64_t rounds = (batches + n - 1) / n;
        if (rounds * of > least * (cores / n)) continue;
        best = n;
        least = rounds;
        of = cores / n;
    }
    return best;
}

static int choose(const rd_run *run, int cores, const char **why) {
    int64_t batches = run->recipe->train.batches_per_update;
    if (cores == 1) {
        *why = "there is one core, or one thread was asked for";
    } else if (batches < 2) {
        *why = "more would make larger updates; batches-per-update or --workers allows them";
    } else if (rd_model_n_parameters(run->model) >= LARGE) {
        *why = "the model is large, and its products use all threads";
    } else {
        *why = "the model is small, and batches-per-update has a batch for each";
        return quickest(cores, batches);
    }
    return 1;
}

static rd_status check_ranks(const rd_run *run) {
    if (run->comm->size == 1 || run->recipe->train.workers <= 1) return RD_OK;
    return rd_error(RD_ERR_ARGUMENT,
                    "workers is %d, but this is one of %d ranks, which are workers themselves: "
                    "start more ranks",
                    (int)run->recipe->train.workers, run->comm->size);
}

rd_status rd_run_choose_workers(rd_run *run) {
    rd_train_config *t = &run->recipe->train;
    rd_text text = {0};
    const char *why = "as asked for", *speeds = t->worker_speeds;
    int cores = rd_processors_of(run->comm->local);
    int threads = t->threads > 0 ? t->threads : cores;
    RD_TRY(check_ranks(run));
    run->n_workers = run->comm->size > 1 ? run->comm->size : t->workers > 0 ? t->workers : 1;
    if (run->comm->size > 1) {
        why = "ranks, as they were started";
    } else if (t->workers == 0) {
        run->n_workers = choose(run, threads, &why);
    }
    if (run->n_workers > 1 && (t->threads == 0 || (t->workers == 0 && run->comm->size == 1))) {
        threads = run->comm->size > 1 ? threads : threads / run->n_workers;
        t->threads = threads > 0 ? threads : 1;
    }
    int each = run->n_threads = t->threads > 0 ? t->threads : threads;
    RD_TRY(rd_text_printf(&text, "%d worker%s of %d thread%s: %s%s%s", run->n_workers,
                          run->n_workers == 1 ? "" : "s", each, each == 1 ? "" : "s", why,
                          *speeds ? "; batches are dealt as " : "", speeds));
    run->workers = text.data;
    return RD_OK;
}
