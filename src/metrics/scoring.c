#include "metrics/scoring.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { BLOCK_LINES = 4096 };

void rd_scoring_free(rd_scoring *scoring) {
    free(scoring->sums);
    free(scoring->lines);
    free(scoring->tokenized);
    *scoring = (rd_scoring){0};
}

static rd_status prepare(const rd_scoring_config *config, rd_scoring *scoring) {
    *scoring = (rd_scoring){0};
    for (int m = 0; m < config->n_metrics; m++) {
        RD_TRY(rd_metric_check(&config->metrics[m]));
        scoring->offsets[m] = scoring->width;
        scoring->width += rd_metric_n_stats(&config->metrics[m]);
    }
    scoring->sums = rd_calloc((size_t)config->n_systems * (size_t)scoring->width, sizeof(double));
    scoring->tokenized = rd_calloc((size_t)config->n_systems, sizeof(int64_t));
    return scoring->sums && scoring->tokenized ? RD_OK : RD_ERR_MEMORY;
}

/* All systems and metrics of one line. stats: [n_systems, width] */
static rd_status score_line(const rd_scoring_config *config, const rd_scoring *scoring,
                            const rd_line_block *block, int64_t i, rd_metric_scratch *scratch,
                            double *stats) {
    const rd_line *texts = block->texts + block->first[i], *refs = texts + config->n_systems;
    int n_refs = (int)(block->first[i + 1] - block->first[i]) - config->n_systems;
    for (int s = 0; s < config->n_systems; s++)
        for (int m = 0; m < config->n_metrics; m++)
            RD_TRY(rd_metric_line(&config->metrics[m], scratch, texts[s], n_refs, refs,
                                  stats + s * scoring->width + scoring->offsets[m]));
    return RD_OK;
}

/* What went wrong in a parallel region, where messages are each thread's own: any of them. */
typedef struct {
    rd_status status;
    char message[1024];
} failure_note;

static void note_failure(failure_note *failure, rd_status status) {
    if (status == RD_OK) return;
#pragma omp critical(rd_note_failure)
    {
        failure->status = status;
        strncpy(failure->message, rd_last_error(), sizeof failure->message - 1);
    }
}

/* Scores a block while one of the threads reads the next. stats: [block->n, n_systems, width] */
static rd_status score_block(const rd_scoring_config *config, const rd_scoring *scoring,
                             const rd_line_block *block, rd_metric_scratch *const *scratch,
                             int threads, double *stats, rd_line_reader *reader,
                             rd_line_block *next) {
    int64_t row = (int64_t)config->n_systems * scoring->width;
    failure_note failure = {.status = RD_OK};
#pragma omp parallel num_threads(threads)
    {
#pragma omp single nowait
        note_failure(&failure, rd_line_reader_next(reader, BLOCK_LINES, next));
#pragma omp for schedule(dynamic, 32)
        for (int64_t i = 0; i < block->n; i++)
            note_failure(&failure, score_line(config, scoring, block, i,
                                              scratch[omp_get_thread_num()], stats + i * row));
    }
    return failure.status == RD_OK ? RD_OK : rd_error(failure.status, "%s", failure.message);
}

/* Adds a block's statistics up in the order of lines, so that the sums never depend on threads. */
static void add_block(const rd_scoring_config *config, rd_scoring *scoring,
                      const rd_line_block *block, const double *stats) {
    int64_t row = (int64_t)config->n_systems * scoring->width;
    for (int64_t i = 0; i < block->n; i++) {
        for (int64_t k = 0; k < row; k++) scoring->sums[k] += stats[i * row + k];
        const rd_line *texts = block->texts + block->first[i];
        for (int s = 0; s < config->n_systems; s++)
            if (texts[s].length >= 2 && memcmp(texts[s].data + texts[s].length - 2, " .", 2) == 0)
                scoring->tokenized[s]++;
        int n_refs = (int)(block->first[i + 1] - block->first[i]) - config->n_systems;
        if (scoring->n_lines + i == 0)
            scoring->n_refs = n_refs;
        else if (n_refs != scoring->n_refs)
            scoring->n_refs = -1;
    }
    scoring->n_lines += block->n;
}

static rd_status score_stream(const rd_scoring_config *config, rd_scoring *scoring,
                              rd_line_reader *reader, rd_line_block blocks[2],
                              rd_metric_scratch *const *scratch, int threads) {
    int64_t row = (int64_t)config->n_systems * scoring->width;
    RD_TRY(rd_line_reader_next(reader, BLOCK_LINES, &blocks[0]));
    for (int now = 0; blocks[now].n > 0; now = !now) {
        const rd_line_block *block = &blocks[now];
        int64_t kept = config->keep_lines ? scoring->n_lines : 0;
        RD_TRY(rd_reserve(&scoring->lines, &scoring->lines_capacity, (kept + block->n) * row,
                          sizeof *scoring->lines));
        double *stats = scoring->lines + kept * row;
        RD_TRY(score_block(config, scoring, block, scratch, threads, stats, reader, &blocks[!now]));
        add_block(config, scoring, block, stats);
    }
    if (scoring->n_lines == 0)
        return rd_error(RD_ERR_FORMAT, "%s is empty: nothing to score", config->systems[0]);
    return RD_OK;
}

rd_status rd_score_files(const rd_scoring_config *config, rd_scoring *scoring) {
    int threads = config->threads > 0 ? config->threads : omp_get_max_threads();
    rd_line_reader *reader = NULL;
    rd_line_block blocks[2] = {{0}, {0}};
    rd_status status = prepare(config, scoring);
    rd_metric_scratch **scratch = rd_calloc((size_t)threads, sizeof *scratch);
    if (!scratch) status = RD_ERR_MEMORY;
    for (int t = 0; t < threads && status == RD_OK; t++)
        if (!(scratch[t] = rd_metric_scratch_new())) status = RD_ERR_MEMORY;
    if (status == RD_OK) status = rd_line_reader_open(&reader, config);
    if (status == RD_OK) status = score_stream(config, scoring, reader, blocks, scratch, threads);
    rd_line_reader_close(reader);
    for (int b = 0; b < 2; b++) rd_line_block_free(&blocks[b]);
    for (int t = 0; scratch && t < threads; t++) rd_metric_scratch_free(scratch[t]);
    free(scratch);
    if (status != RD_OK) rd_scoring_free(scoring);
    return status;
}
