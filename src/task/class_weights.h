/* Weights of classes in the criterion, as the key class-weights has them. */
#ifndef RD_TASK_CLASS_WEIGHTS_H
#define RD_TASK_CLASS_WEIGHTS_H

#include "data/dataset.h"
#include "data/labels.h"

/* *weights: [labels->n], malloc'ed; NULL where `text` is empty: all 1. "balanced": n / (classes *
 * examples of the class) over the n examples of `train`, as scikit-learn has it. Else NAME=WEIGHT,
 * with commas between; the others have 1. RD_ERR_FORMAT for a name that is no class, and a weight
 * that is no number from 0 on. */
rd_status rd_class_weights_make(const char *text, const rd_labels *labels, const rd_dataset *train,
                                float **weights);

#endif
