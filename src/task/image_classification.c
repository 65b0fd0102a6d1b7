/* The class of a picture: a vision transformer, or a compact one with a stem of convolutions.
 * Validated by accuracy (of the first class, and of the first five) and calibration. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "data/labels.h"
#include "data/picture_batches.h"
#include "data/prefetch.h"
#include "data/vocab_files.h"
#include "rdrop/metrics.h"
#include "task/class_weights.h"
#include "task/task.h"
#include "task/vocabularies.h"

enum { TOP = 5, BINS = 15, BATCHES_AHEAD = 4 };

static const rd_result_kind loss = {
    .name = "loss", .label = "loss", .chart = "Loss of validation, per picture", .digits = 4};
static const rd_result_kind accuracy = {.name = "accuracy",
                                        .label = "accuracy",
                                        .chart = "Accuracy of validation",
                                        .digits = 4,
                                        .larger_is_better = true};
static const rd_result_kind top5 = {.name = "top5",
                                    .label = "top 5",
                                    .chart = "Accuracy of validation",
                                    .digits = 4,
                                    .larger_is_better = true};
static const rd_result_kind ece = {
    .name = "ece", .label = "ECE", .chart = "Expected calibration error", .digits = 4};
static const rd_result_kind *const kinds[] = {&loss, &accuracy, &top5, &ece, NULL};

typedef struct {
    rd_recipe *recipe;
    const char *data_dir;
    rd_labels labels;
    float *class_weights; /* [labels.n], or NULL */
    struct {
        rd_dataset *data;
        rd_picture_input *input;
        rd_picture_batches *batches;
    } splits[2]; /* by rd_split */
} classification;

static rd_status take_labels(const classification *c) {
    c->recipe->model.head = RD_HEAD_CLASSES;
    c->recipe->model.num_classes = (int32_t)c->labels.n;
    return rd_task_take_fingerprint(c->recipe, c->data_dir, RD_VOCABULARY_LABELS);
}

static rd_status open(void **self, rd_recipe *recipe, const char *data_dir, rd_text *warnings) {
    classification *c = rd_calloc(1, sizeof *c);
    *self = c;
    (void)warnings;
    if (!c) return RD_ERR_MEMORY;
    if (recipe->model.picture.size == 0)
        return rd_error(RD_ERR_ARGUMENT, "task image_classification: the model reads no pictures; "
                                         "set an arch such as vit-b16, or picture-size");
    c->recipe = recipe;
    c->data_dir = data_dir;
    RD_TRY(rd_task_read_labels(&c->labels, data_dir, recipe->data.class_names));
    return take_labels(c);
}

static void close_all(void *self) {
    classification *c = self;
    if (!c) return;
    for (int split = 0; split < 2; split++) {
        rd_picture_batches_free(c->splits[split].batches);
        rd_picture_input_free(c->splits[split].input);
        rd_dataset_close(c->splits[split].data);
    }
    rd_labels_free(&c->labels);
    free(c->class_weights);
    free(c);
}

/* Decoding takes half of the cores at most: the others have enough to do. */
static int threads_ahead(void) {
    int threads = rd_get_threads() / 2;
    return threads < 1 ? 1 : threads;
}

static rd_status make_batches(classification *c, rd_split split) {
    const rd_recipe *r = c->recipe;
    const rd_picture_shape *shape = &r->model.picture;
    bool training = split == RD_TRAINING_DATA;
    RD_TRY(rd_picture_input_new(&c->splits[split].input, &r->pictures,
                                training ? &r->train.augmentation : NULL, shape->size,
                                shape->channels));
    const rd_picture_batches_config config = {.input = c->splits[split].input,
                                              .max_sentences = r->train.max_sentences,
                                              .seed = r->train.seed,
                                              .threads = threads_ahead(),
                                              .mixup = training ? r->train.augmentation.mixup : 0,
                                              .cutmix =
                                                  training ? r->train.augmentation.cutmix : 0};
    return rd_picture_batches_new(&c->splits[split].batches, c->splits[split].data, &config);
}

static rd_status open_split(classification *c, rd_split split, const char *name) {
    const rd_identity sizes = {.src_vocab = 1, .tgt_vocab = (int32_t)c->labels.n};
    char *path = rd_path_join(c->data_dir, name);
    if (!path) return RD_ERR_MEMORY;
    rd_status status =
        rd_task_open_dataset(c->recipe, &sizes, "pictures", path, &c->splits[split].data);
    free(path);
    return status == RD_OK ? make_batches(c, split) : status;
}

static rd_status open_data(void *self) {
    classification *c = self;
    RD_TRY(open_split(c, RD_TRAINING_DATA, "train.bin"));
    RD_TRY(rd_class_weights_make(c->recipe->train.class_weights, &c->labels,
                                 c->splits[RD_TRAINING_DATA].data, &c->class_weights));
    return open_split(self, RD_VALIDATION_DATA, "valid.bin");
}

static rd_batch_source batches(void *self, rd_split split) {
    const classification *c = self;
    return rd_picture_batches_source(c->splits[split].batches);
}

static int64_t n_examples(const void *self, rd_split split) {
    const classification *c = self;
    return rd_dataset_size(c->splits[split].data);
}

static uint64_t checksum(const void *self, rd_split split) {
    const classification *c = self;
    return rd_dataset_checksum(c->splits[split].data);
}

static const float *class_weights(const void *self) {
    return ((const classification *)self)->class_weights;
}

/* The model's answers for the validation set, [n, n_classes] and [n]. */
typedef struct {
    float *probabilities;
    int32_t *labels;
    int64_t n;
    double nll;
} answers;

static rd_status add_batch(const classification *c, const rd_validation *v, const rd_batch *batch,
                           answers *a) {
    int64_t n_classes = c->labels.n;
    float *rows = a->probabilities + a->n * n_classes;
    RD_TRY(rd_network_logits(v->model, v->arena, batch, rows));
    rd_op_log_softmax(rows, batch->n, n_classes);
    for (int64_t i = 0; i < batch->n; i++) {
        int32_t label = batch->labels.data[i];
        a->labels[a->n + i] = label;
        a->nll -= (double)rows[i * n_classes + label];
    }
    a->n += batch->n;
    return RD_OK;
}

static rd_status add_batches(const classification *c, const rd_validation *v, rd_prefetch *prefetch,
                             answers *a) {
    const rd_batch *batch;
    RD_TRY(rd_prefetch_next(prefetch, &batch));
    while (batch) {
        RD_TRY(rd_check_stop(v->stop));
        rd_status status = add_batch(c, v, batch, a);
        rd_arena_reset(v->arena);
        RD_TRY(status);
        RD_TRY(rd_prefetch_next(prefetch, &batch));
    }
    for (int64_t i = 0; i < a->n * c->labels.n; i++)
        a->probabilities[i] = expf(a->probabilities[i]);
    return isfinite(a->nll) ? RD_OK : rd_error(RD_ERR_NUMERIC, "the loss is not finite");
}

/* Each of several workers has the batches begin .. end of `from`. */
typedef struct {
    rd_batch_source from;
    int64_t begin, end;
} part;

static int64_t part_size(const void *self) {
    return ((const part *)self)->end - ((const part *)self)->begin;
}

static rd_status part_get(const void *self, int64_t index, rd_batch *batch) {
    const part *p = self;
    return p->from.get(p->from.self, p->begin + index, batch);
}

static rd_status add_part(const classification *c, const rd_validation *v, answers *a) {
    rd_batch_source all = batches((void *)c, RD_VALIDATION_DATA);
    int64_t n = all.size(all.self), rank = v->comm->rank, size = v->comm->size;
    part mine = {all, n * rank / size, n * (rank + 1) / size};
    rd_batch_source source = {
        .self = &mine, .size = part_size, .get = part_get, .threads = all.threads};
    rd_prefetch *prefetch = NULL;
    rd_status status = rd_prefetch_start(&prefetch, &source, 0, BATCHES_AHEAD);
    if (status == RD_OK) status = add_batches(c, v, prefetch, a);
    rd_prefetch_stop(prefetch);
    return status;
}

/* The first worker's items become all workers', in their order; *bytes: of its own, then of all. */
static rd_status join_items(rd_comm *comm, void *items, size_t *bytes) {
    char *all;
    size_t total;
    RD_TRY(rd_comm_join(comm, items, *bytes, &all, &total));
    if (!all) return RD_OK;
    memcpy(items, all, total);
    *bytes = total;
    free(all);
    return RD_OK;
}

static rd_status join_answers(const classification *c, rd_comm *comm, answers *a) {
    size_t labels = sizeof *a->labels * (size_t)a->n;
    size_t probabilities = sizeof *a->probabilities * (size_t)(a->n * c->labels.n);
    RD_TRY(rd_comm_sum_f64(comm, &a->nll));
    RD_TRY(join_items(comm, a->labels, &labels));
    a->n = (int64_t)(labels / sizeof *a->labels);
    return join_items(comm, a->probabilities, &probabilities);
}

static rd_status score(const classification *c, const answers *a, rd_results *results) {
    int32_t n_classes = (int32_t)c->labels.n;
    double first, five, error;
    RD_TRY(rd_top_k_accuracy(a->n, n_classes, a->probabilities, a->labels, 1, &first));
    RD_TRY(rd_top_k_accuracy(a->n, n_classes, a->probabilities, a->labels,
                             n_classes < TOP ? n_classes : TOP, &five));
    RD_TRY(rd_calibration_error(a->n, n_classes, a->probabilities, a->labels, BINS, &error));
    rd_results_add(results, &loss, a->nll / (double)a->n);
    rd_results_add(results, &accuracy, first);
    rd_results_add(results, &top5, five);
    rd_results_add(results, &ece, error);
    return RD_OK;
}

static rd_status validate(void *self, const rd_validation *v, rd_results *results) {
    const classification *c = self;
    int64_t n = n_examples(self, RD_VALIDATION_DATA);
    answers a = {.probabilities = rd_malloc((size_t)(n * c->labels.n), sizeof(float)),
                 .labels = rd_malloc((size_t)n, sizeof(int32_t))};
    rd_status status = a.probabilities && a.labels ? RD_OK : RD_ERR_MEMORY;
    if (status == RD_OK) status = add_part(c, v, &a);
    status = rd_comm_agree(v->comm, status);
    if (status == RD_OK && v->comm->size > 1) status = join_answers(c, v->comm, &a);
    if (status == RD_OK && v->comm->rank == 0) status = score(c, &a, results);
    free(a.probabilities);
    free(a.labels);
    return status;
}

const rd_task rd_task_image_classification = {.name = "image_classification",
                                              .bit = RD_IMAGE_CLASSIFICATION,
                                              .examples = "pictures",
                                              .loss_unit = "picture",
                                              .counts_examples = true,
                                              .kinds = kinds,
                                              .open = open,
                                              .close = close_all,
                                              .open_data = open_data,
                                              .batches = batches,
                                              .n_examples = n_examples,
                                              .checksum = checksum,
                                              .loss = rd_class_loss,
                                              .class_weights = class_weights,
                                              .validate = validate};
