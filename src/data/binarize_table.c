#include "data/binarize_table.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "data/dataset.h"

enum { MOST_CLASSES = 1000 };

typedef struct {
    int64_t at[2], length[2]; /* of both sentences in the chunk's text */
    double answer;
    rd_sentence_tokens tokens;
    rd_sentence_scratch scratch;
} example;

typedef struct {
    const rd_binarize_table_config *config;
    rd_dataset_writer *writer;
    rd_table_statistics *statistics;
    rd_table *table;   /* the open one */
    example *examples; /* [RD_CHUNK_ROWS] */
    rd_chunk chunk;
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

static rd_status read_answer(const binarizer *b, const rd_field *field, double *answer) {
    const rd_table *table = b->table;
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

static rd_status keep_row(binarizer *b, const rd_field *row, example *e) {
    const rd_table_config *c = &b->config->table;
    RD_TRY(read_answer(b, &row[RD_COLUMN_ANSWER], &e->answer));
    for (int i = RD_COLUMN_FIRST; i < c->n_columns; i++) {
        if (rd_field_is_blank(&row[i])) return missing(b->table, c, i);
        if (row[i].length >= INT32_MAX / 4) /* the dataset counts the ids of a side in 32 bits */
            return rd_error(RD_ERR_FORMAT, "%s:%lld: a sentence of %zu bytes", b->chunk.path,
                            (long long)rd_table_line(b->table), row[i].length);
        e->at[i - 1] = b->chunk.text.length;
        e->length[i - 1] = (int64_t)row[i].length;
        RD_TRY(rd_text_append(&b->chunk.text, row[i].text, row[i].length + 1)); /* with its NUL */
    }
    return RD_OK;
}

static rd_status read_row(void *self, int64_t i, int64_t *line) {
    binarizer *b = self;
    const rd_field *row;
    RD_TRY(rd_table_next(b->table, &row));
    if (!row) return RD_OK;
    *line = rd_table_line(b->table);
    return keep_row(b, row, &b->examples[i]);
}

static rd_status tokenize_row(void *self, int thread, int64_t i) {
    const binarizer *b = self;
    const rd_binarize_table_config *c = b->config;
    bool pairs = c->table.n_columns > RD_COLUMN_SECOND;
    example *e = &b->examples[i];
    rd_field first = {b->chunk.text.data + e->at[0], (size_t)e->length[0]}, second = {NULL, 0};
    (void)thread;
    if (pairs) second = (rd_field){b->chunk.text.data + e->at[1], (size_t)e->length[1]};
    return rd_sentences_read(&c->reader, &first, pairs ? &second : NULL, &e->scratch, &e->tokens);
}

static void count(const binarizer *b, const example *e) {
    rd_table_statistics *s = b->statistics;
    int64_t n = e->tokens.n - rd_pair_special(&b->config->reader.form,
                                              b->config->table.n_columns > RD_COLUMN_SECOND);
    rd_side_add(&s->tokens, n, e->tokens.unknown);
    s->cut += e->tokens.cut;
    if (s->classes) s->classes[(int64_t)e->answer]++;
    if (s->examples == 0 || e->answer < s->lowest) s->lowest = e->answer;
    if (s->examples == 0 || e->answer > s->highest) s->highest = e->answer;
    s->sum += e->answer;
    s->examples++;
}

static rd_status write_row(void *self, int64_t i) {
    const binarizer *b = self;
    const rd_sentence_tokens *t = &b->examples[i].tokens;
    count(b, &b->examples[i]);
    rd_pair pair = {.src = t->ids,
                    .tgt = t->ids + t->first,
                    .n_src = (int32_t)t->first,
                    .n_tgt = (int32_t)(t->n - t->first),
                    .value = b->examples[i].answer};
    return rd_dataset_writer_add(b->writer, &pair);
}

static rd_status binarize_tables(binarizer *b) {
    const rd_binarize_table_config *c = b->config;
    for (int i = 0; i < c->n_paths; i++) {
        RD_TRY(rd_table_open(&b->table, c->paths[i], &c->table));
        rd_table_stop_by(b->table, c->watch.stop_fd);
        b->chunk.path = rd_table_path(b->table);
        rd_status status = rd_chunks_run(&b->chunk);
        rd_table_close(b->table);
        RD_TRY(status);
    }
    return RD_OK;
}

static void release(binarizer *b) {
    for (int i = 0; b->examples && i < RD_CHUNK_ROWS; i++)
        rd_sentence_scratch_free(&b->examples[i].scratch);
    free(b->examples);
    rd_text_free(&b->chunk.text);
}

static rd_status prepare(binarizer *b, const char *dest) {
    const rd_binarize_table_config *c = b->config;
    b->examples = rd_calloc(RD_CHUNK_ROWS, sizeof *b->examples);
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
    static const rd_row_work work = {read_row, tokenize_row, write_row};
    binarizer b = {.config = config, .statistics = statistics};
    b.chunk = (rd_chunk){.work = &work, .self = &b, .watch = &config->watch};
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
    rd_names_sort(labels);
    return RD_OK;
}
