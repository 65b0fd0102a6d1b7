/* The lines that answers are written as, of sentences and of pictures. */
#ifndef RD_TOOLS_PREDICT_ANSWERS_H
#define RD_TOOLS_PREDICT_ANSWERS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "data/labels.h"

/* values: [n], each with the digits that no other float has, and a character between them. */
void answers_write_numbers(FILE *output, const float *values, int64_t n, char between);

/* The likeliest label and, if asked for, a tab before each label's probability; no line end.
 * probabilities: [labels->n] */
void answers_write_label(FILE *output, const rd_labels *labels, const float *probabilities,
                         bool all);

/* The object, with "label" and "probabilities" added. Without memory for them it is released, and
 * the result is NULL, as what comes from NULL is. */
json_t *answers_add_label(json_t *object, const rd_labels *labels, const float *probabilities);

#endif
