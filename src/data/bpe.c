#include "data/bpe.h"

#include <stdlib.h>
#include <string.h>

#include <unicode/utf8.h>

#include "base/memory.h"
#include "data/bpe_split.h"

static void close_bpe(rd_tokenizer *tokenizer) {
    rd_bpe *self = (rd_bpe *)tokenizer;
    rd_bpe_rules_free(&self->rules);
    rd_added_tokens_close(self->base.added);
    rd_text_free(&self->names);
    rd_text_free(&self->bytes);
    free(self->name_at);
    free(self->bytes_at);
    free(self);
}

static const char *piece(const rd_tokenizer *tokenizer, int32_t id) {
    const rd_bpe *self = (const rd_bpe *)tokenizer;
    return self->names.data + self->name_at[id];
}

/* One word, its bytes given, onto the end of the ids. */
static rd_status encode_word(const rd_bpe *self, rd_bpe_scratch *scratch, const char *word,
                             size_t n, float dropout, rd_rng *rng, rd_ids *ids) {
    RD_TRY(rd_reserve(&ids->data, &ids->capacity, ids->length + (int64_t)n, sizeof(int32_t)));
    int32_t *end = ids->data + ids->length;
    int64_t length = (int64_t)n;
    for (size_t i = 0; i < n; i++) end[i] = self->byte_pieces[(unsigned char)word[i]];
    RD_TRY(rd_bpe_merge(&self->rules, scratch, end, &length, dropout, rng));
    ids->length += length;
    return RD_OK;
}

static rd_status encode_words(const rd_bpe *self, const char *text, size_t n, float dropout,
                              rd_rng *rng, rd_ids *ids) {
    rd_bpe_scratch scratch = {0};
    rd_status status = RD_OK;
    for (size_t at = 0, length; status == RD_OK && at < n; at += length) {
        length = rd_bpe_word(text, n, at);
        status = encode_word(self, &scratch, text + at, length, dropout, rng, ids);
    }
    rd_bpe_scratch_free(&scratch);
    return status;
}

static rd_status encode_text(const rd_bpe *self, const char *text, size_t n, float dropout,
                             rd_rng *rng, rd_ids *ids) {
    if (n >= INT32_MAX / 4)
        return rd_error(RD_ERR_ARGUMENT, "cannot tokenize a text of %zu bytes at once", n);
    if (!self->prefix_space || n == 0 || text[0] == ' ')
        return encode_words(self, text, n, dropout, rng, ids);
    rd_text prefixed = {0};
    rd_status status = rd_text_append(&prefixed, " ", 1);
    if (status == RD_OK) status = rd_text_append(&prefixed, text, n);
    if (status == RD_OK) status = encode_words(self, prefixed.data, n + 1, dropout, rng, ids);
    rd_text_free(&prefixed);
    return status;
}

static rd_status encode(const rd_tokenizer *tokenizer, const char *text, size_t n, rd_ids *ids) {
    return encode_text((const rd_bpe *)tokenizer, text, n, 0.0f, NULL, ids);
}

static rd_status sample(const rd_tokenizer *tokenizer, const char *text, size_t n, float alpha,
                        int32_t nbest, uint64_t seed, rd_ids *ids) {
    (void)nbest;
    RD_TRY(rd_bpe_check_dropout(alpha));
    rd_rng rng = rd_rng_make(seed, 0);
    return encode_text((const rd_bpe *)tokenizer, text, n, alpha, &rng, ids);
}

/* Replaces each maximal incomplete UTF-8 sequence by U+FFFD. */
static rd_status make_valid(rd_text *text) {
    if (rd_utf8_invalid_at(text->data, (size_t)text->length) < 0) return RD_OK;
    rd_text valid = {0};
    rd_status status = RD_OK;
    const uint8_t *s = (const uint8_t *)text->data;
    for (int64_t i = 0, begin = 0; status == RD_OK && i < text->length; begin = i) {
        UChar32 c;
        U8_NEXT(s, i, text->length, c);
        status = c < 0 ? rd_text_append(&valid, "\xEF\xBF\xBD", 3)
                       : rd_text_append(&valid, text->data + begin, (size_t)(i - begin));
    }
    rd_text_free(text);
    *text = valid;
    return status;
}

static rd_status decode(const rd_tokenizer *tokenizer, const int32_t *ids, int64_t n, char **out,
                        size_t *length) {
    const rd_bpe *self = (const rd_bpe *)tokenizer;
    rd_text text = {0};
    rd_status status = rd_text_append(&text, "", 0);
    for (int64_t i = 0; status == RD_OK && i < n; i++) {
        const int64_t *at = &self->bytes_at[ids[i]];
        status = rd_text_append(&text, self->bytes.data + at[0], (size_t)(at[1] - at[0]));
    }
    if (status == RD_OK) status = make_valid(&text);
    if (status != RD_OK) {
        rd_text_free(&text);
        return status;
    }
    *out = text.data;
    *length = (size_t)text.length;
    return RD_OK;
}

rd_status rd_bpe_open(rd_tokenizer **tokenizer, const char *path, json_t *root) {
    static const rd_tokenizer_kind kind = {.type = RD_TOKENIZER_BYTE_BPE,
                                           .close = close_bpe,
                                           .encode = encode,
                                           .sample = sample,
                                           .decode = decode,
                                           .piece = piece,
                                           .space = "Ġ"};
    rd_bpe *self = rd_calloc(1, sizeof *self);
    if (!self) return RD_ERR_MEMORY;
    self->base.kind = &kind;
    self->base.mapped = true;
    rd_status status = rd_bpe_load(self, path, root);
    if (status == RD_OK)
        *tokenizer = &self->base;
    else
        close_bpe(&self->base);
    return status;
}
