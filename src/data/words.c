/* Text as words of a dictionary, whole or cut by subword-nmt's codes, or as characters of one. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "data/bpe_merge.h"
#include "data/dictionary.h"
#include "data/subword.h"
#include "data/tokenizer_kind.h"

typedef struct {
    rd_tokenizer base;
    rd_string_table symbols;
    rd_subword *codes; /* of words; NULL: they stay whole */
} dictionary;

static void close_dictionary(rd_tokenizer *tokenizer) {
    rd_string_table_free(&((dictionary *)tokenizer)->symbols);
    rd_subword_close(((dictionary *)tokenizer)->codes);
    free(tokenizer);
}

static const char *piece(const rd_tokenizer *tokenizer, int32_t id) {
    return rd_string_at(&((const dictionary *)tokenizer)->symbols, id);
}

/* The spelling of a special symbol in a text is not that symbol. */
static rd_status add_id(const rd_tokenizer *tokenizer, int32_t id, rd_ids *ids) {
    bool known = id >= RD_DICTIONARY_SPECIAL && id != tokenizer->mask;
    return rd_ids_push(ids, known ? id : RD_DICTIONARY_UNK);
}

static rd_status encode_words(const rd_tokenizer *tokenizer, const char *text, size_t n,
                              rd_ids *ids) {
    const rd_string_table *symbols = &((const dictionary *)tokenizer)->symbols;
    const char *word;
    uint64_t hash;
    for (size_t at = 0, length; (length = rd_dictionary_word(text, n, &at, &word, &hash)) > 0;)
        RD_TRY(add_id(tokenizer, rd_string_find_hashed(symbols, hash, word, length), ids));
    return RD_OK;
}

/* Cut first; then words are separated by white space of any kind. */
static rd_status encode_cut(const rd_tokenizer *tokenizer, const char *text, size_t n,
                            float dropout, rd_rng *rng, rd_ids *ids) {
    const rd_subword *codes = ((const dictionary *)tokenizer)->codes;
    rd_text cut = {0};
    rd_status status = rd_text_append(&cut, "", 0); /* even nothing decodes to a text */
    if (status == RD_OK) status = rd_subword_apply(codes, text, n, dropout, rng, &cut);
    if (status == RD_OK) status = encode_words(tokenizer, cut.data, (size_t)cut.length, ids);
    rd_text_free(&cut);
    return status;
}

static rd_status encode_subwords(const rd_tokenizer *tokenizer, const char *text, size_t n,
                                 rd_ids *ids) {
    return encode_cut(tokenizer, text, n, 0.0f, NULL, ids);
}

static rd_status sample_subwords(const rd_tokenizer *tokenizer, const char *text, size_t n,
                                 float alpha, int32_t nbest, uint64_t seed, rd_ids *ids) {
    (void)nbest;
    RD_TRY(rd_bpe_check_dropout(alpha));
    rd_rng rng = rd_rng_make(seed, 0);
    return encode_cut(tokenizer, text, n, alpha, alpha > 0.0f ? &rng : NULL, ids);
}

static rd_status encode_characters(const rd_tokenizer *tokenizer, const char *text, size_t n,
                                   rd_ids *ids) {
    const rd_string_table *symbols = &((const dictionary *)tokenizer)->symbols;
    for (size_t at = 0; at < n;) {
        uint32_t c;
        size_t length = rd_utf8_character(text + at, n - at, &c);
        if (length == 0) length = 1;
        RD_TRY(add_id(tokenizer, rd_string_find(symbols, text + at, length), ids));
        at += length;
    }
    return RD_OK;
}

static rd_status sample(const rd_tokenizer *tokenizer, const char *text, size_t n, float alpha,
                        int32_t nbest, uint64_t seed, rd_ids *ids) {
    (void)nbest, (void)seed;
    if (alpha > 0.0f)
        return rd_error(RD_ERR_UNSUPPORTED,
                        "words and characters are not cut further: none can be drawn at random "
                        "(sentencepiece-alpha)");
    return tokenizer->kind->encode(tokenizer, text, n, ids);
}

/* blank: between words; unknown: how <unk> reads. */
static rd_status decode(const rd_tokenizer *tokenizer, const int32_t *ids, int64_t n,
                        const char *blank, const char *unknown, char **out, size_t *length) {
    rd_text text = {0};
    rd_status status = rd_text_append(&text, "", 0);
    for (int64_t i = 0; status == RD_OK && i < n; i++) {
        bool unk = ids[i] == RD_DICTIONARY_UNK;
        if ((ids[i] < RD_DICTIONARY_SPECIAL && !unk) || ids[i] == tokenizer->mask) continue;
        const char *symbol = unk ? unknown : piece(tokenizer, ids[i]);
        if (text.length > 0) status = rd_text_append(&text, blank, strlen(blank));
        if (status == RD_OK)
            status = rd_text_append(
                &text, symbol,
                unk ? strlen(symbol)
                    : rd_string_length(&((const dictionary *)tokenizer)->symbols, ids[i]));
    }
    if (status != RD_OK) {
        rd_text_free(&text);
        return status;
    }
    *out = text.data;
    *length = (size_t)text.length;
    return RD_OK;
}

static rd_status decode_words(const rd_tokenizer *tokenizer, const int32_t *ids, int64_t n,
                              char **text, size_t *length) {
    return decode(tokenizer, ids, n, " ", "<unk>", text, length);
}

static rd_status decode_subwords(const rd_tokenizer *tokenizer, const int32_t *ids, int64_t n,
                                 char **text, size_t *length) {
    RD_TRY(decode_words(tokenizer, ids, n, text, length));
    *length = rd_subword_join(*text, *length);
    return RD_OK;
}

static rd_status decode_characters(const rd_tokenizer *tokenizer, const int32_t *ids, int64_t n,
                                   char **text, size_t *length) {
    return decode(tokenizer, ids, n, "", "\xEF\xBF\xBD", text, length);
}

/* The codes in the folder of a dictionary, if they exist. */
static rd_status find_codes(dictionary *self, const char *path) {
    char *folder = rd_path_parent(path);
    char *codes = folder ? rd_path_join(folder, "bpecodes") : NULL;
    rd_status status = codes ? RD_OK : RD_ERR_MEMORY;
    if (codes && rd_file_exists(codes)) status = rd_subword_open(&self->codes, codes);
    free(folder);
    free(codes);
    return status;
}

static const rd_tokenizer_kind words = {.type = RD_TOKENIZER_WORDS,
                                        .close = close_dictionary,
                                        .encode = encode_words,
                                        .sample = sample,
                                        .decode = decode_words,
                                        .piece = piece,
                                        .space = ""};
/* Text comes as pieces, and leaves as whole words. */
static const rd_tokenizer_kind pieces = {.type = RD_TOKENIZER_WORDS,
                                         .close = close_dictionary,
                                         .encode = encode_words,
                                         .sample = sample,
                                         .decode = decode_subwords,
                                         .piece = piece,
                                         .space = "",
                                         .joiner = RD_SUBWORD_JOINER,
                                         .reads_pieces = true};
static const rd_tokenizer_kind subwords = {.type = RD_TOKENIZER_SUBWORD_NMT,
                                           .close = close_dictionary,
                                           .encode = encode_subwords,
                                           .sample = sample_subwords,
                                           .decode = decode_subwords,
                                           .piece = piece,
                                           .space = "",
                                           .joiner = RD_SUBWORD_JOINER};
static const rd_tokenizer_kind characters = {.type = RD_TOKENIZER_CHARACTERS,
                                             .close = close_dictionary,
                                             .encode = encode_characters,
                                             .sample = sample,
                                             .decode = decode_characters,
                                             .piece = piece,
                                             .space = " "};

/* Whether the dictionary is of text that subword-nmt has cut: some word may end so by chance, but
 * among pieces many do. */
static bool is_of_pieces(const rd_string_table *symbols) {
    int64_t n = 0;
    for (int64_t i = RD_DICTIONARY_SPECIAL; i < symbols->n; i++)
        n += rd_ends_with(rd_string_at(symbols, i), RD_SUBWORD_JOINER);
    return 100 * n > symbols->n;
}

static const rd_tokenizer_kind *kind_of_words(const dictionary *self) {
    if (self->codes) return &subwords;
    return is_of_pieces(&self->symbols) ? &pieces : &words;
}

static rd_status open_dictionary(rd_tokenizer **tokenizer, const char *path, const char *bytes,
                                 size_t n, bool of_characters) {
    dictionary *self = rd_calloc(1, sizeof *self);
    if (!self) return RD_ERR_MEMORY;
    rd_status status = rd_dictionary_read(&self->symbols, path, bytes, n, of_characters);
    if (status == RD_OK && !of_characters) status = find_codes(self, path);
    if (status != RD_OK) {
        close_dictionary(&self->base);
        return status;
    }
    self->base = (rd_tokenizer){.kind = of_characters ? &characters : kind_of_words(self),
                                .size = (int32_t)self->symbols.n,
                                .bos = RD_DICTIONARY_BOS,
                                .pad = RD_DICTIONARY_PAD,
                                .eos = RD_DICTIONARY_EOS,
                                .unk = RD_DICTIONARY_UNK,
                                .mask = rd_string_find(&self->symbols, "<mask>", 6)};
    *tokenizer = &self->base;
    return RD_OK;
}

rd_status rd_words_open(rd_tokenizer **tokenizer, const char *path, const char *bytes, size_t n) {
    return open_dictionary(tokenizer, path, bytes, n, false);
}

rd_status rd_characters_open(rd_tokenizer **tokenizer, const char *path, const char *bytes,
                             size_t n) {
    return open_dictionary(tokenizer, path, bytes, n, true);
}
