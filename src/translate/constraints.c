#include "translate/constraints.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "translate/glossary.h"
#include "translate/kept.h"

/* Encodes a phrase as it is written within a text. SentencePiece puts a space before every text;
 * byte-level BPE does not. */
static rd_status encode_phrase(rd_line_constraints *t, const char *phrase, size_t n) {
    int64_t first = t->ids.length;
    RD_TRY(rd_tokenizer_encode(t->tokenizer, phrase, n, &t->ids));
    if (t->ids.length == first || rd_tokenizer_begins_word(t->tokenizer, t->ids.data[first]))
        return RD_OK;
    rd_text spaced = {0};
    t->ids.length = first;
    rd_status status = rd_text_printf(&spaced, " %.*s", (int)n, phrase);
    if (status == RD_OK)
        status = rd_tokenizer_encode(t->tokenizer, spaced.data, (size_t)spaced.length, &t->ids);
    rd_text_free(&spaced);
    return status;
}

static bool is_full(const rd_line_constraints *t, int64_t line) {
    return t->n - t->offsets[line] == RD_MOST_CONSTRAINTS;
}

/* phrase: [n], without NUL. */
static rd_status add_phrase(rd_line_constraints *t, int64_t line, const char *phrase, size_t n) {
    if (is_full(t, line))
        return rd_error(RD_ERR_FORMAT,
                        "more than %d phrases that the translation must have (constraints, strings "
                        "to keep)",
                        RD_MOST_CONSTRAINTS);
    rd_constraint term = {.text = t->texts.length, .first = t->ids.length};
    RD_TRY(rd_reserve(&t->terms, &t->capacity, t->n + 1, sizeof *t->terms));
    RD_TRY(encode_phrase(t, phrase, n));
    RD_TRY(rd_text_append(&t->texts, phrase, n));
    RD_TRY(rd_text_append(&t->texts, "", 1));
    int32_t unk = rd_tokenizer_unk(t->tokenizer);
    for (int64_t i = term.first; i < t->ids.length; i++)
        if (t->ids.data[i] == unk) t->ids.length = term.first;
    term.n_ids = (int32_t)(t->ids.length - term.first);
    t->terms[t->n++] = term;
    return RD_OK;
}

static rd_status add_constraints(rd_line_constraints *t, int64_t line, const char *phrases) {
    for (const char *c = phrases; *c; c += *c != '\0') {
        size_t n = strcspn(c, "\t");
        if (n > strspn(c, " ")) RD_TRY(add_phrase(t, line, c, n));
        c += n;
    }
    return RD_OK;
}

/* A line in which terms of the glossary, and strings to keep, are looked for. */
typedef struct {
    rd_line_constraints *terms;
    int64_t line;
    const char *text;
} searched_line;

static rd_status add_term(void *self, const char *phrase, size_t begin, size_t end) {
    (void)begin, (void)end;
    const searched_line *s = self;
    return is_full(s->terms, s->line) ? RD_OK
                                      : add_phrase(s->terms, s->line, phrase, strlen(phrase));
}

static rd_status add_kept(void *self, size_t begin, size_t end) {
    const searched_line *s = self;
    RD_TRY(add_phrase(s->terms, s->line, s->text + begin, end - begin));
    s->terms->terms[s->terms->n - 1].kept = true;
    return RD_OK;
}

/* Lines, and the sources of phrases that their translations must have. */
typedef struct {
    int64_t n;
    const char *const *lines;
    const size_t *lengths; /* NULL: the lines are NUL-terminated */
    const rd_translate_options *options;
    rd_breaker *words; /* with a glossary */
    rd_offsets places;
    rd_keeper *keeper; /* with `keep` */
} source;

static rd_status add_of_line(rd_line_constraints *t, source *s, int64_t i) {
    const rd_translate_options *o = s->options;
    searched_line line = {t, i, s->lines[i]};
    size_t n = s->lengths ? s->lengths[i] : strlen(line.text);
    if (o->constraints) RD_TRY(add_constraints(t, i, o->constraints[i]));
    if (o->glossary)
        RD_TRY(rd_glossary_match(o->glossary, line.text, n, s->words, &s->places, add_term, &line));
    return s->keeper ? rd_keeper_find(s->keeper, line.text, n, add_kept, &line) : RD_OK;
}

static rd_status add_lines(rd_line_constraints *t, source *s) {
    const rd_translate_options *o = s->options;
    if (o->glossary) RD_TRY(rd_breaker_open(&s->words, RD_BREAK_WORDS, NULL));
    if (o->keep) RD_TRY(rd_keeper_open(&s->keeper, o->keep));
    for (int64_t i = 0; i < s->n; i++) {
        rd_status status = add_of_line(t, s, i);
        if (status != RD_OK)
            return rd_error_prefix(status, "line %lld", (long long)(o->first_line + i + 1));
        t->offsets[i + 1] = t->n;
    }
    return RD_OK;
}

rd_status rd_line_constraints_make(rd_line_constraints *t, const rd_tokenizer *target, int32_t rows,
                                   int64_t n_lines, const char *const *lines, const size_t *lengths,
                                   const rd_translate_options *options) {
    *t = (rd_line_constraints){.tokenizer = target};
    t->offsets = rd_calloc((size_t)n_lines + 1, sizeof *t->offsets);
    if (!t->offsets) return RD_ERR_MEMORY;
    source s = {.n = n_lines, .lines = lines, .lengths = lengths, .options = options};
    rd_status status = add_lines(t, &s);
    rd_keeper_close(s.keeper);
    free(s.places.data);
    rd_breaker_close(s.words);
    RD_TRY(status);
    if (t->n > 0) RD_TRY(rd_edges_make(&t->edges, target, rows));
    t->spans = rd_malloc((size_t)t->n, sizeof *t->spans);
    if (!t->spans) return RD_ERR_MEMORY;
    for (int64_t i = 0; i < t->n; i++) /* an empty list has no address to add to */
        t->spans[i] = (rd_token_span){t->terms[i].n_ids ? t->ids.data + t->terms[i].first : NULL,
                                      t->terms[i].n_ids};
    return RD_OK;
}

void rd_line_constraints_free(rd_line_constraints *t) {
    rd_edges_free(&t->edges);
    rd_text_free(&t->texts);
    free(t->ids.data);
    free(t->terms);
    free(t->offsets);
    free(t->spans);
    *t = (rd_line_constraints){0};
}

const rd_token_span *rd_line_constraints_of(const rd_line_constraints *t, int64_t line,
                                            int32_t *n) {
    *n = (int32_t)(t->offsets[line + 1] - t->offsets[line]);
    return t->spans + t->offsets[line];
}

/* How often a text contains a phrase as whole words. */
static int32_t count_text(const char *text, const char *phrase) {
    int32_t n = 0;
    size_t length = strlen(text), size = strlen(phrase);
    for (const char *c = text; (c = strstr(c, phrase)); c++)
        n += rd_is_whole(text, length, (size_t)(c - text), (size_t)(c - text) + size);
    return n;
}

static bool goes_on(const rd_edges *edges, int32_t last, int32_t next) {
    return edges->flags && (edges->flags[last] & RD_EDGE_WORD) &&
           (edges->flags[next] & RD_EDGE_INNER);
}

static bool begins_within(const rd_edges *edges, int32_t before) {
    return edges->flags && (edges->flags[before] & RD_EDGE_JOINED);
}

static int32_t count_tokens(const rd_edges *edges, const int32_t *tokens, int32_t length,
                            rd_token_span phrase) {
    int32_t n = 0, size = phrase.length;
    for (int32_t i = 0; size > 0 && i + size <= length; i++)
        n += memcmp(tokens + i, phrase.tokens, (size_t)size * sizeof *tokens) == 0 &&
             (i == 0 || !begins_within(edges, tokens[i - 1])) &&
             (i + size == length || !goes_on(edges, tokens[i + size - 1], tokens[i + size]));
    return n;
}

rd_status rd_line_constraints_unmet(const rd_line_constraints *t, int64_t line,
                                    const int32_t *tokens, int32_t length, const char *text,
                                    char **unmet) {
    rd_text lacks = {0};
    *unmet = NULL;
    for (int64_t i = t->offsets[line]; i < t->offsets[line + 1]; i++) {
        const char *phrase = t->texts.data + t->terms[i].text;
        int32_t wanted = 0;
        if (t->terms[i].kept) continue;
        for (int64_t k = t->offsets[line]; k <= i; k++)
            wanted += strcmp(t->texts.data + t->terms[k].text, phrase) == 0;
        if (count_tokens(&t->edges, tokens, length, t->spans[i]) >= wanted ||
            count_text(text, phrase) >= wanted)
            continue;
        rd_status status = rd_text_printf(&lacks, "%s%s", lacks.length ? "\t" : "", phrase);
        if (status != RD_OK) return rd_text_free(&lacks), status;
    }
    *unmet = lacks.data;
    return RD_OK;
}
