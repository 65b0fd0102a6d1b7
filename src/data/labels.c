#include "data/labels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "data/corpus.h"
#include "io/output.h"

enum { MOST_LABELS = 100000 };

void rd_labels_free(rd_labels *labels) {
    rd_names_free(labels);
}

int32_t rd_labels_find(const rd_labels *labels, const char *name) {
    for (int64_t i = 0; i < labels->n; i++)
        if (strcmp(labels->names[i], name) == 0) return (int32_t)i;
    return -1;
}

static bool has_control(const char *name, size_t n) {
    for (const char *s = name, *end = name + n; s < end;)
        if (rd_is_control(rd_utf8_next(&s, end))) return true;
    return false;
}

/* Blanks of all kinds, and a byte order mark: readers of text take them off. */
static bool has_outer_blank(const char *name, size_t n) {
    const char *end = name + n, *last = end - 1;
    while (last > name && ((unsigned char)*last & 0xC0) == 0x80) last--;
    return rd_space_at(name, end) || rd_space_at(last, end) ||
           strncmp(name, "\xEF\xBB\xBF", 3) == 0;
}

rd_status rd_labels_add(rd_labels *labels, const char *name, size_t n) {
    char shown[96];
    RD_TRY(rd_names_add(labels, name, n));
    char *copy = labels->names[--labels->n]; /* counts once it is found right */
    const char *wrong = n == 0                              ? "is empty"
                        : memchr(name, '\0', n)             ? "holds a zero byte"
                        : memchr(name, '\n', n)             ? "holds a line break"
                        : rd_utf8_invalid_at(name, n) >= 0  ? "is no UTF-8"
                        : has_control(name, n)              ? "holds a control character"
                        : has_outer_blank(copy, n)          ? "begins or ends with a blank"
                        : rd_labels_find(labels, copy) >= 0 ? "comes twice"
                        : labels->n == MOST_LABELS          ? "is one class too many"
                                                            : NULL;
    if (!wrong) {
        labels->n++;
        return RD_OK;
    }
    rd_escape(shown, sizeof shown, copy);
    free(copy);
    return rd_error(RD_ERR_FORMAT, "the label '%s' %s", shown, wrong);
}

rd_status rd_labels_add_list(rd_labels *labels, const char *list) {
    for (const char *at = list;;) {
        size_t n = strcspn(at, ","), skipped = strspn(at, " ");
        size_t end = n;
        if (skipped > n) skipped = n;
        while (end > skipped && at[end - 1] == ' ') end--;
        RD_TRY(rd_labels_add(labels, at + skipped, end - skipped));
        if (!at[n]) return RD_OK;
        at += n + 1;
    }
}

static rd_status read_lines(rd_labels *labels, rd_corpus *corpus) {
    const char *line;
    size_t n;
    for (;;) {
        RD_TRY(rd_corpus_next(corpus, &line, &n));
        if (!line) break;
        rd_status status = rd_labels_add(labels, line, n);
        if (status != RD_OK)
            return rd_error_prefix(status, "%s:%lld", rd_corpus_path(corpus),
                                   (long long)rd_corpus_line_number(corpus));
    }
    if (labels->n > 0) return RD_OK;
    return rd_error(RD_ERR_FORMAT, "%s: holds no labels", rd_corpus_path(corpus));
}

rd_status rd_labels_read(rd_labels *labels, const char *directory) {
    rd_corpus *corpus = NULL;
    char *path = rd_path_join(directory, "labels.txt");
    rd_status status = path ? rd_corpus_open(&corpus, path, RD_UTF8_STRICT) : RD_ERR_MEMORY;
    if (status == RD_OK) status = read_lines(labels, corpus);
    rd_corpus_close(corpus);
    free(path);
    return status;
}

int64_t rd_labels_difference(const rd_labels *a, const rd_labels *b) {
    int64_t i = 0;
    while (i < a->n && i < b->n && strcmp(a->names[i], b->names[i]) == 0) i++;
    return i < a->n || i < b->n ? i : -1;
}

rd_status rd_labels_read_as(rd_labels *labels, const char *directory, const char *list) {
    rd_labels wanted = {0};
    RD_TRY(rd_labels_read(labels, directory));
    if (!*list) return RD_OK;
    rd_status status = rd_labels_add_list(&wanted, list);
    int64_t i = rd_labels_difference(labels, &wanted);
    if (status == RD_OK && i >= 0)
        status = rd_error(RD_ERR_FORMAT,
                          "%s/labels.txt: class %lld is '%.60s', but the recipe names '%.60s'; run "
                          "rdrop-preprocess again, or take its labels",
                          directory, (long long)i + 1, i < labels->n ? labels->names[i] : "",
                          i < wanted.n ? wanted.names[i] : "");
    rd_labels_free(&wanted);
    return status;
}

rd_status rd_labels_write(const rd_labels *labels, const char *directory) {
    rd_text text = {0};
    char *path = rd_path_join(directory, "labels.txt");
    rd_status status = path ? RD_OK : RD_ERR_MEMORY;
    for (int64_t i = 0; status == RD_OK && i < labels->n; i++)
        status = rd_text_printf(&text, "%s\n", labels->names[i]);
    if (status == RD_OK) status = rd_write_file(path, text.data, (size_t)text.length);
    rd_text_free(&text);
    free(path);
    return status;
}

void rd_labels_list(const rd_labels *labels, char *list, size_t room) {
    *list = '\0';
    for (int64_t i = 0; i < labels->n; i++) {
        char name[64];
        size_t n = strlen(list);
        rd_escape(name, sizeof name, labels->names[i]);
        if (n + strlen(name) + 8 > room) {
            snprintf(list + n, room - n, ", ...");
            return;
        }
        snprintf(list + n, room - n, "%s%s", i ? ", " : "", name);
    }
}

int32_t rd_best_label(const float *scores, int64_t n) {
    int32_t best = 0;
    for (int32_t i = 1; i < n; i++)
        if (scores[i] > scores[best]) best = i;
    return best;
}
