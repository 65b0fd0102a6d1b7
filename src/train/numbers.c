#include "train/numbers.h"

#include <stdio.h>
#include <string.h>

const rd_update_number rd_update_numbers[RD_CURVES] = {
    [RD_CURVE_TRAIN_LOSS] = {"loss", "Loss of training", RD_PER_LOSS_UNIT, false,
                             offsetof(rd_train_event, loss)},
    [RD_CURVE_TRAIN_NLL] = {"nll", "nll of training", RD_PER_LOSS_UNIT, false,
                            offsetof(rd_train_event, nll)},
    [RD_CURVE_KL] = {"kl", "KL between the passes", RD_PER_LOSS_UNIT, true,
                     offsetof(rd_train_event, kl)},
    [RD_CURVE_LR] = {"lr", "Learning rate", RD_PLAIN, true, offsetof(rd_train_event, lr)},
    [RD_CURVE_GNORM] = {"gnorm", "Norm of the gradient", RD_PLAIN, true,
                        offsetof(rd_train_event, gnorm)},
    [RD_CURVE_SPEED] = {"tokens_per_second", "Speed", RD_PER_SECOND, true,
                        offsetof(rd_train_event, tokens_per_second)}};

double rd_update_value(const rd_train_event *event, int number) {
    double value;
    memcpy(&value, (const char *)event + rd_update_numbers[number].offset, sizeof value);
    return value;
}

void rd_update_title(int number, const char *loss_unit, const char *speed_unit, char *title) {
    const rd_update_number *n = &rd_update_numbers[number];
    if (n->unit == RD_PER_LOSS_UNIT)
        snprintf(title, RD_LONGEST_TITLE, "%s, per %s", n->title, loss_unit);
    else if (n->unit == RD_PER_SECOND)
        snprintf(title, RD_LONGEST_TITLE, "%s, %s per second", n->title, speed_unit);
    else
        snprintf(title, RD_LONGEST_TITLE, "%s", n->title);
}
