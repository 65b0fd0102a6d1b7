/* Translating lines under whatever constraints, glossary and prefixes are asked for, with a model
 * made here. Parts: options by the bytes of a line, lines to translate, constraints, a glossary,
 * prefixes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "fuzz.h"
#include "translate/stream.h"

static int option(fuzz_part options, size_t index, int choices) {
    return index < options.n ? (unsigned char)options.bytes[index] % choices : 0;
}

static rd_translate_options options_of(fuzz_part o) {
    rd_translate_options options = rd_translator_defaults(fuzz_translator());
    options.search.beam = 1 + option(o, 0, 4);
    options.search.n_best = 1 + option(o, 1, 2) * option(o, 0, 4);
    options.search.max_len_a = 0;
    options.search.max_len_b = (float)option(o, 2, 20);
    options.search.no_repeat_ngram = option(o, 3, 4);
    options.search.align = option(o, 4, 2);
    options.replace_unk = option(o, 5, 2);
    options.search.diverse_groups = 1 + option(o, 6, 3);
    options.split_sentences = option(o, 7, 2);
    options.window_tokens = option(o, 8, 16);
    options.window_overlap = option(o, 9, 8);
    options.max_input_length = option(o, 10, 9);
    options.search.early_stopping = (rd_early_stopping)option(o, 11, 4);
    options.search.min_len = option(o, 12, 5);
    options.search.forced_bos = option(o, 13, 2);
    options.search.coverage_penalty = (float)option(o, 14, 2);
    options.search.sampling = option(o, 15, 8) == 7;
    options.search.renormalize = option(o, 16, 2);
    options.threads = 1;
    return options;
}

static void keep_warning(void *self, const char *message) {
    FUZZ_CHECK(rd_text_printf(self, "%s\n", message) == RD_OK);
}

/* Line `index` of what has been read or written, up to '\n'; bytes NULL: there is none. */
static fuzz_part line_of(const char *bytes, size_t n, int64_t index) {
    const char *stop = bytes + n;
    for (; index > 0 && bytes; index--) {
        bytes = memchr(bytes, '\n', (size_t)(stop - bytes));
        bytes = bytes ? bytes + 1 : NULL;
    }
    if (!bytes || bytes == stop) return (fuzz_part){NULL, 0};
    const char *end_of_line = memchr(bytes, '\n', (size_t)(stop - bytes));
    return (fuzz_part){bytes, (size_t)((end_of_line ? end_of_line : stop) - bytes)};
}

static int contains(fuzz_part text, const char *phrase, size_t n) {
    return memmem(text.bytes, text.n, phrase, n) != NULL;
}

/* Every constraint of small letters, which no normalisation changes, is in its translation, or is
 * named. */
static void check_constraints(fuzz_part constraints, fuzz_part output, const rd_text *warnings) {
    for (int64_t i = 0;; i++) {
        fuzz_part wanted = line_of(constraints.bytes, constraints.n, i), named = {"", 0};
        if (!wanted.bytes) return;
        fuzz_part found = line_of(output.bytes, output.n, i);
        FUZZ_CHECK(found.bytes);
        char mark[64];
        snprintf(mark, sizeof mark, ":%lld: no room or no pieces for ", (long long)i + 1);
        const char *at = warnings->data ? strstr(warnings->data, mark) : NULL;
        if (at) named = (fuzz_part){at, strcspn(at, "\n")};
        for (size_t k = 0; k < wanted.n; k++) {
            const char *phrase = wanted.bytes + k;
            size_t n = 0;
            while (k + n < wanted.n && phrase[n] >= 'a' && phrase[n] <= 'z') n++;
            int whole = (k == 0 || phrase[-1] == '\t') && (k + n == wanted.n || phrase[n] == '\t');
            if (n && whole) FUZZ_CHECK(contains(found, phrase, n) || contains(named, phrase, n));
            k += n;
        }
    }
}

static int is_plain(fuzz_part part) {
    for (size_t i = 0; i < part.n; i++) {
        unsigned char c = (unsigned char)part.bytes[i];
        if (c > 126 || (c < ' ' && c != '\t' && c != '\n')) return 0;
    }
    return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_part parts[5];
    for (int i = 0; i < 5; i++) {
        parts[i] = fuzz_cut(data, size, i);
        if (parts[i].n > 400) parts[i].n = 400;
    }
    rd_translate_options options = options_of(parts[0]);
    rd_glossary *glossary = NULL;
    if (parts[3].n &&
        rd_glossary_open(&glossary, fuzz_file(2, parts[3].bytes, parts[3].n)) != RD_OK)
        FUZZ_CHECK(*rd_last_error());
    options.glossary = glossary;
    char *written = NULL;
    size_t n_written = 0;
    rd_text warnings = {0};
    FILE *out = open_memstream(&written, &n_written);
    FUZZ_CHECK(out);
    rd_translate_stream_config config = {
        .translator = fuzz_translator(),
        .options = options,
        .input = fuzz_file(0, parts[1].bytes, parts[1].n),
        .constraints = parts[2].n ? fuzz_file(1, parts[2].bytes, parts[2].n) : NULL,
        .prefix = parts[4].n ? fuzz_file(3, parts[4].bytes, parts[4].n) : NULL,
        .window = 4,
        .output = out,
        .truncate_source = option(parts[0], 17, 2),
        .warn = keep_warning,
        .self = &warnings};
    rd_translate_totals totals;
    rd_status status = rd_translate_stream(&config, &totals);
    fclose(out);
    if (status != RD_OK) FUZZ_CHECK(*rd_last_error());
    FUZZ_CHECK(rd_utf8_invalid_at(written, n_written) < 0);
    int64_t lines = 0;
    for (size_t i = 0; i < n_written; i++) lines += written[i] == '\n';
    if (status == RD_OK && options.search.n_best == 1) FUZZ_CHECK(lines == totals.lines);
    if (status == RD_OK && options.search.n_best == 1 && is_plain(parts[1]) && is_plain(parts[2]))
        check_constraints(parts[2], (fuzz_part){written, n_written}, &warnings);
    rd_text_free(&warnings);
    rd_glossary_close(glossary);
    free(written);
    return 0;
}
