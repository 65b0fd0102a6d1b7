#include "data/noise.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "data/piece_flags.h"

enum { LONGEST_SPAN = 127 }; /* beyond it Poisson's tail is cut, as in fairseq */

/* clang-format off: one row a key reads as the table it is */
#define RD_AT(field) offsetof(rd_noise_config, field)
const rd_key rd_noise_keys[] = {
    {"mask", RD_KEY_FLOAT, RD_AT(mask), 0, 1, "0",
     .help = "noise: share of each source's tokens that is masked, in spans; 0: none. BART: 0.3"},
    {"poisson-lambda", RD_KEY_FLOAT, RD_AT(poisson_lambda), 0.5, 30, "3",
     .help = "mask: mean length of a span, Poisson-distributed; one of length 0 inserts a mask "
             "with replace-length: 1"},
    {"replace-length", RD_KEY_INT32, RD_AT(replace_length), -1, 1, "1",
     .help = "mask: a span becomes 1 mask, 0: none, -1: one for each token"},
    {"mask-random", RD_KEY_FLOAT, RD_AT(mask_random), 0, 1, "0",
     .help = "mask: share of the masks that is a random piece instead"},
    {"permute-sentences", RD_KEY_FLOAT, RD_AT(permute_sentences), 0, 1, "0",
     .help = "noise: share of each source's sentences that is shuffled. BART: 1"},
    {.name = NULL}};
#undef RD_AT
/* clang-format on */

struct rd_noise {
    rd_noise_config config;
    int32_t mask, bos;
    rd_piece_flags pieces;
    double at_most[LONGEST_SPAN + 1]; /* P(length of a span <= k) */
};

bool rd_noise_wanted(const rd_noise_config *config) {
    return config->mask > 0.0f || config->permute_sentences > 0.0f;
}

/* Poisson's distribution function: P(k) = exp(-lambda) lambda^k / k!. */
static void tabulate_lengths(rd_noise *noise) {
    double lambda = (double)noise->config.poisson_lambda, p = exp(-lambda), sum = 0.0;
    for (int k = 0; k <= LONGEST_SPAN; k++) {
        sum += p;
        noise->at_most[k] = sum;
        p *= lambda / (k + 1);
    }
    noise->at_most[LONGEST_SPAN] = 1.0;
}

rd_status rd_noise_new(rd_noise **out, const rd_noise_config *config,
                       const rd_tokenizer *tokenizer) {
    *out = NULL;
    if (config->mask > 0.0f && !(config->poisson_lambda > 0.0f))
        return rd_error(RD_ERR_ARGUMENT, "noise: spans need a mean length above 0");
    if (config->mask > 0.0f && config->replace_length != RD_REPLACE_NONE &&
        rd_tokenizer_mask(tokenizer) < 0)
        return rd_error(RD_ERR_FORMAT,
                        "mask is above 0 but the vocabulary has no piece <mask>; make the "
                        "vocabulary with mask-piece: true");
    rd_noise *noise = rd_calloc(1, sizeof *noise);
    if (!noise) return RD_ERR_MEMORY;
    noise->config = *config;
    noise->mask = rd_tokenizer_mask(tokenizer);
    noise->bos = rd_tokenizer_bos(tokenizer);
    tabulate_lengths(noise);
    rd_status status = rd_piece_flags_new(&noise->pieces, tokenizer);
    if (status == RD_OK)
        *out = noise;
    else
        rd_noise_free(noise);
    return status;
}

void rd_noise_free(rd_noise *noise) {
    if (!noise) return;
    rd_piece_flags_free(&noise->pieces);
    free(noise);
}

/* min(ceil(share * n), n), from the decimal text: the nearest float may be slightly above it. */
static int32_t share_of(float share, int32_t n) {
    double count = ceil((double)share * n * (1.0 - 1e-7));
    return count < n ? (int32_t)count : n;
}

static bool sentence_ends_at(const rd_noise *noise, const int32_t *text, int32_t n, int32_t i) {
    if (i + 1 == n) return true;
    const uint8_t *flags = noise->pieces.flags;
    return flags[text[i]] & RD_PIECE_STOPS && flags[text[i + 1]] & RD_PIECE_BEGINS_WORD;
}

/* text[0..n) with its sentences shuffled in `to`; work: [4 * n + 1]. */
static void permute(const rd_noise *noise, rd_rng *rng, const int32_t *text, int32_t n, int32_t *to,
                    int64_t *work) {
    int64_t *begin = work; /* [sentences + 1] */
    int32_t sentences = 0;
    begin[0] = 0;
    for (int32_t i = 0; i < n; i++)
        if (sentence_ends_at(noise, text, n, i)) begin[++sentences] = i + 1;
    int64_t *from = begin + sentences + 1; /* [sentences] the sentence that gets a place */
    int64_t *chosen = from + sentences, *dealt = chosen + sentences;
    int32_t moved = share_of(noise->config.permute_sentences, sentences);
    for (int32_t s = 0; s < sentences; s++) from[s] = chosen[s] = s;
    rd_rng_shuffle(rng, chosen, sentences);
    for (int32_t k = 0; k < moved; k++) dealt[k] = chosen[k];
    rd_rng_shuffle(rng, dealt, moved);
    for (int32_t k = 0; k < moved; k++) from[chosen[k]] = dealt[k];
    for (int32_t s = 0; s < sentences; s++)
        for (int64_t i = begin[from[s]]; i < begin[from[s] + 1]; i++) *to++ = text[i];
}

static int32_t draw_length(const rd_noise *noise, rd_rng *rng) {
    double u = rd_rng_uniform(rng);
    int32_t k = 0;
    while (u >= noise->at_most[k]) k++;
    return k;
}

/* Lengths of spans that mask `budget` tokens, in random order, and how many there are: at most
 * `budget`, so that even one mask each makes the document no longer. */
static int64_t draw_spans(const rd_noise *noise, rd_rng *rng, int32_t budget, int64_t *spans) {
    int64_t n = 0, inserts = 0;
    for (int32_t masked = 0; masked < budget;) {
        int32_t length = draw_length(noise, rng);
        if (length > budget - masked) length = budget - masked;
        if (length > 0)
            spans[n++] = length;
        else
            inserts++;
        masked += length;
    }
    for (; inserts > 0 && n < budget; inserts--) spans[n++] = 0;
    rd_rng_shuffle(rng, spans, n);
    return n;
}

static int32_t mask_or_random(const rd_noise *noise, rd_rng *rng) {
    double share = (double)noise->config.mask_random;
    if (noise->pieces.n_text == 0 || !(share > 0.0) || rd_rng_uniform(rng) >= share)
        return noise->mask;
    return noise->pieces.text[rd_rng_below(rng, (uint64_t)noise->pieces.n_text)];
}

/* Writes text[0..n) with spans masked to `to`, and returns how many ids that are; spans: [n]. All
 * orders of spans and kept tokens are equally likely: the next is a span in proportion to how many
 * are left. */
static int64_t infill(const rd_noise *noise, rd_rng *rng, const int32_t *text, int32_t n,
                      int64_t *spans, int32_t *to) {
    int32_t budget = share_of(noise->config.mask, n), replace = noise->config.replace_length;
    int64_t left = draw_spans(noise, rng, budget, spans), kept = n - budget, length = 0;
    while (left + kept > 0) {
        if (rd_rng_below(rng, (uint64_t)(left + kept)) >= (uint64_t)left) {
            to[length++] = *text++;
            kept--;
            continue;
        }
        int64_t span = spans[--left], masks = replace == RD_REPLACE_EACH ? span : replace;
        for (int64_t k = 0; k < masks; k++) to[length++] = mask_or_random(noise, rng);
        text += span;
    }
    return length;
}

rd_status rd_noise_apply(const rd_noise *noise, rd_rng *rng, const int32_t *document, int32_t n,
                         rd_ids *noised) {
    int32_t first = n > 1 && document[0] == noise->bos ? 1 : 0, inner = n - 1 - first;
    RD_TRY(rd_reserve(&noised->data, &noised->capacity, n, sizeof(int32_t)));
    int64_t *work = rd_malloc(4 * (size_t)inner + 1, sizeof *work);
    int32_t *shuffled = rd_malloc((size_t)inner, sizeof *shuffled);
    if (work && shuffled) {
        permute(noise, rng, document + first, inner, shuffled, work);
        noised->data[0] = document[0];
        noised->length = first + infill(noise, rng, shuffled, inner, work, noised->data + first);
        noised->data[noised->length++] = document[n - 1];
    }
    rd_status status = work && shuffled ? RD_OK : RD_ERR_MEMORY;
    free(work);
    free(shuffled);
    return status;
}
