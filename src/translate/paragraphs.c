/* Translating lines that are paragraphs or documents: they are cut into segments, which are
 * translated as separate lines, and the translations joined. */
#include "translate/paragraphs.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/uscript.h>

#include "base/memory.h"
#include "base/text.h"
#include "translate/breaker.h"
#include "translate/head.h"
#include "translate/kept.h"
#include "translate/lines.h"
#include "translate/output.h"
#include "translate/segments.h"
#include "translate/words.h"

/* Characters of Chinese and Japanese, letters and punctuation: between their sentences there is no
 * blank. */
static bool is_unspaced(uint32_t c) {
    UErrorCode code = U_ZERO_ERROR;
    UScriptCode script = uscript_getScript((UChar32)c, &code);
    return script == USCRIPT_HAN || script == USCRIPT_HIRAGANA || script == USCRIPT_KATAKANA ||
           script == USCRIPT_BOPOMOFO || script == USCRIPT_YI || (c >= 0x3000 && c <= 0x303F) ||
           (c >= 0xFF01 && c <= 0xFF9F);
}

/* Whether the last character of text[0..n) is such a one; with `past`, the last that is not
 * punctuation of other scripts. */
static bool ends_unspaced(const char *text, size_t n, bool past) {
    while (n > 0) {
        uint32_t c = rd_utf8_before(text, &n);
        if (is_unspaced(c)) return true;
        if (!past || !u_ispunct((UChar32)c)) return false;
    }
    return false;
}

static bool begins_unspaced(const char *text) {
    const char *end = text + strlen(text);
    while (text < end) {
        uint32_t c = rd_utf8_next(&text, end);
        if (is_unspaced(c)) return true;
        if (!u_ispunct((UChar32)c)) return false;
    }
    return false;
}

const char *rd_gap(const char *text, size_t n, const char *next) {
    if (n == 0 || !*next) return "";
    bool unspaced =
        ends_unspaced(text, n, false) || (ends_unspaced(text, n, true) && begins_unspaced(next));
    return unspaced ? "" : " ";
}

/* The segments as separate lines: [n] each. */
typedef struct {
    const char **texts, **prefixes; /* a line's prefix goes before its first segment, and before the
                                     * others if it consists of tags only */
    char **composed;                /* [n] tags and segment where they are apart; or NULL */
    size_t *lengths;
    int64_t *numbers; /* numbers on which samples depend */
    int64_t n;
    rd_translations found;
} parts;

static void parts_end(parts *p) {
    for (int64_t i = 0; p->composed && i < p->n; i++) free(p->composed[i]);
    free(p->composed);
    free(p->texts);
    free(p->prefixes);
    free(p->lengths);
    free(p->numbers);
    rd_translations_free(&p->found);
}

/* The segment with its line's tags before it. */
static rd_status compose(parts *p, int64_t i, const rd_segment *s, const char *line, bool first) {
    p->texts[i] = line + s->begin;
    p->lengths[i] = s->end - s->begin;
    if (s->head == 0) return RD_OK;
    if (first) {
        p->texts[i] = line;
        p->lengths[i] = s->end;
        return RD_OK;
    }
    rd_text text = {0};
    rd_status status = rd_text_append(&text, line, s->head);
    if (status == RD_OK) status = rd_text_append(&text, " ", 1);
    if (status == RD_OK) status = rd_text_append(&text, line + s->begin, s->end - s->begin);
    p->composed[i] = text.data;
    p->texts[i] = text.data;
    p->lengths[i] = (size_t)text.length;
    return status;
}

/* Whether a prefix consists of tags only. */
static rd_status is_tags(const rd_tokenizer *target, const char *prefix, bool *yes) {
    rd_text text = {0}; /* tags come before something */
    size_t head = 0, n = strlen(prefix);
    RD_TRY(rd_text_printf(&text, "%s .", prefix));
    rd_status status = rd_line_head(target, text.data, (size_t)text.length, &head);
    *yes = head > 0 && head + strspn(text.data + head, " ") == n + 1;
    rd_text_free(&text);
    return status;
}

static rd_status parts_make(parts *p, const rd_segments *segments, const rd_tokenizer *target,
                            const rd_translate_options *o, const char *const *lines) {
    size_t n = (size_t)segments->n;
    p->texts = rd_malloc(n, sizeof *p->texts);
    p->prefixes = rd_malloc(n, sizeof *p->prefixes);
    p->lengths = rd_malloc(n, sizeof *p->lengths);
    p->numbers = rd_malloc(n, sizeof *p->numbers);
    p->composed = rd_calloc(n, sizeof *p->composed);
    p->n = segments->n;
    if (!p->texts || !p->prefixes || !p->lengths || !p->numbers || !p->composed)
        return RD_ERR_MEMORY;
    int64_t of_line = 0;
    bool tags = false;
    for (int64_t i = 0; i < segments->n; i++) {
        const rd_segment *s = &segments->items[i];
        of_line = i > 0 && s[-1].line == s->line ? of_line + 1 : 0;
        const char *prefix = o->prefixes ? o->prefixes[s->line] : "";
        if (of_line == 0) RD_TRY(is_tags(target, prefix, &tags));
        RD_TRY(compose(p, i, s, lines[s->line], of_line == 0));
        p->prefixes[i] = of_line == 0 || tags ? prefix : "";
        p->numbers[i] = o->first_line + s->line + (of_line << RD_PART_BITS);
    }
    return RD_OK;
}

/* Words of text[0..n), UTF-8; *inside: whether it ends within one. */
static int32_t count_words(const char *text, size_t n, bool *inside) {
    const char *cursor = text, *end = text + n;
    int32_t words = 0;
    *inside = false;
    for (rd_word word; (word = rd_word_next(&cursor, end)).n > 0; words++)
        *inside = word.bytes + word.n == end;
    return words;
}

/* Words that come before a part. */
typedef struct {
    int32_t head;   /* of the line's tags, which the part repeats */
    int32_t source; /* of the line, tags included */
    int32_t target;
} shifts;

static int32_t source_word(const shifts *s, int32_t word) {
    return word < s->head ? word : word - s->head + s->source;
}

/* Appends the alignment of a part. */
static rd_status add_alignment(rd_translation *item, const rd_translation *part, const shifts *s) {
    int64_t n = (int64_t)item->n_alignment + part->n_alignment;
    rd_aligned_words *pairs = rd_malloc((size_t)n, sizeof *pairs);
    if (!pairs) return RD_ERR_MEMORY;
    if (item->n_alignment)
        memcpy(pairs, item->alignment, (size_t)item->n_alignment * sizeof *pairs);
    for (int32_t i = 0; i < part->n_alignment; i++)
        pairs[item->n_alignment + i] = (rd_aligned_words){source_word(s, part->alignment[i].source),
                                                          part->alignment[i].target + s->target};
    free(item->alignment);
    item->alignment = pairs;
    item->n_alignment = (int32_t)n;
    return RD_OK;
}

/* gap: the text between the text so far and the part's. */
static shifts count_before(const rd_segment *s, const char *line, const rd_text *text, char gap) {
    bool inside;
    shifts before = {.head = count_words(line, s->head, &inside)};
    before.source = count_words(line, s->begin, &inside);
    before.source -= inside;
    before.target = count_words(text->length ? text->data : "", (size_t)text->length, &inside);
    if (inside && !gap) before.target--;
    return before;
}

/* Segments first .. end - 1 are those of the line. */
static rd_status join_line(const parts *p, const rd_segments *segments, const char *line,
                           int64_t first, int64_t end, rd_text *text, rd_text *unmet,
                           rd_translation *item) {
    for (int64_t i = first; i < end; i++) {
        const rd_translation *part = &p->found.items[i];
        const char *gap = rd_gap(text->data, (size_t)text->length, part->text);
        if (part->alignment) {
            shifts before = count_before(&segments->items[i], line, text, *gap);
            RD_TRY(add_alignment(item, part, &before));
        }
        RD_TRY(rd_text_printf(text, "%s%s", gap, part->text));
        if (part->unmet)
            RD_TRY(rd_text_printf(unmet, "%s%s", unmet->length ? "\t" : "", part->unmet));
        item->score += part->score;
        item->log_prob += part->log_prob;
        item->n_tokens += part->n_tokens;
        item->n_restored += part->n_restored;
    }
    return rd_text_append(text, "", 0);
}

/* The lines that were cut. */
typedef struct {
    int64_t n;
    const char *const *texts; /* [n] */
    const size_t *lengths;    /* [n]; NULL: the texts are NUL-terminated */
    rd_keeper *keeper;        /* or NULL */
} paragraphs;

static size_t length_of(const paragraphs *lines, int64_t i) {
    return lines->lengths ? lines->lengths[i] : strlen(lines->texts[i]);
}

/* Where the words of a text begin. */
static rd_status find_words(const char *text, rd_offsets *places) {
    const char *cursor = text, *end = text + strlen(text);
    for (rd_word word; (word = rd_word_next(&cursor, end)).n > 0;)
        RD_TRY(rd_offsets_add(places, word.bytes - text));
    return RD_OK;
}

/* As places have moved: places [n], words [n] scratch. */
static void move_alignment(rd_translation *item, const rd_offsets *places, int32_t *words) {
    rd_words_at(item->text, strlen(item->text), places->data, places->length, words);
    for (int32_t i = 0; i < item->n_alignment; i++) {
        int32_t *target = &item->alignment[i].target;
        if (*target < places->length) *target = words[*target];
    }
}

/* A string to keep that was longer than a window has been cut: whole, it goes to the end. */
static rd_status restore_long(const paragraphs *lines, int64_t i, rd_translation *item) {
    int32_t added, *words = NULL;
    rd_offsets places = {0};
    rd_status status = item->n_alignment > 0 ? find_words(item->text, &places) : RD_OK;
    if (status == RD_OK && !(words = rd_malloc((size_t)places.length, sizeof *words)))
        status = RD_ERR_MEMORY;
    if (status == RD_OK)
        status = rd_keeper_restore(lines->keeper, lines->texts[i], length_of(lines, i), &item->text,
                                   &added, places.data, places.length);
    if (status == RD_OK) {
        move_alignment(item, &places, words);
        item->n_restored += added;
    }
    free(places.data);
    free(words);
    return status;
}

static rd_status join(const parts *p, const rd_segments *segments, const paragraphs *lines,
                      rd_translations *out) {
    int64_t first = 0, end;
    for (int64_t line = 0; line < out->n_lines; line++, first = end) {
        rd_text text = {0}, unmet = {0};
        rd_translation *item = &out->items[line];
        for (end = first; end < segments->n && segments->items[end].line == line; end++)
            out->dropped_tokens[line] += p->found.dropped_tokens[end];
        rd_status status =
            join_line(p, segments, lines->texts[line], first, end, &text, &unmet, item);
        item->text = text.data;
        item->unmet = unmet.data;
        if (status != RD_OK) return status;
        if (lines->keeper) RD_TRY(restore_long(lines, line, item));
        /* Windows that overlap look at the same words. */
        if (item->n_alignment)
            qsort(item->alignment, (size_t)item->n_alignment, sizeof *item->alignment,
                  rd_aligned_words_compare);
    }
    return RD_OK;
}

static rd_status check(const rd_translator *t, const rd_translate_options *o) {
    if (o->search.n_best != 1 || o->constraints)
        return rd_error(RD_ERR_ARGUMENT,
                        "lines that are translated in parts have one translation, and no "
                        "constraints, which would not know their part: n-best must be 1");
    int32_t most = rd_translate_most_tokens(t, o);
    if (o->window_tokens < 0 || o->window_tokens > most || o->window_overlap < 0 ||
        (o->window_overlap > 0 && o->window_overlap >= o->window_tokens))
        return rd_error(RD_ERR_ARGUMENT,
                        "windows of %d tokens that overlap by %d: they must have at most %d, "
                        "and more than their overlap",
                        o->window_tokens, o->window_overlap, most);
    return RD_OK;
}

/* As check_prefixes of lines.c, for lines that have no part. */
static rd_status check_prefixes(const rd_segments *segments, const rd_translate_options *o,
                                int64_t n) {
    for (int64_t line = 0, i = 0; line < n; line++) {
        const char *prefix = o->prefixes[line];
        bool has_part = i < segments->n && segments->items[i].line == line;
        while (i < segments->n && segments->items[i].line == line) i++;
        if (!has_part && prefix[strspn(prefix, " \t")])
            return rd_error_of_prefix(o->first_line + line + 1);
    }
    return RD_OK;
}

static rd_status translate_parts(parts *p, const rd_segments *segments, const rd_translator *t,
                                 const rd_translate_options *options, const char *const *lines) {
    rd_translate_options each = *options;
    RD_TRY(parts_make(p, segments, t->target, options, lines));
    if (options->prefixes) each.prefixes = p->prefixes;
    return rd_translate_lines(t, &each, p->numbers, segments->n, p->texts, p->lengths, &p->found);
}

static rd_status join_parts(const parts *p, const rd_segments *segments,
                            const rd_translate_options *options, paragraphs *lines,
                            rd_translations *out) {
    out->n_lines = lines->n;
    out->n_best = 1;
    out->items = rd_calloc((size_t)lines->n, sizeof *out->items);
    out->dropped_tokens = rd_calloc((size_t)lines->n, sizeof *out->dropped_tokens);
    if (!out->items || !out->dropped_tokens) return RD_ERR_MEMORY;
    if (options->keep) RD_TRY(rd_keeper_open(&lines->keeper, options->keep));
    rd_status status = join(p, segments, lines, out);
    rd_keeper_close(lines->keeper);
    return status;
}

/* With split_sentences or window_tokens: each line is cut, its parts are translated and their
 * translations joined by spaces. */
static rd_status translate_paragraphs(const rd_translator *t, const rd_translate_options *options,
                                      int64_t n, const char *const *lines, const size_t *lengths,
                                      rd_translations *out) {
    *out = (rd_translations){0};
    RD_TRY(check(t, options));
    rd_segments segments = {0};
    parts p = {0};
    rd_status status = rd_segments_make(&segments, t, options, n, lines, lengths);
    if (status == RD_OK && options->prefixes) status = check_prefixes(&segments, options, n);
    if (status == RD_OK) status = translate_parts(&p, &segments, t, options, lines);
    paragraphs whole = {.n = n, .texts = lines, .lengths = lengths};
    if (status == RD_OK) status = join_parts(&p, &segments, options, &whole, out);
    parts_end(&p);
    free(segments.items);
    if (status != RD_OK) rd_translations_free(out);
    return status;
}

rd_status rd_translator_run(const rd_translator *t, const rd_translate_options *options, int64_t n,
                            const char *const *lines, const size_t *lengths, rd_translations *out) {
    *out = (rd_translations){0};
    if (n < 0) return rd_error(RD_ERR_ARGUMENT, "%lld lines to translate", (long long)n);
    if (options->split_sentences || options->window_tokens != 0)
        return translate_paragraphs(t, options, n, lines, lengths, out);
    return rd_translate_lines(t, options, NULL, n, lines, lengths, out);
}
