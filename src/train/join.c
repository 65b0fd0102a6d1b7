/* Processes that are to train together: whether they are the same training, and the first one's
 * start for all. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/memory.h"
#include "dist/ranks.h"
#include "rdrop/status.h"
#include "train/settings.h"

/* All that must be the same: one "key: value" a line. */
static rd_status describe(const rd_run *run, rd_text *text) {
    static const char *const isas[] = {"generic", "avx2", "avx512"};
    RD_TRY(rd_text_printf(text, "version: %s\n", rd_version()));
    /* Ranks that step all weights must get the same bits. */
    bool slices = rd_run_steps_slices(run);
    RD_TRY(rd_text_printf(text, "shard-optimizer: %s\n", slices ? "true" : "false"));
    if (!slices) RD_TRY(rd_text_printf(text, "processor: %s\n", isas[rd_cpu_isa()]));
    return rd_settings_write(run, text);
}

static const char *advice_for(const char *key) {
    if (strcmp(key, rd_setting_products) == 0) return "set precision to fp32";
    if (strcmp(key, "processor") == 0) return "set shard-optimizer to true";
    if (strcmp(key, "version") == 0) return "install the same version everywhere";
    return "all ranks need the same recipe and the same data";
}

/* The words for a key in a sentence. */
static const char *name_of(const char *key) {
    return strcmp(key, rd_setting_products) == 0 ? "the precision of products" : key;
}

/* Unequal machines train together, each with all its cores. */
static bool may_differ(const rd_setting *s) {
    size_t n = strlen(rd_setting_threads);
    return (size_t)s->n_key == n && memcmp(s->key, rd_setting_threads, n) == 0;
}

/* Names the first line that differs. */
static rd_status compare(const char *ours, const char *theirs, const rd_comm *comm, int rank) {
    rd_setting a, b;
    for (;;) {
        char key[64];
        bool more = rd_setting_next(&ours, &a);
        if (!rd_setting_next(&theirs, &b) && !more) return RD_OK;
        bool same = a.n_value == b.n_value && !strncmp(a.value, b.value, (size_t)a.n_value);
        if (same || may_differ(&a)) continue;
        snprintf(key, sizeof key, "%.*s", a.n_key, a.key);
        return rd_error(RD_ERR_ARGUMENT, "rank %d (%s): %s is %.*s there, but %.*s on rank 0; %s",
                        rank, rd_ranks_host(comm, rank), name_of(key), b.n_value, b.value,
                        a.n_value, a.value, advice_for(key));
    }
}

/* all: descriptions with their NULs, end to end. */
static rd_status compare_all(const rd_comm *comm, const char *all) {
    const char *first = all;
    for (int i = 1; i < comm->size; i++) {
        all += strlen(all) + 1;
        RD_TRY(compare(first, all, comm, i));
    }
    return RD_OK;
}

static rd_status bring_together(rd_comm *comm, const rd_text *mine) {
    char *all = NULL;
    size_t total;
    rd_status status = rd_comm_join(comm, mine->data, (size_t)mine->length + 1, &all, &total);
    if (status == RD_OK && all) status = compare_all(comm, all);
    free(all);
    return rd_comm_agree(comm, status);
}

static rd_status check_same(rd_run *run) {
    rd_text mine = {0};
    rd_status status = rd_comm_agree(run->comm, describe(run, &mine));
    if (status == RD_OK) status = bring_together(run->comm, &mine);
    rd_text_free(&mine);
    return status;
}

enum { PIECE = 1 << 22 /* floats */ };
enum { MOMENTUM = 1 /* block of a checkpoint */ };

/* piece: [n] numbers from `at` on of a block; those that are the worker's go to `own`. */
static void keep_own(const rd_run *run, const float *piece, int64_t at, int64_t n, float *own) {
    for (int64_t i = 0; i < rd_run_n_slices(run); i++) {
        rd_slice slice = rd_run_slice(run, i);
        int64_t end = slice.begin + slice.n, from = at > slice.begin ? at : slice.begin;
        int64_t to = at + n < end ? at + n : end;
        if (from < to)
            memcpy(own + slice.at + (from - slice.begin), piece + (from - at),
                   sizeof *piece * (size_t)(to - from));
    }
}

/* The first rank reads a block, a piece at a time, and each rank keeps its own part. */
static rd_status share_block(rd_run *run, int block, float *own, float *piece) {
    int64_t total = run->model->parameters.total;
    for (int64_t at = 0; at < total; at += PIECE) {
        int64_t n = total - at < PIECE ? total - at : PIECE;
        if (run->comm->rank == 0)
            RD_TRY(rd_checkpoint_read_part(run->resumed_path, block, at, n, piece));
        if (run->comm->rank == 0 && block == MOMENTUM) rd_run_scale_momentum(run, piece, n);
        RD_TRY(rd_comm_broadcast(run->comm, piece, sizeof *piece * (size_t)n));
        keep_own(run, piece, at, n, own);
    }
    return RD_OK;
}

static rd_status share_moments(rd_run *run) {
    float *const own[] = {NULL, run->optimizer.m, run->optimizer.v, run->optimizer.ema};
    float *piece = rd_malloc(PIECE, sizeof *piece);
    rd_status status = rd_comm_agree(run->comm, piece ? RD_OK : RD_ERR_MEMORY);
    for (int i = 1; status == RD_OK && i < 4; i++)
        if (own[i]) status = share_block(run, i, own[i], piece);
    free(piece);
    return status;
}

/* The first rank's place, weights and optimizer, random, fine-tuned or resumed. */
static rd_status share_start(rd_run *run) {
    rd_parameters *p = &run->model->parameters;
    bool resumed = run->resumed_path != NULL;
    RD_TRY(rd_comm_broadcast(run->comm, &run->state, sizeof run->state));
    RD_TRY(rd_comm_broadcast(run->comm, &run->saved_update, sizeof run->saved_update));
    RD_TRY(rd_comm_broadcast(run->comm, &resumed, sizeof resumed));
    RD_TRY(rd_comm_broadcast(run->comm, p->values, sizeof *p->values * (size_t)p->total));
    if (resumed) RD_TRY(share_moments(run));
    if (!resumed && run->optimizer.ema) keep_own(run, p->values, 0, p->total, run->optimizer.ema);
    return run->bf16 ? rd_parameters_refresh_bf16(p) : RD_OK;
}

rd_status rd_run_join(rd_run *run, rd_status opened) {
    if (run->comm->size == 1) return opened;
    RD_TRY(rd_comm_agree(run->comm, opened));
    RD_TRY(check_same(run));
    rd_ranks_reduce_bf16(run->comm, run->recipe->train.reduce_bf16);
    return share_start(run);
}
