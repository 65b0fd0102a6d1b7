/* New symbols for the vocabulary of a model that is fine-tuned. */
#ifndef RD_DATA_VOCAB_EXTEND_H
#define RD_DATA_VOCAB_EXTEND_H

#include <stdint.h>

#include "base/error.h"

/* Gives the vocabulary in `directory` the symbols, with blanks between, as pieces that text is
 * never cut within; their ids come after all others. SentencePiece models get them as user-defined
 * pieces, vocabularies of Hugging Face as added tokens. RD_ERR_FORMAT for a symbol that is a piece
 * already, or given twice; RD_ERR_UNSUPPORTED for other vocabularies. */
rd_status rd_vocabularies_extend(const char *directory, const char *symbols);

/* How many symbols there are. */
int32_t rd_count_symbols(const char *symbols);

#endif
