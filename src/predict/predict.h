/* Rows of sentences in; classes with their probabilities, numbers, or vectors out. */
#ifndef RD_PREDICT_PREDICT_H
#define RD_PREDICT_PREDICT_H

#include "base/memory.h"
#include "data/labels.h"
#include "data/sentences.h"
#include "model/transformer.h"
#include "recipe/model_dir.h"

typedef enum {
    RD_PREDICT_CLASSES, /* probabilities: [n, classes] */
    RD_PREDICT_NUMBER,  /* [n, 1] */
    RD_PREDICT_VECTOR   /* of length 1: [n, d_model] */
} rd_predict_kind;

typedef struct {
    rd_model_dir directory; /* its recipe says how tables like the model's are read */
    rd_model *model;
    rd_tokenizer *tokenizer;
    rd_labels labels; /* of a model of classes */
    rd_sentence_reader reader;
    rd_predict_kind kind;
    rd_pooling pooling; /* of vectors */
    int64_t n_out;      /* floats of one row's outputs */
    int64_t max_tokens; /* in one pass through the network; a longer row makes one of its own */
    int64_t n_cut;      /* rows so far that were longer than reader.longest, and were cut */
    rd_arena arena;
    rd_batch batch;
} rd_predictor;

/* vectors: instead of the outputs of its head, which it then need not have, pooled so
 * (RD_POOL_NONE: as the model does). RD_ERR_FORMAT for a model that predicts neither classes nor a
 * number. */
rd_status rd_predictor_open(rd_predictor *predictor, const char *directory, rd_precision precision,
                            bool vectors, rd_pooling pooling);
void rd_predictor_close(rd_predictor *predictor); /* {0} is fine */

/* A row: one sentence, or two. */
typedef struct {
    rd_field first, second; /* second.text NULL: there is none */
    rd_field answer;        /* the right answer, which is not read; text NULL: unknown */
} rd_predict_row;

/* outputs: [n, n_out] of rows: [n]. Up to rounding, a row's outputs do not depend on the other
 * rows. */
rd_status rd_predict(rd_predictor *predictor, int64_t n, const rd_predict_row *rows,
                     float *outputs);

/* row: [n] logits, which become probabilities; RD_ERR_NUMERIC if one is not finite. */
rd_status rd_predict_probabilities(float *row, int64_t n);

#endif
