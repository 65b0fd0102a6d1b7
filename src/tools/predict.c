/* rdrop-predict: classes, numbers and vectors of sentences, and classes of pictures. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "io/json.h"
#include "io/output.h"
#include "predict/pictures.h"
#include "predict/rows.h"
#include "recipe/recipe_keys.h"
#include "recipe/tables.h"
#include "tools/common/start.h"
#include "tools/common/stop.h"
#include "tools/predict/answer_pictures.h"
#include "tools/predict/answers.h"
#include "tools/predict/arguments.h"

/* Rows with an empty sentence; or with one, where the model was trained on pairs. */
typedef struct {
    int64_t n, first; /* first: its number, from 1 */
} peculiar_rows;

typedef struct {
    const arguments *arguments;
    rd_predictor predictor;
    rd_table *table;
    int n_columns;
    FILE *output, *references; /* references: NULL where nobody wants them */
    rd_rows rows;
    int64_t n_lines; /* of --plain, cut so far */
    int64_t n_rows;  /* answered so far */
    peculiar_rows empty, single;
    float *outputs; /* [window, n_out] */
} job;

/* ---- The table ---- */

static rd_status apply_settings(job *j) {
    const options_list *settings = &j->arguments->settings;
    for (int i = 0; i < settings->n; i++) {
        char name[64];
        size_t n = strcspn(settings->items[i], "=");
        snprintf(name, sizeof name, "%.*s", (int)n, settings->items[i]);
        RD_TRY(rd_recipe_set_key(j->predictor.directory.recipe, rd_recipe_find_key(name),
                                 settings->items[i] + n + 1));
    }
    return rd_table_reader(j->predictor.directory.recipe, j->predictor.tokenizer,
                           &j->predictor.reader);
}

/* Plain lines are one column here, and cut later: each says itself whether it is two sentences. */
static rd_status open_table(job *j) {
    const arguments *a = j->arguments;
    rd_table_config plain = {.format = RD_TABLE_TSV,
                             .quoting = RD_QUOTING_NO,
                             .whole_lines = true,
                             .n_columns = 1,
                             .columns = {"1"},
                             .settings = {"--plain"}};
    const rd_table_settings *settings = &j->predictor.directory.recipe->table;
    rd_table_config config = rd_table_columns(settings, a->references != NULL);
    if (config.format == RD_TABLE_AUTO && rd_table_format_of(a->input) == RD_TABLE_AUTO)
        config.format = settings->format_unnamed;
    if (a->plain) config = plain;
    config.policy = RD_UTF8_REPAIR;
    j->n_columns = config.n_columns;
    RD_TRY(rd_table_open(&j->table, a->input, &config));
    rd_table_stop_by(j->table, stop_fd());
    return RD_OK;
}

/* "first<tab>second" becomes both. */
static rd_status cut_plain(job *j) {
    for (int64_t i = 0; i < j->rows.n; i++) {
        rd_predict_row *row = &j->rows.items[i];
        const char *tab = memchr(row->first.text, '\t', row->first.length);
        j->n_lines++;
        if (!tab) continue;
        size_t n = (size_t)(tab - row->first.text);
        row->second = (rd_field){tab + 1, row->first.length - n - 1};
        row->first.length = n;
        if (memchr(row->second.text, '\t', row->second.length))
            return rd_error(RD_ERR_FORMAT,
                            "%s:%lld: expected one sentence, or two with a tab between, "
                            "but there are more tabs (see cut -f)",
                            rd_table_path(j->table), (long long)j->n_lines);
    }
    return RD_OK;
}

/* ---- Answers ---- */

static json_t *answer_object(const rd_predictor *p, const float *row) {
    if (p->kind == RD_PREDICT_CLASSES) return answers_add_label(json_object(), &p->labels, row);
    if (p->kind == RD_PREDICT_NUMBER) return json_pack("{s:f}", "value", (double)row[0]);
    json_t *vector = json_array();
    for (int64_t i = 0; vector && i < p->n_out; i++)
        json_array_append_new(vector, json_real((double)row[i]));
    return json_pack("{s:o}", "vector", vector);
}

static rd_status print_answer(const job *j, const float *row) {
    const rd_predictor *p = &j->predictor;
    if (j->arguments->json) return rd_json_write_line(j->output, answer_object(p, row));
    if (p->kind == RD_PREDICT_CLASSES)
        answers_write_label(j->output, &p->labels, row, j->arguments->probabilities);
    else
        answers_write_numbers(j->output, row, p->n_out, ' ');
    fputc('\n', j->output);
    return RD_OK;
}

static void count(peculiar_rows *rows, bool peculiar, int64_t number) {
    if (peculiar && rows->n++ == 0) rows->first = number;
}

static void warn_of(const peculiar_rows *rows, const char *what) {
    if (rows->n > 0)
        options_warn(&predict_program, "rows with %s: %lld, the first is row %lld", what,
                     (long long)rows->n, (long long)rows->first);
}

static rd_status answer_rows(job *j) {
    bool pairs = *j->predictor.directory.recipe->table.sentence2;
    const rd_rows *rows = &j->rows;
    RD_TRY(rd_predict(&j->predictor, rows->n, rows->items, j->outputs));
    for (int64_t i = 0; i < rows->n; i++) {
        const rd_predict_row *row = &rows->items[i];
        const rd_field *answer = &row->answer;
        bool has_second = row->second.text;
        bool empty =
            rd_field_is_blank(&row->first) || (has_second && rd_field_is_blank(&row->second));
        count(&j->empty, empty, ++j->n_rows);
        count(&j->single, pairs && !has_second, j->n_rows);
        RD_TRY(print_answer(j, j->outputs + i * j->predictor.n_out));
        if (j->references) fprintf(j->references, "%.*s\n", (int)answer->length, answer->text);
    }
    return rd_output_flush(j->output);
}

static rd_status answer_all(job *j) {
    for (;;) {
        RD_TRY(rd_rows_take(&j->rows, j->table, j->n_columns, j->references ? &j->predictor : NULL,
                            j->arguments->window));
        if (j->rows.n == 0) return RD_OK;
        if (j->arguments->plain) RD_TRY(cut_plain(j));
        RD_TRY(answer_rows(j));
        RD_TRY(rd_check_stop(stop_requested()));
    }
}

/* ---- Running ---- */

static rd_status prepare(job *j) {
    static const rd_pooling poolings[] = {[PREDICT_POOL_MODEL] = RD_POOL_NONE,
                                          [PREDICT_POOL_FIRST] = RD_POOL_FIRST,
                                          [PREDICT_POOL_MEAN] = RD_POOL_MEAN};
    const arguments *a = j->arguments;
    RD_TRY(
        rd_predictor_open(&j->predictor, a->model, a->precision, a->embed, poolings[a->pooling]));
    if (a->probabilities && j->predictor.kind != RD_PREDICT_CLASSES)
        return rd_error(RD_ERR_ARGUMENT,
                        "%s: --probabilities are of classes, and it predicts a "
                        "number",
                        a->model);
    if (a->max_tokens > 0) j->predictor.max_tokens = a->max_tokens;
    RD_TRY(apply_settings(j));
    j->outputs = rd_malloc((size_t)(a->window * j->predictor.n_out), sizeof *j->outputs);
    return j->outputs ? open_table(j) : RD_ERR_MEMORY;
}

/* With the references' file open, if there is one. */
static rd_status answer_into(job *j, const rd_atomic_file *references) {
    rd_atomic_file file = {0};
    RD_TRY(rd_output_open(&file, j->arguments->output));
    j->output = file.stream;
    j->references = references->stream;
    return rd_atomic_close(&file, answer_all(j));
}

static rd_status work(job *j) {
    const arguments *a = j->arguments;
    rd_atomic_file references = {0};
    RD_TRY(prepare(j));
    if (a->references && rd_output_is_standard(a->references) && rd_output_is_standard(a->output))
        return rd_error(RD_ERR_ARGUMENT, "answers and references both go to standard output");
    RD_TRY(rd_refuse_input(a->references, a->input));
    RD_TRY(rd_refuse_inputs_in(a->references, a->model));
    RD_TRY(rd_refuse_input(a->output, a->input));
    RD_TRY(rd_refuse_inputs_in(a->output, a->model));
    if (a->references && strcmp(a->output, a->references) == 0)
        return rd_error(RD_ERR_ARGUMENT, "%s: both --output and --references", a->output);
    if (a->references) RD_TRY(rd_refuse_input(a->output, a->references));
    if (a->references) RD_TRY(rd_output_open(&references, a->references));
    rd_status status = answer_into(j, &references);
    return a->references ? rd_atomic_close(&references, status) : status;
}

static rd_status run(const arguments *a) {
    job j = {.arguments = a};
    bool pictures;
    RD_TRY(rd_reads_pictures(a->model, &pictures));
    if (pictures) return predict_pictures(a);
    if (a->pictures.n > 0)
        return rd_error(RD_ERR_ARGUMENT,
                        "%s: pictures are named, but the model reads sentences (from --input)",
                        a->model);
    rd_status status = work(&j);
    char message[RD_CORPUS_MESSAGE];
    if (status == RD_OK && rd_table_was_repaired(j.table, message))
        options_warn(&predict_program, "%s", message);
    if (status == RD_OK && j.predictor.n_cut > 0)
        options_warn(&predict_program, "rows cut to %d tokens (--max-sequence-len): %lld",
                     (int)j.predictor.reader.longest, (long long)j.predictor.n_cut);
    if (status == RD_OK) {
        warn_of(&j.empty, "an empty sentence");
        warn_of(&j.single, "one sentence, where the model was trained on pairs");
    }
    rd_table_close(j.table);
    rd_rows_free(&j.rows);
    rd_predictor_close(&j.predictor);
    free(j.outputs);
    return status;
}

int main(int argc, char **argv) {
    start_model_program();
    arguments a;
    int code = arguments_parse(&a, argc, argv);
    if (code < 0) {
        start_work(a.threads);
        code = options_end(&predict_program, run(&a));
    }
    arguments_free(&a);
    return code;
}
