/* Making dictionaries of corpora. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "data/corpus.h"
#include "data/dictionary.h"
#include "io/output.h"

enum { MULTIPLE = 8 };

typedef struct {
    int64_t count;
    const char *symbol;
    size_t n;
} entry;

typedef struct {
    rd_string_table symbols;
    int64_t *counts; /* [symbols.n] */
    int64_t capacity;
} counter;

static void counter_free(counter *c) {
    rd_string_table_free(&c->symbols);
    free(c->counts);
}

static rd_status count(counter *c, const char *symbol, size_t n) {
    int64_t n_before = c->symbols.n;
    int32_t id;
    RD_TRY(rd_string_add(&c->symbols, symbol, n, &id));
    if (c->symbols.n > n_before) {
        RD_TRY(rd_reserve(&c->counts, &c->capacity, c->symbols.n, sizeof *c->counts));
        c->counts[id] = 0;
    }
    c->counts[id]++;
    return RD_OK;
}

static rd_status count_words(counter *c, const char *line, size_t n) {
    const char *word;
    uint64_t hash;
    for (size_t at = 0, length; (length = rd_dictionary_word(line, n, &at, &word, &hash)) > 0;)
        RD_TRY(count(c, word, length));
    return RD_OK;
}

static rd_status count_characters(counter *c, const char *line, size_t n) {
    for (const char *at = line, *next = line, *end = line + n; at < end; at = next) {
        rd_utf8_next(&next, end);
        RD_TRY(count(c, at, (size_t)(next - at)));
    }
    return count(c, "\n", 1);
}

static rd_status count_lines(counter *c, rd_corpus *corpus, bool characters) {
    const char *line;
    size_t n;
    RD_TRY(rd_corpus_next(corpus, &line, &n));
    while (line) {
        if (!characters && memchr(line, '\0', n))
            return rd_error(RD_ERR_FORMAT, "%s:%lld: a NUL byte, which no dictionary can hold",
                            rd_corpus_path(corpus), (long long)rd_corpus_line_number(corpus));
        RD_TRY(characters ? count_characters(c, line, n) : count_words(c, line, n));
        RD_TRY(rd_corpus_next(corpus, &line, &n));
    }
    return RD_OK;
}

static rd_status count_corpora(counter *c, const char *const *paths, int n_paths, bool characters) {
    for (int i = 0; i < n_paths; i++) {
        rd_corpus *corpus;
        RD_TRY(rd_corpus_open(&corpus, paths[i], RD_UTF8_STRICT));
        rd_status status = count_lines(c, corpus, characters);
        rd_corpus_close(corpus);
        RD_TRY(status);
    }
    return RD_OK;
}

/* By falling count; then by code points, which order as the bytes of UTF-8 do. */
static int compare(const void *left, const void *right) {
    const entry *a = left, *b = right;
    if (a->count != b->count) return a->count < b->count ? 1 : -1;
    int order = memcmp(a->symbol, b->symbol, a->n < b->n ? a->n : b->n);
    return order ? order : (a->n > b->n) - (a->n < b->n);
}

/* Those that a dictionary has already, whatever a text holds. */
static bool is_special(const char *symbol) {
    return rd_is_listed("<s> <pad> </s> <unk> <mask>", symbol);
}

/* entries: [c->symbols.n]; the number of them, and how often they come. */
static int64_t sort_entries(const counter *c, entry *entries, int64_t *total) {
    int64_t n = 0;
    *total = 0;
    for (int32_t id = 0; id < c->symbols.n; id++) {
        const char *symbol = rd_string_at(&c->symbols, id);
        if (is_special(symbol)) continue;
        entries[n++] = (entry){c->counts[id], symbol, rd_string_length(&c->symbols, id)};
        *total += c->counts[id];
    }
    if (n) qsort(entries, (size_t)n, sizeof *entries, compare);
    return n;
}

/* How many of the sorted entries are kept. */
static int64_t choose(const rd_dictionary_config *config, const entry *entries, int64_t n,
                      int64_t total) {
    int64_t kept = 0, covered = 0;
    int64_t most = config->most - RD_DICTIONARY_SPECIAL - config->mask;
    if (config->most > 0 && n > most) n = most > 0 ? most : 0;
    for (; kept < n && entries[kept].count >= config->threshold; kept++) {
        if (config->characters && (double)covered >= (double)config->coverage * (double)total)
            break;
        covered += entries[kept].count;
    }
    return kept;
}

static rd_status write_symbol(rd_text *out, const entry *e, bool characters) {
    const char *at = e->symbol;
    if (characters)
        return rd_text_printf(out, "U+%04X %lld\n", (unsigned)rd_utf8_next(&at, at + e->n),
                              (long long)e->count);
    RD_TRY(rd_text_append(out, e->symbol, e->n));
    return rd_text_printf(out, " %lld\n", (long long)e->count);
}

static rd_status fill_up(rd_text *out, const counter *c, int64_t size) {
    for (int i = 0; size % MULTIPLE != 0; i++) {
        char word[32];
        int n = snprintf(word, sizeof word, "madeupword%04d", i);
        if (rd_string_find(&c->symbols, word, (size_t)n) >= 0) continue;
        RD_TRY(rd_text_printf(out, "%s 0\n", word));
        size++;
    }
    return RD_OK;
}

static rd_status write_entries(const rd_dictionary_config *config, const counter *c,
                               const entry *entries, int64_t n, const char *path) {
    rd_text out = {0};
    rd_status status = config->mask ? rd_text_append(&out, "<mask> 0\n", 9) : RD_OK;
    for (int64_t i = 0; status == RD_OK && i < n; i++)
        status = write_symbol(&out, &entries[i], config->characters);
    if (status == RD_OK && !config->characters)
        status = fill_up(&out, c, RD_DICTIONARY_SPECIAL + n + config->mask);
    if (status == RD_OK) status = rd_write_file(path, out.data, (size_t)out.length);
    rd_text_free(&out);
    return status;
}

static rd_status build(const rd_dictionary_config *config, counter *c, const char *const *paths,
                       int n_paths, const char *path) {
    int64_t total;
    RD_TRY(count_corpora(c, paths, n_paths, config->characters));
    entry *entries = rd_malloc((size_t)c->symbols.n, sizeof *entries);
    if (!entries) return RD_ERR_MEMORY;
    int64_t n = sort_entries(c, entries, &total);
    int64_t kept = choose(config, entries, n, total);
    rd_status status = kept == 0
                           ? rd_error(RD_ERR_FORMAT, "%s: cannot make a dictionary: %s", paths[0],
                                      n == 0 ? "the corpora hold no words"
                                             : "no word comes often enough (threshold, nwords)")
                           : write_entries(config, c, entries, kept, path);
    free(entries);
    return status;
}

rd_status rd_dictionary_build(const rd_dictionary_config *config, const char *const *paths,
                              int n_paths, const char *path) {
    counter c = {0};
    rd_status status = build(config, &c, paths, n_paths, path);
    counter_free(&c);
    return status;
}
