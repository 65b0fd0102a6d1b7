/* The vocabulary files of a folder, which a folder of binarized data and a model directory name
 * alike. Joint, one for both sides: spm.model; or source.spm and target.spm whose pieces have the
 * ids of one vocab.json (as of Hugging Face's MarianMT); or tokenizer.json; or vocab.json and
 * merges.txt; or vocab.txt (WordPiece); or dict.txt (words); or characters.txt. With vocab.json
 * and vocab.txt also tokenizer_config.json and added_tokens.json, with tokenizer.json
 * tokenizer_config.json, with dict.txt bpecodes, where they are there. Separate: source.spm and
 * target.spm, without those ids, or with target_vocab.json too; or dict.source.txt and
 * dict.target.txt, with bpecodes too; or characters.source.txt and characters.target.txt. With any
 * of them, or alone (of pictures), labels.txt: the names of classes, one a line, in the order of
 * their numbers. */
#ifndef RD_DATA_VOCAB_FILES_H
#define RD_DATA_VOCAB_FILES_H

#include "base/error.h"
#include "base/sha256.h"
#include "rdrop/tokenizer.h"

typedef enum {
    RD_VOCABULARY_ANY,
    RD_VOCABULARY_JOINT,
    RD_VOCABULARY_SEPARATE,
    RD_VOCABULARY_LABELS /* no tokenizer */
} rd_vocabulary_kind;

/* *target == *source when one file is both; both NULL for the labels alone, which
 * _ANY does not open. */
rd_status rd_vocabularies_open(const char *directory, rd_vocabulary_kind kind,
                               rd_tokenizer **source, rd_tokenizer **target);
/* One for both sides, of models that have one: where a folder has two files of the same pieces
 * (XLM-R's after an import), the source's. RD_ERR_FORMAT where they differ. */
rd_status rd_vocabularies_open_one(const char *directory, rd_tokenizer **tokenizer);
void rd_vocabularies_close(rd_tokenizer *source, rd_tokenizer *target); /* NULL is fine */

/* The names of all files that may be part of a vocabulary, a NULL after the last. */
enum { RD_MOST_VOCABULARY_FILES = 32 };
void rd_vocabularies_list(const char *names[RD_MOST_VOCABULARY_FILES + 1]);

/* Copies the files that _open would read; a vocabulary of another form at `to` is removed, unless
 * `to` is `from`, where all stays. */
rd_status rd_vocabularies_copy(const char *from, const char *to, rd_vocabulary_kind kind);

/* After a vocabulary was made in `directory`, whose file or first file is `model` ("spm.model"):
 * removes those of other forms of this kind, and settings of what was there before, so that they
 * are not read in its place or with it. */
rd_status rd_vocabularies_keep(const char *directory, const char *model);

/* A hash of the names and bytes of the files that _open would read: of all that decides ids and
 * text. */
rd_status rd_vocabularies_fingerprint(const char *directory, rd_vocabulary_kind kind,
                                      char fingerprint[RD_SHA256_HEX]);

/* RD_ERR_FORMAT unless both have the same pieces; side ("source") and folders for its message. */
rd_status rd_vocabularies_same(const rd_tokenizer *a, const rd_tokenizer *b, const char *side,
                               const char *directory_a, const char *directory_b);

#endif
