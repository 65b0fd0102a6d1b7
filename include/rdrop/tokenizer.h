/* Text to subword ids and back, over a SentencePiece model file or the byte-level BPE of GPT-2,
 * RoBERTa and BART. A tokenizer is immutable after opening and may be used from several threads at
 * once. */
#ifndef RDROP_TOKENIZER_H
#define RDROP_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rdrop/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rd_tokenizer rd_tokenizer;

/* A growable list of ids; start from {0}, release with free(ids.data). */
typedef struct {
    int32_t *data;
    int64_t length, capacity;
} rd_ids;

/* path: a SentencePiece model; a Hugging Face tokenizer.json; or a vocab.json with its merges.txt
 * in the same folder. Byte-level BPE gives the ids of Hugging Face's tokenizers, but takes the
 * spelling of a special piece ("<mask>") in a text for text. Letters, numbers and spaces are those
 * of the Unicode version of the ICU library. */
RD_API rd_status rd_tokenizer_open(rd_tokenizer **tokenizer, const char *path);
/* Like rd_tokenizer_open, with the ids of a vocab.json, {"piece": id, ...}, as Hugging Face's
 * Marian models have next to their SentencePiece models. Pieces that it lacks are its "<unk>". A
 * text may begin with a language code, ">>de<<", which is one piece. Decoding leaves out "<s>",
 * "</s>", "<pad>" and "<unk>". */
RD_API rd_status rd_tokenizer_open_mapped(rd_tokenizer **tokenizer, const char *path,
                                          const char *vocab_path);
/* Whether ids come from a JSON file. Models of such vocabularies may have embeddings of more ids
 * than that; those decode to nothing. */
RD_API bool rd_tokenizer_is_mapped(const rd_tokenizer *tokenizer);
RD_API void rd_tokenizer_close(rd_tokenizer *tokenizer); /* NULL is fine */

RD_API int32_t rd_tokenizer_size(const rd_tokenizer *tokenizer); /* ids are below it */

/* Ids of the special pieces. Our own models have fairseq's: bos 0, pad 1, eos 2, unk 3. -1: none.
 */
RD_API int32_t rd_tokenizer_pad(const rd_tokenizer *tokenizer);
RD_API int32_t rd_tokenizer_bos(const rd_tokenizer *tokenizer);
RD_API int32_t rd_tokenizer_eos(const rd_tokenizer *tokenizer);
RD_API int32_t rd_tokenizer_unk(const rd_tokenizer *tokenizer);
RD_API int32_t rd_tokenizer_mask(const rd_tokenizer *tokenizer); /* the piece "<mask>" */

/* Appends the ids of text[0..n) to `ids`; no bos, no eos. */
RD_API rd_status rd_tokenizer_encode(const rd_tokenizer *tokenizer, const char *text, size_t n,
                                     rd_ids *ids);

/* Same, drawing one segmentation at random (subword regularization, Kudo 2018). unigram: from the
 * `nbest` best (-1: from all) with probability ~ P(segmentation)^alpha; bpe: BPE-dropout with
 * probability alpha (byte-level BPE likewise). Equal (text, seed) give equal ids. */
RD_API rd_status rd_tokenizer_sample(const rd_tokenizer *tokenizer, const char *text, size_t n,
                                     float alpha, int32_t nbest, uint64_t seed, rd_ids *ids);

/* Text of ids[0..n), malloc'ed and NUL-terminated, in *text; its length in *length. length may be
 * NULL, for a text to show: a NUL is then a blank, and other control characters except tab and line
 * breaks are U+FFFD. Special ids give nothing, ids out of range are an error (see
 * rd_tokenizer_is_mapped); valid UTF-8 in any case. */
RD_API rd_status rd_tokenizer_decode(const rd_tokenizer *tokenizer, const int32_t *ids, int64_t n,
                                     char **text, size_t *length);

/* How pieces write a space: "▁", or "Ġ" in byte-level BPE. */
RD_API const char *rd_tokenizer_space(const rd_tokenizer *tokenizer);

/* The piece of one id ("▁the", "Ġthe"); valid until the tokenizer is closed; NULL where there is
 * none.
 */
RD_API const char *rd_tokenizer_piece(const rd_tokenizer *tokenizer, int32_t id);

#ifdef __cplusplus
}
#endif
#endif
