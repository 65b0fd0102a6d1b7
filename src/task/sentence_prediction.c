/* A class or a number of one or two sentences, as BERT is fine-tuned. Validated by accuracy, F1 and
 * Matthews' correlation, or Pearson's and Spearman's. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "data/labels.h"
#include "rdrop/metrics.h"
#include "recipe/recipe_keys.h"
#include "recipe/special_ids.h"
#include "task/class_weights.h"
#include "task/task.h"
#include "task/vocabularies.h"

static const rd_result_kind loss = {
    .name = "loss", .label = "loss", .chart = "Loss of validation, per example", .digits = 4};
static const rd_result_kind accuracy = {"accuracy", "accuracy", "Accuracy of validation",
                                        4,          true,       false};
static const rd_result_kind f1 = {"f1", "F1", "F1 of validation", 4, true, false};
static const rd_result_kind matthews = {"matthews", "Matthews", "Matthews' correlation",
                                        4,          true,       false};
static const rd_result_kind pearson = {"pearson", "Pearson", "Correlation of validation",
                                       4,         true,      false};
static const rd_result_kind spearman = {"spearman", "Spearman", "Correlation of validation",
                                        4,          true,       false};
static const rd_result_kind *const kinds[] = {&loss,    &accuracy, &f1, &matthews,
                                              &pearson, &spearman, NULL};

typedef struct {
    rd_recipe *recipe;
    const char *data_dir;
    rd_tokenizer *tokenizer;
    rd_labels labels;     /* none where numbers are predicted */
    float *class_weights; /* [labels.n], or NULL */
    struct {
        rd_dataset *data;
        rd_batcher *batches;
    } splits[2]; /* by rd_split */
} prediction;

static bool of_numbers(const prediction *p) {
    return p->recipe->table.regression;
}

/* ---- Opening ---- */

static rd_status check_recipe(const rd_recipe *r) {
    const rd_model_config *c = &r->model;
    const char *metric = r->train.best_checkpoint_metric;
    bool correlation = strcmp(metric, "pearson") == 0 || strcmp(metric, "spearman") == 0;
    if (c->encoder.layers == 0 || c->decoder.layers > 0)
        return rd_error(RD_ERR_ARGUMENT,
                        "task sentence_prediction: the model is an encoder alone; set arch "
                        "bert-base or its like, or decoder-layers: 0");
    if (correlation != r->table.regression && strcmp(metric, "loss") != 0)
        return rd_error(RD_ERR_ARGUMENT, "best-checkpoint-metric %s is of %s, but %s are predicted",
                        metric, correlation ? "numbers" : "classes",
                        correlation ? "classes" : "numbers");
    const char *of_classes = *r->table.labels                      ? "labels"
                             : *r->train.class_weights             ? "class-weights"
                             : r->train.label_smoothing > 0.0f     ? "label-smoothing"
                             : r->train.kl_reduction != RD_KL_MEAN ? "kl-reduction"
                                                                   : NULL;
    if (r->table.regression && of_classes)
        return rd_error(RD_ERR_ARGUMENT, "%s is of classes, but numbers are predicted", of_classes);
    return RD_OK;
}

static rd_status open_vocabulary(prediction *p) {
    rd_recipe *r = p->recipe;
    RD_TRY(rd_vocabularies_open_one(p->data_dir, &p->tokenizer));
    if (!of_numbers(p)) RD_TRY(rd_task_read_labels(&p->labels, p->data_dir, r->table.labels));
    if (!of_numbers(p)) RD_TRY(rd_recipe_check_score(r, &p->labels));
    RD_TRY(rd_task_take_fingerprint(r, p->data_dir, RD_VOCABULARY_JOINT));
    r->data.vocab_size_src = r->data.vocab_size_tgt = rd_tokenizer_size(p->tokenizer);
    r->data.joined_dictionary = true;
    r->model.head = of_numbers(p) ? RD_HEAD_VALUE : RD_HEAD_CLASSES;
    r->model.num_classes = (int32_t)p->labels.n;
    return rd_recipe_take_vocabularies(r, p->tokenizer, p->tokenizer, p->data_dir);
}

static rd_status open_all(void **self, rd_recipe *recipe, const char *data_dir, rd_text *warnings) {
    (void)warnings;
    prediction *p = rd_calloc(1, sizeof *p);
    *self = p;
    if (!p) return RD_ERR_MEMORY;
    p->recipe = recipe;
    p->data_dir = data_dir;
    RD_TRY(check_recipe(recipe));
    if (recipe->table.format_unnamed == RD_TABLE_AUTO)
        recipe->table.format_unnamed = rd_table_format_of(recipe->data.trainpref);
    return open_vocabulary(p);
}

static void close_all(void *self) {
    prediction *p = self;
    if (!p) return;
    for (int split = 0; split < 2; split++) {
        rd_batcher_free(p->splits[split].batches);
        rd_dataset_close(p->splits[split].data);
    }
    rd_tokenizer_close(p->tokenizer);
    rd_labels_free(&p->labels);
    free(p->class_weights);
    free(p);
}

/* ---- Data ---- */

/* Fails now, not in the first epoch. */
static rd_status check_examples(const prediction *p, const rd_dataset *dataset) {
    int32_t most = p->recipe->model.max_source_positions;
    if (rd_dataset_answers(dataset) != (of_numbers(p) ? RD_NUMBERS : RD_CLASSES))
        return rd_error(RD_ERR_FORMAT, "made for %s, not %s (regression-target)",
                        of_numbers(p) ? "classes" : "numbers",
                        of_numbers(p) ? "numbers" : "classes");
    for (int64_t i = 0; i < rd_dataset_size(dataset); i++) {
        rd_pair pair = rd_dataset_get(dataset, i);
        if ((int64_t)pair.n_src + pair.n_tgt > most)
            return rd_error(RD_ERR_FORMAT,
                            "example %lld has %d tokens, but the model takes up to %d; lower "
                            "max-sequence-len",
                            (long long)i + 1, (int)(pair.n_src + pair.n_tgt), (int)most);
    }
    return RD_OK;
}

static rd_status open_split(prediction *p, rd_split split, const char *name) {
    const rd_train_config *t = &p->recipe->train;
    rd_batcher_config config = {.max_tokens = rd_max_tokens(&p->recipe->train, split),
                                .max_sentences = t->max_sentences,
                                .seed = t->seed,
                                .max_src = p->recipe->model.max_source_positions,
                                .n_classes = (int32_t)p->labels.n};
    int32_t size = rd_tokenizer_size(p->tokenizer);
    const rd_identity sizes = {.src_vocab = size, .tgt_vocab = size, .prepend_bos = 1};
    char *path = rd_path_join(p->data_dir, name);
    rd_dataset **data = &p->splits[split].data;
    rd_status status =
        path ? rd_task_open_dataset(p->recipe, &sizes, "examples", path, data) : RD_ERR_MEMORY;
    if (status == RD_OK) {
        status = check_examples(p, *data);
        if (status != RD_OK) rd_error_prefix(status, "%s", path);
    }
    free(path);
    RD_TRY(status);
    return rd_batcher_new(&p->splits[split].batches, *data, &config);
}

static rd_status open_data(void *self) {
    prediction *p = self;
    const rd_train_config *t = &p->recipe->train;
    RD_TRY(open_split(p, RD_TRAINING_DATA, "train.bin"));
    RD_TRY(rd_class_weights_make(t->class_weights, &p->labels, p->splits[RD_TRAINING_DATA].data,
                                 &p->class_weights));
    return open_split(p, RD_VALIDATION_DATA, "valid.bin");
}

static rd_batch_source batches(void *self, rd_split split) {
    return rd_batcher_source(((const prediction *)self)->splits[split].batches);
}

static int64_t n_examples(const void *self, rd_split split) {
    return rd_dataset_size(((const prediction *)self)->splits[split].data);
}

static uint64_t checksum(const void *self, rd_split split) {
    return rd_dataset_checksum(((const prediction *)self)->splits[split].data);
}

static const float *class_weights(const void *self) {
    return ((const prediction *)self)->class_weights;
}

static rd_status loss_of(const rd_criterion *self, const rd_step *step, const rd_head *head,
                         const rd_batch *batch, const rd_output *out, rd_criterion_sums *sums) {
    return batch->values.length > 0 ? rd_value_loss(self, step, head, batch, out, sums)
                                    : rd_class_loss(self, step, head, batch, out, sums);
}

/* ---- Validation ---- */

/* Of the whole validation set, in its order. */
typedef struct {
    int64_t n;
    int32_t *labels, *predicted;       /* [n] classes */
    double *values, *predicted_values; /* [n] numbers */
    double loss;                       /* sum */
} answers;

static rd_status allocate(answers *a, int64_t n, bool numbers) {
    a->n = n;
    if (numbers) {
        a->values = rd_calloc((size_t)n, sizeof *a->values);
        a->predicted_values = rd_calloc((size_t)n, sizeof *a->predicted_values);
        return a->values && a->predicted_values ? RD_OK : RD_ERR_MEMORY;
    }
    a->labels = rd_calloc((size_t)n, sizeof *a->labels);
    a->predicted = rd_calloc((size_t)n, sizeof *a->predicted);
    return a->labels && a->predicted ? RD_OK : RD_ERR_MEMORY;
}

static void release(answers *a) {
    free(a->labels);
    free(a->predicted);
    free(a->values);
    free(a->predicted_values);
}

/* One pass compared with itself counts twice. */
static rd_status take_answers(const prediction *p, const rd_batch *batch, const float *outputs,
                              answers *a) {
    rd_criterion_sums sums = {0};
    int64_t n_classes = p->labels.n;
    rd_class_config config = {.label_smoothing = p->recipe->train.label_smoothing};
    if (of_numbers(p))
        RD_TRY(rd_criterion_values(0.0f, batch->n, outputs, outputs, batch->values.data, NULL, NULL,
                                   &sums));
    else
        RD_TRY(rd_criterion_classes(&config, batch->n, n_classes, outputs, outputs,
                                    batch->labels.data, NULL, NULL, &sums));
    a->loss += 0.5 * sums.loss;
    for (int64_t i = 0; i < batch->n; i++) {
        int64_t at = batch->ids[i];
        if (of_numbers(p)) {
            a->values[at] = (double)batch->values.data[i];
            a->predicted_values[at] = (double)outputs[i];
        } else {
            a->labels[at] = batch->labels.data[i];
            a->predicted[at] = rd_best_label(outputs + i * n_classes, n_classes);
        }
    }
    return RD_OK;
}

static rd_status predict_batch(const prediction *p, const rd_validation *validation,
                               const rd_batch *batch, answers *a) {
    int64_t n_out = of_numbers(p) ? 1 : p->labels.n;
    float *outputs = rd_arena_f32(validation->arena, batch->n * n_out);
    if (!outputs) return RD_ERR_MEMORY;
    RD_TRY(rd_network_logits(validation->model, validation->arena, batch, outputs));
    return take_answers(p, batch, outputs, a);
}

static rd_status predict_all(const prediction *p, const rd_validation *validation, rd_batch *batch,
                             answers *a) {
    rd_batcher *batcher = p->splits[RD_VALIDATION_DATA].batches;
    for (int64_t i = validation->comm->rank; i < rd_batcher_size(batcher);
         i += validation->comm->size) {
        RD_TRY(rd_check_stop(validation->stop));
        RD_TRY(rd_batcher_get(batcher, i, batch));
        rd_status status = predict_batch(p, validation, batch, a);
        rd_arena_reset(validation->arena);
        RD_TRY(status);
    }
    return RD_OK;
}

enum { MOST_SHOWN = 20 }; /* classes of a matrix for people */

/* For the report; NULL for very many classes, or without memory. */
static json_t *confusion(const prediction *p, const answers *a) {
    int64_t counts[MOST_SHOWN * MOST_SHOWN];
    int32_t n = (int32_t)p->labels.n;
    if (n > MOST_SHOWN) return NULL;
    if (rd_confusion_matrix(a->n, a->labels, a->predicted, n, counts) != RD_OK) return NULL;
    json_t *names = json_array(), *list = json_array();
    for (int32_t i = 0; i < n; i++) json_array_append_new(names, json_string(p->labels.names[i]));
    for (int32_t i = 0; i < n * n; i++) json_array_append_new(list, json_integer(counts[i]));
    return json_pack("{s:o, s:o}", "labels", names, "counts", list);
}

/* F1 of the second of two classes, which is the positive one; of more, the mean over them. */
static rd_status score_classes(const prediction *p, const answers *a, rd_results *results) {
    int32_t n = (int32_t)p->labels.n;
    rd_class_counts *counts = rd_malloc((size_t)n, sizeof *counts);
    rd_status status =
        counts ? rd_count_classes(a->n, a->labels, a->predicted, n, counts) : RD_ERR_MEMORY;
    if (status == RD_OK) {
        rd_results_add(results, &accuracy, rd_accuracy(n, counts));
        rd_results_add(results, &f1, n == 2 ? rd_class_f1(&counts[1]) : rd_f1_macro(n, counts));
        rd_results_add(results, &matthews, rd_matthews(n, counts));
    }
    free(counts);
    if (status == RD_OK) results->confusion = confusion(p, a);
    return status;
}

/* A correlation that is none, of equal numbers, is the worst there is. */
static rd_status score_numbers(const answers *a, rd_results *results) {
    double r = 0.0, rho = 0.0;
    if (a->n >= 2) RD_TRY(rd_pearson(a->n, a->predicted_values, a->values, &r));
    if (a->n >= 2) RD_TRY(rd_spearman(a->n, a->predicted_values, a->values, &rho));
    rd_results_add(results, &pearson, isnan(r) ? 0.0 : r);
    rd_results_add(results, &spearman, isnan(rho) ? 0.0 : rho);
    return RD_OK;
}

/* An answer as text. */
static json_t *answer_text(const prediction *p, const answers *a, int64_t i, bool predicted) {
    char number[32];
    if (!of_numbers(p))
        return json_string(p->labels.names[predicted ? a->predicted[i] : a->labels[i]]);
    snprintf(number, sizeof number, "%.3f", predicted ? a->predicted_values[i] : a->values[i]);
    return json_string(number);
}

static json_t *sample(const prediction *p, const answers *a, int64_t i) {
    rd_pair pair = rd_dataset_get(p->splits[RD_VALIDATION_DATA].data, i);
    char *first = NULL, *second = NULL;
    json_t *made = NULL;
    rd_text text = {0};
    rd_status status = pair.src ? RD_OK : RD_ERR_FORMAT;
    if (status == RD_OK)
        status = rd_tokenizer_decode(p->tokenizer, pair.src, pair.n_src, &first, NULL);
    if (status == RD_OK)
        status = rd_tokenizer_decode(p->tokenizer, pair.tgt, pair.n_tgt, &second, NULL);
    if (status == RD_OK)
        status = rd_text_printf(&text, "%s%s%s", first, pair.n_tgt > 0 ? " | " : "", second);
    if (status == RD_OK)
        made = json_pack("{s:s, s:o, s:o}", "source", text.data, "reference",
                         answer_text(p, a, i, false), "hypothesis", answer_text(p, a, i, true));
    rd_text_free(&text);
    free(first);
    free(second);
    return made;
}

/* The same handful at every validation; NULL without memory. */
static json_t *samples(const prediction *p, const answers *a) {
    enum { SAMPLES = 8 };
    json_t *list = json_array();
    int64_t step = a->n > SAMPLES ? a->n / SAMPLES : 1;
    for (int64_t i = 0; list && i < SAMPLES && i * step < a->n; i++)
        if (json_array_append_new(list, sample(p, a, i * step)) != 0) break;
    return list;
}

/* Brings all workers' answers to the first one, and the loss to all. */
static rd_status join(rd_comm *comm, answers *a) {
    size_t n = (size_t)a->n;
    RD_TRY(rd_comm_sum_f64(comm, &a->loss));
    if (a->values) {
        RD_TRY(rd_comm_merge_first(comm, a->values, n * sizeof *a->values));
        return rd_comm_merge_first(comm, a->predicted_values, n * sizeof *a->predicted_values);
    }
    RD_TRY(rd_comm_merge_first(comm, a->labels, n * sizeof *a->labels));
    return rd_comm_merge_first(comm, a->predicted, n * sizeof *a->predicted);
}

static rd_status validate_all(const prediction *p, const rd_validation *validation, answers *a,
                              rd_results *results) {
    rd_batch batch = {0};
    rd_status status = allocate(a, n_examples(p, RD_VALIDATION_DATA), of_numbers(p));
    if (status == RD_OK) status = predict_all(p, validation, &batch, a);
    rd_batch_free(&batch);
    RD_TRY(rd_comm_agree(validation->comm, status));
    if (validation->comm->size > 1) RD_TRY(join(validation->comm, a));
    if (!isfinite(a->loss)) return rd_error(RD_ERR_NUMERIC, "the loss is not finite");
    if (validation->comm->rank > 0) return RD_OK;
    rd_results_add(results, &loss, a->loss / (double)a->n);
    results->samples = samples(p, a);
    return of_numbers(p) ? score_numbers(a, results) : score_classes(p, a, results);
}

static rd_status validate(void *self, const rd_validation *validation, rd_results *results) {
    answers a = {0};
    rd_status status = validate_all(self, validation, &a, results);
    release(&a);
    return status;
}

const rd_task rd_task_sentence_prediction = {.name = "sentence_prediction",
                                             .bit = RD_SENTENCE_PREDICTION,
                                             .examples = "examples",
                                             .loss_unit = "example",
                                             .kinds = kinds,
                                             .open = open_all,
                                             .close = close_all,
                                             .open_data = open_data,
                                             .batches = batches,
                                             .n_examples = n_examples,
                                             .checksum = checksum,
                                             .loss = loss_of,
                                             .class_weights = class_weights,
                                             .validate = validate};
