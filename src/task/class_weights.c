#include "task/class_weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/c_locale.h"
#include "base/memory.h"
#include "data/batch.h"

static int32_t class_of(const rd_dataset *train, const rd_pair *pair) {
    return rd_dataset_answers(train) == RD_CLASSES ? (int32_t)pair->value : pair->tgt[0];
}

static rd_status count_one(const rd_dataset *train, int64_t i, rd_ids *source, rd_ids *target,
                           int64_t n, int64_t *counts) {
    rd_pair pair;
    RD_TRY(rd_dataset_read(train, i, source, target, &pair));
    int32_t class = class_of(train, &pair);
    if (class < 0 || class >= n) return rd_error(RD_ERR_FORMAT, "the data were changed");
    counts[class]++;
    return RD_OK;
}

/* counts: [n], zeros at first */
static rd_status count(const rd_dataset *train, int64_t n, int64_t *counts) {
    rd_ids source = {0}, target = {0};
    rd_status status = RD_OK;
    for (int64_t i = 0; status == RD_OK && i < rd_dataset_size(train); i++)
        status = count_one(train, i, &source, &target, n, counts);
    free(source.data);
    free(target.data);
    return status;
}

/* A class without examples has no loss to weigh. */
static rd_status balance(const rd_dataset *train, int64_t n, float *weights) {
    int64_t *counts = rd_calloc((size_t)n, sizeof *counts);
    if (!counts) return RD_ERR_MEMORY;
    rd_status status = count(train, n, counts);
    double share = (double)rd_dataset_size(train) / (double)n;
    for (int64_t i = 0; i < n; i++)
        weights[i] = counts[i] > 0 ? (float)(share / (double)counts[i]) : 1.0f;
    free(counts);
    return status;
}

/* Cuts the next NAME=WEIGHT off. A name may hold commas and = signs: it goes up to one that a
 * number follows, and then a comma or the end. Without such a number it is everything before the
 * next comma. */
static char *next_item(char **rest) {
    char *item = *rest;
    for (char *equals = item ? strchr(item, '=') : NULL; equals; equals = strchr(equals + 1, '=')) {
        char *end;
        rd_strtod(equals + 1, &end);
        if (end == equals + 1) continue;
        end += strspn(end, " ");
        if (*end && *end != ',') continue;
        *rest = *end ? end + 1 : NULL;
        *end = '\0';
        return item;
    }
    return strsep(rest, ",");
}

/* NAME=WEIGHT, which is cut in two. */
static rd_status set_one(char *item, const rd_labels *labels, float *weights) {
    char list[120], *equals = strrchr(item, '='), *end;
    while (*item == ' ') item++;
    if (!equals) return rd_error(RD_ERR_FORMAT, "expected NAME=WEIGHT, not '%.80s'", item);
    *equals = '\0';
    for (char *blank = equals; blank > item && blank[-1] == ' ';) *--blank = '\0';
    int32_t class = rd_labels_find(labels, item);
    float weight = (float)rd_strtod(equals + 1, &end);
    rd_labels_list(labels, list, sizeof list);
    if (class < 0)
        return rd_error(RD_ERR_FORMAT, "no class '%.80s'; expected one of: %s", item, list);
    if (end == equals + 1 || end[strspn(end, " ")] || !(weight >= 0.0f) || !isfinite(weight))
        return rd_error(RD_ERR_FORMAT, "'%.40s' of class %.80s: expected a number from 0 on",
                        equals + 1, item);
    if (weights[class] >= 0.0f) return rd_error(RD_ERR_FORMAT, "class %.80s has two weights", item);
    weights[class] = weight;
    return RD_OK;
}

static rd_status set_named(const char *text, const rd_labels *labels, float *weights) {
    char *list = rd_strdup(text), *rest = list, *item;
    rd_status status = list ? RD_OK : RD_ERR_MEMORY;
    for (int64_t i = 0; i < labels->n; i++) weights[i] = -1.0f; /* none is given yet */
    while (status == RD_OK && (item = next_item(&rest))) status = set_one(item, labels, weights);
    bool some = false;
    for (int64_t i = 0; i < labels->n; i++) {
        if (weights[i] < 0.0f) weights[i] = 1.0f;
        some = some || weights[i] > 0.0f;
    }
    free(list);
    if (status == RD_OK && !some) status = rd_error(RD_ERR_FORMAT, "all are 0: nothing is learnt");
    return status;
}

rd_status rd_class_weights_make(const char *text, const rd_labels *labels, const rd_dataset *train,
                                float **weights) {
    *weights = NULL;
    if (!*text) return RD_OK;
    *weights = rd_malloc((size_t)labels->n, sizeof **weights);
    if (!*weights) return RD_ERR_MEMORY;
    for (int64_t i = 0; i < labels->n; i++) (*weights)[i] = 1.0f;
    rd_status status = strcmp(text, "balanced") == 0 ? balance(train, labels->n, *weights)
                                                     : set_named(text, labels, *weights);
    return status == RD_OK ? RD_OK : rd_error_prefix(status, "class-weights");
}
