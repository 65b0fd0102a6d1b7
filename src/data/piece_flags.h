/* What noise and masks know of pieces: whether they are text, and begin or end a word. */
#ifndef RD_DATA_PIECE_FLAGS_H
#define RD_DATA_PIECE_FLAGS_H

#include "rdrop/tokenizer.h"

/* All but pieces of text have none; STOPS: ends with a full stop. */
enum { RD_PIECE_TEXT = 1, RD_PIECE_BEGINS_WORD = 2, RD_PIECE_ENDS_WORD = 4, RD_PIECE_STOPS = 8 };

typedef struct {
    int32_t vocab, n_text;
    int32_t *text;  /* [n_text] ids of pieces of text */
    uint8_t *flags; /* [vocab] */
} rd_piece_flags;

/* The tokenizer is used during this call only. Free after a failure, too. */
rd_status rd_piece_flags_new(rd_piece_flags *pieces, const rd_tokenizer *tokenizer);
void rd_piece_flags_free(rd_piece_flags *pieces);

#endif
