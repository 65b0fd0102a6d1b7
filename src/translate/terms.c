#include "translate/terms.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "translate/glossary.h"
#include "translate/kept.h"
#include "translate/words.h"

/* Encodes a phrase as it stands within a text. What SentencePiece puts in front of every text,
 * byte-level BPE does not. */
static rd_status encode_phrase(rd_terms *t, const char *phrase) {
    int64_t first = t->ids.length;
    RD_TRY(rd_tokenizer_encode(t->tokenizer, phrase, strlen(phrase), &t->ids));
    if (t->ids.length == first || rd_piece_has_space(t->tokenizer, t->ids.data[first]))
        return RD_OK;
    rd_text spaced = {0};
    t->ids.length = first;
    rd_status status = rd_text_printf(&spaced, " %s", phrase);
    if (status == RD_OK)
        status = rd_tokenizer_encode(t->tokenizer, spaced.data, (size_t)spaced.length, &t->ids);
    rd_text_free(&spaced);
    return status;
}

static rd_status add_phrase(rd_terms *t, const char *phrase) {
    rd_term term = {.text = t->texts.length, .first = t->ids.length};
    RD_TRY(rd_reserve(&t->terms, &t->capacity, t->n + 1, sizeof *t->terms));
    RD_TRY(encode_phrase(t, phrase));
    RD_TRY(rd_text_append(&t->texts, phrase, strlen(phrase) + 1));
    int32_t unk = rd_tokenizer_unk(t->tokenizer);
    for (int64_t i = term.first; i < t->ids.length; i++)
        if (t->ids.data[i] == unk) t->ids.length = term.first;
    term.n_ids = (int32_t)(t->ids.length - term.first);
    t->terms[t->n++] = term;
    return RD_OK;
}

static rd_status add_constraints(rd_terms *t, int64_t line, const char *phrases) {
    rd_text phrase = {0};
    rd_status status = RD_OK;
    for (const char *c = phrases; status == RD_OK && *c; c += *c != '\0') {
        size_t n = strcspn(c, "\t");
        rd_text_clear(&phrase);
        if (n > 0) status = rd_text_append(&phrase, c, n);
        if (status == RD_OK && n > strspn(c, " "))
            status = t->n - t->offsets[line] < RD_MOST_TERMS
                         ? add_phrase(t, phrase.data)
                         : rd_error(RD_ERR_ARGUMENT, "a line with more than %d constraints",
                                    RD_MOST_TERMS);
        c += n;
    }
    rd_text_free(&phrase);
    return status;
}

typedef struct {
    rd_terms *terms;
    int64_t line;
} glossary_line;

static rd_status add_found(void *self, const char *phrase) {
    glossary_line *line = self;
    int64_t n = line->terms->n - line->terms->offsets[line->line];
    return n < RD_MOST_TERMS ? add_phrase(line->terms, phrase) : RD_OK;
}

/* A line in which what is to be kept is looked for. */
typedef struct {
    rd_terms *terms;
    int64_t line;
    const char *text;
} kept_line;

static rd_status add_kept(void *self, size_t begin, size_t end) {
    kept_line *line = self;
    rd_terms *t = line->terms;
    if (t->n - t->offsets[line->line] >= RD_MOST_TERMS) return RD_OK;
    rd_text phrase = {0};
    rd_status status = rd_text_append(&phrase, line->text + begin, end - begin);
    if (status == RD_OK) status = add_phrase(t, phrase.data);
    rd_text_free(&phrase);
    if (status == RD_OK) t->terms[t->n - 1].kept = true;
    return status;
}

static rd_status add_all_kept(rd_terms *t, rd_keeper *keeper, int64_t line,
                              const char *const *lines, const size_t *lengths) {
    size_t n = lengths ? lengths[line] : strlen(lines[line]);
    return rd_keeper_find(keeper, lines[line], n, add_kept, &(kept_line){t, line, lines[line]});
}

static rd_status add_lines(rd_terms *t, int64_t n_lines, const char *const *lines,
                           const size_t *lengths, const char *const *constraints,
                           const rd_glossary *glossary, const rd_pattern *keep) {
    rd_breaker *words = NULL;
    rd_offsets places = {0};
    rd_keeper *keeper = NULL;
    rd_status status = glossary ? rd_breaker_open(&words, RD_BREAK_WORDS, NULL) : RD_OK;
    if (status == RD_OK && keep) status = rd_keeper_open(&keeper, keep);
    for (int64_t i = 0; status == RD_OK && i < n_lines; i++) {
        if (constraints) status = add_constraints(t, i, constraints[i]);
        if (status == RD_OK && glossary)
            status = rd_glossary_match(glossary, lines[i], lengths ? lengths[i] : strlen(lines[i]),
                                       words, &places, add_found, &(glossary_line){t, i});
        if (status == RD_OK && keep) status = add_all_kept(t, keeper, i, lines, lengths);
        t->offsets[i + 1] = t->n;
    }
    rd_keeper_close(keeper);
    free(places.data);
    rd_breaker_close(words);
    return status;
}

rd_status rd_terms_make(rd_terms *t, const rd_tokenizer *target, int32_t rows, int64_t n_lines,
                        const char *const *lines, const size_t *lengths,
                        const char *const *constraints, const rd_glossary *glossary,
                        const rd_pattern *keep) {
    *t = (rd_terms){.tokenizer = target};
    t->offsets = rd_calloc((size_t)n_lines + 1, sizeof *t->offsets);
    if (!t->offsets) return RD_ERR_MEMORY;
    RD_TRY(add_lines(t, n_lines, lines, lengths, constraints, glossary, keep));
    if (t->n > 0) RD_TRY(rd_edges_make(&t->edges, target, rows));
    t->spans = rd_malloc((size_t)t->n, sizeof *t->spans);
    if (!t->spans) return RD_ERR_MEMORY;
    for (int64_t i = 0; i < t->n; i++) /* an empty list has no address to add to */
        t->spans[i] = (rd_token_span){t->terms[i].n_ids ? t->ids.data + t->terms[i].first : NULL,
                                      t->terms[i].n_ids};
    return RD_OK;
}

void rd_terms_free(rd_terms *t) {
    rd_edges_free(&t->edges);
    rd_text_free(&t->texts);
    free(t->ids.data);
    free(t->terms);
    free(t->offsets);
    free(t->spans);
    *t = (rd_terms){0};
}

const rd_token_span *rd_terms_of_line(const rd_terms *t, int64_t line, int32_t *n) {
    *n = (int32_t)(t->offsets[line + 1] - t->offsets[line]);
    return t->spans + t->offsets[line];
}

/* How often a phrase is in a text as whole words. */
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

static int32_t count_tokens(const rd_edges *edges, const int32_t *tokens, int32_t length,
                            rd_token_span phrase) {
    int32_t n = 0, size = phrase.length;
    for (int32_t i = 0; size > 0 && i + size <= length; i++)
        n += memcmp(tokens + i, phrase.tokens, (size_t)size * sizeof *tokens) == 0 &&
             (i + size == length || !goes_on(edges, tokens[i + size - 1], tokens[i + size]));
    return n;
}

rd_status rd_terms_unmet(const rd_terms *t, int64_t line, const int32_t *tokens, int32_t length,
                         const char *text, char **unmet) {
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
