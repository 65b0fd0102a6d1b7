#include "data/masking.h"

#include <stdlib.h>

#include "base/memory.h"
#include "data/batch.h"

/* Properties of a piece. */
enum { ORDINARY = 1, BEGINS_WORD = 2, ENDS_WORD = 4 };

struct rd_masking {
    rd_masking_config config;
    int32_t mask, vocab, n_ordinary;
    int32_t *ordinary; /* [n_ordinary] pieces that may be chosen, and be read instead */
    uint8_t *pieces;   /* [vocab] the flags above */
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

static uint8_t flags_of(const rd_tokenizer *tokenizer, int32_t id) {
    if (!rd_tokenizer_is_text(tokenizer, id)) return 0;
    return (uint8_t)(ORDINARY | (rd_tokenizer_begins_word(tokenizer, id) ? BEGINS_WORD : 0) |
                     (rd_tokenizer_ends_word(tokenizer, id) ? ENDS_WORD : 0));
}

static rd_status check(const rd_masking_config *c, const rd_tokenizer *tokenizer) {
    if (rd_tokenizer_mask(tokenizer) < 0)
        return rd_error(RD_ERR_FORMAT, "task masked_lm: the vocabulary has no mask; make it with "
                                       "mask-piece: true");
    if (c->unmasked + c->random <= 1.0f) return RD_OK;
    return rd_error(RD_ERR_ARGUMENT,
                    "leave-unmasked-prob and random-token-prob are more than 1 together");
}

static rd_status fill(rd_masking *m, const rd_tokenizer *tokenizer) {
    m->vocab = rd_tokenizer_size(tokenizer);
    m->mask = rd_tokenizer_mask(tokenizer);
    m->pieces = rd_malloc((size_t)m->vocab, sizeof *m->pieces);
    m->ordinary = rd_malloc((size_t)m->vocab, sizeof *m->ordinary);
    if (!m->pieces || !m->ordinary) return RD_ERR_MEMORY;
    for (int32_t id = 0; id < m->vocab; id++) {
        m->pieces[id] = flags_of(tokenizer, id);
        if (m->pieces[id] & ORDINARY) m->ordinary[m->n_ordinary++] = id;
    }
    if (m->n_ordinary > 0) return RD_OK;
    return rd_error(RD_ERR_FORMAT, "task masked_lm: the vocabulary has special pieces only");
}

rd_status rd_masking_new(rd_masking **out, const rd_masking_config *config,
                         const rd_tokenizer *tokenizer) {
    *out = NULL;
    RD_TRY(check(config, tokenizer));
    rd_masking *m = rd_calloc(1, sizeof *m);
    if (!m) return RD_ERR_MEMORY;
    m->config = *config;
    rd_status status = fill(m, tokenizer);
    if (status == RD_OK)
        *out = m;
    else
        rd_masking_free(m);
    return status;
}

void rd_masking_free(rd_masking *m) {
    if (!m) return;
    free(m->ordinary);
    free(m->pieces);
    free(m);
}

static bool is_ordinary(const rd_masking *m, int32_t id) {
    return id >= 0 && id < m->vocab && (m->pieces[id] & ORDINARY);
}

/* Whether the token continues the word of the token before it. */
static bool goes_on(const rd_masking *m, const int32_t *ids, int32_t i) {
    return m->config.whole_words && i > 0 && is_ordinary(m, ids[i - 1]) &&
           !(m->pieces[ids[i - 1]] & ENDS_WORD && m->pieces[ids[i]] & BEGINS_WORD);
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
        return m->ordinary[rd_rng_below(rng, (uint32_t)m->n_ordinary)];
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
        if (is_ordinary(m, ids[i]) && !goes_on(m, ids, i)) starts[units++] = i;
    if (status == RD_OK && units > 0) {
        rd_rng_shuffle(rng, starts, units);
        int64_t chosen = number_of(m, rng, units);
        for (int64_t k = 0; k < chosen; k++) {
            int32_t i = (int32_t)starts[k];
            do {
                labels->data[i] = ids[i];
                masked->data[i] = read_as(m, rng, ids[i]);
                i++;
            } while (i < n && is_ordinary(m, ids[i]) && goes_on(m, ids, i));
        }
    }
    free(starts);
    return status;
}
