/* Scores translations: BLEU, chrF and TER of a file against its reference, as rdrop-score does, and
 * the line that is worst by chrF. Build it with
 *
 *     cc -std=c17 score.c -o score $(pkg-config --cflags --libs rdrop)
 *
 * and run it with two files of as many lines:
 *
 *     score system.de reference.de */
#define _POSIX_C_SOURCE 200809L /* getline */
#include <rdrop/metrics.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    char **lines; /* [n] without their line ends */
    int n;
} text;

static text hypotheses, references;

static int read_text(text *t, const char *path) {
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    while ((length = getline(&line, &room, file)) >= 0) {
        char **lines = (char **)realloc(t->lines, (size_t)(t->n + 1) * sizeof *lines);
        if (!lines) break;
        if (length > 0 && line[length - 1] == '\n') line[length - 1] = '\0';
        t->lines = lines;
        t->lines[t->n++] = line;
        line = NULL; /* the next one is another */
        room = 0;
    }
    int whole = feof(file);
    free(line);
    fclose(file);
    return whole;
}

static void free_text(text *t) {
    for (int i = 0; i < t->n; i++) free(t->lines[i]);
    free(t->lines);
}

static rd_line line_of(const char *string) {
    rd_line line;
    line.data = string;
    line.length = strlen(string);
    return line;
}

/* A score is of statistics, which are vectors: those of a corpus are the sum of its lines'. */
static rd_status score(const char *metric, rd_metric_scratch *scratch, int *worst) {
    double corpus[RD_METRIC_MAX_STATS] = {0}, line[RD_METRIC_MAX_STATS], lowest = 101;
    char name[32], details[256];
    rd_metric_config config = rd_metric_defaults(metric);
    for (int i = 0; i < hypotheses.n; i++) {
        rd_line reference = line_of(references.lines[i]);
        rd_status status =
            rd_metric_line(&config, scratch, line_of(hypotheses.lines[i]), 1, &reference, line);
        if (status != RD_OK) return status;
        for (int k = 0; k < rd_metric_n_stats(&config); k++) corpus[k] += line[k];
        if (rd_metric_score(&config, 0, line) < lowest) {
            lowest = rd_metric_score(&config, 0, line);
            *worst = i;
        }
    }
    rd_metric_name(&config, 0, name);
    rd_metric_details(&config, 0, corpus, details);
    printf("%s %.2f %s\n", name, rd_metric_score(&config, 0, corpus), details);
    return RD_OK;
}

static rd_status score_all(void) {
    int worst = 0;
    rd_metric_scratch *scratch = rd_metric_scratch_new();
    if (!scratch) return RD_ERR_MEMORY;
    rd_status status = score("bleu", scratch, &worst);
    if (status == RD_OK) status = score("ter", scratch, &worst);
    if (status == RD_OK) status = score("chrf", scratch, &worst);
    rd_metric_scratch_free(scratch);
    if (status == RD_OK && hypotheses.n > 0)
        printf("worst, line %d: %s\n", worst + 1, hypotheses.lines[worst]);
    return status;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: score HYPOTHESES REFERENCES\n");
        return 2;
    }
    for (int i = 1; i < 3; i++)
        if (!read_text(i == 1 ? &hypotheses : &references, argv[i])) {
            fprintf(stderr, "%s: cannot read\n", argv[i]);
            return 1;
        }
    if (hypotheses.n != references.n) {
        fprintf(stderr, "%d lines and %d references\n", hypotheses.n, references.n);
        return 1;
    }
    rd_status status = score_all();
    if (status != RD_OK) fprintf(stderr, "%s\n", rd_last_error());
    free_text(&hypotheses);
    free_text(&references);
    return status == RD_OK ? 0 : 1;
}
