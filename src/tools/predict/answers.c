#include "tools/predict/answers.h"

#include <stdlib.h>

#include "base/text.h"

void answers_write_numbers(FILE *output, const float *values, int64_t n, char between) {
    for (int64_t i = 0; i < n; i++) {
        char text[32];
        rd_shortest_float(values[i], text);
        if (i > 0) fputc(between, output);
        fputs(text, output);
    }
}

void answers_write_label(FILE *output, const rd_labels *labels, const float *probabilities,
                         bool all) {
    fputs(labels->names[rd_best_label(probabilities, labels->n)], output);
    if (!all) return;
    fputc('\t', output);
    answers_write_numbers(output, probabilities, labels->n, '\t');
}

json_t *answers_add_label(json_t *object, const rd_labels *labels, const float *probabilities) {
    int failed = 0;
    json_t *numbers = json_object();
    for (int64_t i = 0; i < labels->n; i++)
        failed |=
            json_object_set_new(numbers, labels->names[i], json_real((double)probabilities[i]));
    const char *best = labels->names[rd_best_label(probabilities, labels->n)];
    failed |= json_object_set_new(object, "label", json_string(best));
    failed |= json_object_set_new(object, "probabilities", numbers);
    if (!failed) return object;
    json_decref(object);
    return NULL;
}
