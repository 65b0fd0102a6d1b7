#include "data/binarize_table.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/parallel.h"
#include "base/text.h"
#include "data/batch.h"
#include "data/dataset.h"

/* Read and tokenized at a time. */
enum { CHUNK_ROWS = 4096, CHUNK_BYTES = 8 << 20, MOST_CLASSES = 1000 };

typedef struct {
    int64_t at[2], length[2]; /* of both sentences in the chunk's text */
    int64_t line;
    double answer;
    rd_sentence_tokens tokens;
    rd_sentence_scratch scratch;
} example;

typedef struct {
    const rd_binarize_table_config *config;
    rd_dataset_writer *writer;
    rd_table_statistics *statistics;
    example *examples; /* [CHUNK_ROWS] */
    int n;
    rd_text text;
} binarizer;

static rd_status missing(const rd_table *table, const rd_table_config *config, int column) {
    return rd_error(RD_ERR_FORMAT, "%s:%lld: column '%.80s' (%s) is empty", rd_table_path(table),
                    (long long)rd_table_line(table), config->columns[column],
                    config->settings[column]);
}

static rd_status unknown_label(const rd_table *table, const rd_table_config *config,
                               const char *label, const rd_labels *labels) {
    char shown[96], list[256];
    rd_escape(shown, sizeof shown, label);
    rd_labels_list(labels, list, sizeof list);
    return rd_error(RD_ERR_FORMAT, "%s:%lld: unknown label '%s' (%s); expected one of: %s",
                    rd_table_path(table), (long long)rd_table_line(table), shown,
                    config->settings[RD_COLUMN_ANSWER], list);
}

static rd_status bad_number(const rd_table *table, const rd_table_config *config, const char *found,
                            const char *what) {
    char shown[96];
    rd_escape(shown, sizeof shown, found);
    return rd_error(RD_ERR_FORMAT, "%s:%lld: '%s' (%s) is %s", rd_table_path(table),
                    (long long)rd_table_line(table), shown, config->settings[RD_COLUMN_ANSWER],
                    what);
}

static rd_status read_answer(const binarizer *b, const rd_table *table, const rd_field *field,
                             double *answer) {
    const rd_table_config *c = &b->config->table;
    const rd_labels *labels = b->config->labels;
    if (field->length == 0) return missing(table, c, RD_COLUMN_ANSWER);
    if (labels) {
        *answer = rd_labels_find(labels, field->text);
        bool whole = strlen(field->text) == field->length;
        return *answer >= 0 && whole ? RD_OK : unknown_label(table, c, field->text, labels);
    }
    char number[64];
    size_t first = strspn(field->text, " "), n = field->length - first;
    while (n > 0 && field->text[first + n - 1] == ' ') n--;
    snprintf(number, sizeof number, "%.*s", (int)(n < sizeof number ? n : 0), field->text + first);
    if (strlen(number) != n || !rd_parse_number(number, answer))
        return bad_number(table, c, field->text, "no finite number");
    if (fabs(*answer) <= FLT_MAX) return RD_OK;
    return bad_number(table, c, field->text, "too large; numbers go up to 3.4e38");
}

static rd_status read_row(binarizer *b, const rd_table *table, const rd_field *row) {
    const rd_table_config *c = &b->config->table;
    example *e = &b->examples[b->n];
    e->line = rd_table_line(table);
    RD_TRY(read_answer(b, table, &row[RD_COLUMN_ANSWER], &e->answer));
    for (int i = RD_COLUMN_FIRST; i < c->n_columns; i++) {
        if (rd_field_is_blank(&row[i])) return missing(table, c, i);
        if (row[i].length >= INT32_MAX / 4) /* the dataset counts the ids of a side in 32 bits */
            return rd_error(RD_ERR_FORMAT, "%s:%lld: a sentence of %zu bytes", rd_table_path(table),
                            (long long)e->line, row[i].length);
        e->at[i - 1] = b->text.length;
        e->length[i - 1] = (int64_t)row[i].length;
        RD_TRY(rd_text_append(&b->text, row[i].text, row[i].length + 1)); /* with its NUL */
    }
    b->n++;
    return RD_OK;
}

static rd_status read_chunk(binarizer *b, rd_table *table, bool *ended) {
    b->n = 0;
    rd_text_clear(&b->text);
    while (b->n < CHUNK_ROWS && b->text.length < CHUNK_BYTES) {
        const rd_field *row;
        RD_TRY(rd_table_next(table, &row));
        *ended = !row;
        if (*ended) break;
        RD_TRY(read_row(b, table, row));
    }
    return RD_OK;
}

static rd_status tokenize(void *self, int thread, int64_t i) {
    const binarizer *b = self;
    const rd_binarize_table_config *c = b->config;
    bool pairs = c->table.n_columns > RD_COLUMN_SECOND;
    example *e = &b->examples[i];
    rd_field first = {b->text.data + e->at[0], (size_t)e->length[0]}, second = {NULL, 0};
    (void)thread;
    if (pairs) second = (rd_field){b->text.data + e->at[1], (size_t)e->length[1]};
    return rd_sentences_read(&c->reader, &first, pairs ? &second : NULL, &e->scratch, &e->tokens);
}

static rd_status tokenize_chunk(binarizer *b, const rd_table *table) {
    int64_t failed;
    rd_status status = rd_over_jobs(0, b->n, 16, tokenize, b, &failed);
    if (status == RD_OK) return RD_OK;
    return rd_error_prefix(status, "%s:%lld", rd_table_path(table),
                           (long long)b->examples[failed].line);
}

static void count(const binarizer *b, const example *e) {
    rd_table_statistics *s = b->statistics;
    int64_t n = e->tokens.n - rd_pair_special(&b->config->reader.form,
                                              b->config->table.n_columns > RD_COLUMN_SECOND);
    s->tokens.unknown += e->tokens.unknown;
    s->tokens.tokens += n;
    s->tokens.lengths[n < RD_LENGTH_BINS ? n : RD_LENGTH_BINS - 1]++;
    if (n > s->tokens.longest) s->tokens.longest = n;
    s->cut += e->tokens.cut;
    if (s->classes) s->classes[(int64_t)e->answer]++;
    if (s->examples == 0 || e->answer < s->lowest) s->lowest = e->answer;
    if (s->examples == 0 || e->answer > s->highest) s->highest = e->answer;
    s->sum += e->answer;
    s->examples++;
}

static rd_status write_chunk(const binarizer *b) {
    for (int i = 0; i < b->n; i++) {
        const example *e = &b->examples[i];
        count(b, e);
        const rd_sentence_tokens *t = &e->tokens;
        rd_pair pair = {.src = t->ids,
                        .tgt = t->ids + t->first,
                        .n_src = (int32_t)t->first,
                        .n_tgt = (int32_t)(t->n - t->first),
                        .value = e->answer};
        RD_TRY(rd_dataset_writer_add(b->writer, &pair));
    }
    return RD_OK;
}

static rd_status binarize_table(binarizer *b, rd_table *table) {
    const rd_binarize_table_config *c = b->config;
    for (bool ended = false; !ended;) {
        RD_TRY(read_chunk(b, table, &ended));
        RD_TRY(tokenize_chunk(b, table));
        RD_TRY(write_chunk(b));
        if (c->progress) c->progress(c->self, b->statistics->examples);
        RD_TRY(rd_binarize_check_stop(c->stop));
    }
    return RD_OK;
}

static rd_status binarize_tables(binarizer *b) {
    const rd_binarize_table_config *c = b->config;
    for (int i = 0; i < c->n_paths; i++) {
        rd_table *table;
        RD_TRY(rd_table_open(&table, c->paths[i], &c->table));
        rd_table_stop_by(table, c->stop_fd);
        rd_status status = binarize_table(b, table);
        rd_table_close(table);
        RD_TRY(status);
    }
    return RD_OK;
}

static void release(binarizer *b) {
    for (int i = 0; b->examples && i < CHUNK_ROWS; i++) {
        rd_sentence_scratch_free(&b->examples[i].scratch);
    }
    free(b->examples);
    rd_text_free(&b->text);
}

static rd_status prepare(binarizer *b, const char *dest) {
    const rd_binarize_table_config *c = b->config;
    b->examples = rd_calloc(CHUNK_ROWS, sizeof *b->examples);
    if (c->labels)
        b->statistics->classes = rd_calloc((size_t)c->labels->n, sizeof *b->statistics->classes);
    if (!b->examples || (c->labels && !b->statistics->classes)) return RD_ERR_MEMORY;
    rd_identity identity = c->identity;
    identity.src_vocab = identity.tgt_vocab = rd_tokenizer_size(c->reader.tokenizer);
    identity.prepend_bos = 1;
    RD_TRY(rd_dataset_writer_open(&b->writer, dest, &identity, 0));
    rd_dataset_writer_answers(b->writer, c->labels ? RD_CLASSES : RD_NUMBERS);
    return RD_OK;
}

rd_status rd_binarize_table(const rd_binarize_table_config *config, const char *dest,
                            rd_table_statistics *statistics) {
    *statistics = (rd_table_statistics){0};
    binarizer b = {.config = config, .statistics = statistics};
    rd_status status = prepare(&b, dest);
    if (status == RD_OK) status = binarize_tables(&b);
    if (status == RD_OK && statistics->examples == 0)
        status = rd_error(RD_ERR_FORMAT, "%s: its tables hold no examples", dest);
    if (status == RD_OK)
        status = rd_dataset_writer_finish(b.writer);
    else
        rd_dataset_writer_abort(b.writer);
    release(&b);
    return status;
}

static rd_status collect(rd_table *table, const rd_table_config *config, rd_labels *labels) {
    for (;;) {
        const rd_field *row;
        RD_TRY(rd_table_next(table, &row));
        if (!row) return RD_OK;
        const rd_field *label = &row[RD_COLUMN_ANSWER];
        if (label->length == 0) return missing(table, config, RD_COLUMN_ANSWER);
        bool whole = strlen(label->text) == label->length; /* else it holds a zero byte */
        if (whole && rd_labels_find(labels, label->text) >= 0) continue;
        rd_status status = labels->n < MOST_CLASSES
                               ? rd_labels_add(labels, label->text, label->length)
                               : rd_error(RD_ERR_FORMAT,
                                          "more than %d classes in the column '%.80s' (%s); "
                                          "name all in `labels` or, for numbers, set "
                                          "regression-target",
                                          MOST_CLASSES, config->columns[RD_COLUMN_ANSWER],
                                          config->settings[RD_COLUMN_ANSWER]);
        if (status != RD_OK)
            return rd_error_prefix(status, "%s:%lld", rd_table_path(table),
                                   (long long)rd_table_line(table));
    }
}

rd_status rd_collect_labels(const char *const *paths, int n_paths, const rd_table_config *config,
                            rd_labels *labels) {
    for (int i = 0; i < n_paths; i++) {
        rd_table *table;
        RD_TRY(rd_table_open(&table, paths[i], config));
        rd_status status = collect(table, config, labels);
        rd_table_close(table);
        RD_TRY(status);
    }
    rd_labels_sort(labels);
    return RD_OK;
}
