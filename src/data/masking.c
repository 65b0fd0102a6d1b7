#include "data/masking.h"

#include <stdlib.h>

#include "base/memory.h"
#include "data/ids.h"
#include "data/piece_flags.h"

struct rd_masking {
    rd_masking_config config;
    int32_t mask;
    rd_piece_flags pieces; /* those of text may be chosen, and be read instead */
};

/* clang-format off: one row a key reads as the table it is */
#define RD_AT(field) offsetof(rd_masking_config, field)
const rd_key rd_masking_keys[] = {
    {"mask-prob", RD_KEY_FLOAT, RD_AT(share), 1e-6, 1, "0.15",
     .help = "masked_lm: share of a line's tokens that is predicted"},
    {"leave-unmasked-prob", RD_KEY_FLOAT, RD_AT(unmasked), 0, 1, "0.1",
     .help = "masked_lm: share of these that is read as it is"},
    {"random-token-prob", RD_KEY_FLOAT, RD_AT(random), 0, 1, "0.1",
     .help = "masked_lm: share of these that is read as a random piece"},
    {"mask-whole-words", RD_KEY_BOOL, RD_AT(whole_words), 0, 0, "false",
     .help = "masked_lm: words are chosen, not pieces"},
    {.name = NULL}};
#undef RD_AT
/* clang-format on */

static rd_status check(const rd_masking_config *c, const rd_tokenizer *tokenizer) {
    if (rd_tokenizer_mask(tokenizer) < 0)
        return rd_error(RD_ERR_FORMAT, "task masked_lm: the vocabulary has no mask; make it with "
                                       "mask-piece: true");
    if (c->unmasked + c->random <= 1.0f) return RD_OK;
    return rd_error(RD_ERR_ARGUMENT,
                    "leave-unmasked-prob and random-token-prob are more than 1 together");
}

rd_status rd_masking_new(rd_masking **out, const rd_masking_config *config,
                         const rd_tokenizer *tokenizer) {
    *out = NULL;
    RD_TRY(check(config, tokenizer));
    rd_masking *m = rd_calloc(1, sizeof *m);
    if (!m) return RD_ERR_MEMORY;
    m->config = *config;
    m->mask = rd_tokenizer_mask(tokenizer);
    rd_status status = rd_piece_flags_new(&m->pieces, tokenizer);
    if (status == RD_OK && m->pieces.n_text == 0)
        status = rd_error(RD_ERR_FORMAT, "task masked_lm: the vocabulary has special pieces only");
    if (status == RD_OK)
        *out = m;
    else
        rd_masking_free(m);
    return status;
}

void rd_masking_free(rd_masking *m) {
    if (!m) return;
    rd_piece_flags_free(&m->pieces);
    free(m);
}

static bool is_text(const rd_masking *m, int32_t id) {
    return id >= 0 && id < m->pieces.vocab && m->pieces.flags[id];
}

/* Whether the token continues the word of the token before it. */
static bool goes_on(const rd_masking *m, const int32_t *ids, int32_t i) {
    const uint8_t *flags = m->pieces.flags;
    return m->config.whole_words && i > 0 && is_text(m, ids[i - 1]) &&
           !(flags[ids[i - 1]] & RD_PIECE_ENDS_WORD && flags[ids[i]] & RD_PIECE_BEGINS_WORD);
}

/* How many of n units are chosen. */
static int64_t number_of(const rd_masking *m, rd_rng *rng, int64_t n) {
    double wanted = (double)m->config.share * (double)n;
    int64_t chosen = (int64_t)(wanted + rd_rng_uniform(rng));
    if (chosen < 1) chosen = 1;
    return chosen < n ? chosen : n;
}

static int32_t read_as(const rd_masking *m, rd_rng *rng, int32_t id) {
    double draw = rd_rng_uniform(rng);
    if (draw < (double)m->config.unmasked) return id;
    if (draw < (double)m->config.unmasked + (double)m->config.random)
        return m->pieces.text[rd_rng_below(rng, (uint64_t)m->pieces.n_text)];
    return m->mask;
}

rd_status rd_masking_apply(const rd_masking *m, rd_rng *rng, const int32_t *ids, int32_t n,
                           rd_ids *masked, rd_ids *labels) {
    int64_t *starts = rd_malloc((size_t)n, sizeof *starts); /* of words, or of pieces */
    int64_t units = 0;
    if (!starts) return RD_ERR_MEMORY;
    masked->length = labels->length = 0;
    rd_status status = rd_ids_add(masked, ids, n);
    if (status == RD_OK) status = rd_ids_fill(labels, -1, n);
    for (int32_t i = 0; i < n; i++)
        if (is_text(m, ids[i]) && !goes_on(m, ids, i)) starts[units++] = i;
    if (status == RD_OK && units > 0) {
        rd_rng_shuffle(rng, starts, units);
        int64_t chosen = number_of(m, rng, units);
        for (int64_t k = 0; k < chosen; k++) {
            int32_t i = (int32_t)starts[k];
            do {
                labels->data[i] = ids[i];
                masked->data[i] = read_as(m, rng, ids[i]);
                i++;
            } while (i < n && is_text(m, ids[i]) && goes_on(m, ids, i));
        }
    }
    free(starts);
    return status;
}
