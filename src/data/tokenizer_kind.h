/* Interface of the tokenizers: SentencePiece, with ids of its own or mapped ones, byte-level BPE,
 * WordPiece, words and characters. */
#ifndef RD_DATA_TOKENIZER_KIND_H
#define RD_DATA_TOKENIZER_KIND_H

#include <jansson.h>

#include "base/error.h"
#include "data/added_tokens.h"
#include "data/ids.h"
#include "rdrop/tokenizer.h"

/* The functions of one kind; see rdrop/tokenizer.h. Ids given to decode and piece are in range. */
typedef struct {
    rd_tokenizer_type type;
    void (*close)(rd_tokenizer *tokenizer);
    rd_status (*encode)(const rd_tokenizer *tokenizer, const char *text, size_t n, rd_ids *ids);
    rd_status (*sample)(const rd_tokenizer *tokenizer, const char *text, size_t n, float alpha,
                        int32_t nbest, uint64_t seed, rd_ids *ids);
    rd_status (*decode)(const rd_tokenizer *tokenizer, const int32_t *ids, int64_t n, char **text,
                        size_t *length);
    const char *(*piece)(const rd_tokenizer *tokenizer, int32_t id);
    const char *space;        /* in pieces */
    const char *continuation; /* begins the pieces that begin no word; NULL: those do not begin
                                 with `space` */
    const char *joiner;       /* ends the pieces that the next one continues; NULL: none do */
    bool reads_pieces;        /* texts are cut by subword-nmt before they are encoded */
} rd_tokenizer_kind;

/* The first member of each kind's own struct. */
struct rd_tokenizer {
    const rd_tokenizer_kind *kind;
    int32_t size, pad, bos, eos, unk, mask;
    rd_added_tokens *added; /* tokens that text is never cut within, before `encode`; NULL: none */
    bool mapped; /* ids of a Hugging Face file; some may have no piece, and a model more of them */
};

/* Makes a text that this tokenizer reads, text[0..n) and a NUL, what it would be decoded to: pieces
 * become words, in place. Returns the new length. */
size_t rd_tokenizer_join(const rd_tokenizer *tokenizer, char *text, size_t n);

/* From the bytes of a file; `path` for messages and, with a vocab.json, to find its merges.txt. */
rd_status rd_sentencepiece_open(rd_tokenizer **tokenizer, const char *path, const char *bytes,
                                size_t n);
/* A SentencePiece model whose pieces have the ids of a vocab.json. */
rd_status rd_mapped_open(rd_tokenizer **tokenizer, const char *path, const char *bytes, size_t n,
                         const char *vocab_path);
/* `root`: a tokenizer.json, or for byte-level BPE a vocab.json. */
rd_status rd_bpe_open(rd_tokenizer **tokenizer, const char *path, json_t *root);
rd_status rd_wordpiece_open_json(rd_tokenizer **tokenizer, const char *path, const json_t *root);
/* A vocab.txt; by the tokenizer_config.json next to it, where there is one. */
rd_status rd_wordpiece_open(rd_tokenizer **tokenizer, const char *path, const char *bytes,
                            size_t n);
/* See data/dictionary.h for the files. */
rd_status rd_words_open(rd_tokenizer **tokenizer, const char *path, const char *bytes, size_t n);
rd_status rd_characters_open(rd_tokenizer **tokenizer, const char *path, const char *bytes,
                             size_t n);

#endif
