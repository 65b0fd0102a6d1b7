/* Lines worth looking at, with the n-grams a hypothesis shares with a reference marked. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "metrics/report.h"

enum { MAX_MARKED_ORDER = 4 };

typedef struct {
    int64_t line;
    double score[2]; /* of one system or two */
} chosen_line;

/* Larger keys are more worth looking at. */
typedef struct {
    double key;
    int64_t line;
} ranked_line;

static int by_key(const void *a, const void *b) {
    const ranked_line *x = a, *y = b;
    if (x->key != y->key) return x->key > y->key ? -1 : 1;
    return (x->line > y->line) - (x->line < y->line);
}

static double line_score(const rd_scoring_config *config, const rd_scoring *scoring, int64_t line,
                         int system) {
    rd_metric_config metric = config->metrics[0];
    metric.effective_order = true;
    return rd_metric_score(&metric, metric.metric->main_score,
                           scoring->lines +
                               (line * config->files.n_systems + system) * scoring->width);
}

/* chosen: [*n], most worth looking at first. */
static rd_status choose(const rd_scoring_config *config, const rd_scoring *scoring, bool diff,
                        int64_t *n, chosen_line **chosen) {
    double sign = config->metrics[0].metric->smaller_is_better ? 1 : -1;
    ranked_line *ranked = rd_malloc((size_t)scoring->n_lines, sizeof *ranked);
    if (!ranked) return RD_ERR_MEMORY;
    for (int64_t i = 0; i < scoring->n_lines; i++) {
        double score = line_score(config, scoring, i, 0);
        ranked[i].line = i;
        ranked[i].key = diff ? fabs(score - line_score(config, scoring, i, 1)) : sign * score;
    }
    qsort(ranked, (size_t)scoring->n_lines, sizeof *ranked, by_key);
    if (*n > scoring->n_lines) *n = scoring->n_lines;
    *chosen = rd_calloc((size_t)*n, sizeof **chosen);
    for (int64_t i = 0; *chosen && i < *n; i++) {
        (*chosen)[i].line = ranked[i].line;
        for (int s = 0; s < (diff ? 2 : 1); s++)
            (*chosen)[i].score[s] = line_score(config, scoring, ranked[i].line, s);
    }
    free(ranked);
    return *chosen ? RD_OK : RD_ERR_MEMORY;
}

static bool contains(const int32_t *words, int64_t n, const int32_t *ngram, int order) {
    for (int64_t i = 0; i + order <= n; i++)
        if (memcmp(words + i, ngram, (size_t)order * sizeof *ngram) == 0) return true;
    return false;
}

/* The longest n-gram of words [n] around each word that is in a reference: marks [n], 0 to 4. */
static void mark_words(const rd_metric_scratch *scratch, int n_refs, int32_t *marks) {
    const int32_t *words = scratch->hypothesis.data, *offsets = scratch->offsets.data;
    int64_t n = scratch->hypothesis.length;
    if (n == 0) return; /* memset must not be given NULL */
    memset(marks, 0, (size_t)n * sizeof *marks);
    for (int order = 1; order <= MAX_MARKED_ORDER; order++)
        for (int64_t i = 0; i + order <= n; i++)
            for (int r = 0; r < n_refs; r++)
                if (contains(scratch->reference.data + offsets[r], offsets[r + 1] - offsets[r],
                             words + i, order)) {
                    for (int k = 0; k < order; k++) marks[i + k] = order;
                    break;
                }
}

/* The words that the metric sees of a hypothesis, each in the colour of its longest shared n-gram.
 */
static rd_status write_marked(const rd_metric_config *metric, rd_metric_scratch *scratch,
                              rd_line hypothesis, int n_refs, const rd_line *refs, rd_text *out) {
    RD_TRY(rd_prepare_words(metric, scratch, hypothesis, n_refs, refs));
    RD_TRY(rd_scratch_table(scratch, scratch->hypothesis.length * (int64_t)sizeof(int32_t)));
    mark_words(scratch, n_refs, scratch->table);
    rd_line line;
    RD_TRY(metric->metric->prepare(metric, scratch, hypothesis, false, &line));
    const char *cursor = line.data, *end = line.data + line.length;
    const int32_t *mark = scratch->table;
    for (rd_line word; rd_next_word(&cursor, end, &word); mark++) {
        RD_TRY(rd_text_printf(out, "<span class=\"m%d\">", (int)*mark));
        RD_TRY(rd_text_append_html(out, word.data, word.length));
        RD_TRY(rd_text_printf(out, "</span> "));
    }
    return RD_OK;
}

static rd_status write_row(const char *label, rd_text *out) {
    RD_TRY(rd_text_printf(out, "<tr><th>"));
    RD_TRY(rd_text_append_html(out, label, strlen(label)));
    return rd_text_printf(out, "</th><td>");
}

/* texts: one of each system, then the references. */
static rd_status write_line(const rd_scoring_config *config, const chosen_line *chosen, bool diff,
                            const rd_line *texts, int n_refs, rd_metric_scratch *scratch,
                            rd_text *out) {
    RD_TRY(rd_text_printf(out, "<h2>Line %lld</h2>\n<table>\n", (long long)chosen->line + 1));
    for (int r = 0; r < n_refs; r++) {
        RD_TRY(write_row("reference", out));
        const rd_line *reference = &texts[config->files.n_systems + r];
        RD_TRY(rd_text_append_html(out, reference->data, reference->length));
        RD_TRY(rd_text_printf(out, "</td><td></td></tr>\n"));
    }
    for (int s = 0; s < (diff ? 2 : 1); s++) {
        RD_TRY(write_row(config->files.systems[s], out));
        RD_TRY(write_marked(&config->metrics[0], scratch, texts[s], n_refs,
                            texts + config->files.n_systems, out));
        RD_TRY(rd_text_printf(out, "</td><td>%.1f</td></tr>\n", chosen->score[s]));
    }
    return rd_text_printf(out, "</table>\n");
}

static int by_line(const void *a, const void *b) {
    const ranked_line *x = a, *y = b;
    return (x->line > y->line) - (x->line < y->line);
}

/* Reads the files again, renders the chosen lines as they come, and puts them in order of rank. */
static rd_status write_lines(const rd_scoring_config *config, rd_line_reader *reader, bool diff,
                             const chosen_line *chosen, int64_t n, rd_metric_scratch *scratch,
                             rd_line_block *block, rd_text *parts) {
    ranked_line *order = rd_malloc((size_t)n, sizeof *order);
    if (!order) return RD_ERR_MEMORY;
    for (int64_t k = 0; k < n; k++) order[k] = (ranked_line){(double)k, chosen[k].line};
    qsort(order, (size_t)n, sizeof *order, by_line);
    rd_status status = RD_OK;
    int64_t start = 0;
    for (int64_t k = 0; k < n && status == RD_OK; start += block->n) {
        status = rd_line_reader_next(reader, 1024, block);
        if (status == RD_OK && block->n == 0)
            status = rd_error(RD_ERR_IO, "%s became shorter while it was read",
                              config->files.systems[0]);
        for (; k < n && status == RD_OK && order[k].line < start + block->n; k++) {
            int64_t i = order[k].line - start, rank = (int64_t)order[k].key;
            int n_refs = (int)(block->first[i + 1] - block->first[i]) - config->files.n_systems;
            status = write_line(config, &chosen[rank], diff, block->texts + block->first[i], n_refs,
                                scratch, &parts[rank]);
        }
    }
    free(order);
    return status;
}

static rd_status write_page(const rd_scoring_config *config, bool diff, const rd_text *parts,
                            int64_t n, rd_text *out) {
    static const char head[] =
        "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>rdrop-score</title>\n<style>\n"
        "body{font-family:sans-serif;max-width:70em;margin:2em auto;padding:0 1em}\n"
        "h2{font-size:1em;margin:1.5em 0 .3em}\nth{text-align:left;font-weight:normal;color:#666;"
        "padding-right:1em;vertical-align:top}\ntd{vertical-align:top;padding:.1em .5em 0 0}\n"
        ".m0{background:#f6c4c4}.m1{background:#eef3d8}.m2{background:#d9efc4}"
        ".m3{background:#bfe6ac}.m4{background:#9fd98c}\n</style></head><body>\n";
    char name[32];
    rd_metric_name(&config->metrics[0], config->metrics[0].metric->main_score, name);
    RD_TRY(rd_text_append(out, head, sizeof head - 1));
    RD_TRY(rd_text_printf(out, "<h1>%lld lines %s by %s</h1>\n", (long long)n,
                          diff ? "that differ most" : "that score worst", name));
    RD_TRY(rd_text_printf(
        out,
        "<p>Words in the longest n-gram shared with a reference: <span class=\"m0\">none</span> "
        "<span class=\"m1\">1</span> <span class=\"m2\">2</span> <span class=\"m3\">3</span> "
        "<span class=\"m4\">4 or more</span></p>\n"));
    for (int64_t k = 0; k < n; k++)
        RD_TRY(rd_text_append(out, parts[k].data, (size_t)parts[k].length));
    return rd_text_printf(out, "</body></html>\n");
}

rd_status rd_report_html(const rd_scoring_config *config, const rd_scoring *scoring, bool diff,
                         int64_t worst, rd_text *out) {
    chosen_line *chosen = NULL;
    rd_line_reader *reader = NULL;
    rd_line_block block = {0};
    rd_status status = choose(config, scoring, diff, &worst, &chosen);
    rd_text *parts = rd_calloc((size_t)worst, sizeof *parts);
    rd_metric_scratch *scratch = rd_metric_scratch_new();
    if (!parts || !scratch) status = RD_ERR_MEMORY;
    if (status == RD_OK) status = rd_line_reader_open(&reader, &config->files, true);
    if (status == RD_OK)
        status = write_lines(config, reader, diff, chosen, worst, scratch, &block, parts);
    if (status == RD_OK) status = write_page(config, diff, parts, worst, out);
    rd_line_reader_close(reader);
    rd_line_block_free(&block);
    rd_metric_scratch_free(scratch);
    for (int64_t k = 0; parts && k < worst; k++) rd_text_free(&parts[k]);
    free(parts);
    free(chosen);
    return status;
}
