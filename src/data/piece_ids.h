/* Ids of pieces that are not SentencePiece's own: Hugging Face's vocab.json, {"piece": id, ...}, as
 * OPUS-MT models have it next to their SentencePiece models. */
#ifndef RD_DATA_PIECE_IDS_H
#define RD_DATA_PIECE_IDS_H

#include <jansson.h>
#include <stdint.h>

#include "base/error.h"

typedef struct {
    json_t *ids;                /* piece -> id */
    const char **pieces;        /* [size]; NULL: no piece has this id */
    int32_t size;               /* largest id + 1 */
    int32_t pad, bos, eos, unk; /* of "<pad>", "<s>", "</s>", "<unk>"; -1: none */
} rd_piece_ids;

/* "</s>" and "<unk>" must be there, ids unique and below 2^24. added: more pieces, in the form of a
 * tokenizer.json's added_tokens; or NULL. */
rd_status rd_piece_ids_open(rd_piece_ids *map, const char *path, const json_t *added);
void rd_piece_ids_close(rd_piece_ids *map); /* {0} is fine */

int32_t rd_piece_ids_find(const rd_piece_ids *map, const char *piece); /* -1: not there */

#endif
