#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "data/subword.h"
#include "data/tokenizer_kind.h"
#include "io/json.h"

enum { LARGEST_FILE = 1 << 30 };

/* JSON begins with a brace, a SentencePiece model with a field's tag. */
static bool is_json(const char *bytes, size_t n) {
    size_t i = 0;
    while (i < n && strchr(" \t\r\n", bytes[i]) && bytes[i]) i++;
    return i < n && bytes[i] == '{';
}

static rd_status open_json(rd_tokenizer **tokenizer, const char *path, const char *bytes,
                           size_t n) {
    json_t *root;
    RD_TRY(rd_json_parse(&root, path, bytes, n));
    const char *model = json_string_value(json_object_get(json_object_get(root, "model"), "type"));
    rd_status status = model && strcmp(model, "WordPiece") == 0
                           ? rd_wordpiece_open_json(tokenizer, path, root)
                           : rd_bpe_open(tokenizer, path, root);
    json_decref(root);
    return status;
}

/* Nothing in a text file tells a list of words from one of pieces: its name does. */
static rd_status open_bytes(rd_tokenizer **tokenizer, const char *path, const char *bytes,
                            size_t n) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    bool text = rd_ends_with(name, ".txt");
    if (text && strncmp(name, "characters.", 11) == 0)
        return rd_characters_open(tokenizer, path, bytes, n);
    if (text && strncmp(name, "dict.", 5) == 0) return rd_words_open(tokenizer, path, bytes, n);
    if (rd_ends_with(name, "vocab.txt")) return rd_wordpiece_open(tokenizer, path, bytes, n);
    if (is_json(bytes, n)) return open_json(tokenizer, path, bytes, n);
    return rd_sentencepiece_open(tokenizer, path, bytes, n);
}

/* A copy is read: a file that another program writes to could change after it was checked. */
rd_status rd_tokenizer_open(rd_tokenizer **tokenizer, const char *path) {
    *tokenizer = NULL;
    char *bytes;
    size_t n;
    RD_TRY(rd_read_file(path, LARGEST_FILE, &bytes, &n));
    rd_status status = open_bytes(tokenizer, path, bytes, n);
    free(bytes);
    return status;
}

rd_status rd_tokenizer_open_mapped(rd_tokenizer **tokenizer, const char *path,
                                   const char *vocab_path) {
    *tokenizer = NULL;
    char *bytes;
    size_t n;
    RD_TRY(rd_read_file(path, LARGEST_FILE, &bytes, &n));
    rd_status status = rd_mapped_open(tokenizer, path, bytes, n, vocab_path);
    free(bytes);
    return status;
}

rd_tokenizer_type rd_tokenizer_kind_of(const rd_tokenizer *tokenizer) {
    return tokenizer->kind->type;
}

bool rd_tokenizer_is_mapped(const rd_tokenizer *tokenizer) {
    return tokenizer->mapped;
}

void rd_tokenizer_close(rd_tokenizer *tokenizer) {
    if (tokenizer) tokenizer->kind->close(tokenizer);
}

int32_t rd_tokenizer_size(const rd_tokenizer *tokenizer) {
    return tokenizer->size;
}

int32_t rd_tokenizer_pad(const rd_tokenizer *tokenizer) {
    return tokenizer->pad;
}

int32_t rd_tokenizer_bos(const rd_tokenizer *tokenizer) {
    return tokenizer->bos;
}

int32_t rd_tokenizer_eos(const rd_tokenizer *tokenizer) {
    return tokenizer->eos;
}

int32_t rd_tokenizer_unk(const rd_tokenizer *tokenizer) {
    return tokenizer->unk;
}

int32_t rd_tokenizer_mask(const rd_tokenizer *tokenizer) {
    return tokenizer->mask;
}

const char *rd_tokenizer_space(const rd_tokenizer *tokenizer) {
    return tokenizer->kind->space;
}

bool rd_tokenizer_is_text(const rd_tokenizer *t, int32_t id) {
    const char *piece = rd_tokenizer_piece(t, id);
    return piece && *piece && id != t->pad && id != t->bos && id != t->eos && id != t->unk &&
           id != t->mask;
}

bool rd_tokenizer_begins_word(const rd_tokenizer *tokenizer, int32_t id) {
    const char *piece = rd_tokenizer_piece(tokenizer, id);
    const char *space = tokenizer->kind->space, *continuation = tokenizer->kind->continuation;
    if (!piece || !*piece) return false;
    if (continuation) return strncmp(piece, continuation, strlen(continuation)) != 0;
    return strncmp(piece, space, strlen(space)) == 0;
}

bool rd_tokenizer_ends_word(const rd_tokenizer *tokenizer, int32_t id) {
    const char *piece = rd_tokenizer_piece(tokenizer, id), *joiner = tokenizer->kind->joiner;
    return !joiner || !piece || !rd_ends_with(piece, joiner);
}

size_t rd_tokenizer_join(const rd_tokenizer *tokenizer, char *text, size_t n) {
    return tokenizer->kind->reads_pieces ? rd_subword_join(text, n) : n;
}

const char *rd_tokenizer_piece(const rd_tokenizer *tokenizer, int32_t id) {
    return id >= 0 && id < tokenizer->size ? tokenizer->kind->piece(tokenizer, id) : NULL;
}

/* How a part of a text is cut: sampled with a seed, or in the one way that encode has. */
typedef struct {
    bool samples;
    float alpha;
    int32_t nbest;
    uint64_t seed;
} cutting;

static rd_status cut_part(const rd_tokenizer *tokenizer, const cutting *c, const char *text,
                          size_t n, rd_ids *ids) {
    if (!c->samples) return tokenizer->kind->encode(tokenizer, text, n, ids);
    return tokenizer->kind->sample(tokenizer, text, n, c->alpha, c->nbest, c->seed, ids);
}

/* Added tokens are taken out first, then each part between them is cut by itself. */
static rd_status cut(const rd_tokenizer *tokenizer, cutting c, const char *text, size_t n,
                     rd_ids *ids) {
    size_t at = 0;
    rd_added_walk walk = {.text = text, .n = n};
    if (!tokenizer->added) return cut_part(tokenizer, &c, text, n, ids);
    for (; rd_added_tokens_next(tokenizer->added, &walk); at = walk.found.end) {
        if (walk.found.begin > at)
            RD_TRY(cut_part(tokenizer, &c, text + at, walk.found.begin - at, ids));
        RD_TRY(rd_ids_push(ids, walk.found.id));
        c.seed++;
    }
    return at < n || at == 0 ? cut_part(tokenizer, &c, text + at, n - at, ids) : RD_OK;
}

rd_status rd_tokenizer_encode(const rd_tokenizer *tokenizer, const char *text, size_t n,
                              rd_ids *ids) {
    return cut(tokenizer, (cutting){.samples = false}, text, n, ids);
}

rd_status rd_tokenizer_sample(const rd_tokenizer *tokenizer, const char *text, size_t n,
                              float alpha, int32_t nbest, uint64_t seed, rd_ids *ids) {
    enum { MOST_BEST = 512 }; /* SentencePiece's */
    if (!(alpha >= 0.0f && isfinite(alpha)) || nbest < -1 || nbest > MOST_BEST)
        return rd_error(RD_ERR_ARGUMENT,
                        "cannot sample a segmentation with alpha %g of the %d best (at most %d)",
                        (double)alpha, (int)nbest, MOST_BEST);
    const cutting c = {.samples = true, .alpha = alpha, .nbest = nbest, .seed = seed};
    return cut(tokenizer, c, text, n, ids);
}

/* Pieces of a vocabulary may hold anything, even commands to a terminal. */
static rd_status clean(char **text, size_t *n, bool controls) {
    rd_text copy = {0};
    rd_status status = rd_text_append_clean(&copy, *text, *n, controls);
    *n = (size_t)copy.length;
    free(*text);
    *text = status == RD_OK ? copy.data : NULL;
    if (status != RD_OK) rd_text_free(&copy);
    return status;
}

/* Ids that are all in range; *beyond: how many are above it. */
static rd_status check_ids(const rd_tokenizer *tokenizer, const int32_t *ids, int64_t n,
                           int64_t *beyond) {
    *beyond = 0;
    if (n < 0) return rd_error(RD_ERR_ARGUMENT, "cannot detokenize %lld ids", (long long)n);
    for (int64_t i = 0; i < n; i++) {
        *beyond += ids[i] >= tokenizer->size;
        if (ids[i] < 0 || (ids[i] >= tokenizer->size && !tokenizer->mapped))
            return rd_error(RD_ERR_ARGUMENT,
                            "cannot detokenize id %d: the vocabulary has %d pieces", (int)ids[i],
                            (int)tokenizer->size);
    }
    return RD_OK;
}

/* Decodes only the ids in range. */
static rd_status decode_known(const rd_tokenizer *tokenizer, const int32_t *ids, int64_t n,
                              char **text, size_t *length) {
    int32_t *known = rd_malloc((size_t)n, sizeof *known);
    int64_t n_known = 0;
    if (!known) return RD_ERR_MEMORY;
    for (int64_t i = 0; i < n; i++)
        if (ids[i] < tokenizer->size) known[n_known++] = ids[i];
    rd_status status = tokenizer->kind->decode(tokenizer, known, n_known, text, length);
    free(known);
    return status;
}

rd_status rd_tokenizer_decode(const rd_tokenizer *tokenizer, const int32_t *ids, int64_t n,
                              char **text, size_t *length) {
    int64_t beyond;
    size_t found = 0;
    RD_TRY(check_ids(tokenizer, ids, n, &beyond));
    RD_TRY(beyond ? decode_known(tokenizer, ids, n, text, &found)
                  : tokenizer->kind->decode(tokenizer, ids, n, text, &found));
    for (size_t i = 0; !length && i < found; i++)
        if ((*text)[i] == '\0') (*text)[i] = ' ';
    if (!rd_text_is_clean(*text, found, length)) RD_TRY(clean(text, &found, length));
    if (length) *length = found;
    return RD_OK;
}
