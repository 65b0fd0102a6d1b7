#include "translate/paragraphs.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/uchar.h>

#include "base/memory.h"
#include "base/text.h"
#include "translate/lines.h"
#include "translate/output.h"
#include "translate/segments.h"

/* The segments as lines of their own: [n] each. */
typedef struct {
    const char **texts, **prefixes; /* a line's prefix goes in front of its first segment */
    size_t *lengths;
    int64_t *numbers; /* what samples depend on */
    rd_translations found;
} parts;

static void parts_end(parts *p) {
    free(p->texts);
    free(p->prefixes);
    free(p->lengths);
    free(p->numbers);
    rd_translations_free(&p->found);
}

static rd_status parts_make(parts *p, const rd_segments *segments, const rd_translate_options *o,
                            const char *const *lines) {
    size_t n = (size_t)segments->n;
    p->texts = rd_malloc(n, sizeof *p->texts);
    p->prefixes = rd_malloc(n, sizeof *p->prefixes);
    p->lengths = rd_malloc(n, sizeof *p->lengths);
    p->numbers = rd_malloc(n, sizeof *p->numbers);
    if (!p->texts || !p->prefixes || !p->lengths || !p->numbers) return RD_ERR_MEMORY;
    int64_t of_line = 0;
    for (int64_t i = 0; i < segments->n; i++) {
        const rd_segment *s = &segments->items[i];
        of_line = i > 0 && s[-1].line == s->line ? of_line + 1 : 0;
        p->texts[i] = lines[s->line] + s->begin;
        p->lengths[i] = s->end - s->begin;
        p->prefixes[i] = of_line == 0 && o->prefixes ? o->prefixes[s->line] : "";
        p->numbers[i] = o->first_line + s->line + (of_line << 40);
    }
    return RD_OK;
}

/* Words of text[0..n), UTF-8; *inside: whether it ends within one. */
static int32_t count_words(const char *text, size_t n, bool *inside) {
    int32_t words = 0;
    *inside = false;
    for (const char *c = text, *end = text + n; c < end;) {
        bool space = u_isUWhiteSpace((UChar32)rd_utf8_next(&c, end));
        words += !space && !*inside;
        *inside = !space;
    }
    return words;
}

/* Appends the alignment of a part that begins behind so many words of the source and the target. */
static rd_status add_alignment(rd_translation *item, const rd_translation *part,
                               int32_t source_words, int32_t target_words) {
    int64_t n = (int64_t)item->n_alignment + part->n_alignment;
    rd_aligned_words *pairs = rd_malloc((size_t)n, sizeof *pairs);
    if (!pairs) return RD_ERR_MEMORY;
    if (item->n_alignment)
        memcpy(pairs, item->alignment, (size_t)item->n_alignment * sizeof *pairs);
    for (int32_t i = 0; i < part->n_alignment; i++)
        pairs[item->n_alignment + i] = (rd_aligned_words){part->alignment[i].source + source_words,
                                                          part->alignment[i].target + target_words};
    free(item->alignment);
    item->alignment = pairs;
    item->n_alignment = (int32_t)n;
    return RD_OK;
}

static rd_status append(rd_text *text, const char *more, const char *between) {
    if (text->length && *more) RD_TRY(rd_text_append(text, between, 1));
    return rd_text_append(text, more, strlen(more));
}

/* Segments first .. end - 1 are those of the line. */
static rd_status join_line(const parts *p, const rd_segments *segments, const char *line,
                           int64_t first, int64_t end, rd_text *text, rd_text *unmet,
                           rd_translation *item) {
    for (int64_t i = first; i < end; i++) {
        const rd_translation *part = &p->found.items[i];
        bool inside;
        if (part->alignment) {
            int32_t source_words = count_words(line, segments->items[i].begin, &inside) - inside;
            int32_t target_words =
                count_words(text->length ? text->data : "", (size_t)text->length, &inside);
            RD_TRY(add_alignment(item, part, source_words, target_words));
        }
        RD_TRY(append(text, part->text, " "));
        if (part->unmet) RD_TRY(append(unmet, part->unmet, "\t"));
        item->score += part->score;
        item->log_prob += part->log_prob;
        item->n_tokens += part->n_tokens;
    }
    return rd_text_append(text, "", 0);
}

static rd_status join(const parts *p, const rd_segments *segments, const char *const *lines,
                      rd_translations *out) {
    int64_t first = 0, end;
    for (int64_t line = 0; line < out->n_lines; line++, first = end) {
        rd_text text = {0}, unmet = {0};
        rd_translation *item = &out->items[line];
        for (end = first; end < segments->n && segments->items[end].line == line; end++)
            out->dropped_tokens[line] += p->found.dropped_tokens[end];
        rd_status status = join_line(p, segments, lines[line], first, end, &text, &unmet, item);
        item->text = text.data;
        item->unmet = unmet.data;
        if (status != RD_OK) return status;
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

rd_status rd_translate_paragraphs(const rd_translator *t, const rd_translate_options *options,
                                  int64_t n, const char *const *lines, const size_t *lengths,
                                  rd_translations *out) {
    *out = (rd_translations){0};
    RD_TRY(check(t, options));
    rd_segments segments = {0};
    parts p = {0};
    rd_translate_options each = *options;
    rd_status status = rd_segments_make(&segments, t, options, n, lines, lengths);
    if (status == RD_OK) status = parts_make(&p, &segments, options, lines);
    if (options->prefixes) each.prefixes = p.prefixes;
    if (status == RD_OK)
        status = rd_translate_lines(t, &each, p.numbers, segments.n, p.texts, p.lengths, &p.found);
    out->n_lines = n;
    out->n_best = 1;
    out->items = rd_calloc((size_t)n, sizeof *out->items);
    out->dropped_tokens = rd_calloc((size_t)n, sizeof *out->dropped_tokens);
    if (status == RD_OK && (!out->items || !out->dropped_tokens)) status = RD_ERR_MEMORY;
    if (status == RD_OK) status = join(&p, &segments, lines, out);
    parts_end(&p);
    free(segments.items);
    if (status != RD_OK) rd_translations_free(out);
    return status;
}
