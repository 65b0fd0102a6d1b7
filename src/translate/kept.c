#include "translate/kept.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/uregex.h>
#include <unicode/utext.h>

#include "base/memory.h"
#include "base/text.h"
#include "translate/edges.h"

/* ICU's units of work for a line: without a limit some expressions take forever. */
enum { MOST_WORK = 500, MOST_STACK = 8 << 20 };

struct rd_pattern {
    URegularExpression *regex;
};

struct rd_keeper {
    URegularExpression *regex;
};

rd_status rd_pattern_open(rd_pattern **pattern, const char *regex) {
    UErrorCode code = U_ZERO_ERROR;
    UParseError place = {0};
    UText text = UTEXT_INITIALIZER;
    *pattern = rd_calloc(1, sizeof **pattern);
    if (!*pattern) return RD_ERR_MEMORY;
    utext_openUTF8(&text, regex, (int64_t)strlen(regex), &code);
    (*pattern)->regex = uregex_openUText(&text, 0, &place, &code);
    utext_close(&text);
    if (U_SUCCESS(code)) return RD_OK;
    rd_pattern_close(*pattern);
    *pattern = NULL;
    if (code == U_MEMORY_ALLOCATION_ERROR) return rd_error(RD_ERR_MEMORY, "out of memory in ICU");
    return rd_error(RD_ERR_ARGUMENT, "not a regular expression: %.200s (%s at character %d)", regex,
                    u_errorName(code), (int)place.offset + 1);
}

void rd_pattern_close(rd_pattern *pattern) {
    if (!pattern) return;
    uregex_close(pattern->regex);
    free(pattern);
}

static rd_status regex_error(UErrorCode code) {
    if (code == U_MEMORY_ALLOCATION_ERROR) return rd_error(RD_ERR_MEMORY, "out of memory in ICU");
    return rd_error(RD_ERR_FORMAT, "the regular expression of what to keep fails: %s",
                    u_errorName(code));
}

rd_status rd_keeper_open(rd_keeper **keeper, const rd_pattern *keep) {
    UErrorCode code = U_ZERO_ERROR;
    *keeper = rd_calloc(1, sizeof **keeper);
    if (!*keeper) return RD_ERR_MEMORY;
    (*keeper)->regex = uregex_clone(keep->regex, &code);
    uregex_setTimeLimit((*keeper)->regex, MOST_WORK, &code);
    uregex_setStackLimit((*keeper)->regex, MOST_STACK, &code);
    if (U_SUCCESS(code)) return RD_OK;
    rd_keeper_close(*keeper);
    *keeper = NULL;
    return regex_error(code);
}

void rd_keeper_close(rd_keeper *keeper) {
    if (!keeper) return;
    if (keeper->regex) uregex_close(keeper->regex);
    free(keeper);
}

/* Translations are texts, which end at a NUL. */
static void strip(const char *text, size_t *begin, size_t *end) {
    while (*begin < *end && strchr(" \t", text[*begin])) ++*begin;
    *end = *begin + strnlen(text + *begin, *end - *begin);
    while (*begin < *end && strchr(" \t", text[*end - 1])) --*end;
}

static rd_status find_all(const rd_keeper *keeper, const char *text,
                          rd_status (*found)(void *self, size_t begin, size_t end), void *self,
                          UErrorCode *code) {
    int matches = 0;
    for (UBool more = uregex_find64(keeper->regex, 0, code); more && U_SUCCESS(*code);
         more = uregex_findNext(keeper->regex, code)) {
        size_t begin = (size_t)uregex_start64(keeper->regex, 0, code);
        size_t end = (size_t)uregex_end64(keeper->regex, 0, code);
        if (U_FAILURE(*code)) break;
        strip(text, &begin, &end);
        if (begin == end) continue;
        if (++matches > RD_MOST_KEPT)
            return rd_error(RD_ERR_FORMAT, "more than %d strings to keep", RD_MOST_KEPT);
        RD_TRY(found(self, begin, end));
    }
    return RD_OK;
}

rd_status rd_keeper_find(rd_keeper *keeper, const char *text, size_t n,
                         rd_status (*found)(void *self, size_t begin, size_t end), void *self) {
    UErrorCode code = U_ZERO_ERROR;
    UText source = UTEXT_INITIALIZER;
    int64_t invalid = rd_utf8_invalid_at(text, n);
    utext_openUTF8(&source, text, invalid < 0 ? (int64_t)n : invalid, &code);
    uregex_setUText(keeper->regex, &source, &code);
    rd_status status = U_SUCCESS(code) ? find_all(keeper, text, found, self, &code) : RD_OK;
    utext_close(&source);
    return U_FAILURE(code) ? regex_error(code) : status;
}

/* A match, and where the text has it. */
typedef struct {
    size_t begin, end; /* in the line */
    int64_t at;        /* in the text; -1: nowhere */
} match;

/* A translation being mended. */
typedef struct {
    const char *line;
    size_t n;
    rd_text *text;
    match *matches; /* [n_matches], as the line has them */
    int64_t n_matches, capacity;
    int64_t *places; /* [n_places] in the text */
    int64_t n_places;
} mending;

static rd_status add_match(void *self, size_t begin, size_t end) {
    mending *m = self;
    RD_TRY(rd_reserve(&m->matches, &m->capacity, m->n_matches + 1, sizeof *m->matches));
    m->matches[m->n_matches++] = (match){begin, end, -1};
    return RD_OK;
}

static int64_t size_of(const match *k) {
    return (int64_t)(k->end - k->begin);
}

/* Places and matches from `first` on move by n bytes. */
static void move(const mending *m, int64_t first, int64_t n) {
    for (int64_t i = 0; i < m->n_places; i++)
        if (m->places[i] >= first) m->places[i] += n;
    for (int64_t i = 0; i < m->n_matches; i++)
        if (m->matches[i].at >= first) m->matches[i].at += n;
}

static bool is_word(char c) {
    return c && ((unsigned char)c >= 128 || u_isalnum(c));
}

/* Whether the blank between a match and a neighbour is not the line's: that has `theirs` right
 * next to the match, a letter or what is beyond the blank here, too. */
static bool is_alien(char theirs, char ours) {
    return theirs && theirs != ' ' && theirs != '\t' && (is_word(theirs) || theirs == ours);
}

static void cut(const mending *m, int64_t at) {
    rd_text *text = m->text;
    move(m, at + 1, -1);
    memmove(text->data + at, text->data + at + 1, (size_t)(text->length - at));
    text->length--;
}

static void mend_blanks(const mending *m, const match *k) {
    const rd_text *text = m->text;
    char before = k->begin > 0 ? m->line[k->begin - 1] : '\0';
    char after = k->end < m->n ? m->line[k->end] : '\0';
    if (k->at > 1 && text->data[k->at - 1] == ' ' && is_alien(before, text->data[k->at - 2]))
        cut(m, k->at - 1);
    int64_t end = k->at + size_of(k);
    if (end + 1 < text->length && text->data[end] == ' ' && is_alien(after, text->data[end + 1]))
        cut(m, end);
}

/* Whether an address continues after text[0..end): "a.b/" is not kept by "a.b/c". */
static bool is_cut_short(const rd_text *text, size_t end) {
    return end < (size_t)text->length && strchr("/-_=&?#%.:@~+", text->data[end - 1]) &&
           is_word(text->data[end]);
}

/* The next place from `from` on where the text has these bytes as whole words; -1: nowhere. */
static int64_t find_whole(const rd_text *text, int64_t from, const char *bytes, size_t n) {
    const char *end = text->data + text->length;
    for (const char *c = text->data + from; (c = memmem(c, (size_t)(end - c), bytes, n)); c++) {
        size_t at = (size_t)(c - text->data);
        if (rd_is_whole(text->data, (size_t)text->length, at, at + n) &&
            !is_cut_short(text, at + n))
            return (int64_t)at;
    }
    return -1;
}

static int longest_first(const void *a, const void *b) {
    const match *x = *(match *const *)a, *y = *(match *const *)b;
    if (size_of(x) != size_of(y)) return size_of(x) < size_of(y) ? 1 : -1;
    return x->begin < y->begin ? -1 : x->begin > y->begin;
}

/* A place where no byte belongs to another match; -1: none. */
static int64_t find_free(const rd_text *text, const char *taken, const char *bytes, size_t n) {
    int64_t at = find_whole(text, 0, bytes, n);
    while (at >= 0 && memchr(taken + at, 1, n)) at = find_whole(text, at + 1, bytes, n);
    return at;
}

/* Finds the matches in the text. No two share a byte, and the longest are found first, for others
 * may be parts of them. order: [n_matches], taken: [length of the text] zeros, scratch. */
static void place(mending *m, match **order, char *taken) {
    for (int64_t i = 0; i < m->n_matches; i++) order[i] = &m->matches[i];
    if (m->n_matches) qsort(order, (size_t)m->n_matches, sizeof *order, longest_first);
    for (int64_t i = 0; i < m->n_matches; i++) {
        match *k = order[i];
        size_t n = k->end - k->begin;
        k->at = find_free(m->text, taken, m->line + k->begin, n);
        if (k->at >= 0) memset(taken + k->at, 1, n);
    }
}

/* The place for missing strings: the end, before the marks that end the sentence, but after all
 * matches. */
static int64_t last_place(const mending *m) {
    const rd_text *text = m->text;
    int64_t first = 0;
    for (int64_t i = 0; i < m->n_matches; i++) {
        const match *k = &m->matches[i];
        if (k->at >= 0 && k->at + size_of(k) > first) first = k->at + size_of(k);
    }
    size_t at = (size_t)text->length, least = (size_t)first;
    for (size_t before = at; at > least && rd_ends_sentence(rd_utf8_before(text->data, &before));)
        at = before;
    while (at > least && text->data[at - 1] == ' ') at--;
    return (int64_t)at;
}

static rd_status insert(const mending *m, match *k) {
    rd_text made = {0}, *text = m->text;
    int64_t at = k->begin == 0 ? 0 : last_place(m);
    const char *gap = at > 0 && text->data[at - 1] != ' ' ? " " : "";
    rd_status status = rd_text_append(&made, text->data, (size_t)at);
    if (status == RD_OK) status = rd_text_append(&made, gap, strlen(gap));
    if (status == RD_OK) status = rd_text_append(&made, m->line + k->begin, k->end - k->begin);
    if (status == RD_OK && at == 0 && text->length) status = rd_text_append(&made, " ", 1);
    if (status == RD_OK)
        status = rd_text_append(&made, text->data + at, (size_t)(text->length - at));
    move(m, at, made.length - text->length);
    k->at = at + (int64_t)strlen(gap);
    rd_text_free(text);
    *text = made;
    return status;
}

static rd_status mend(mending *m, int32_t *added) {
    match **order = rd_malloc((size_t)m->n_matches, sizeof *order);
    char *taken = rd_calloc((size_t)m->text->length, 1);
    rd_status status = order && taken ? RD_OK : RD_ERR_MEMORY;
    if (status == RD_OK) place(m, order, taken);
    free(order);
    free(taken);
    RD_TRY(status);
    for (int64_t i = 0; i < m->n_matches; i++)
        if (m->matches[i].at >= 0) mend_blanks(m, &m->matches[i]);
    for (int64_t i = 0; i < m->n_matches; i++) {
        if (m->matches[i].at >= 0) continue;
        RD_TRY(insert(m, &m->matches[i]));
        ++*added;
    }
    return RD_OK;
}

rd_status rd_keeper_restore(rd_keeper *keeper, const char *line, size_t n, char **text,
                            int32_t *added, int64_t *places, int64_t n_places) {
    rd_text mended = {0};
    mending m = {.line = line, .n = n, .text = &mended, .places = places, .n_places = n_places};
    *added = 0;
    rd_status status = rd_text_append(&mended, *text, strlen(*text));
    if (status == RD_OK) status = rd_keeper_find(keeper, line, n, add_match, &m);
    if (status == RD_OK) status = mend(&m, added);
    free(m.matches);
    if (status != RD_OK) {
        rd_text_free(&mended);
        return status;
    }
    free(*text);
    *text = mended.data;
    return RD_OK;
}
