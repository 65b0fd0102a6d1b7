/* The table of metrics of answers, over pairs that count some times each. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "metrics/answers.h"
#include "metrics/classes.h"
#include "metrics/numbers.h"

static double accuracy(const rd_answer_pairs *pairs, const uint32_t *times, rd_answer_room *room) {
    (void)times;
    return rd_accuracy(pairs->n_labels, room->counts);
}

static double f1(const rd_answer_pairs *pairs, const uint32_t *times, rd_answer_room *room) {
    (void)times;
    return pairs->positive < pairs->n_labels ? rd_class_f1(&room->counts[pairs->positive]) : 0;
}

static double f1_macro(const rd_answer_pairs *pairs, const uint32_t *times, rd_answer_room *room) {
    (void)times;
    return rd_f1_macro(pairs->n_labels, room->counts);
}

static double f1_micro(const rd_answer_pairs *pairs, const uint32_t *times, rd_answer_room *room) {
    (void)times;
    return rd_f1_micro(pairs->n_labels, room->counts);
}

static double matthews(const rd_answer_pairs *pairs, const uint32_t *times, rd_answer_room *room) {
    (void)times;
    return rd_matthews(pairs->n_labels, room->counts);
}

static double pearson(const rd_answer_pairs *pairs, const uint32_t *times, rd_answer_room *room) {
    (void)room;
    return rd_pearson_times(pairs->n, pairs->x, pairs->y, times);
}

static double spearman(const rd_answer_pairs *pairs, const uint32_t *times, rd_answer_room *room) {
    double *x_ranks = room->ranks, *y_ranks = room->ranks + pairs->n;
    rd_rank_numbers(pairs->n, pairs->x, pairs->x_order, times, x_ranks);
    rd_rank_numbers(pairs->n, pairs->y, pairs->y_order, times, y_ranks);
    return rd_pearson_times(pairs->n, x_ranks, y_ranks, times);
}

static const rd_answer_metric METRICS[] = {{"accuracy", "Accuracy", true, false, accuracy},
                                           {"f1", "F1", true, true, f1},
                                           {"f1-macro", "F1-macro", true, false, f1_macro},
                                           {"f1-micro", "F1-micro", true, false, f1_micro},
                                           {"matthews", "Matthews", true, false, matthews},
                                           {"pearson", "Pearson", false, false, pearson},
                                           {"spearman", "Spearman", false, false, spearman}};

const rd_answer_metric *rd_find_answer_metric(const char *name) {
    for (size_t i = 0; i < sizeof METRICS / sizeof *METRICS; i++)
        if (strcmp(METRICS[i].name, name) == 0) return &METRICS[i];
    return NULL;
}

void rd_answer_scores(int n_metrics, const rd_answer_metric *const *metrics,
                      const rd_answer_pairs *pairs, const uint32_t *times, rd_answer_room *room,
                      double *scores) {
    if (pairs->labels)
        rd_count_classes_times(pairs->n, pairs->labels, pairs->predictions, times, pairs->n_labels,
                               room->counts);
    for (int m = 0; m < n_metrics; m++) scores[m] = 100 * metrics[m]->score(pairs, times, room);
}

static rd_status make_classes(const rd_answers *answers, const int *systems, int n_systems,
                              rd_answer_pairs *pairs) {
    size_t n = (size_t)answers->n;
    pairs->labels = rd_malloc((size_t)pairs->n, sizeof *pairs->labels);
    pairs->predictions = rd_malloc((size_t)pairs->n, sizeof *pairs->predictions);
    if (!pairs->labels || !pairs->predictions) return RD_ERR_MEMORY;
    for (int k = 0; k < n_systems; k++) {
        memcpy(pairs->labels + k * answers->n, answers->classes, n * sizeof *pairs->labels);
        memcpy(pairs->predictions + k * answers->n,
               answers->classes + (1 + systems[k]) * answers->n, n * sizeof *pairs->predictions);
    }
    return RD_OK;
}

static rd_status make_numbers(const rd_answers *answers, const int *systems, int n_systems,
                              rd_answer_pairs *pairs) {
    size_t n = (size_t)answers->n, all = (size_t)pairs->n;
    pairs->x = rd_malloc(all, sizeof *pairs->x);
    pairs->y = rd_malloc(all, sizeof *pairs->y);
    pairs->x_order = rd_malloc(all, sizeof *pairs->x_order);
    pairs->y_order = rd_malloc(all, sizeof *pairs->y_order);
    if (!pairs->x || !pairs->y || !pairs->x_order || !pairs->y_order) return RD_ERR_MEMORY;
    for (int k = 0; k < n_systems; k++) {
        memcpy(pairs->x + k * answers->n, answers->numbers, n * sizeof *pairs->x);
        memcpy(pairs->y + k * answers->n, answers->numbers + (1 + systems[k]) * answers->n,
               n * sizeof *pairs->y);
    }
    RD_TRY(rd_order_numbers(pairs->n, pairs->x, pairs->x_order));
    return rd_order_numbers(pairs->n, pairs->y, pairs->y_order);
}

rd_status rd_answer_pairs_make(const rd_answers *answers, int first, int second,
                               rd_answer_pairs *pairs) {
    const int systems[] = {first, second};
    int n_systems = second < 0 ? 1 : 2;
    *pairs = (rd_answer_pairs){
        .n = n_systems * answers->n, .n_labels = answers->n_labels, .positive = answers->positive};
    if (answers->classes) RD_TRY(make_classes(answers, systems, n_systems, pairs));
    if (answers->numbers) RD_TRY(make_numbers(answers, systems, n_systems, pairs));
    return RD_OK;
}

void rd_answer_pairs_free(rd_answer_pairs *pairs) {
    free(pairs->labels);
    free(pairs->predictions);
    free(pairs->x);
    free(pairs->y);
    free(pairs->x_order);
    free(pairs->y_order);
    *pairs = (rd_answer_pairs){0};
}

rd_status rd_answer_room_make(const rd_answer_pairs *pairs, rd_answer_room *room) {
    room->counts = rd_malloc((size_t)pairs->n_labels, sizeof *room->counts);
    room->ranks = rd_malloc(pairs->x ? (size_t)pairs->n : 0, 2 * sizeof *room->ranks);
    return room->counts && room->ranks ? RD_OK : RD_ERR_MEMORY;
}

void rd_answer_room_free(rd_answer_room *room) {
    free(room->counts);
    free(room->ranks);
    *room = (rd_answer_room){0};
}
