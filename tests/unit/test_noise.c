/* BART's noise against its definition: how much is masked, in spans of which lengths, where; how
 * sentences move; and that batches get it as a pure function of (seed, epoch, sentence). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/rng.h"
#include "base/text.h"
#include "data/batch.h"
#include "data/noise.h"
#include "data/vocab.h"
#include "io/output.h"

enum { PIECES = 300, BOS = 0, EOS = 2, UNK = 3, MASK = 4, FIRST_TEXT = 5, N_TEXT = PIECES - 5 };

static char directory[] = "/tmp/rdrop-noise-XXXXXX";
static char corpus[64], model[64], no_mask[64], data[64];
static rd_tokenizer *tokenizer;

/* Sentences of words of two syllables, some numbers with a point inside. */
static rd_status write_corpus(void) {
    static const char *const parts[] = {"hou", "se", "mo",   "gar", "den", "wal",
                                        "ki",  "ta", "blet", "un",  "der", "lit"};
    rd_text text = {0};
    rd_rng rng = rd_rng_make(1, 1);
    for (int i = 0; i < 4000; i++) {
        for (int k = 0; k < 6; k++)
            RD_TRY(rd_text_printf(&text, "%s%s%s", k ? " " : "", parts[rd_rng_below(&rng, 12)],
                                  parts[rd_rng_below(&rng, 12)]));
        RD_TRY(rd_text_printf(&text, i % 9 ? "." : " 3.%d.", i % 10));
        RD_TRY(rd_text_append(&text, i % 3 ? " " : "\n", 1));
    }
    rd_status status = rd_write_file(corpus, text.data, (size_t)text.length);
    rd_text_free(&text);
    return status;
}

static int setup(void **state) {
    (void)state;
    if (!mkdtemp(directory)) return -1;
    snprintf(corpus, sizeof corpus, "%s/corpus", directory);
    snprintf(model, sizeof model, "%s/model", directory);
    snprintf(no_mask, sizeof no_mask, "%s/no_mask", directory);
    snprintf(data, sizeof data, "%s/data", directory);
    const char *paths[] = {corpus};
    rd_vocab_config config = {
        .type = "bpe", .size = PIECES, .character_coverage = 1.0f, .mask = true};
    if (write_corpus() != RD_OK || rd_vocab_train(&config, paths, 1, model) != RD_OK) return -1;
    config.mask = false;
    if (rd_vocab_train(&config, paths, 1, no_mask) != RD_OK) return -1;
    return rd_tokenizer_open(&tokenizer, model) == RD_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    rd_tokenizer_close(tokenizer);
    const char *paths[] = {corpus, model, no_mask, data};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) unlink(paths[i]);
    return rmdir(directory);
}

static const rd_noise_config bart = {
    .mask = 0.3f, .poisson_lambda = 3.0f, .replace_length = 1, .permute_sentences = 1.0f};
static const rd_noise_config infilling = {
    .mask = 0.3f, .poisson_lambda = 3.0f, .replace_length = 1};

static rd_noise *make(rd_noise_config config) {
    rd_noise *noise;
    if (rd_noise_new(&noise, &config, tokenizer) != RD_OK) fail_msg("%s", rd_last_error());
    return noise;
}

/* A document whose ids tell their places, modulo N_TEXT. */
static void fill(int32_t *document, int32_t n) {
    for (int32_t i = 0; i < n - 1; i++) document[i] = FIRST_TEXT + i % N_TEXT;
    document[n - 1] = EOS;
}

static void apply(const rd_noise *noise, uint64_t stream, const int32_t *document, int32_t n,
                  rd_ids *noised) {
    rd_rng rng = rd_rng_make(5, stream);
    assert_int_equal(rd_noise_apply(noise, &rng, document, n, noised), RD_OK);
    assert_true(noised->length >= 1 && noised->length <= n);
    assert_int_equal(noised->data[noised->length - 1], EOS);
}

/* 30% of the tokens are gone, exactly; what is left keeps its order; the lengths of spans between
 * two kept tokens are Poisson-distributed, by a chi-squared test; every place is as likely. */
static void spans_are_as_defined(void **state) {
    (void)state;
    enum { N = 2001, DOCUMENTS = 200, BINS = 10, PLACES = 10 };
    static int32_t document[N];
    double counts[BINS] = {0}, masked[PLACES] = {0}, spans = 0, chi2 = 0, p = exp(-3.0), rest = 1;
    rd_noise *noise = make(infilling);
    rd_ids noised = {0};
    fill(document, N);
    for (int d = 0; d < DOCUMENTS; d++) {
        int32_t next = 0, kept = 0, masks = 0; /* next: place of the first token not yet seen */
        apply(noise, (uint64_t)d, document, N, &noised);
        for (int64_t i = 0; i + 1 < noised.length; i++) {
            if (noised.data[i] == MASK) {
                masks++;
                continue;
            }
            int32_t gap = (noised.data[i] - document[next] + N_TEXT) % N_TEXT;
            for (int32_t k = next; k < next + gap; k++) masked[k * PLACES / (N - 1)]++;
            if (masks == 1) counts[gap < BINS - 1 ? gap : BINS - 1]++, spans++;
            if (masks == 0) assert_int_equal(gap, 0);
            next += gap + 1, masks = 0, kept++;
        }
        for (int32_t k = next; k < N - 1; k++) masked[k * PLACES / (N - 1)]++;
        assert_int_equal(kept, (N - 1) * 7 / 10);
    }
    assert_true(spans > 20000);
    for (int k = 0; k < BINS; k++) {
        double expected = spans * (k < BINS - 1 ? p : rest);
        chi2 += (counts[k] - expected) * (counts[k] - expected) / expected;
        rest -= p;
        p *= 3.0 / (k + 1);
    }
    assert_true(chi2 < 27.9);        /* 9 degrees of freedom: exceeded once in 1,000 by chance */
    for (int k = 0; k < PLACES; k++) /* of 40,000 tokens each */
        assert_true(fabs(masked[k] / (double)(DOCUMENTS * (N - 1)) - 0.3 / PLACES) <
                    0.015 / PLACES);
    free(noised.data);
    rd_noise_free(noise);
}

/* However short a document and whatever the settings: never longer, bos and eos in their places. */
static void documents_grow_no_longer(void **state) {
    (void)state;
    const float lambdas[] = {0.5f, 3, 30}, shares[] = {0.01f, 0.3f, 1};
    int32_t document[40];
    rd_ids noised = {0};
    for (int s = 0; s < 27; s++) {
        rd_noise_config config = {.mask = shares[s % 3],
                                  .poisson_lambda = lambdas[s / 3 % 3],
                                  .replace_length = s / 9 - 1,
                                  .permute_sentences = 1};
        rd_noise *noise = make(config);
        for (int32_t n = 1; n <= 40; n++)
            for (int first = 0; first < 2 && first < n - 1 + (n == 1); first++) {
                fill(document, n);
                if (first) document[0] = BOS;
                apply(noise, (uint64_t)n, document, n, &noised);
                if (first) assert_int_equal(noised.data[0], BOS);
                int32_t inner = n - 1 - first,
                        budget = (int32_t)ceil(shares[s % 3] * inner * (1 - 1e-7));
                if (config.replace_length == RD_REPLACE_EACH) assert_int_equal(noised.length, n);
                if (config.replace_length == RD_REPLACE_NONE)
                    assert_int_equal(noised.length, n - budget);
            }
        rd_noise_free(noise);
    }
    free(noised.data);
}

/* A tenth of the masks is a piece of text instead, any of them. */
static void some_masks_are_random_pieces(void **state) {
    (void)state;
    enum { N = 1001, DOCUMENTS = 100 };
    static int32_t document[N];
    double counts[PIECES] = {0}, others = 0;
    rd_noise_config config = {.mask = 1, .poisson_lambda = 1, .replace_length = RD_REPLACE_EACH};
    config.mask_random = 0.1f;
    rd_noise *noise = make(config);
    rd_ids noised = {0};
    fill(document, N);
    for (int d = 0; d < DOCUMENTS; d++) {
        apply(noise, (uint64_t)d, document, N, &noised);
        for (int64_t i = 0; i + 1 < noised.length; i++) counts[noised.data[i]]++;
    }
    for (int id = 0; id < FIRST_TEXT; id++)
        if (id != MASK) assert_true(counts[id] == 0);
    for (int id = FIRST_TEXT; id < PIECES; id++) {
        assert_true(counts[id] > 0);
        others += counts[id];
    }
    assert_true(fabs(others / (DOCUMENTS * (N - 1)) - 0.1) < 0.004);
    free(noised.data);
    rd_noise_free(noise);
}

static void encode(const char *text, rd_ids *ids) {
    ids->length = 0;
    assert_int_equal(rd_tokenizer_encode(tokenizer, text, strlen(text), ids), RD_OK);
    assert_int_equal(rd_reserve(&ids->data, &ids->capacity, ids->length + 1, sizeof(int32_t)),
                     RD_OK);
    ids->data[ids->length++] = EOS;
}

/* Sentences end at full stops before a space, not at those within numbers; all orders are as
 * likely; with a share of one half, two of four sentences move at most. */
static void sentences_change_places(void **state) {
    (void)state;
    enum { ROUNDS = 6000 };
    static const char *const orders[] = {
        "house 3.5. mota gar. under", "house 3.5. under mota gar.", "mota gar. house 3.5. under",
        "mota gar. under house 3.5.", "under house 3.5. mota gar.", "under mota gar. house 3.5."};
    int counts[6] = {0}, moved_two = 0;
    rd_noise_config config = {.permute_sentences = 1};
    rd_noise *noise = make(config);
    rd_ids document = {0}, noised = {0};
    encode(orders[0], &document);
    for (int r = 0; r < ROUNDS; r++) {
        char *text;
        int k = 0;
        apply(noise, (uint64_t)r, document.data, (int32_t)document.length, &noised);
        assert_int_equal(rd_tokenizer_decode(tokenizer, noised.data, noised.length, &text, NULL),
                         RD_OK);
        while (k < 6 && strcmp(text, orders[k]) != 0) k++;
        if (k == 6) fail_msg("'%s' is none of the orders", text);
        counts[k]++;
        free(text);
    }
    for (int k = 0; k < 6; k++) assert_true(abs(counts[k] - ROUNDS / 6) < 120); /* 4 sigma */
    rd_noise_free(noise);

    config.permute_sentences = 0.5f;
    noise = make(config);
    encode("gar. gar. gar. under.", &document); /* four sentences, three of them alike */
    int32_t last = document.data[document.length - 3];
    for (int r = 0; r < ROUNDS; r++) {
        apply(noise, (uint64_t)r, document.data, (int32_t)document.length, &noised);
        moved_two += noised.data[noised.length - 3] != last;
    }
    /* The last is one of the two chosen half of the time, and then moves half of the time. */
    assert_true(abs(moved_two - ROUNDS / 4) < 140);
    free(document.data);
    free(noised.data);
    rd_noise_free(noise);
}

static void masks_need_a_piece(void **state) {
    (void)state;
    rd_noise *noise;
    rd_noise_config config = bart;
    rd_tokenizer *without;
    assert_int_equal(rd_tokenizer_open(&without, no_mask), RD_OK);
    assert_int_equal(rd_noise_new(&noise, &config, without), RD_ERR_FORMAT);
    assert_non_null(strstr(rd_last_error(), "mask-piece: true"));
    config.replace_length = RD_REPLACE_NONE;
    assert_int_equal(rd_noise_new(&noise, &config, without), RD_OK);
    rd_noise_free(noise);
    rd_tokenizer_close(without);
}

enum { SENTENCES = 60 };

static void make_dataset(rd_dataset **dataset) {
    rd_dataset_writer *writer;
    int32_t document[SENTENCES + 10];
    assert_int_equal(
        rd_dataset_writer_open(&writer, data,
                               &(rd_identity){.src_vocab = PIECES, .tgt_vocab = PIECES}, 0),
        RD_OK);
    for (int32_t i = 0; i < SENTENCES; i++) {
        rd_pair pair = {.src = document, .tgt = document, .n_src = i + 10, .n_tgt = i + 10};
        fill(document, i + 10);
        assert_int_equal(rd_dataset_writer_add(writer, &pair), RD_OK);
    }
    assert_int_equal(rd_dataset_writer_finish(writer), RD_OK);
    assert_int_equal(rd_dataset_open(dataset, data), RD_OK);
}

/* The sources of an epoch, sentence after sentence, each behind its length: sources[SENTENCES][80].
 * Batches are got from the last to the first; targets must be as they were. */
static void deal(rd_batcher *batcher, int64_t epoch, int32_t sources[SENTENCES][80]) {
    rd_batch batch = {0};
    assert_int_equal(rd_batcher_set_epoch(batcher, epoch), RD_OK);
    memset(sources, 0, SENTENCES * sizeof *sources);
    for (int64_t b = rd_batcher_size(batcher) - 1; b >= 0; b--) {
        assert_int_equal(rd_batcher_get(batcher, b, &batch), RD_OK);
        for (int64_t i = 0; i < batch.n; i++) {
            int32_t document[80], *to = sources[batch.ids[i]];
            const int32_t *s = batch.source.offsets + i, *t = batch.target.offsets + i;
            to[0] = s[1] - s[0];
            memcpy(to + 1, batch.source.ids + s[0], sizeof(int32_t) * (size_t)to[0]);
            fill(document, (int32_t)batch.ids[i] + 10);
            assert_int_equal(t[1] - t[0], batch.ids[i] + 10);
            assert_memory_equal(batch.target.ids + t[0], document,
                                sizeof(int32_t) * (size_t)(t[1] - t[0]));
        }
    }
    rd_batch_free(&batch);
}

static int differing(int32_t a[SENTENCES][80], int32_t b[SENTENCES][80]) {
    int n = 0;
    for (int i = 0; i < SENTENCES; i++) n += memcmp(a[i], b[i], sizeof a[i]) != 0;
    return n;
}

static void noise_depends_on_seed_epoch_and_sentence_alone(void **state) {
    (void)state;
    static int32_t first[SENTENCES][80], again[SENTENCES][80], other[SENTENCES][80];
    rd_noise *noise = make(bart);
    rd_dataset *dataset;
    rd_batcher *a, *b, *c;
    make_dataset(&dataset);
    rd_batcher_config config = {.max_tokens = 300, .seed = 3, .noise = noise};
    assert_int_equal(rd_batcher_new(&a, dataset, &config), RD_OK);
    config.max_tokens = 90; /* other batches, the same noise */
    assert_int_equal(rd_batcher_new(&b, dataset, &config), RD_OK);
    config.seed = 4;
    assert_int_equal(rd_batcher_new(&c, dataset, &config), RD_OK);
    for (int64_t epoch = 0; epoch < 3; epoch++) {
        deal(a, epoch, first);
        deal(b, epoch + 1, again);
        assert_true(differing(first, again) > SENTENCES - 5);
        deal(b, epoch, again);
        assert_int_equal(differing(first, again), 0);
        deal(c, epoch, other);
        assert_true(differing(first, other) > SENTENCES - 5);
        rd_batch batch = {0}; /* one sentence by itself is the one in its batch */
        assert_int_equal(rd_batcher_add(a, 17, &batch), RD_OK);
        assert_int_equal(rd_tokens_total(&batch.source), first[17][0]);
        assert_memory_equal(batch.source.ids, first[17] + 1,
                            sizeof(int32_t) * (size_t)rd_tokens_total(&batch.source));
        rd_batch_free(&batch);
    }
    rd_batcher_free(a);
    rd_batcher_free(b);
    rd_batcher_free(c);
    rd_dataset_close(dataset);
    rd_noise_free(noise);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_are_as_defined),
        cmocka_unit_test(documents_grow_no_longer),
        cmocka_unit_test(some_masks_are_random_pieces),
        cmocka_unit_test(sentences_change_places),
        cmocka_unit_test(masks_need_a_piece),
        cmocka_unit_test(noise_depends_on_seed_epoch_and_sentence_alone),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
