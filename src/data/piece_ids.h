/* Pieces and their ids as Hugging Face's vocab.json has them, {"piece": id, ...}. */
#ifndef RD_DATA_PIECE_IDS_H
#define RD_DATA_PIECE_IDS_H

#include <jansson.h>
#include <stdint.h>

#include "base/error.h"

typedef struct {
    json_t *ids;         /* piece -> id */
    const char **pieces; /* [size]; NULL: no piece has this id */
    int32_t size;        /* largest id + 1; not 0 */
} rd_piece_ids;

/* Takes the ids of `json`, which is released with the map. Ids must be unique and below 2^24, most
 * of them with a piece. added: more pieces, in the form of a tokenizer.json's added_tokens, which
 * `json` gets too; or NULL. path: for messages. Start from {0}; close after a failure, too. */
rd_status rd_piece_ids_take(rd_piece_ids *map, const char *path, json_t *json, const json_t *added);
void rd_piece_ids_close(rd_piece_ids *map); /* {0} is fine */

/* -1: not there. */
int32_t rd_piece_ids_find(const rd_piece_ids *map, const char *piece);

#endif
