/* Binarized examples: one mmap-able file holding token ids, so training starts soon and uses no
 * memory for data the system can page in again. Examples of a parallel corpus have two sides, which
 * end with eos. Those of a table have one or two sentences, the second of which may be empty, and a
 * class or a number. */
#ifndef RD_DATA_DATASET_H
#define RD_DATA_DATASET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "data/identity.h"
#include "rdrop/tokenizer.h"

typedef struct {
    /* [n_src], [n_tgt]; texts end with eos; tgt of a picture is its class */
    const int32_t *src, *tgt;
    int32_t n_src, n_tgt;
    const char *src_text, *tgt_text; /* the untokenized lines, or NULL when the file keeps none */
    int32_t src_text_length, tgt_text_length;
    double value; /* the class or the number; 0 where the file has neither */
} rd_pair;

typedef enum { RD_UNLABELLED, RD_CLASSES, RD_NUMBERS } rd_answer_kind;

typedef struct rd_dataset rd_dataset;

/* Checks header and checksums. RD_ERR_UNSUPPORTED for a file of another version. */
rd_status rd_dataset_open(rd_dataset **dataset, const char *path);
void rd_dataset_close(rd_dataset *dataset);
int64_t rd_dataset_size(const rd_dataset *dataset);

/* Pair `index`, 0 <= index < size. It lies in the mapped file, which another program may change:
 * {0} if its place or lengths are no longer valid; its ids may then be anything. */
rd_pair rd_dataset_get(const rd_dataset *dataset, int64_t index);
/* The pair with copies of its ids, in *src and *tgt, checked to be in the vocabulary: for callers
 * that use them as indices. RD_ERR_FORMAT if the file was changed. */
rd_status rd_dataset_read(const rd_dataset *dataset, int64_t index, rd_ids *src, rd_ids *tgt,
                          rd_pair *pair);
const rd_identity *rd_dataset_identity(const rd_dataset *dataset);
rd_answer_kind rd_dataset_answers(const rd_dataset *dataset);
uint64_t rd_dataset_checksum(const rd_dataset *dataset); /* of all pairs, and of their order */

/* Writing, in order, streaming: add pairs, then finish (atomic rename) or abort. */
typedef struct rd_dataset_writer rd_dataset_writer;

rd_status rd_dataset_writer_open(rd_dataset_writer **writer, const char *path,
                                 const rd_identity *identity, bool keep_text);
/* Says that each example has a class or a number. Call before the first one. */
void rd_dataset_writer_answers(rd_dataset_writer *writer, rd_answer_kind kind);
rd_status rd_dataset_writer_add(rd_dataset_writer *writer, const rd_pair *pair);
rd_status rd_dataset_writer_finish(rd_dataset_writer *writer); /* releases the writer */
void rd_dataset_writer_abort(rd_dataset_writer *writer);

#endif
