#include "data/corpus.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "data/byte_source.h"

enum { BUFFER_BYTES = 1 << 18, LONGEST_LINE = 64 << 20 };

struct rd_corpus {
    char *path;
    rd_byte_source *source;
    rd_utf8_policy policy;
    int64_t line_number;
    int64_t n_repaired, first_repaired; /* lines, and the number of the first of them */
    bool ended, keeps_mark;
    char *buffer; /* [BUFFER_BYTES] read, of which [start, end) is not yet returned */
    size_t start, end;
    rd_text line, repaired;
};

rd_status rd_corpus_open(rd_corpus **corpus, const char *path, rd_utf8_policy policy) {
    bool standard_input = strcmp(path, "-") == 0;
    rd_corpus *c = *corpus = rd_calloc(1, sizeof *c);
    if (!c) return RD_ERR_MEMORY;
    c->policy = policy;
    c->path = rd_strdup(standard_input ? "standard input" : path);
    c->buffer = rd_malloc(BUFFER_BYTES, 1);
    rd_status status = c->path && c->buffer ? RD_OK : RD_ERR_MEMORY;
    if (status == RD_OK) status = rd_byte_source_open(&c->source, path);
    if (status == RD_ERR_IO) rd_error_prefix(status, "%s", c->path);
    if (status != RD_OK) {
        rd_corpus_close(c);
        *corpus = NULL;
    }
    return status;
}

void rd_corpus_close(rd_corpus *corpus) {
    if (!corpus) return;
    rd_byte_source_close(corpus->source);
    rd_text_free(&corpus->line);
    rd_text_free(&corpus->repaired);
    free(corpus->path);
    free(corpus->buffer);
    free(corpus);
}

void rd_corpus_stop_by(rd_corpus *corpus, int stop_fd) {
    rd_byte_source_stop_by(corpus->source, stop_fd);
}

static rd_status fill_buffer(rd_corpus *corpus) {
    size_t n;
    rd_status status = rd_byte_source_read(corpus->source, corpus->buffer, BUFFER_BYTES, &n);
    if (status != RD_OK)
        return rd_error_prefix(status, "%s after line %lld", corpus->path,
                               (long long)corpus->line_number);
    corpus->start = 0;
    corpus->end = n;
    corpus->ended = n == 0;
    return RD_OK;
}

/* Appends up to and without the next newline to corpus->line; *found says whether there was one. */
static rd_status append_to_newline(rd_corpus *corpus, bool *found) {
    const char *from = corpus->buffer + corpus->start;
    size_t n = corpus->end - corpus->start;
    const char *newline = memchr(from, '\n', n);
    if (newline) n = (size_t)(newline - from);
    *found = newline != NULL;
    corpus->start += n + *found;
    if (corpus->line.length + (int64_t)n > LONGEST_LINE)
        return rd_error(RD_ERR_FORMAT, "%s:%lld: a line of more than %d MiB", corpus->path,
                        (long long)corpus->line_number + 1, LONGEST_LINE >> 20);
    return rd_text_append(&corpus->line, from, n);
}

/* Copies the line with U+FFFD for each byte that is not part of valid UTF-8. */
static rd_status repair(rd_corpus *corpus) {
    rd_text_clear(&corpus->repaired);
    RD_TRY(rd_text_append_clean(&corpus->repaired, corpus->line.data, (size_t)corpus->line.length,
                                true));
    if (corpus->n_repaired++ == 0) corpus->first_repaired = corpus->line_number;
    rd_text swap = corpus->line;
    corpus->line = corpus->repaired;
    corpus->repaired = swap;
    return RD_OK;
}

void rd_corpus_keep_mark(rd_corpus *corpus) {
    corpus->keeps_mark = true;
}

/* Bytes of the line to leave out. */
static size_t mark_of(const rd_corpus *corpus) {
    bool first = corpus->line_number == 1 && !corpus->keeps_mark;
    return first && corpus->line.length >= 3 && memcmp(corpus->line.data, "\xEF\xBB\xBF", 3) == 0
               ? 3
               : 0;
}

rd_status rd_corpus_next(rd_corpus *corpus, const char **line, size_t *length) {
    *line = NULL;
    *length = 0;
    rd_text_clear(&corpus->line);
    bool complete = false, any = false;
    while (!complete) {
        if (corpus->start == corpus->end && !corpus->ended) RD_TRY(fill_buffer(corpus));
        if (corpus->ended) break;
        any = true;
        RD_TRY(append_to_newline(corpus, &complete));
    }
    if (!any) return RD_OK;
    corpus->line_number++;
    rd_text *text = &corpus->line;
    if (text->length > 0 && text->data[text->length - 1] == '\r') text->data[--text->length] = '\0';
    int64_t bad =
        corpus->policy == RD_UTF8_ANY ? -1 : rd_utf8_invalid_at(text->data, (size_t)text->length);
    if (bad >= 0 && corpus->policy == RD_UTF8_STRICT)
        return rd_error(RD_ERR_FORMAT, "%s:%lld: byte %lld of the line (0x%02x) is not valid UTF-8",
                        corpus->path, (long long)corpus->line_number, (long long)bad + 1,
                        (unsigned)(unsigned char)text->data[bad]);
    if (bad >= 0) RD_TRY(repair(corpus));
    size_t mark = mark_of(corpus);
    *line = text->data + mark;
    *length = (size_t)text->length - mark;
    return RD_OK;
}

bool rd_corpus_has_line(const rd_corpus *corpus) {
    return memchr(corpus->buffer + corpus->start, '\n', corpus->end - corpus->start) != NULL;
}

bool rd_corpus_has_text(const rd_corpus *corpus) {
    const char *next = corpus->buffer + corpus->start;
    return rd_corpus_has_line(corpus) && *next != '\n' && !(next[0] == '\r' && next[1] == '\n');
}

int64_t rd_corpus_line_number(const rd_corpus *corpus) {
    return corpus->line_number;
}

const char *rd_corpus_path(const rd_corpus *corpus) {
    return corpus->path;
}

bool rd_corpus_was_repaired(const rd_corpus *corpus, char message[static RD_CORPUS_MESSAGE]) {
    if (corpus->n_repaired == 0) return false;
    snprintf(message, RD_CORPUS_MESSAGE,
             "%.300s:%lld: not UTF-8, as %lld of %lld lines: bytes that are none were read as "
             "U+FFFD; convert the file (iconv -t UTF-8 -f ITS_ENCODING)",
             corpus->path, (long long)corpus->first_repaired, (long long)corpus->n_repaired,
             (long long)corpus->line_number);
    return true;
}

/* Reads to the end, for the number of lines. */
static rd_status count_rest(rd_corpus *corpus) {
    const char *line;
    size_t length;
    do RD_TRY(rd_corpus_next(corpus, &line, &length));
    while (line);
    return RD_OK;
}

rd_status rd_corpus_next_pair(rd_corpus *a, rd_corpus *b, const char **line_a, size_t *length_a,
                              const char **line_b, size_t *length_b) {
    RD_TRY(rd_corpus_next(a, line_a, length_a));
    RD_TRY(rd_corpus_next(b, line_b, length_b));
    return !*line_a == !*line_b ? RD_OK : rd_corpus_unequal(a, b);
}

rd_status rd_corpus_unequal(rd_corpus *a, rd_corpus *b) {
    RD_TRY(count_rest(a)); /* the one that has ended stays ended */
    RD_TRY(count_rest(b));
    return rd_error(RD_ERR_FORMAT, "unequal line counts: %s has %lld, %s has %lld", a->path,
                    (long long)a->line_number, b->path, (long long)b->line_number);
}
