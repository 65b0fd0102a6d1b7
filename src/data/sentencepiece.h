/* Shared by both kinds of tokenizers over a SentencePiece model. */
#ifndef RD_DATA_SENTENCEPIECE_H
#define RD_DATA_SENTENCEPIECE_H

#include "base/error.h"
#include "rdrop/tokenizer.h"
#include "sentencepiece_shim.h"

/* Loads a model whose bytes are checked first; `path` for messages. */
rd_status rd_sentencepiece_load(spm_processor **processor, const char *path, const char *bytes,
                                size_t n);

/* Bytes of text[0..n) to encode at once. */
size_t rd_sentencepiece_part(const char *text, size_t n);

/* rd_tokenizer_sample, piece by piece. */
rd_status rd_sentencepiece_sample(const spm_processor *processor, const char *text, size_t n,
                                  float alpha, int32_t nbest, uint64_t seed, spm_visit_drawn visit,
                                  void *self);

/* Takes the shim's message over. */
rd_status rd_sentencepiece_error(rd_status code, const char *what, char *message);

#endif
