#include "metrics/scoring.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/parallel.h"
#include "metrics/line_reader.h"

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
    scoring->sums =
        rd_calloc((size_t)config->files.n_systems * (size_t)scoring->width, sizeof(double));
    scoring->tokenized = rd_calloc((size_t)config->files.n_systems, sizeof(int64_t));
    return scoring->sums && scoring->tokenized ? RD_OK : RD_ERR_MEMORY;
}

/* All systems and metrics of one line. stats: [n_systems, width] */
static rd_status score_line(const rd_scoring_config *config, const rd_scoring *scoring,
                            const rd_line_block *block, int64_t i, rd_metric_scratch *scratch,
                            double *stats) {
    const rd_line *texts = block->texts + block->first[i], *refs = texts + config->files.n_systems;
    int n_refs = (int)(block->first[i + 1] - block->first[i]) - config->files.n_systems;
    for (int s = 0; s < config->files.n_systems; s++)
        for (int m = 0; m < config->n_metrics; m++)
            RD_TRY(rd_metric_line(&config->metrics[m], scratch, texts[s], n_refs, refs,
                                  stats + s * scoring->width + scoring->offsets[m]));
    return RD_OK;
}

/* A block being scored. */
typedef struct {
    const rd_scoring_config *config;
    const rd_scoring *scoring;
    const rd_line_block *block;
    rd_metric_scratch *const *scratch; /* [threads] */
    double *stats;                     /* [block->n, n_systems, width] */
    rd_line_reader *reader;
    rd_line_block *next;
    rd_failure reading;
} block_work;

/* The first job reads the next block; its failure is reported when this block is done. */
static rd_status block_job(void *self, int thread, int64_t job) {
    block_work *w = self;
    int64_t i = job - 1, row = (int64_t)w->config->files.n_systems * w->scoring->width;
    if (job == 0) {
        rd_failure_keep(&w->reading, 0, rd_line_reader_next(w->reader, BLOCK_LINES, w->next));
        return RD_OK;
    }
    return score_line(w->config, w->scoring, w->block, i, w->scratch[thread], w->stats + i * row);
}

static rd_status score_block(block_work *work) {
    RD_TRY(rd_over_jobs(0, work->block->n + 1, 32, block_job, work, NULL));
    return rd_failure_report(&work->reading);
}

/* Adds a block's statistics in the order of lines, so the sums never depend on threads. */
static void add_block(const rd_scoring_config *config, rd_scoring *scoring,
                      const rd_line_block *block, const double *stats) {
    int64_t row = (int64_t)config->files.n_systems * scoring->width;
    for (int64_t i = 0; i < block->n; i++) {
        for (int64_t k = 0; k < row; k++) scoring->sums[k] += stats[i * row + k];
        const rd_line *texts = block->texts + block->first[i];
        for (int s = 0; s < config->files.n_systems; s++)
            if (texts[s].length >= 2 && memcmp(texts[s].data + texts[s].length - 2, " .", 2) == 0)
                scoring->tokenized[s]++;
        int n_refs = (int)(block->first[i + 1] - block->first[i]) - config->files.n_systems;
        if (scoring->n_lines + i == 0)
            scoring->n_refs = n_refs;
        else if (n_refs != scoring->n_refs)
            scoring->n_refs = -1;
    }
    scoring->n_lines += block->n;
}

static rd_status score_stream(const rd_scoring_config *config, rd_scoring *scoring,
                              rd_line_reader *reader, rd_line_block blocks[2],
                              rd_metric_scratch *const *scratch) {
    int64_t row = (int64_t)config->files.n_systems * scoring->width;
    RD_TRY(rd_line_reader_next(reader, BLOCK_LINES, &blocks[0]));
    for (int now = 0; blocks[now].n > 0; now = !now) {
        const rd_line_block *block = &blocks[now];
        int64_t kept = config->keep_lines ? scoring->n_lines : 0;
        RD_TRY(rd_reserve(&scoring->lines, &scoring->lines_capacity, (kept + block->n) * row,
                          sizeof *scoring->lines));
        double *stats = scoring->lines + kept * row;
        block_work work = {.config = config,
                           .scoring = scoring,
                           .block = block,
                           .scratch = scratch,
                           .stats = stats,
                           .reader = reader,
                           .next = &blocks[!now]};
        RD_TRY(score_block(&work));
        add_block(config, scoring, block, stats);
    }
    if (scoring->n_lines == 0)
        return rd_error(RD_ERR_FORMAT, "%s is empty: nothing to score", config->files.systems[0]);
    return RD_OK;
}

rd_status rd_score_files(const rd_scoring_config *config, rd_scoring *scoring) {
    int threads = rd_get_threads();
    rd_line_reader *reader = NULL;
    rd_line_block blocks[2] = {{0}, {0}};
    rd_status status = prepare(config, scoring);
    rd_metric_scratch **scratch = rd_calloc((size_t)threads, sizeof *scratch);
    if (!scratch) status = RD_ERR_MEMORY;
    for (int t = 0; t < threads && status == RD_OK; t++)
        if (!(scratch[t] = rd_metric_scratch_new())) status = RD_ERR_MEMORY;
    if (status == RD_OK) status = rd_line_reader_open(&reader, &config->files, true);
    if (status == RD_OK) status = score_stream(config, scoring, reader, blocks, scratch);
    rd_line_reader_close(reader);
    for (int b = 0; b < 2; b++) rd_line_block_free(&blocks[b]);
    for (int t = 0; scratch && t < threads; t++) rd_metric_scratch_free(scratch[t]);
    free(scratch);
    if (status != RD_OK) rd_scoring_free(scoring);
    return status;
}
