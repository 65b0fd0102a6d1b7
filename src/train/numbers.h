/* The numbers of an update that are logged and drawn. */
#ifndef RD_TRAIN_NUMBERS_H
#define RD_TRAIN_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>

#include "train/trainer.h"

enum {
    RD_CURVE_TRAIN_LOSS,
    RD_CURVE_TRAIN_NLL,
    RD_CURVE_KL,
    RD_CURVE_LR,
    RD_CURVE_GNORM,
    RD_CURVE_SPEED,
    RD_CURVES
};

typedef enum { RD_PLAIN, RD_PER_LOSS_UNIT, RD_PER_SECOND } rd_number_unit;

typedef struct {
    const char *name;  /* in train.jsonl and TensorBoard */
    const char *title; /* of its chart, before the unit */
    rd_number_unit unit;
    bool from_zero; /* its chart's y axis starts at 0 */
    size_t offset;  /* of the double in rd_train_event */
} rd_update_number;

extern const rd_update_number rd_update_numbers[RD_CURVES];

/* The event's number of that index. */
double rd_update_value(const rd_train_event *event, int number);

enum { RD_LONGEST_TITLE = 256 };

/* title: [RD_LONGEST_TITLE] = with its unit, "Loss of training, per token"; units as rd_task has
 * them. */
void rd_update_title(int number, const char *loss_unit, const char *speed_unit, char *title);

#endif
