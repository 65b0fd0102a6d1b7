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

/* A translation being mended. */
typedef struct {
    const char *line;
    size_t n;
    rd_text *text;
    int32_t added;
    int64_t *places; /* [n_places] in the text */
    int64_t n_places;
} mending;

/* The places from `first` on move by n bytes. */
static void move_places(const mending *m, int64_t first, int64_t n) {
    for (int64_t i = 0; i < m->n_places; i++)
        if (m->places[i] >= first) m->places[i] += n;
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
    move_places(m, at + 1, -1);
    memmove(text->data + at, text->data + at + 1, (size_t)(text->length - at));
    text->length--;
}

/* The match, line[begin..end), is at text[*at..). */
static void mend_blanks(const mending *m, size_t begin, size_t end, int64_t *at) {
    rd_text *text = m->text;
    char before = begin > 0 ? m->line[begin - 1] : '\0', after = end < m->n ? m->line[end] : '\0';
    int64_t place = *at;
    if (place > 1 && text->data[place - 1] == ' ' && is_alien(before, text->data[place - 2]))
        cut(m, --place);
    int64_t after_match = place + (int64_t)(end - begin);
    if (after_match + 1 < text->length && text->data[after_match] == ' ' &&
        is_alien(after, text->data[after_match + 1]))
        cut(m, after_match);
    *at = after_match;
}

static rd_status insert(const mending *m, int64_t at, const char *bytes, size_t n) {
    rd_text made = {0}, *text = m->text;
    const char *gap = at > 0 && text->data[at - 1] != ' ' ? " " : "";
    rd_status status = rd_text_append(&made, text->data, (size_t)at);
    if (status == RD_OK) status = rd_text_append(&made, gap, strlen(gap));
    if (status == RD_OK) status = rd_text_append(&made, bytes, n);
    if (status == RD_OK && at == 0 && text->length) status = rd_text_append(&made, " ", 1);
    if (status == RD_OK)
        status = rd_text_append(&made, text->data + at, (size_t)(text->length - at));
    move_places(m, at, made.length - text->length);
    rd_text_free(text);
    *text = made;
    return status;
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

/* The text's place for the match line[begin..end): as often as the line has the same bytes before
 * it they are taken in the text. -1: there is none left. */
static int64_t find_free(const mending *m, size_t begin, size_t end) {
    int64_t from = 0, found = -1;
    rd_text line = {.data = (char *)m->line, .length = (int64_t)begin};
    int64_t taken = 0;
    for (int64_t at = 0; (at = find_whole(&line, at, m->line + begin, end - begin)) >= 0; at++)
        taken++;
    for (int64_t i = 0; i <= taken; i++) {
        found = find_whole(m->text, from, m->line + begin, end - begin);
        if (found < 0) return -1;
        from = found + (int64_t)(end - begin);
    }
    return found;
}

/* The place for missing strings: the end, before the marks that end the sentence. */
static int64_t last_place(const rd_text *text) {
    size_t at = (size_t)text->length;
    for (size_t before = at; at > 0 && rd_ends_sentence(rd_utf8_before(text->data, &before));)
        at = before;
    while (at > 0 && text->data[at - 1] == ' ') at--;
    return (int64_t)at;
}

static rd_status mend(void *self, size_t begin, size_t end) {
    mending *m = self;
    int64_t at = find_free(m, begin, end);
    if (at < 0) {
        int64_t place = begin == 0 ? 0 : last_place(m->text);
        RD_TRY(insert(m, place, m->line + begin, end - begin));
        m->added++;
        return RD_OK;
    }
    mend_blanks(m, begin, end, &at);
    return RD_OK;
}

rd_status rd_keeper_restore(rd_keeper *keeper, const char *line, size_t n, char **text,
                            int32_t *added, int64_t *places, int64_t n_places) {
    rd_text mended = {0};
    mending m = {.line = line, .n = n, .text = &mended, .places = places, .n_places = n_places};
    rd_status status = rd_text_append(&mended, *text, strlen(*text));
    if (status == RD_OK) status = rd_keeper_find(keeper, line, n, mend, &m);
    if (status != RD_OK) {
        rd_text_free(&mended);
        return status;
    }
    free(*text);
    *text = mended.data;
    *added = m.added;
    return RD_OK;
}
