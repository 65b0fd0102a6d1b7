/* A SentencePiece model that cuts text into pieces, and a vocab.json that numbers them. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "data/added_tokens.h"
#include "data/piece_ids.h"
#include "data/sentencepiece.h"
#include "data/tokenizer_kind.h"
#include "io/json.h"

enum { LARGEST_FILE = 1 << 28 };

typedef struct {
    rd_tokenizer base;
    spm_processor *processor;
    rd_piece_ids map;
} mapped;

/* Where the pieces of one text go. */
typedef struct {
    const mapped *self;
    rd_ids *ids;
    rd_status status;
} piece_sink;

static void add_piece(void *self, const char *piece, size_t n) {
    piece_sink *sink = self;
    if (sink->status != RD_OK) return;
    int32_t id = strlen(piece) == n ? rd_piece_ids_find(&sink->self->map, piece) : -1;
    if (id < 0) id = sink->self->base.unk;
    sink->status = rd_ids_push(sink->ids, id);
}

static void close_model(rd_tokenizer *tokenizer) {
    mapped *self = (mapped *)tokenizer;
    spm_free(self->processor);
    rd_piece_ids_close(&self->map);
    rd_added_tokens_close(self->base.added);
    free(self);
}

static const char *piece(const rd_tokenizer *tokenizer, int32_t id) {
    return ((const mapped *)tokenizer)->map.pieces[id];
}

/* Takes a language code, ">>de<<", off the start of the text: one piece. */
static rd_status take_language_code(piece_sink *sink, const char **text, size_t *n) {
    const char *end =
        *n >= 4 && memcmp(*text, ">>", 2) == 0 ? memmem(*text + 2, *n - 2, "<<", 2) : NULL;
    if (!end) return RD_OK;
    size_t length = (size_t)(end - *text) + 2;
    char *code = strndup(*text, length);
    if (!code) return rd_error(RD_ERR_MEMORY, "out of memory for a language code");
    add_piece(sink, code, length);
    free(code);
    *text += length;
    *n -= length;
    return sink->status;
}

static rd_status encode(const rd_tokenizer *tokenizer, const char *text, size_t n, rd_ids *ids) {
    const mapped *self = (const mapped *)tokenizer;
    piece_sink sink = {.self = self, .ids = ids};
    char *message = NULL;
    RD_TRY(take_language_code(&sink, &text, &n));
    for (size_t part; sink.status == RD_OK && n > 0; text += part, n -= part) {
        part = rd_sentencepiece_part(text, n);
        if (spm_encode_pieces(self->processor, text, part, add_piece, &sink, &message))
            return rd_sentencepiece_error(RD_ERR_FORMAT, "cannot tokenize", message);
    }
    return sink.status;
}

static void add_drawn(void *self, int32_t id, const char *piece, size_t n) {
    (void)id; /* of the model; ours is by name */
    add_piece(self, piece, n);
}

static rd_status sample(const rd_tokenizer *tokenizer, const char *text, size_t n, float alpha,
                        int32_t nbest, uint64_t seed, rd_ids *ids) {
    const mapped *self = (const mapped *)tokenizer;
    piece_sink sink = {.self = self, .ids = ids};
    RD_TRY(take_language_code(&sink, &text, &n));
    RD_TRY(rd_sentencepiece_sample(self->processor, text, n, alpha, nbest, seed, add_drawn, &sink));
    return sink.status;
}

/* Pieces that the model does not know keep their marks of spaces (U+2581); then there may be spaces
 * at both ends. */
static void tidy(char *text, size_t *length) {
    size_t n = 0;
    for (size_t i = 0; i < *length; i++) {
        bool mark = *length - i >= 3 && memcmp(text + i, "\xE2\x96\x81", 3) == 0;
        if (mark) i += 2;
        if ((mark || text[i] == ' ') && n == 0) continue;
        text[n++] = mark ? ' ' : text[i];
    }
    while (n > 0 && text[n - 1] == ' ') n--;
    text[n] = '\0';
    *length = n;
}

static rd_status decode(const rd_tokenizer *tokenizer, const int32_t *ids, int64_t n, char **text,
                        size_t *length) {
    const mapped *self = (const mapped *)tokenizer;
    const char **pieces = rd_malloc((size_t)n, sizeof *pieces);
    size_t n_pieces = 0;
    char *message = NULL;
    if (!pieces) return RD_ERR_MEMORY;
    for (int64_t i = 0; i < n; i++) {
        const char *name = self->map.pieces[ids[i]];
        bool special = ids[i] == tokenizer->pad || ids[i] == tokenizer->bos ||
                       ids[i] == tokenizer->eos || ids[i] == tokenizer->unk ||
                       rd_added_tokens_is_special(tokenizer->added, ids[i]);
        if (!special && name) pieces[n_pieces++] = name;
    }
    int failed = spm_decode_pieces(self->processor, pieces, n_pieces, text, length, &message);
    free(pieces);
    if (failed) return rd_sentencepiece_error(RD_ERR_FORMAT, "cannot detokenize", message);
    tidy(*text, length);
    return RD_OK;
}

static rd_status find_special(mapped *self, const char *path) {
    const rd_piece_ids *map = &self->map;
    rd_tokenizer *t = &self->base;
    t->size = map->size;
    t->pad = rd_piece_ids_find(map, "<pad>");
    t->bos = rd_piece_ids_find(map, "<s>");
    t->eos = rd_piece_ids_find(map, "</s>");
    t->unk = rd_piece_ids_find(map, "<unk>");
    t->mask = rd_piece_ids_find(map, "<mask>");
    if (t->eos >= 0 && t->unk >= 0) return RD_OK;
    return rd_error(RD_ERR_FORMAT, "%s: no piece %s", path, t->eos < 0 ? "</s>" : "<unk>");
}

static rd_status take_pieces(mapped *self, const char *path, const json_t *added) {
    json_t *json = NULL;
    char *bytes;
    size_t n;
    RD_TRY(rd_read_file(path, LARGEST_FILE, &bytes, &n));
    rd_status status = rd_json_parse(&json, path, bytes, n);
    free(bytes);
    if (status == RD_OK) status = rd_piece_ids_take(&self->map, path, json, added);
    json_decref(json);
    RD_TRY(status);
    RD_TRY(find_special(self, path));
    const rd_tokenizer *t = &self->base;
    const int32_t own[] = {t->pad, t->bos, t->eos, t->unk, t->mask};
    return rd_added_tokens_open(&self->base.added, added, own, 5, false);
}

/* A separate target vocabulary has its own ids, to which added tokens do not belong. */
static rd_status open_pieces(mapped *self, const char *vocab_path) {
    json_t *added = NULL;
    if (!rd_ends_with(vocab_path, "target_vocab.json"))
        RD_TRY(rd_added_tokens_beside(&added, vocab_path));
    rd_status status = take_pieces(self, vocab_path, added);
    json_decref(added);
    return status;
}

rd_status rd_mapped_open(rd_tokenizer **tokenizer, const char *path, const char *bytes, size_t n,
                         const char *vocab_path) {
    static const rd_tokenizer_kind kind = {.type = RD_TOKENIZER_SENTENCEPIECE,
                                           .close = close_model,
                                           .encode = encode,
                                           .sample = sample,
                                           .decode = decode,
                                           .piece = piece,
                                           .space = "▁"};
    mapped *self = rd_calloc(1, sizeof *self);
    if (!self) return RD_ERR_MEMORY;
    self->base.kind = &kind;
    self->base.mapped = true;
    rd_status status = rd_sentencepiece_load(&self->processor, path, bytes, n);
    if (status == RD_OK) status = open_pieces(self, vocab_path);
    if (status != RD_OK) {
        close_model(&self->base);
        return status;
    }
    *tokenizer = &self->base;
    return RD_OK;
}
