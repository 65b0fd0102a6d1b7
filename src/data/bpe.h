/* The inside of a byte-level BPE tokenizer (GPT-2, RoBERTa, BART): every byte is a piece, so every
 * text has ids and comes back from them byte for byte. */
#ifndef RD_DATA_BPE_H
#define RD_DATA_BPE_H

#include <stdbool.h>

#include "base/text.h"
#include "data/bpe_merge.h"
#include "data/tokenizer_kind.h"

typedef struct {
    rd_tokenizer base;
    bool prefix_space; /* a text gets a blank in front where it has none */
    rd_bpe_rules rules;
    int32_t byte_pieces[256];
    /* Of all pieces, end to end: as files spell them, and the bytes that they mean. */
    rd_text names, bytes;
    int64_t *name_at;  /* [size] into names, each NUL-terminated; an id without a piece: "" */
    int64_t *bytes_at; /* [size + 1] into bytes; special pieces have none */
} rd_bpe;

/* Fills all fields after base.kind, from a tokenizer.json, or a vocab.json with the merges.txt and
 * perhaps a tokenizer_config.json next to it. Pieces that were added join those of `root`. On
 * failure too bpe is as its close wants it. */
rd_status rd_bpe_load(rd_bpe *bpe, const char *path, json_t *root);

#endif
