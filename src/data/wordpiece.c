#include "data/wordpiece.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static void table_free(rd_wordpiece_table *table) {
    rd_string_table_free(&table->strings);
    free(table->ids);
}

static void close_wordpiece(rd_tokenizer *tokenizer) {
    rd_wordpiece *self = (rd_wordpiece *)tokenizer;
    table_free(&self->starts);
    table_free(&self->continuations);
    free(self->spellings);
    free(self->special);
    rd_added_tokens_close(self->base.added);
    free(self);
}

static const char *piece(const rd_tokenizer *tokenizer, int32_t id) {
    const rd_wordpiece *self = (const rd_wordpiece *)tokenizer;
    int32_t spelling = self->spellings[id];
    return spelling < 0 ? NULL : rd_string_at(&self->starts.strings, spelling);
}

/* The longest piece at the start of word[0..n), n > 0; *length: its bytes, 0 if there is none. */
static int32_t longest_piece(const rd_wordpiece_table *table, const char *word, size_t n,
                             size_t *length) {
    uint64_t hashes[RD_WORDPIECE_BYTES + 1];
    size_t end = n < table->longest ? n : table->longest;
    hashes[0] = RD_STRING_HASH;
    for (size_t i = 0; i < end; i++) hashes[i + 1] = rd_string_hash_add(hashes[i], word[i]);
    for (; end > 0; end--) {
        if (end < n && ((unsigned char)word[end] & 0xC0) == 0x80) continue; /* in a character */
        int32_t found = rd_string_find_hashed(&table->strings, hashes[end], word, end);
        *length = end;
        if (found >= 0) return table->ids[found];
    }
    *length = 0;
    return -1;
}

typedef struct {
    const rd_wordpiece *tokenizer;
    rd_ids *ids;
} encoder;

/* A word without pieces is one unknown piece as a whole. */
static rd_status encode_word(void *self, const char *word, size_t n, int64_t n_chars) {
    const rd_wordpiece *t = ((const encoder *)self)->tokenizer;
    rd_ids *ids = ((encoder *)self)->ids;
    int64_t first = ids->length;
    bool known = n_chars <= t->longest_word;
    RD_TRY(rd_reserve(&ids->data, &ids->capacity, first + (known ? (int64_t)n : 1),
                      sizeof *ids->data));
    for (size_t at = 0, length; known && at < n; at += length) {
        const rd_wordpiece_table *table = at ? &t->continuations : &t->starts;
        ids->data[ids->length] = longest_piece(table, word + at, n - at, &length);
        known = ids->data[ids->length++] >= 0;
    }
    if (!known) {
        ids->length = first + 1;
        ids->data[first] = t->base.unk;
    }
    return RD_OK;
}

static rd_status encode(const rd_tokenizer *tokenizer, const char *text, size_t n, rd_ids *ids) {
    const rd_wordpiece *self = (const rd_wordpiece *)tokenizer;
    encoder e = {self, ids};
    return rd_wordpiece_words(&self->rules, text, n, encode_word, &e);
}

static rd_status sample(const rd_tokenizer *tokenizer, const char *text, size_t n, float alpha,
                        int32_t nbest, uint64_t seed, rd_ids *ids) {
    (void)nbest, (void)seed;
    if (alpha > 0.0f)
        return rd_error(RD_ERR_UNSUPPORTED, "WordPiece has one segmentation of a text: none can be "
                                            "drawn at random (sentencepiece-alpha)");
    return encode(tokenizer, text, n, ids);
}

/* Removes the blank before a piece that begins so, as Hugging Face's decoder does. */
static bool is_tied(const char *name) {
    static const char *const tied[] = {".", "?", "!", ",", "n't", "'m", "'s", "'ve", "'re"};
    for (size_t i = 0; i < sizeof tied / sizeof *tied; i++)
        if (strncmp(name, tied[i], strlen(tied[i])) == 0) return true;
    return false;
}

static rd_status append_piece(const rd_wordpiece *self, const char *name, rd_text *text) {
    bool continues = strncmp(name, "##", 2) == 0;
    if (text->length == 0) return rd_text_append(text, name, strlen(name));
    if (continues) return rd_text_append(text, name + 2, strlen(name) - 2);
    if (!self->tidy || !is_tied(name)) RD_TRY(rd_text_append(text, " ", 1));
    return rd_text_append(text, name, strlen(name));
}

static rd_status decode(const rd_tokenizer *tokenizer, const int32_t *ids, int64_t n, char **out,
                        size_t *length) {
    const rd_wordpiece *self = (const rd_wordpiece *)tokenizer;
    rd_text text = {0};
    rd_status status = rd_text_append(&text, "", 0);
    for (int64_t i = 0; status == RD_OK && i < n; i++) {
        const char *name = piece(tokenizer, ids[i]);
        if (name && !self->special[ids[i]]) status = append_piece(self, name, &text);
    }
    if (status != RD_OK) {
        rd_text_free(&text);
        return status;
    }
    *out = text.data;
    *length = (size_t)text.length;
    return RD_OK;
}

static rd_wordpiece *new_wordpiece(void) {
    static const rd_tokenizer_kind kind = {.type = RD_TOKENIZER_WORDPIECE,
                                           .close = close_wordpiece,
                                           .encode = encode,
                                           .sample = sample,
                                           .decode = decode,
                                           .piece = piece,
                                           .space = "",
                                           .continuation = "##"};
    rd_wordpiece *self = rd_calloc(1, sizeof *self);
    if (!self) return NULL;
    self->base.kind = &kind;
    self->base.mapped = true;
    return self;
}

static rd_status finish(rd_wordpiece *self, rd_status status, rd_tokenizer **tokenizer) {
    if (status == RD_OK)
        *tokenizer = &self->base;
    else
        close_wordpiece(&self->base);
    return status;
}

rd_status rd_wordpiece_open(rd_tokenizer **tokenizer, const char *path, const char *bytes,
                            size_t n) {
    rd_wordpiece *self = new_wordpiece();
    if (!self) return RD_ERR_MEMORY;
    return finish(self, rd_wordpiece_load_text(self, path, bytes, n), tokenizer);
}

rd_status rd_wordpiece_open_json(rd_tokenizer **tokenizer, const char *path, const json_t *root) {
    rd_wordpiece *self = new_wordpiece();
    if (!self) return RD_ERR_MEMORY;
    return finish(self, rd_wordpiece_load_json(self, path, root), tokenizer);
}
