/* Search among the pieces of a shortlist, and the log-probabilities of given translations. Parts:
 * options by the bytes of a line, lines to translate, as many translations of them, pairs of pieces
 * of the shortlist by the bytes, frequent pieces likewise. */
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/text.h"
#include "data/shortlist.h"
#include "data/shortlist_file.h"
#include "fuzz.h"

enum { MOST_LINES = 4, LONGEST_LINE = 100 };

typedef struct {
    const char *lines[MOST_LINES];
    size_t lengths[MOST_LINES];
} fuzz_lines;

static fuzz_lines lines_of(fuzz_part text) {
    fuzz_lines lines;
    const char *at = text.bytes, *end = text.bytes + text.n;
    for (int i = 0; i < MOST_LINES; i++) {
        const char *stop = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
        size_t n = (size_t)((stop ? stop : end) - at);
        lines.lines[i] = at;
        lines.lengths[i] = n < LONGEST_LINE ? n : LONGEST_LINE;
        at = stop ? stop + 1 : end;
    }
    return lines;
}

static void append(rd_text *text, const void *bytes, size_t n) {
    FUZZ_CHECK(rd_text_append(text, bytes, n) == RD_OK);
}

/* A sound file, whatever the lists. */
static rd_shortlist *make_shortlist(fuzz_part pairs, fuzz_part frequent) {
    rd_shortlist_header head = {.magic = RD_SHORTLIST_MAGIC};
    rd_text starts = {0}, ids = {0};
    rd_shortlist *shortlist;
    int32_t n = 0;
    for (int32_t source = 0; source <= FUZZ_PIECES; source++) {
        fuzz_part list = source < FUZZ_PIECES ? pairs : frequent;
        size_t step = source < FUZZ_PIECES ? 2 : 1;
        append(&starts, &n, sizeof n);
        for (size_t i = 0; i + step <= list.n; i += step) {
            if (step == 2 && (uint8_t)list.bytes[i] % FUZZ_PIECES != source) continue;
            int32_t id = (uint8_t)list.bytes[i + step - 1] % FUZZ_PIECES;
            append(&ids, &id, sizeof id);
            n++;
        }
    }
    append(&starts, &n, sizeof n);
    FUZZ_CHECK(rd_identity_make(&head.identity, "translation", "", "", "") == RD_OK);
    head.identity.src_vocab = head.identity.tgt_vocab = FUZZ_PIECES;
    head.n_ids = n;
    if (n > 0) append(&starts, ids.data, (size_t)ids.length);
    head.crc = rd_crc32(0, &head, offsetof(rd_shortlist_header, crc));
    head.crc = rd_crc32(head.crc, starts.data, (size_t)starts.length);
    rd_text_clear(&ids);
    append(&ids, &head, sizeof head);
    append(&ids, starts.data, (size_t)starts.length);
    if (rd_shortlist_open(&shortlist, fuzz_file(0, ids.data, (size_t)ids.length)) != RD_OK)
        fuzz_failed(__FILE__, __LINE__, rd_last_error());
    rd_text_free(&starts);
    rd_text_free(&ids);
    return shortlist;
}

static int option(fuzz_part options, size_t index, int choices) {
    return index < options.n ? (unsigned char)options.bytes[index] % choices : 0;
}

static rd_translate_options options_of(fuzz_part o, const rd_shortlist *shortlist) {
    rd_translate_options options = rd_translator_defaults(fuzz_translator());
    options.search.beam = 1 + option(o, 0, 4);
    options.search.n_best = 1 + option(o, 1, 2) * option(o, 0, 4);
    options.search.max_len_a = 0;
    options.search.max_len_b = (float)option(o, 2, 20);
    options.search.no_repeat_ngram = option(o, 3, 4);
    options.search.min_len = option(o, 4, 5);
    options.search.diverse_groups = 1 + option(o, 5, 3);
    options.search.sampling = option(o, 6, 4) == 3;
    options.search.align = option(o, 7, 2);
    options.unscored = option(o, 8, 2);
    options.max_input_length = option(o, 9, 9);
    options.shortlist = shortlist;
    options.threads = 1;
    return options;
}

static void translate(const rd_translate_options *options, const fuzz_lines *lines) {
    rd_translations found;
    if (rd_translator_run(fuzz_translator(), options, MOST_LINES, lines->lines, lines->lengths,
                          &found) != RD_OK) {
        FUZZ_CHECK(*rd_last_error());
        return;
    }
    for (int64_t i = 0; i < found.n_lines * found.n_best; i++) {
        const rd_translation *item = &found.items[i];
        if (!item->text) continue;
        FUZZ_CHECK(rd_utf8_invalid_at(item->text, strlen(item->text)) < 0);
        FUZZ_CHECK(options->unscored || (item->log_prob <= 0.0f && isfinite(item->score)));
        FUZZ_CHECK(item->n_tokens <= 24);
    }
    rd_translations_free(&found);
}

static void score(const rd_translate_options *options, const fuzz_lines *lines,
                  const fuzz_lines *references) {
    double log_probs[MOST_LINES], again[MOST_LINES];
    int32_t n_tokens[MOST_LINES];
    if (rd_translator_score(fuzz_translator(), options, MOST_LINES, lines->lines, lines->lengths,
                            references->lines, references->lengths, log_probs, n_tokens) != RD_OK) {
        FUZZ_CHECK(*rd_last_error());
        return;
    }
    FUZZ_CHECK(rd_translator_score(fuzz_translator(), options, 1, lines->lines, lines->lengths,
                                   references->lines, references->lengths, again, NULL) == RD_OK);
    FUZZ_CHECK(fabs(again[0] - log_probs[0]) < 1e-3);
    for (int i = 0; i < MOST_LINES; i++)
        FUZZ_CHECK(isfinite(log_probs[i]) && log_probs[i] <= 0.0 && n_tokens[i] >= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_lines lines = lines_of(fuzz_cut(data, size, 1));
    fuzz_lines references = lines_of(fuzz_cut(data, size, 2));
    fuzz_part pairs = fuzz_cut(data, size, 3), frequent = fuzz_cut(data, size, 4);
    rd_shortlist *shortlist = make_shortlist(pairs, frequent);
    rd_translate_options options = options_of(fuzz_cut(data, size, 0), shortlist);
    translate(&options, &lines);
    score(&options, &lines, &references);
    rd_shortlist_close(shortlist);
    return 0;
}
