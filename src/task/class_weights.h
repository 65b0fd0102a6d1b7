/* Weights of classes in the criterion, from the key class-weights. */
#ifndef RD_TASK_CLASS_WEIGHTS_H
#define RD_TASK_CLASS_WEIGHTS_H

#include "data/dataset.h"
#include "data/labels.h"

/* *weights: [labels->n], malloc'ed; NULL if `text` is empty: all 1. "balanced": n / (classes *
 * examples of the class) over the n examples of `train`, as in scikit-learn. Otherwise NAME=WEIGHT,
 * separated by commas; the others have 1. RD_ERR_FORMAT for a name that is not a class, and a
 * weight that is not a number of at least 0. */
rd_status rd_class_weights_make(const char *text, const rd_labels *labels, const rd_dataset *train,
                                float **weights);

#endif
