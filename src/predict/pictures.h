/* Files of pictures in; classes with their probabilities out. */
#ifndef RD_PREDICT_PICTURES_H
#define RD_PREDICT_PICTURES_H

#include "base/memory.h"
#include "data/labels.h"
#include "data/picture_input.h"
#include "model/transformer.h"
#include "recipe/model_dir.h"

typedef struct {
    rd_model_dir directory;
    rd_model *model;
    rd_labels labels;
    rd_picture_input *input;
    int64_t at_once; /* pictures in one pass through the network */
    rd_arena arena;
    rd_batch batch;
    rd_picture_scratch *scratches; /* [threads] */
    int n_threads;
} rd_picture_predictor;

/* Whether the model at `directory` reads pictures. */
rd_status rd_reads_pictures(const char *directory, bool *pictures);

rd_status rd_picture_predictor_open(rd_picture_predictor *predictor, const char *directory,
                                    rd_precision precision);
void rd_picture_predictor_close(rd_picture_predictor *predictor); /* {0} is fine */

/* probabilities: [n, classes] of the files at paths: [n]. problems: [n] gets NULL, or the reason
 * why a file could not be read, malloc'ed; its probabilities are then zeros. */
rd_status rd_picture_predict(rd_picture_predictor *predictor, int64_t n, char *const *paths,
                             float *probabilities, char **problems);

#endif
