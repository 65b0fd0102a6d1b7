#include "predict/predict.h"

#include <math.h>
#include <stdlib.h>

#include "base/parallel.h"
#include "model/network.h"
#include "recipe/tables.h"

/* Enough for products to be at their peak, and so few that a layer's values stay in a cache. */
enum { TOKENS_A_THREAD = 256 };

static rd_status check_model(const rd_predictor *p, const char *path, bool vectors) {
    const rd_model_config *c = &p->directory.recipe->model;
    if (c->encoder.layers == 0 || c->decoder.layers > 0)
        return rd_error(RD_ERR_FORMAT,
                        "%s: not an encoder alone, as models that predict classes, "
                        "numbers or vectors are",
                        path);
    if (vectors || c->head == RD_HEAD_CLASSES || c->head == RD_HEAD_VALUE) return RD_OK;
    return rd_error(RD_ERR_FORMAT,
                    "%s: the model has no head of classes or a number: fine-tune it "
                    "(finetune-from-model), or ask for vectors (--embed)",
                    path);
}

static rd_status open_vocabulary(rd_predictor *p) {
    const rd_recipe *r = p->directory.recipe;
    RD_TRY(rd_vocabularies_open_one(p->directory.path, &p->tokenizer));
    if (rd_tokenizer_size(p->tokenizer) > r->model.src_vocab)
        return rd_error(RD_ERR_FORMAT,
                        "%s: the vocabulary has %d pieces, but config.yaml says %d; were its files "
                        "taken from two models?",
                        p->directory.path, rd_tokenizer_size(p->tokenizer), r->model.src_vocab);
    return rd_table_reader(r, p->tokenizer, &p->reader);
}

static rd_status open_all(rd_predictor *p, const char *path, rd_precision precision, bool vectors,
                          rd_pooling pooling) {
    RD_TRY(rd_model_dir_open(&p->directory, path));
    RD_TRY(check_model(p, path, vectors));
    const rd_model_config *c = &p->directory.recipe->model;
    p->kind = vectors                      ? RD_PREDICT_VECTOR
              : c->head == RD_HEAD_CLASSES ? RD_PREDICT_CLASSES
                                           : RD_PREDICT_NUMBER;
    p->n_out = vectors ? c->d_model : c->head == RD_HEAD_CLASSES ? c->num_classes : 1;
    p->pooling = pooling == RD_POOL_NONE ? c->pooling : pooling;
    if (vectors && p->pooling == RD_POOL_ATTENTION)
        return rd_error(RD_ERR_ARGUMENT,
                        "%s: the model pools by attention, for its classes; choose --pooling mean "
                        "or first",
                        path);
    p->max_tokens = (int64_t)TOKENS_A_THREAD * rd_get_threads();
    if (p->kind == RD_PREDICT_CLASSES) RD_TRY(rd_model_dir_labels(&p->directory, &p->labels));
    RD_TRY(open_vocabulary(p));
    return rd_model_dir_load_packed(&p->directory, precision, &p->model);
}

rd_status rd_predictor_open(rd_predictor *p, const char *directory, rd_precision precision,
                            bool vectors, rd_pooling pooling) {
    *p = (rd_predictor){0};
    rd_status status = open_all(p, directory, precision, vectors, pooling);
    if (status != RD_OK) rd_predictor_close(p);
    return status;
}

void rd_predictor_close(rd_predictor *p) {
    rd_model_free(p->model);
    rd_tokenizer_close(p->tokenizer);
    rd_labels_free(&p->labels);
    rd_model_dir_close(&p->directory);
    rd_arena_free(&p->arena);
    rd_batch_free(&p->batch);
    *p = (rd_predictor){0};
}

/* ---- Tokens ---- */

/* A row being read by one of several threads. */
typedef struct {
    rd_sentence_scratch scratch;
    rd_sentence_tokens tokens;
} row_tokens;

static void free_tokens(row_tokens *all, int64_t n) {
    for (int64_t i = 0; all && i < n; i++) rd_sentence_scratch_free(&all[i].scratch);
    free(all);
}

/* Rows being read. */
typedef struct {
    const rd_predictor *predictor;
    const rd_predict_row *rows;
    row_tokens *all;
} reading;

static rd_status tokenize_row(void *self, int thread, int64_t i) {
    const reading *r = self;
    const rd_field *second = r->rows[i].second.text ? &r->rows[i].second : NULL;
    (void)thread;
    return rd_sentences_read(&r->predictor->reader, &r->rows[i].first, second, &r->all[i].scratch,
                             &r->all[i].tokens);
}

static rd_status tokenize(const rd_predictor *p, int64_t n, const rd_predict_row *rows,
                          row_tokens *all) {
    return rd_over_jobs(0, n, 16, tokenize_row, &(reading){p, rows, all}, NULL);
}

/* ---- The network ---- */

static rd_status check(const float *outputs, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(outputs[i]))
            return rd_error(RD_ERR_NUMERIC, "the model gives what is no number; its weights are "
                                            "damaged");
    return RD_OK;
}

rd_status rd_predict_probabilities(float *row, int64_t n) {
    RD_TRY(check(row, n));
    double sum = 0.0, largest = -INFINITY;
    for (int64_t i = 0; i < n; i++) largest = row[i] > largest ? (double)row[i] : largest;
    for (int64_t i = 0; i < n; i++) sum += exp((double)row[i] - largest);
    for (int64_t i = 0; i < n; i++) row[i] = (float)(exp((double)row[i] - largest) / sum);
    return RD_OK;
}

static void to_unit_length(float *row, int64_t n) {
    double squares = 0.0;
    for (int64_t i = 0; i < n; i++) squares += (double)row[i] * (double)row[i];
    float scale = squares > 0.0 ? (float)(1.0 / sqrt(squares)) : 0.0f;
    for (int64_t i = 0; i < n; i++) row[i] *= scale;
}

static rd_status run_batch(rd_predictor *p, float *outputs) {
    int64_t n = p->batch.n;
    RD_TRY(p->kind == RD_PREDICT_VECTOR
               ? rd_network_vectors(p->model, &p->arena, &p->batch, p->pooling, outputs)
               : rd_network_logits(p->model, &p->arena, &p->batch, outputs));
    for (int64_t i = 0; i < n; i++) {
        float *row = outputs + i * p->n_out;
        RD_TRY(p->kind == RD_PREDICT_CLASSES ? rd_predict_probabilities(row, p->n_out)
                                             : check(row, p->n_out));
        if (p->kind == RD_PREDICT_VECTOR) to_unit_length(row, p->n_out);
    }
    return RD_OK;
}

static rd_status add(rd_predictor *p, int64_t i, const rd_sentence_tokens *t) {
    RD_TRY(rd_batch_add(&p->batch, i, t->ids, (int32_t)t->n, NULL, 0));
    RD_TRY(rd_ids_fill(&p->batch.segments, 0, t->first));
    return rd_ids_fill(&p->batch.segments, 1, t->n - t->first);
}

static rd_status run_all(rd_predictor *p, int64_t n, const row_tokens *all, float *outputs) {
    for (int64_t first = 0, i = 0; first < n; first = i) {
        int64_t tokens = 0;
        rd_batch_clear(&p->batch);
        for (; i < n && (i == first || tokens + all[i].tokens.n <= p->max_tokens); i++) {
            RD_TRY(add(p, i, &all[i].tokens));
            p->n_cut += all[i].tokens.cut;
            tokens += all[i].tokens.n;
        }
        rd_status status = run_batch(p, outputs + first * p->n_out);
        rd_arena_reset(&p->arena);
        RD_TRY(status);
    }
    return RD_OK;
}

rd_status rd_predict(rd_predictor *p, int64_t n, const rd_predict_row *rows, float *outputs) {
    row_tokens *all = rd_calloc((size_t)n, sizeof *all);
    rd_status status = all ? tokenize(p, n, rows, all) : RD_ERR_MEMORY;
    if (status == RD_OK) status = run_all(p, n, all, outputs);
    free_tokens(all, n);
    return status;
}
