/* From text to a stream of ids: tokenized in parallel, line by line. */
#ifndef RD_DATA_BINARIZE_TEXT_H
#define RD_DATA_BINARIZE_TEXT_H

#include "data/chunk.h"
#include "data/stream.h"

/* The end of a line of text: the end of sentence, as in fairseq, or a newline, as in the byte-level
 * BPE of GPT-2 and in characters. */
typedef enum { RD_LINE_END_AUTO, RD_LINE_END_EOS, RD_LINE_END_NEWLINE } rd_line_end;

/* Auto: a newline if the vocabulary has one, else eos. RD_ERR_FORMAT if the vocabulary has no such
 * token. */
rd_status rd_line_end_choose(rd_line_end *end, const rd_tokenizer *tokenizer);

/* Appends the ids of a line, its end included. */
rd_status rd_line_encode(const rd_tokenizer *tokenizer, rd_line_end end, const char *text, size_t n,
                         rd_ids *ids);

/* Words, separated by white space. Where the tokenizer reads pieces, only the last piece of a word
 * counts. */
int64_t rd_count_words(const rd_tokenizer *tokenizer, const char *text, size_t n);

typedef struct {
    const char *const *paths; /* [n_paths] gzipped or plain, one after another */
    int n_paths;
    const rd_tokenizer *tokenizer;
    rd_line_end end;      /* not auto */
    rd_identity identity; /* its numbers are filled in */
    rd_watch watch;
} rd_binarize_text_config;

/* Writes the stream `dest`, atomically, byte for byte the same whatever the number of threads.
 * Memory does not grow with the text, except 4 bytes a line. Invalid UTF-8, a damaged gz or files
 * without a line: RD_ERR_FORMAT naming the file, and no stream. */
rd_status rd_binarize_text(const rd_binarize_text_config *config, const char *dest,
                           rd_stream_counts *counts);

#endif
