/* Constrained search over a made-up distribution, and glossaries against texts: what fuzz_translate
 * does with a model, many times faster. Parts: options by the bytes of a line, phrases with tabs
 * between them, a prefix, a glossary, a text. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "fuzz.h"
#include "search/search.h"
#include "translate/glossary.h"

enum { BOS, PAD, EOS, UNK, VOCAB = 8, MOST_ROWS = 8, MOST_TOKENS = 64, MOST_PHRASES = 16 };

/* Every prefix has its own distribution, by its hash. */
typedef struct {
    uint32_t hashes[2][MOST_ROWS];
    int32_t step;
    bool has_impossible; /* one token has no probability */
} scorer;

static rd_status add(void *self, int32_t sentence, rd_token_span source) {
    (void)self, (void)source;
    FUZZ_CHECK(sentence == 0);
    return RD_OK;
}

static rd_status step(void *self, int64_t n_rows, const int32_t *parents, const int32_t *sentences,
                      const int32_t *tokens) {
    scorer *s = self;
    int now = s->step & 1;
    (void)sentences;
    FUZZ_CHECK(n_rows <= MOST_ROWS);
    for (int64_t r = 0; r < n_rows; r++) {
        uint32_t before = parents[r] >= 0 ? s->hashes[!now][parents[r]] : 2166136261u;
        s->hashes[now][r] = (before ^ (uint32_t)tokens[r]) * 16777619u;
    }
    s->step++;
    return RD_OK;
}

static rd_status read_log_probs(void *self, int64_t first, int64_t n, float *log_probs) {
    const scorer *s = self;
    for (int64_t r = 0; r < n; r++) {
        uint32_t hash = s->hashes[(s->step - 1) & 1][first + r];
        for (int v = 0; v < VOCAB; v++) {
            hash = hash * 1664525u + 1013904223u;
            log_probs[r * VOCAB + v] = -0.5f - (float)(hash >> 24) / 32;
        }
        if (s->has_impossible) log_probs[r * VOCAB + 5] = -INFINITY;
    }
    return RD_OK;
}

static int option(fuzz_part options, size_t index, int choices) {
    return index < options.n ? (unsigned char)options.bytes[index] % choices : 0;
}

static int32_t count(const int32_t *tokens, int32_t length, rd_token_span phrase) {
    int32_t n = 0;
    for (int32_t i = 0; i + phrase.length <= length; i++)
        n += memcmp(tokens + i, phrase.tokens, (size_t)phrase.length * sizeof *tokens) == 0;
    return n;
}

/* Where there is room for all phrases one behind another, every hypothesis has them. */
static void check_found(const rd_hypotheses *found, const rd_search_request *request,
                        int32_t room) {
    for (int32_t i = 0; i < request->n_phrases; i++) room -= request->phrases[i].length;
    for (int32_t k = 0; room >= 0 && k < found->n; k++) {
        const rd_hypothesis *h = &found->items[k];
        FUZZ_CHECK(h->n_unmet == 0);
        for (int32_t i = 0; i < request->n_phrases; i++) {
            rd_token_span phrase = request->phrases[i];
            int32_t wanted = 0;
            for (int32_t j = 0; j < request->n_phrases; j++)
                wanted += request->phrases[j].length == phrase.length &&
                          count(request->phrases[j].tokens, phrase.length, phrase) == 1;
            FUZZ_CHECK(phrase.length == 0 || count(h->tokens, h->length, phrase) >= wanted);
        }
    }
}

static void check_distinct(const rd_hypotheses *found) {
    for (int32_t k = 0; k < found->n; k++)
        for (int32_t j = 0; j < k; j++) {
            const rd_hypothesis *a = &found->items[j], *b = &found->items[k];
            FUZZ_CHECK(a->length != b->length ||
                       memcmp(a->tokens, b->tokens, (size_t)a->length * sizeof *a->tokens) != 0);
        }
}

static void search(fuzz_part o, fuzz_part phrases, fuzz_part prefix) {
    int32_t tokens[MOST_TOKENS], begin[4], n = 0, n_prefix = 0;
    rd_token_span spans[MOST_PHRASES] = {{tokens, 0}};
    int32_t n_spans = phrases.n > 0;
    bool strange = option(o, 0, 8) == 7; /* phrases may have pad and eos */
    for (size_t i = 0; i < phrases.n && n < MOST_TOKENS; i++) {
        unsigned char c = (unsigned char)phrases.bytes[i];
        if (c == '\t' && n_spans == MOST_PHRASES) break;
        if (c == '\t')
            spans[n_spans++] = (rd_token_span){tokens + n, 0};
        else
            tokens[n++] = strange ? c % VOCAB : UNK + c % (VOCAB - UNK),
            spans[n_spans - 1].length++;
    }
    for (; n_prefix < 4 && (size_t)n_prefix < prefix.n; n_prefix++)
        begin[n_prefix] = UNK + (unsigned char)prefix.bytes[n_prefix] % (VOCAB - UNK);
    rd_search_request request = {
        .prefix = begin, .prefix_length = n_prefix, .phrases = spans, .n_phrases = n_spans};
    rd_search_options config = {.beam = 1 + option(o, 1, MOST_ROWS),
                                .lenpen = (float)option(o, 2, 3),
                                .max_len_b = (float)option(o, 3, 40),
                                .min_len = option(o, 4, 6),
                                .no_repeat_ngram = option(o, 5, 4),
                                .early_stopping = (rd_early_stopping)option(o, 6, 4),
                                .forced_bos = option(o, 7, 2),
                                .renormalize = option(o, 8, 2),
                                .diverse_groups = 1 + option(o, 9, 4),
                                .diverse_strength = 0.5f};
    config.n_best = 1 + option(o, 10, config.beam);
    scorer made = {.has_impossible = option(o, 11, 4) == 3};
    rd_scorer view = {.self = &made,
                      .vocab_size = VOCAB,
                      .bos = BOS,
                      .eos = EOS,
                      .start = -1,
                      .pad = PAD,
                      .unk = UNK,
                      .max_length = 60,
                      .add = add,
                      .step = step,
                      .log_probs = read_log_probs};
    rd_search *session;
    rd_hypotheses found;
    int64_t id;
    FUZZ_CHECK(rd_search_open(&session, &view, &config) == RD_OK || *rd_last_error());
    if (!session) return;
    rd_status status = rd_search_submit(session, &request, 7);
    while (status == RD_OK && !rd_search_is_idle(session)) status = rd_search_step(session);
    bool taken = status == RD_OK && rd_search_take(session, &id, &found);
    rd_search_close(session);
    FUZZ_CHECK(taken || *rd_last_error());
    if (!taken) return;
    FUZZ_CHECK(id == 7 && found.n > 0 && found.n <= config.n_best);
    check_distinct(&found);
    if (!strange && !made.has_impossible)
        check_found(&found, &request,
                    (int32_t)config.max_len_b - n_prefix - (config.forced_bos ? 1 : 0));
    rd_hypotheses_free(&found);
}

static rd_status keep(void *self, const char *target, size_t begin, size_t end) {
    FUZZ_CHECK(begin < end);
    return rd_text_printf(self, "%s\n", target);
}

static void match(fuzz_part terms, fuzz_part text) {
    static rd_breaker *words;
    rd_glossary *glossary;
    rd_offsets places = {0};
    rd_text found = {0};
    if (rd_glossary_open(&glossary, fuzz_file(0, terms.bytes, terms.n)) != RD_OK) {
        FUZZ_CHECK(*rd_last_error());
        return;
    }
    if (!words) FUZZ_CHECK(rd_breaker_open(&words, RD_BREAK_WORDS, NULL) == RD_OK);
    FUZZ_CHECK(rd_glossary_match(glossary, text.bytes, text.n, words, &places, keep, &found) ==
               RD_OK);
    FUZZ_CHECK(!found.data || rd_utf8_invalid_at(found.data, (size_t)found.length) < 0);
    rd_text_free(&found);
    free(places.data);
    rd_glossary_close(glossary);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_part parts[5];
    for (int i = 0; i < 5; i++) parts[i] = fuzz_cut(data, size, i);
    search(parts[0], parts[1], parts[2]);
    if (parts[3].n) match(parts[3], parts[4]);
    return 0;
}
