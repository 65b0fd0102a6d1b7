#include "translate/glossary.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/uchar.h>

#include "base/memory.h"
#include "base/text.h"
#include "data/corpus.h"

enum { LONGEST_TERM = 1000 };

typedef struct {
    char *source, *target; /* white space in `source` is single spaces; one block, of the source */
    size_t source_length;
    int64_t line;
} entry;

struct rd_glossary {
    entry *entries; /* [n], sorted by source, bytewise */
    int64_t n, capacity;
};

/* Appends text[0..n) with each run of white space as one space. */
static rd_status append_spaced(rd_text *out, const char *text, size_t n) {
    for (const char *c = text, *end = text + n; c < end;) {
        const char *at = c;
        if (!u_isUWhiteSpace((UChar32)rd_utf8_next(&c, end)))
            RD_TRY(rd_text_append(out, at, (size_t)(c - at)));
        else if (out->length == 0 || out->data[out->length - 1] != ' ')
            RD_TRY(rd_text_append(out, " ", 1));
    }
    return RD_OK;
}

/* The term in the form of entries: without spaces around it, NUL-terminated, in *term. */
static rd_status clean(const rd_corpus *corpus, const char *text, size_t n, rd_text *scratch,
                       rd_text *term) {
    rd_text_clear(scratch);
    RD_TRY(append_spaced(scratch, text, n));
    const char *begin = scratch->data ? scratch->data : "";
    int64_t length = scratch->length;
    if (length && begin[length - 1] == ' ') length--;
    if (length && *begin == ' ') begin++, length--;
    if (length == 0 || length > LONGEST_TERM || memchr(begin, '\0', (size_t)length))
        return rd_error(RD_ERR_FORMAT,
                        "%s:%lld: a term of %lld bytes; a glossary's terms have 1 to %d, none of "
                        "them NUL",
                        rd_corpus_path(corpus), (long long)rd_corpus_line_number(corpus),
                        (long long)length, LONGEST_TERM);
    RD_TRY(rd_text_append(term, begin, (size_t)length));
    return rd_text_append(term, "", 1);
}

static rd_status add_line(rd_glossary *g, const rd_corpus *corpus, const char *line, size_t length,
                          rd_text *scratch, rd_text *terms) {
    const char *tab = memchr(line, '\t', length);
    if (!tab || memchr(tab + 1, '\t', (size_t)(line + length - tab - 1)))
        return rd_error(RD_ERR_FORMAT,
                        "%s:%lld: not a line of a glossary, which is a source term, one tab and "
                        "its target term",
                        rd_corpus_path(corpus), (long long)rd_corpus_line_number(corpus));
    rd_text_clear(terms);
    RD_TRY(clean(corpus, line, (size_t)(tab - line), scratch, terms));
    size_t source_length = (size_t)terms->length - 1;
    RD_TRY(clean(corpus, tab + 1, (size_t)(line + length - tab - 1), scratch, terms));
    RD_TRY(rd_reserve(&g->entries, &g->capacity, g->n + 1, sizeof *g->entries));
    char *block = rd_malloc((size_t)terms->length, 1);
    if (!block) return RD_ERR_MEMORY;
    memcpy(block, terms->data, (size_t)terms->length);
    g->entries[g->n++] = (entry){.source = block,
                                 .target = block + source_length + 1,
                                 .source_length = source_length,
                                 .line = rd_corpus_line_number(corpus)};
    return RD_OK;
}

static rd_status add_all_lines(rd_glossary *g, rd_corpus *corpus, rd_text *scratch,
                               rd_text *terms) {
    for (;;) {
        const char *line;
        size_t length;
        RD_TRY(rd_corpus_next(corpus, &line, &length));
        if (!line) return RD_OK;
        if (length > 0) RD_TRY(add_line(g, corpus, line, length, scratch, terms));
    }
}

static rd_status read_lines(rd_glossary *g, rd_corpus *corpus) {
    rd_text scratch = {0}, terms = {0};
    rd_status status = add_all_lines(g, corpus, &scratch, &terms);
    rd_text_free(&scratch);
    rd_text_free(&terms);
    return status;
}

static int by_source(const void *a, const void *b) {
    const entry *x = a, *y = b;
    int order = strcmp(x->source, y->source);
    return order ? order : x->line < y->line ? -1 : x->line > y->line;
}

/* Drops duplicate terms. */
static rd_status sort(rd_glossary *g, const char *path) {
    if (g->n) qsort(g->entries, (size_t)g->n, sizeof *g->entries, by_source);
    int64_t kept = 0;
    for (int64_t i = 0; i < g->n; i++) {
        entry *last = kept ? &g->entries[kept - 1] : NULL, e = g->entries[i];
        if (!last || strcmp(last->source, e.source) != 0) {
            g->entries[i].source = NULL;
            g->entries[kept++] = e;
        } else if (strcmp(last->target, e.target) != 0) {
            return rd_error(RD_ERR_FORMAT,
                            "%s:%lld: \"%s\" is \"%s\" here and \"%s\" in line %lld; a glossary "
                            "has one target for a term",
                            path, (long long)e.line, e.source, e.target, last->target,
                            (long long)last->line);
        } else {
            free(e.source);
            g->entries[i].source = NULL;
        }
    }
    g->n = kept;
    return RD_OK;
}

static rd_status read_glossary(rd_glossary *g, rd_corpus **corpus, const char *path) {
    RD_TRY(rd_corpus_open(corpus, path, RD_UTF8_STRICT));
    RD_TRY(read_lines(g, *corpus));
    return sort(g, rd_corpus_path(*corpus));
}

rd_status rd_glossary_open(rd_glossary **glossary, const char *path) {
    rd_corpus *corpus = NULL;
    rd_glossary *g = *glossary = rd_calloc(1, sizeof *g);
    if (!g) return RD_ERR_MEMORY;
    rd_status status = read_glossary(g, &corpus, path);
    rd_corpus_close(corpus);
    if (status == RD_OK) return RD_OK;
    rd_glossary_close(g);
    *glossary = NULL;
    return status;
}

void rd_glossary_close(rd_glossary *g) {
    if (!g) return;
    for (int64_t i = 0; i < g->n; i++) free(g->entries[i].source);
    free(g->entries);
    free(g);
}

/* The first entry in [low, high) whose source, cut to the key's length, is not below the key, or
 * with `above` the first that is above it. */
static int64_t bound(const rd_glossary *g, int64_t low, int64_t high, const rd_text *key,
                     bool above) {
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        int order = strncmp(g->entries[middle].source, key->data, (size_t)key->length);
        if (order < 0 || (above && order == 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The longest term that begins at place `first`, or NULL; *after: the place after it. key:
 * scratch. */
static rd_status longest_at(const rd_glossary *g, const char *text, const rd_offsets *places,
                            int64_t first, rd_text *key, const entry **term, int64_t *after) {
    *term = NULL;
    int64_t low = 0, high = g->n;
    rd_text_clear(key);
    for (int64_t i = first; i + 1 < places->length && low < high; i++) {
        int64_t begin = places->data[i], n = places->data[i + 1] - begin;
        RD_TRY(append_spaced(key, text + begin, (size_t)n));
        if (key->length > LONGEST_TERM || memchr(key->data, '\0', (size_t)key->length)) break;
        low = bound(g, low, high, key, false);
        high = bound(g, low, high, key, true);
        if (low == high || g->entries[low].source_length != (size_t)key->length) continue;
        *term = &g->entries[low]; /* the shortest of a range comes first */
        *after = i + 1;
    }
    return RD_OK;
}

static rd_status find_terms(const rd_glossary *g, const char *text, const rd_offsets *places,
                            rd_text *key, rd_found_term *found, void *self) {
    for (int64_t i = 0, after; i + 1 < places->length; i = after) {
        const entry *term;
        after = i + 1;
        RD_TRY(longest_at(g, text, places, i, key, &term, &after));
        if (!term) continue;
        RD_TRY(found(self, term->target, (size_t)places->data[i], (size_t)places->data[after]));
    }
    return RD_OK;
}

rd_status rd_glossary_match(const rd_glossary *g, const char *text, size_t n, rd_breaker *words,
                            rd_offsets *places, rd_found_term *found, void *self) {
    int64_t invalid = rd_utf8_invalid_at(text, n);
    RD_TRY(rd_breaker_find(words, text, invalid < 0 ? n : (size_t)invalid, places));
    rd_text key = {0};
    rd_status status = find_terms(g, text, places, &key, found, self);
    rd_text_free(&key);
    return status;
}
