#include "predict/pictures.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/parallel.h"
#include "model/network.h"
#include "predict/predict.h"

enum { LARGEST_FILE = 256 << 20 };
/* In one pass through the network: products are as fast with more rows, and take more memory. */
enum { MOST_ROWS = 2048, MOST_AT_ONCE = 32 };

rd_status rd_reads_pictures(const char *directory, bool *pictures) {
    rd_model_dir d;
    rd_status status = rd_model_dir_read(&d, directory);
    *pictures = status == RD_OK && d.recipe->model.picture.size > 0;
    rd_model_dir_close(&d);
    return status;
}

static rd_status open_all(rd_picture_predictor *p, const char *path, rd_precision precision) {
    RD_TRY(rd_model_dir_open(&p->directory, path));
    const rd_recipe *r = p->directory.recipe;
    if (r->model.head != RD_HEAD_CLASSES)
        return rd_error(RD_ERR_FORMAT, "%s: the model has no head of classes: fine-tune it", path);
    RD_TRY(rd_model_dir_labels(&p->directory, &p->labels));
    RD_TRY(rd_picture_input_new(&p->input, &r->pictures, NULL, r->model.picture.size,
                                r->model.picture.channels));
    p->n_threads = rd_get_threads();
    p->scratches = rd_calloc((size_t)p->n_threads, sizeof *p->scratches);
    if (!p->scratches) return RD_ERR_MEMORY;
    RD_TRY(rd_model_dir_load_packed(&p->directory, precision, &p->model));
    int64_t rows = rd_patches_length(&p->model->encoder.patches);
    p->at_once = rows < MOST_ROWS ? MOST_ROWS / rows : 1;
    if (p->at_once > MOST_AT_ONCE) p->at_once = MOST_AT_ONCE;
    return RD_OK;
}

rd_status rd_picture_predictor_open(rd_picture_predictor *p, const char *directory,
                                    rd_precision precision) {
    *p = (rd_picture_predictor){0};
    rd_status status = open_all(p, directory, precision);
    if (status != RD_OK) rd_picture_predictor_close(p);
    return status;
}

void rd_picture_predictor_close(rd_picture_predictor *p) {
    for (int i = 0; i < p->n_threads && p->scratches; i++)
        rd_picture_scratch_free(&p->scratches[i]);
    free(p->scratches);
    rd_picture_input_free(p->input);
    rd_model_free(p->model);
    rd_labels_free(&p->labels);
    rd_model_dir_close(&p->directory);
    rd_arena_free(&p->arena);
    rd_batch_free(&p->batch);
    *p = (rd_picture_predictor){0};
}

/* Files on their way to the network: [n] each. */
typedef struct {
    rd_picture_predictor *predictor;
    char *const *paths;
    char **problems;
    rd_status *statuses;
    int64_t samples; /* of a picture */
} reading;

static rd_status read_one(const reading *r, int64_t i, rd_picture_scratch *scratch) {
    const rd_picture_predictor *p = r->predictor;
    char *bytes;
    size_t n;
    RD_TRY(rd_read_file(r->paths[i], LARGEST_FILE, &bytes, &n));
    rd_status status = rd_picture_input_make(p->input, bytes, n, NULL, scratch,
                                             p->batch.pictures.data + i * r->samples);
    free(bytes);
    return status == RD_ERR_FORMAT ? rd_error_prefix(status, "%s", r->paths[i]) : status;
}

static void read_files(const void *self, int thread, int64_t begin, int64_t end) {
    const reading *r = self;
    for (int64_t i = begin; i < end; i++) {
        r->statuses[i] = read_one(r, i, &r->predictor->scratches[thread]);
        r->problems[i] = r->statuses[i] == RD_OK ? NULL : rd_strdup(rd_last_error());
    }
}

/* A bad file fails alone; a lack of memory fails all. */
static rd_status check_statuses(const reading *r, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        if (r->statuses[i] != RD_OK && (r->statuses[i] == RD_ERR_MEMORY || !r->problems[i]))
            return rd_error(RD_ERR_MEMORY, "out of memory");
    return RD_OK;
}

static rd_status run(reading *r, int64_t n, float *probabilities) {
    rd_picture_predictor *p = r->predictor;
    int64_t n_classes = p->labels.n;
    RD_TRY(rd_reserve(&p->batch.pictures.data, &p->batch.pictures.capacity, n * r->samples,
                      sizeof(float)));
    memset(p->batch.pictures.data, 0, sizeof(float) * (size_t)(n * r->samples));
    rd_over_rows(n, read_files, r);
    RD_TRY(check_statuses(r, n));
    p->batch.n = n;
    p->batch.pictures.length = n * r->samples;
    rd_status status = rd_network_logits(p->model, &p->arena, &p->batch, probabilities);
    rd_arena_reset(&p->arena);
    RD_TRY(status);
    for (int64_t i = 0; i < n; i++) {
        float *row = probabilities + i * n_classes;
        if (r->problems[i])
            memset(row, 0, sizeof *row * (size_t)n_classes);
        else
            RD_TRY(rd_predict_probabilities(row, n_classes));
    }
    return RD_OK;
}

rd_status rd_picture_predict(rd_picture_predictor *p, int64_t n, char *const *paths,
                             float *probabilities, char **problems) {
    const rd_picture_shape *shape = &p->directory.recipe->model.picture;
    rd_status *statuses = rd_calloc((size_t)(n < p->at_once ? n : p->at_once), sizeof *statuses);
    rd_status status = statuses ? RD_OK : RD_ERR_MEMORY;
    memset(problems, 0, sizeof *problems * (size_t)n);
    for (int64_t first = 0; status == RD_OK && first < n; first += p->at_once) {
        int64_t some = n - first < p->at_once ? n - first : p->at_once;
        reading r = {.predictor = p,
                     .paths = paths + first,
                     .problems = problems + first,
                     .statuses = statuses,
                     .samples = (int64_t)shape->channels * shape->size * shape->size};
        status = run(&r, some, probabilities + first * p->labels.n);
    }
    free(statuses);
    return status;
}
