/* Text to ids of subwords, words or characters and back, over a SentencePiece model file, the
 * byte-level BPE of GPT-2, RoBERTa and BART, BERT's WordPiece, fairseq's dictionary of words, with
 * or without subword-nmt's codes, or a list of characters. A tokenizer is immutable after opening
 * and may be used from several threads at once. */
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

/* path: a SentencePiece model; a Hugging Face tokenizer.json of byte-level BPE or WordPiece; a
 * vocab.json with its merges.txt in the same folder; a file "...vocab.txt" (WordPiece); or one of
 * rdrop-preprocess's two: dict.txt (also "dict.LANG.txt", as fairseq has it) or characters.txt. A
 * tokenizer_config.json in the folder of a tokenizer.json, vocab.json or vocab.txt is read too, and
 * an added_tokens.json next to a vocab.json: tokens that were added to a vocabulary are one id in
 * text. Next to a dict.txt a file "bpecodes" of subword-nmt or fastBPE is read, which says how
 * words are cut: all pieces of a word except the last end with "@@". Without it, a dict.txt with
 * many such pieces is of text that was cut before; it is decoded to whole words.
 *
 * Byte-level BPE and WordPiece give the ids of Hugging Face's tokenizers, but treat the spelling of
 * a special piece ("<mask>", "[MASK]") in a text as text. Letters, numbers and spaces are those of
 * the Unicode version of the ICU library; in WordPiece those of Hugging Face's. Words are separated
 * by white space; "<unk>" is the unknown word. */
RD_API rd_status rd_tokenizer_open(rd_tokenizer **tokenizer, const char *path);
/* Like rd_tokenizer_open, with the ids of a vocab.json, {"piece": id, ...}, as Hugging Face's
 * Marian models have next to their SentencePiece models. Pieces that it lacks become its "<unk>". A
 * text may begin with a language code, ">>de<<", which is one piece; so is a token that was added
 * (added_tokens.json, tokenizer_config.json). Decoding leaves out special tokens, "<s>", "</s>",
 * "<pad>" and "<unk>". */
RD_API rd_status rd_tokenizer_open_mapped(rd_tokenizer **tokenizer, const char *path,
                                          const char *vocab_path);
typedef enum {
    RD_TOKENIZER_SENTENCEPIECE,
    RD_TOKENIZER_BYTE_BPE,
    RD_TOKENIZER_WORDPIECE,
    RD_TOKENIZER_WORDS,
    RD_TOKENIZER_CHARACTERS,
    RD_TOKENIZER_SUBWORD_NMT
} rd_tokenizer_type;
RD_API rd_tokenizer_type rd_tokenizer_kind_of(const rd_tokenizer *tokenizer);

/* Whether ids come from a Hugging Face file. Models with such vocabularies may have embeddings for
 * more ids than the vocabulary has; those decode to nothing. */
RD_API bool rd_tokenizer_is_mapped(const rd_tokenizer *tokenizer);
RD_API void rd_tokenizer_close(rd_tokenizer *tokenizer); /* NULL is fine */

RD_API int32_t rd_tokenizer_size(const rd_tokenizer *tokenizer); /* ids are below it */

/* Ids of the special pieces. Our own models have fairseq's: bos 0, pad 1, eos 2, unk 3. BERT's bos
 * is [CLS] and its eos [SEP]; both of GPT-2's are <|endoftext|>. -1: none. */
RD_API int32_t rd_tokenizer_pad(const rd_tokenizer *tokenizer);
RD_API int32_t rd_tokenizer_bos(const rd_tokenizer *tokenizer);
RD_API int32_t rd_tokenizer_eos(const rd_tokenizer *tokenizer);
RD_API int32_t rd_tokenizer_unk(const rd_tokenizer *tokenizer);
RD_API int32_t rd_tokenizer_mask(const rd_tokenizer *tokenizer); /* "<mask>", "[MASK]" */

/* Appends the ids of text[0..n) to `ids`; no bos, no eos. */
RD_API rd_status rd_tokenizer_encode(const rd_tokenizer *tokenizer, const char *text, size_t n,
                                     rd_ids *ids);

/* Same, drawing one segmentation at random (subword regularization, Kudo 2018). unigram: from the
 * `nbest` best (at most 512; -1: from all) with probability ~ P(segmentation)^alpha; bpe:
 * BPE-dropout with probability alpha (byte-level BPE and subword-nmt's likewise). Equal (text,
 * seed) give equal ids. The other kinds have only one segmentation: an error unless alpha is 0. */
RD_API rd_status rd_tokenizer_sample(const rd_tokenizer *tokenizer, const char *text, size_t n,
                                     float alpha, int32_t nbest, uint64_t seed, rd_ids *ids);

/* Text of ids[0..n), malloc'ed and NUL-terminated, in *text; its length in *length. length may be
 * NULL, for a text to show: a NUL then becomes a blank, and other control characters except tab and
 * line breaks become U+FFFD. Special ids give nothing, except unk: " ⁇ " in SentencePiece,
 * "<unk>" in words, U+FFFD in characters. Ids out of range are an error (see
 * rd_tokenizer_is_mapped); the text is valid UTF-8 in any case. */
RD_API rd_status rd_tokenizer_decode(const rd_tokenizer *tokenizer, const int32_t *ids, int64_t n,
                                     char **text, size_t *length);

/* How pieces write a space: "▁", "Ġ" in byte-level BPE, " " in characters; "" in WordPiece and
 * words, which do not write it. */
RD_API const char *rd_tokenizer_space(const rd_tokenizer *tokenizer);

/* Whether the id belongs to a piece of text, not to pad, bos, eos, unk or mask. */
RD_API bool rd_tokenizer_is_text(const rd_tokenizer *tokenizer, int32_t id);

/* Whether the piece of this id begins a word, or is one: it starts with a space or, in WordPiece,
 * not with "##". */
RD_API bool rd_tokenizer_begins_word(const rd_tokenizer *tokenizer, int32_t id);

/* Whether a word can end with this piece; it cannot if the piece is subword-nmt's and ends with
 * "@@". */
RD_API bool rd_tokenizer_ends_word(const rd_tokenizer *tokenizer, int32_t id);

/* The piece of one id ("▁the", "Ġthe"); valid until the tokenizer is closed; NULL if there is
 * none. */
RD_API const char *rd_tokenizer_piece(const rd_tokenizer *tokenizer, int32_t id);

#ifdef __cplusplus
}
#endif
#endif
