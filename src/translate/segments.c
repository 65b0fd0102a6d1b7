#include "translate/segments.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/uchar.h>

#include "base/memory.h"
#include "base/text.h"
#include "translate/breaker.h"
#include "translate/glossary.h"
#include "translate/head.h"
#include "translate/kept.h"

/* A longer text has more tokens than windows may have, without counting: this bounds the work for
 * each window. */
enum { MOST_TOKEN_BYTES = 64 };

typedef struct {
    int64_t begin, end;
} span;

typedef struct {
    const rd_tokenizer *tokenizer;
    const rd_translate_options *options;
    rd_segments *out;
    int64_t line; /* being cut */
    const char *text;
    int64_t length;
    int64_t head;   /* bytes of the line's tags */
    int32_t window; /* tokens that the tags leave room for; 0: any */
    rd_breaker *sentence_breaker, *word_breaker;
    rd_offsets sentences, words, characters; /* where the line can be cut */
    rd_keeper *keeper;                       /* or NULL */
    span *kept;                              /* [n_kept] what is not cut through */
    int64_t n_kept, kept_capacity;
    bool has_sentences, has_words; /* of this line */
    rd_ids ids;
} cutter;

/* Takes the white space off both ends. */
static void strip(const cutter *c, int64_t *begin, int64_t *end) {
    while (*begin < *end) {
        const char *cursor = c->text + *begin;
        if (!u_isUWhiteSpace((UChar32)rd_utf8_next(&cursor, c->text + *end))) break;
        *begin = cursor - c->text;
    }
    while (*begin < *end) {
        size_t n = (size_t)(*end - *begin);
        if (!u_isUWhiteSpace((UChar32)rd_utf8_before(c->text + *begin, &n))) break;
        *end = *begin + (int64_t)n;
    }
}

static rd_status add(cutter *c, int64_t begin, int64_t end) {
    strip(c, &begin, &end);
    if (begin == end) return RD_OK;
    RD_TRY(rd_reserve(&c->out->items, &c->out->capacity, c->out->n + 1, sizeof *c->out->items));
    c->out->items[c->out->n++] = (rd_segment){
        .line = c->line, .begin = (size_t)begin, .end = (size_t)end, .head = (size_t)c->head};
    return RD_OK;
}

/* Whether a part of the line has at most so many tokens. */
static rd_status fits(cutter *c, int64_t begin, int64_t end, int32_t most, bool *yes) {
    strip(c, &begin, &end);
    *yes = false;
    if (end - begin > (int64_t)most * MOST_TOKEN_BYTES) return RD_OK;
    c->ids.length = 0;
    RD_TRY(rd_tokenizer_encode(c->tokenizer, c->text + begin, (size_t)(end - begin), &c->ids));
    *yes = c->ids.length <= most;
    return RD_OK;
}

/* The first of the ascending places after `at`. */
static int64_t first_after(const rd_offsets *places, int64_t at) {
    int64_t low = 0, high = places->length;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (places->data[middle] <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The furthest place, up to `end`, to which text from `begin` on has at most `most` tokens; `begin`
 * where there is none. It doubles its step, then halves it. */
static rd_status furthest(cutter *c, const rd_offsets *places, int64_t begin, int64_t end,
                          int32_t most, int64_t *found) {
    int64_t low = first_after(places, begin) - 1, limit = first_after(places, end), step = 1;
    *found = begin; /* place `low`: fits */
    for (bool growing = true; step > 0; step = growing ? step * 2 : step / 2) {
        bool yes = false;
        if (low + step < limit) RD_TRY(fits(c, begin, places->data[low + step], most, &yes));
        if (yes) *found = places->data[low += step];
        if (!yes) growing = false;
    }
    return RD_OK;
}

/* The earliest place after `begin` from which the text up to `end` has at most `most` tokens;
 * `end` where there is none. */
static rd_status earliest(cutter *c, const rd_offsets *places, int64_t begin, int64_t end,
                          int32_t most, int64_t *found) {
    int64_t low = first_after(places, begin), high = first_after(places, end - 1);
    *found = end;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        bool yes;
        RD_TRY(fits(c, places->data[middle], end, most, &yes));
        if (yes)
            *found = places->data[high = middle];
        else
            low = middle + 1;
    }
    return RD_OK;
}

static rd_status add_kept(void *self, size_t begin, size_t end) {
    cutter *c = self;
    RD_TRY(rd_reserve(&c->kept, &c->kept_capacity, c->n_kept + 1, sizeof *c->kept));
    c->kept[c->n_kept++] = (span){(int64_t)begin, (int64_t)end};
    return RD_OK;
}

static rd_status add_term(void *self, const char *target, size_t begin, size_t end) {
    (void)target;
    return add_kept(self, begin, end);
}

static int by_begin(const void *a, const void *b) {
    const span *x = a, *y = b;
    return x->begin < y->begin ? -1 : x->begin > y->begin;
}

/* What a segment has whole: strings to keep, terms of the glossary. */
static rd_status find_kept(cutter *c) {
    const rd_glossary *glossary = c->options->glossary;
    size_t n = (size_t)c->length;
    c->n_kept = 0;
    if (c->keeper) RD_TRY(rd_keeper_find(c->keeper, c->text, n, add_kept, c));
    if (glossary)
        RD_TRY(rd_glossary_match(glossary, c->text, n, c->word_breaker, &c->words, add_term, c));
    if (c->n_kept) qsort(c->kept, (size_t)c->n_kept, sizeof *c->kept, by_begin);
    return RD_OK;
}

/* Leaves out the places, ascending, within them. */
static void spare_kept(const cutter *c, rd_offsets *places) {
    int64_t n = 0, k = 0, inside_to = 0;
    for (int64_t i = 0; i < places->length; i++) {
        int64_t place = places->data[i];
        for (; k < c->n_kept && c->kept[k].begin < place; k++)
            if (c->kept[k].end > inside_to) inside_to = c->kept[k].end;
        if (place >= inside_to) places->data[n++] = place;
    }
    places->length = n;
}

static rd_status find_sentences(cutter *c) {
    if (c->has_sentences) return RD_OK;
    c->has_sentences = true;
    RD_TRY(find_kept(c));
    RD_TRY(rd_breaker_find(c->sentence_breaker, c->text, (size_t)c->length, &c->sentences));
    spare_kept(c, &c->sentences);
    return RD_OK;
}

static rd_status find_words(cutter *c) {
    if (c->has_words) return RD_OK;
    c->has_words = true;
    RD_TRY(rd_breaker_find(c->word_breaker, c->text, (size_t)c->length, &c->words));
    spare_kept(c, &c->words);
    return RD_OK;
}

/* Places between the characters that a window from `begin` on could have. */
static rd_status find_characters(cutter *c, int64_t begin, int64_t end) {
    int64_t most = begin + (int64_t)c->window * MOST_TOKEN_BYTES;
    const char *cursor = c->text + begin, *stop = c->text + (end < most ? end : most);
    c->characters.length = 0;
    RD_TRY(rd_offsets_add(&c->characters, begin));
    while (cursor < stop) {
        rd_utf8_next(&cursor, c->text + c->length);
        RD_TRY(rd_offsets_add(&c->characters, cursor - c->text));
    }
    return RD_OK;
}

/* Where a window that starts at `begin` ends: after a sentence, else a word, else a character; in
 * what is kept whole only if that is longer than a window. */
static rd_status window_end(cutter *c, int64_t begin, int64_t end, int64_t *found) {
    int32_t most = c->window;
    RD_TRY(furthest(c, &c->sentences, begin, end, most, found));
    if (*found > begin) return RD_OK;
    RD_TRY(find_words(c));
    RD_TRY(furthest(c, &c->words, begin, end, most, found));
    if (*found > begin) return RD_OK;
    RD_TRY(find_characters(c, begin, end));
    spare_kept(c, &c->characters);
    RD_TRY(furthest(c, &c->characters, begin, end, most, found));
    if (*found > begin) return RD_OK;
    RD_TRY(find_characters(c, begin, end));
    RD_TRY(furthest(c, &c->characters, begin, end, most, found));
    if (*found == begin) *found = c->characters.data[1]; /* one that takes several tokens */
    return RD_OK;
}

/* Where the window after begin .. end - 1 starts; *next_end: where it ends. It repeats as much as
 * the overlap has room for, unless it would get no further. */
static rd_status next_window(cutter *c, int64_t *begin, int64_t end, int64_t last,
                             int64_t *next_end) {
    int32_t overlap = c->options->window_overlap;
    int64_t start = end;
    if (overlap > 0) RD_TRY(earliest(c, &c->sentences, *begin, end, overlap, &start));
    if (overlap > 0 && start == end) {
        RD_TRY(find_words(c));
        RD_TRY(earliest(c, &c->words, *begin, end, overlap, &start));
    }
    *begin = start;
    RD_TRY(window_end(c, start, last, next_end));
    if (*next_end > end) return RD_OK;
    *begin = end;
    return window_end(c, end, last, next_end);
}

static rd_status add_windows(cutter *c, int64_t begin, int64_t last) {
    int64_t end;
    RD_TRY(find_sentences(c));
    RD_TRY(window_end(c, begin, last, &end));
    RD_TRY(add(c, begin, end));
    while (end < last) {
        int64_t next_end;
        RD_TRY(next_window(c, &begin, end, last, &next_end));
        RD_TRY(add(c, begin, next_end));
        end = next_end;
    }
    return RD_OK;
}

/* A sentence or a line. */
static rd_status add_whole(cutter *c, int64_t begin, int64_t end) {
    bool whole = true;
    if (c->window > 0) RD_TRY(fits(c, begin, end, c->window, &whole));
    return whole ? add(c, begin, end) : add_windows(c, begin, end);
}

/* A window must have room for a token besides the tags. */
static rd_status find_head(cutter *c) {
    size_t head;
    RD_TRY(rd_line_head(c->tokenizer, c->text, (size_t)c->length, &head));
    c->head = (int64_t)head;
    c->window = c->options->window_tokens;
    if (head == 0 || c->window == 0) return RD_OK;
    c->ids.length = 0;
    RD_TRY(rd_tokenizer_encode(c->tokenizer, c->text, head, &c->ids));
    if (c->ids.length < c->window)
        c->window -= (int32_t)c->ids.length;
    else
        c->head = 0;
    return RD_OK;
}

static rd_status cut_line(cutter *c, const char *text, size_t length) {
    int64_t invalid = rd_utf8_invalid_at(text, length);
    if (invalid >= 0) return rd_error(RD_ERR_ARGUMENT, "a line is not UTF-8");
    c->text = text;
    c->length = (int64_t)length;
    c->has_sentences = c->has_words = false;
    RD_TRY(find_head(c));
    if (!c->options->split_sentences) return add_whole(c, c->head, c->length);
    RD_TRY(find_sentences(c));
    for (int64_t i = 0; i + 1 < c->sentences.length; i++) {
        int64_t begin = c->sentences.data[i], end = c->sentences.data[i + 1];
        if (end > c->head) RD_TRY(add_whole(c, begin > c->head ? begin : c->head, end));
    }
    return RD_OK;
}

rd_status rd_segments_make(rd_segments *segments, const rd_translator *translator,
                           const rd_translate_options *options, int64_t n, const char *const *lines,
                           const size_t *lengths) {
    cutter c = {.tokenizer = translator->source, .options = options, .out = segments};
    const char *language =
        options->split_language ? options->split_language : translator->source_lang;
    *segments = (rd_segments){0};
    rd_status status = rd_breaker_open(&c.sentence_breaker, RD_BREAK_SENTENCES, language);
    if (status == RD_OK) status = rd_breaker_open(&c.word_breaker, RD_BREAK_WORDS, NULL);
    if (status == RD_OK && options->keep) status = rd_keeper_open(&c.keeper, options->keep);
    for (; status == RD_OK && c.line < n; c.line++)
        status = cut_line(&c, lines[c.line], lengths ? lengths[c.line] : strlen(lines[c.line]));
    if (status != RD_OK && c.line > 0) /* the line that failed is counted */
        status = rd_error_prefix(status, "line %lld", (long long)(options->first_line + c.line));
    rd_breaker_close(c.sentence_breaker);
    rd_breaker_close(c.word_breaker);
    rd_keeper_close(c.keeper);
    free(c.kept);
    free(c.sentences.data);
    free(c.words.data);
    free(c.characters.data);
    free(c.ids.data);
    return status;
}
