#include "translate/stream.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/memory.h"
#include "base/text.h"
#include "data/corpus.h"
#include "io/output.h"
#include "translate/line_buffer.h"
#include "translate/lines.h"

enum { WINDOW_BYTES = 4 << 20 }; /* read ahead, however many lines --window allows */

/* Files read in step with the input. */
enum { REFERENCES, PREFIXES, CONSTRAINTS, N_PARALLEL };

typedef struct {
    const rd_translate_stream_config *config;
    rd_comm *comm; /* NULL: alone */
    FILE *out;
    rd_text warnings; /* of a window, each with its NUL: for the first worker */
    rd_corpus *input, *parallel[N_PARALLEL]; /* NULL: not given */
    rd_line_buffer sources, aligned[N_PARALLEL];
    uint32_t read; /* CRC of all lines so far, which workers compare */
    rd_translate_totals totals;
} stream;

static rd_status take(stream *s, rd_line_buffer *lines, const char *line, size_t length) {
    if (s->comm) s->read = rd_crc32(rd_crc32(s->read, line, length), "\n", 1);
    return rd_line_buffer_add(lines, line, length);
}

/* Reads up to `most` lines, fewer if they are long or the input ends. */
static rd_status read_window(stream *s, int64_t most, bool *ended) {
    rd_line_buffer_clear(&s->sources);
    for (int f = 0; f < N_PARALLEL; f++) rd_line_buffer_clear(&s->aligned[f]);
    int64_t bytes = 0;
    while (s->sources.n < most && bytes < WINDOW_BYTES) {
        const char *line;
        size_t length;
        RD_TRY(rd_corpus_next(s->input, &line, &length));
        *ended = !line;
        if (line) RD_TRY(take(s, &s->sources, line, length));
        bytes += (int64_t)length;
        for (int f = 0; f < N_PARALLEL; f++) {
            if (!s->parallel[f]) continue;
            const char *other;
            RD_TRY(rd_corpus_next(s->parallel[f], &other, &length));
            if (!other != !line) return rd_corpus_unequal(s->input, s->parallel[f]);
            if (other) RD_TRY(take(s, &s->aligned[f], other, length));
            bytes += (int64_t)length;
        }
        if (*ended) break;
    }
    rd_line_buffer_seal(&s->sources);
    for (int f = 0; f < N_PARALLEL; f++) rd_line_buffer_seal(&s->aligned[f]);
    return RD_OK;
}

/* The first of several workers tells, of each window in its turn. */
static rd_status warn(stream *s, const char *message) {
    if (s->comm) return rd_text_append(&s->warnings, message, strlen(message) + 1);
    if (s->config->warn) s->config->warn(s->config->self, message);
    return RD_OK;
}

/* file: the input, or the references, of which at most `most` tokens of a line are used. */
static rd_status warn_dropped(stream *s, const rd_corpus *file, int64_t line, int32_t most,
                              int32_t dropped) {
    if (!dropped) return RD_OK;
    s->totals.cut_lines++;
    s->totals.dropped_tokens += dropped;
    if (s->config->truncate_source) return RD_OK;
    char message[512];
    snprintf(message, sizeof message,
             "%s:%lld: line cut, its last %d tokens are beyond the %d that are used",
             rd_corpus_path(file), (long long)line, dropped, most);
    return warn(s, message);
}

static void warn_cut(const stream *s) {
    if (!s->config->truncate_source || !s->config->warn || !s->totals.cut_lines) return;
    char message[512];
    snprintf(message, sizeof message, "%s: %lld lines cut, %lld tokens dropped in all",
             rd_corpus_path(s->input), (long long)s->totals.cut_lines,
             (long long)s->totals.dropped_tokens);
    s->config->warn(s->config->self, message);
}

static void warn_repaired(const stream *s, const rd_corpus *file) {
    char message[RD_CORPUS_MESSAGE];
    if (file && s->config->warn && rd_corpus_was_repaired(file, message))
        s->config->warn(s->config->self, message);
}

static void warn_restored(const stream *s) {
    if (!s->totals.restored || !s->config->warn) return;
    char message[512];
    snprintf(message, sizeof message,
             "%s: %lld strings to keep found no place, and are at the ends of their translations",
             rd_corpus_path(s->input), (long long)s->totals.restored);
    s->config->warn(s->config->self, message);
}

/* phrases: with tabs between them. */
static rd_status list_phrases(rd_text *message, const char *phrases) {
    for (const char *c = phrases; *c;) {
        size_t n = strcspn(c, "\t");
        RD_TRY(rd_text_printf(message, "%s\"%.*s\"", c == phrases ? "" : ", ", (int)n, c));
        c += n + (c[n] != '\0');
    }
    return RD_OK;
}

static rd_status warn_unmet(stream *s, int64_t line, const char *unmet) {
    if (!unmet) return RD_OK;
    rd_text message = {0};
    rd_status status = rd_text_printf(&message, "%s:%lld: no room or no pieces for ",
                                      rd_corpus_path(s->input), (long long)line);
    if (status == RD_OK) status = list_phrases(&message, unmet);
    if (status == RD_OK) status = warn(s, message.data);
    rd_text_free(&message);
    return status;
}

/* Detokenized text could only hold a line break if the vocabulary had one; the output must stay one
 * line per line all the same. */
static void put_text(const char *text, FILE *out) {
    for (const char *c = text; *c; c++) putc(strchr("\n\r\t", *c) ? ' ' : *c, out);
}

static bool in_list(const stream *s) {
    return s->config->list || s->config->options.search.n_best > 1;
}

/* One translation, as its own line: TEXT, in an n-best list LINE ||| TEXT ||| SCORE, and with
 * alignments these after a tab or, in a list, another |||. */
static void put_translation(const stream *s, int64_t line, const rd_translation *item) {
    FILE *out = s->out;
    bool list = in_list(s), align = s->config->options.search.align;
    if (list) fprintf(out, "%lld ||| ", (long long)line);
    put_text(item->text, out);
    if (list) fprintf(out, " ||| %.4f", (double)item->score);
    if (align) fputs(list ? " |||" : "\t", out);
    for (int32_t i = 0; align && i < item->n_alignment; i++)
        fprintf(out, "%s%d-%d", i || list ? " " : "", item->alignment[i].source,
                item->alignment[i].target);
    putc('\n', out);
}

/* most: tokens of a line that are used. */
static rd_status put_translations(stream *s, const rd_translations *found, int32_t most) {
    for (int64_t i = 0; i < found->n_lines; i++) {
        const rd_translation *items = &found->items[i * found->n_best];
        RD_TRY(warn_dropped(s, s->input, s->totals.lines + i + 1, most, found->dropped_tokens[i]));
        RD_TRY(warn_unmet(s, s->totals.lines + i + 1, items[0].unmet));
        s->totals.target_tokens += items[0].n_tokens;
        s->totals.restored += items[0].n_restored;
        for (int32_t k = 0; k < found->n_best && items[k].text; k++)
            put_translation(s, s->totals.lines + i, &items[k]);
    }
    return RD_OK;
}

static rd_status translate_window(stream *s) {
    rd_translate_options options = s->config->options;
    options.first_line = s->totals.lines;
    options.unscored = !in_list(s); /* only lists show scores */
    if (s->parallel[PREFIXES]) options.prefixes = s->aligned[PREFIXES].lines;
    if (s->parallel[CONSTRAINTS]) options.constraints = s->aligned[CONSTRAINTS].lines;
    rd_translations found;
    RD_TRY(rd_translator_run(s->config->translator, &options, s->sources.n, s->sources.lines,
                             s->sources.lengths, &found));
    rd_status status =
        put_translations(s, &found, rd_translate_most_tokens(s->config->translator, &options));
    rd_translations_free(&found);
    return status;
}

/* counts: [3, n] of tokens: scored, dropped of sources, dropped of references. */
static rd_status score_lines(stream *s, double *log_probs, int32_t *counts) {
    const rd_translator *translator = s->config->translator;
    const rd_translate_options *options = &s->config->options;
    const rd_line_buffer *references = &s->aligned[REFERENCES];
    int64_t n = s->sources.n;
    if (!log_probs || !counts) return RD_ERR_MEMORY;
    int32_t *dropped = counts + n, *dropped_references = counts + 2 * n;
    const rd_line_pairs pairs = {n, s->sources.lines, s->sources.lengths, references->lines,
                                 references->lengths};
    RD_TRY(rd_translate_score_lines(translator, options, &pairs, log_probs, counts, dropped,
                                    dropped_references));
    for (int64_t i = 0; i < n; i++) {
        int64_t line = s->totals.lines + i + 1;
        RD_TRY(warn_dropped(s, s->input, line, rd_translate_most_tokens(translator, options),
                            dropped[i]));
        RD_TRY(
            warn_dropped(s, s->parallel[REFERENCES], line, counts[i] - 1, dropped_references[i]));
        fprintf(s->out, "%.4f\n", log_probs[i]);
        s->totals.log_prob += log_probs[i];
        s->totals.target_tokens += counts[i];
    }
    return RD_OK;
}

static rd_status score_window(stream *s) {
    size_t n = (size_t)s->sources.n;
    double *log_probs = rd_malloc(n, sizeof *log_probs);
    int32_t *counts = rd_malloc(n, 3 * sizeof *counts);
    rd_status status = score_lines(s, log_probs, counts);
    free(log_probs);
    free(counts);
    return status;
}

static rd_status stopped(const stream *s) {
    return rd_error(RD_ERR_INTERRUPTED, "stopped after %lld lines", (long long)s->totals.lines);
}

static rd_status work_on_window(stream *s) {
    return s->parallel[REFERENCES] ? score_window(s) : translate_window(s);
}

static rd_status flush(const stream *s) {
    RD_TRY(rd_output_flush(s->config->output));
    if (s->config->progress) s->config->progress(s->config->self, s->totals.lines);
    return RD_OK;
}

/* 1, 1, 2, 4, ... */
static int64_t lines_of_window(const stream *s, int64_t number) {
    int64_t most = s->config->window > 0 ? s->config->window : 1;
    int64_t lines = (int64_t)1 << (number > 31 ? 30 : number > 0 ? number - 1 : 0);
    return lines < most ? lines : most;
}

static rd_status run(stream *s) {
    bool ended = false;
    for (int64_t number = 0;; number++) {
        rd_status status = read_window(s, lines_of_window(s, number), &ended);
        if (status == RD_ERR_INTERRUPTED) return stopped(s);
        RD_TRY(status);
        if (s->sources.n == 0) return RD_OK;
        RD_TRY(work_on_window(s));
        s->totals.lines += s->sources.n;
        RD_TRY(flush(s));
        if (s->config->stop && *s->config->stop) return stopped(s);
        if (ended) return RD_OK;
    }
}

/* Reads the windows of a round, and works on the worker's own. */
static rd_status work_on_round(stream *s, int64_t round, bool *ended) {
    for (int i = 0; i < s->comm->size && !*ended; i++) {
        RD_TRY(read_window(s, lines_of_window(s, round * s->comm->size + i), ended));
        if (i == s->comm->rank && s->sources.n > 0) RD_TRY(work_on_window(s));
        s->totals.lines += s->sources.n;
    }
    return RD_OK;
}

/* Warnings and output: [bytes] of each worker to the first one, in their order. */
static rd_status pass_on(stream *s, const char *output, size_t bytes) {
    char *warnings = NULL, *text = NULL;
    size_t n_warnings = 0, n_text = 0;
    rd_status status =
        rd_comm_join(s->comm, s->warnings.data, (size_t)s->warnings.length, &warnings, &n_warnings);
    if (status == RD_OK) status = rd_comm_join(s->comm, output, bytes, &text, &n_text);
    for (const char *at = warnings; at && at < warnings + n_warnings; at += strlen(at) + 1)
        if (s->config->warn) s->config->warn(s->config->self, at);
    if (text) fwrite(text, 1, n_text, s->config->output);
    free(warnings);
    free(text);
    return status;
}

static void add_totals(rd_translate_totals *to, const rd_translate_totals *from) {
    to->lines = from->lines; /* all workers count all of them */
    to->target_tokens += from->target_tokens;
    to->cut_lines += from->cut_lines;
    to->dropped_tokens += from->dropped_tokens;
    to->restored += from->restored;
    to->log_prob += from->log_prob;
}

/* A worker's part of a round. */
typedef struct {
    rd_translate_totals totals;
    bool failed;   /* its window ends there */
    uint32_t read; /* what it has read so far */
} part;

/* All workers read the same, as long as none fails. */
static rd_status check_same_input(const stream *s, const part *all) {
    for (int i = 0; i < s->comm->size; i++)
        if (all[i].failed) return RD_OK;
    for (int i = 1; i < s->comm->size; i++)
        if (all[i].read != all[0].read)
            return rd_error(RD_ERR_FORMAT,
                            "%s: up to line %lld rank %d reads another text than "
                            "rank 0",
                            rd_corpus_path(s->input), (long long)s->totals.lines, i);
    return RD_OK;
}

/* output: [bytes], of the worker's window. before: the totals of the rounds before; s->totals has
 * only the round's, except the lines. all: [workers] */
static rd_status end_round(stream *s, bool failed, const char *output, size_t bytes,
                           const rd_translate_totals *before, part *all) {
    const part mine = {s->totals, failed, s->read};
    int last = 0; /* whose part is the last one that a single worker would have written */
    RD_TRY(rd_comm_gather(s->comm, &mine, sizeof mine, all));
    RD_TRY(rd_comm_agree(s->comm, check_same_input(s, all)));
    while (last < s->comm->size - 1 && !all[last].failed) last++;
    if (s->comm->rank > last) {
        rd_text_clear(&s->warnings);
        bytes = 0;
    }
    RD_TRY(pass_on(s, output, bytes));
    rd_text_clear(&s->warnings);
    s->totals = *before;
    for (int i = 0; i <= last; i++) add_totals(&s->totals, &all[i].totals);
    return s->comm->rank == 0 ? flush(s) : RD_OK;
}

/* Output from before a failure is written, as a single worker would do. */
static rd_status run_round(stream *s, int64_t round, part *all, bool *ended) {
    char *output = NULL;
    size_t bytes = 0;
    const rd_translate_totals before = s->totals;
    s->totals = (rd_translate_totals){.lines = before.lines};
    if (!(s->out = open_memstream(&output, &bytes)))
        return rd_error(RD_ERR_MEMORY, "out of memory");
    rd_status status = work_on_round(s, round, ended);
    if (fclose(s->out) != 0 && status == RD_OK) status = rd_error(RD_ERR_MEMORY, "out of memory");
    bool failed = status != RD_OK;
    if (!failed && s->config->stop && *s->config->stop) status = stopped(s);
    rd_status agreed = rd_comm_agree(s->comm, status);
    status = end_round(s, failed, output, bytes, &before, all);
    free(output);
    return status == RD_OK ? agreed : status;
}

static rd_status run_shared(stream *s) {
    part *all = rd_malloc((size_t)s->comm->size, sizeof *all);
    rd_status status = all ? RD_OK : RD_ERR_MEMORY;
    bool ended = false;
    for (int64_t round = 0; status == RD_OK && !ended; round++)
        status = run_round(s, round, all, &ended);
    free(all);
    return status;
}

static rd_status open_input(const stream *s, rd_corpus **corpus, const char *path) {
    RD_TRY(rd_corpus_open(corpus, path, RD_UTF8_REPAIR));
    rd_corpus_stop_by(*corpus, s->config->stop_fd);
    return RD_OK;
}

static rd_status open_and_run(stream *s) {
    const char *const paths[N_PARALLEL] = {[REFERENCES] = s->config->score,
                                           [PREFIXES] = s->config->prefix,
                                           [CONSTRAINTS] = s->config->constraints};
    RD_TRY(open_input(s, &s->input, s->config->input));
    for (int f = 0; f < N_PARALLEL; f++)
        if (paths[f]) RD_TRY(open_input(s, &s->parallel[f], paths[f]));
    RD_TRY(s->comm ? run_shared(s) : run(s));
    if (s->comm && s->comm->rank > 0) return RD_OK;
    warn_repaired(s, s->input);
    for (int f = 0; f < N_PARALLEL; f++) warn_repaired(s, s->parallel[f]);
    warn_cut(s);
    warn_restored(s);
    return RD_OK;
}

rd_status rd_translate_stream(const rd_translate_stream_config *config,
                              rd_translate_totals *totals) {
    stream s = {.config = config, .out = config->output};
    if (config->comm && config->comm->size > 1) s.comm = config->comm;
    rd_status status = open_and_run(&s);
    *totals = s.totals;
    rd_text_free(&s.warnings);
    rd_line_buffer_free(&s.sources);
    for (int f = 0; f < N_PARALLEL; f++) rd_line_buffer_free(&s.aligned[f]);
    int saved = errno; /* closing may change what the failed write left */
    rd_corpus_close(s.input);
    for (int f = 0; f < N_PARALLEL; f++) rd_corpus_close(s.parallel[f]);
    errno = saved;
    return status;
}
