/* BART's noise and BERT's masks over any document. Bytes: mask, mean length of spans, what replaces
 * them, random pieces, sentences that move, seed; then the document, a byte a piece. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "io/output.h"
#include "data/masking.h"
#include "data/noise.h"
#include "data/vocab.h"
#include "fuzz.h"

enum { SETTINGS = 6, LONGEST = 500 };

/* Pieces with and without a space before them, full stops, and a mask. */
static const rd_tokenizer *vocabulary(void) {
    static const char text[] = "a dog. two cats. a cat sees a house. the old dog runs. it. is.\n";
    static rd_tokenizer *tokenizer;
    char corpus[96], path[96];
    const char *const corpora[] = {corpus};
    const rd_vocab_config config = {
        .type = "bpe", .size = 32, .character_coverage = 1, .mask = true};
    if (tokenizer) return tokenizer;
    snprintf(corpus, sizeof corpus, "%s/noise.txt", fuzz_folder());
    snprintf(path, sizeof path, "%s/noise.spm", fuzz_folder());
    FUZZ_CHECK(rd_write_file(corpus, text, sizeof text - 1) == RD_OK);
    if (rd_vocab_train(&config, corpora, 1, path) != RD_OK)
        fuzz_failed(__FILE__, __LINE__, rd_last_error());
    FUZZ_CHECK(rd_tokenizer_open(&tokenizer, path) == RD_OK);
    return tokenizer;
}

static bool is_piece(int32_t id) {
    return id >= 0 && id < rd_tokenizer_size(vocabulary());
}

/* document: [n], eos last. */
static void noise(const uint8_t *settings, const int32_t *document, int32_t n) {
    const rd_noise_config config = {.mask = (float)settings[0] / 255.0f,
                                    .poisson_lambda = (float)settings[1] / 16.0f,
                                    .replace_length = settings[2] % 3 - 1,
                                    .mask_random = (float)settings[3] / 255.0f,
                                    .permute_sentences = (float)settings[4] / 255.0f};
    rd_noise *noise;
    rd_ids once = {0}, twice = {0};
    rd_rng rng = rd_rng_make(settings[5], 1), again = rng;
    if (rd_noise_new(&noise, &config, vocabulary()) != RD_OK) {
        FUZZ_CHECK(*rd_last_error() && config.mask > 0.0f && settings[1] == 0);
        return;
    }
    FUZZ_CHECK(rd_noise_apply(noise, &rng, document, n, &once) == RD_OK);
    FUZZ_CHECK(rd_noise_apply(noise, &again, document, n, &twice) == RD_OK);
    FUZZ_CHECK(once.length == twice.length && once.length >= 1 && once.length <= n);
    FUZZ_CHECK(memcmp(once.data, twice.data, (size_t)once.length * sizeof *once.data) == 0);
    FUZZ_CHECK(once.data[once.length - 1] == document[n - 1]);
    if (n > 1 && document[0] == rd_tokenizer_bos(vocabulary()))
        FUZZ_CHECK(once.length > 1 && once.data[0] == document[0]);
    for (int64_t i = 0; i < once.length; i++) FUZZ_CHECK(is_piece(once.data[i]));
    if (!rd_noise_wanted(&config)) FUZZ_CHECK(once.length == n);
    rd_noise_free(noise);
    free(once.data);
    free(twice.data);
}

static void mask(const uint8_t *settings, const int32_t *document, int32_t n) {
    const rd_masking_config config = {.share = (float)(1 + settings[0]) / 256.0f,
                                      .unmasked = (float)settings[1] / 255.0f,
                                      .random = (float)settings[3] / 255.0f,
                                      .whole_words = settings[2] & 1};
    rd_masking *masking;
    rd_ids masked = {0}, labels = {0};
    rd_rng rng = rd_rng_make(settings[5], 2);
    if (rd_masking_new(&masking, &config, vocabulary()) != RD_OK) {
        FUZZ_CHECK(config.unmasked + config.random > 1.0f);
        return;
    }
    FUZZ_CHECK(rd_masking_apply(masking, &rng, document, n, &masked, &labels) == RD_OK);
    FUZZ_CHECK(masked.length == n && labels.length == n);
    for (int32_t i = 0; i < n; i++) {
        FUZZ_CHECK(is_piece(masked.data[i]));
        FUZZ_CHECK(labels.data[i] == document[i] ||
                   (labels.data[i] < 0 && masked.data[i] == document[i]));
    }
    rd_masking_free(masking);
    free(masked.data);
    free(labels.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < SETTINGS) return 0;
    const rd_tokenizer *tokenizer = vocabulary();
    int32_t n = size - SETTINGS < LONGEST ? (int32_t)(size - SETTINGS) : LONGEST;
    int32_t *document = malloc(((size_t)n + 1) * sizeof *document);
    FUZZ_CHECK(document);
    for (int32_t i = 0; i < n; i++) document[i] = data[SETTINGS + i] % rd_tokenizer_size(tokenizer);
    document[n] = rd_tokenizer_eos(tokenizer);
    noise(data, document, n + 1);
    mask(data, document, n + 1);
    free(document);
    return 0;
}
