#include "data/binarize_text.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "data/corpus.h"
#include "data/dictionary.h"
#include "data/ids.h"
#include "data/subword.h"
#include "data/tokenizer_kind.h"

typedef struct {
    int64_t at, length; /* in the chunk's text */
    int64_t words;
    rd_ids ids;
} line;

typedef struct {
    const rd_binarize_text_config *config;
    rd_stream_writer *writer;
    rd_corpus *corpus; /* the open file */
    line *lines;       /* [RD_CHUNK_ROWS] */
    rd_chunk chunk;
} binarizer;

/* Whether a newline is a token, as in byte-level BPE and characters. For others it is a blank, or
 * unknown. */
static rd_status writes_newlines(const rd_tokenizer *tokenizer, bool *writes) {
    rd_ids ids = {0};
    rd_status status = rd_tokenizer_encode(tokenizer, "\n", 1, &ids);
    const char *piece =
        status == RD_OK && ids.length == 1 && ids.data[0] != rd_tokenizer_unk(tokenizer)
            ? rd_tokenizer_piece(tokenizer, ids.data[0])
            : NULL;
    *writes = piece && !strstr(piece, "▁"); /* SentencePiece's blank */
    free(ids.data);
    return status;
}

rd_status rd_line_end_choose(rd_line_end *end, const rd_tokenizer *tokenizer) {
    bool newlines;
    RD_TRY(writes_newlines(tokenizer, &newlines));
    if (*end == RD_LINE_END_AUTO) *end = newlines ? RD_LINE_END_NEWLINE : RD_LINE_END_EOS;
    if (*end == RD_LINE_END_NEWLINE && !newlines)
        return rd_error(RD_ERR_FORMAT,
                        "line-end: newline needs a vocabulary that has a newline, as byte-level "
                        "BPE and characters have");
    if (rd_tokenizer_eos(tokenizer) < 0)
        return rd_error(RD_ERR_FORMAT, "the vocabulary has no end-of-sentence piece");
    return RD_OK;
}

rd_status rd_line_encode(const rd_tokenizer *tokenizer, rd_line_end end, const char *text, size_t n,
                         rd_ids *ids) {
    if (end == RD_LINE_END_NEWLINE) {
        rd_text whole = {0};
        rd_status status = rd_text_append(&whole, text, n);
        if (status == RD_OK) status = rd_text_append(&whole, "\n", 1);
        if (status == RD_OK)
            status = rd_tokenizer_encode(tokenizer, whole.data, (size_t)whole.length, ids);
        rd_text_free(&whole);
        return status;
    }
    RD_TRY(rd_tokenizer_encode(tokenizer, text, n, ids));
    return rd_ids_push(ids, rd_tokenizer_eos(tokenizer));
}

int64_t rd_count_words(const rd_tokenizer *tokenizer, const char *text, size_t n) {
    static const char joiner[] = RD_SUBWORD_JOINER;
    const bool pieces = tokenizer->kind->reads_pieces;
    const char *word;
    uint64_t hash;
    int64_t words = 0;
    for (size_t at = 0, length; (length = rd_dictionary_word(text, n, &at, &word, &hash)) > 0;)
        words += !pieces || length < 2 || memcmp(word + length - 2, joiner, 2) != 0;
    return words;
}

static rd_status read_line(void *self, int64_t i, int64_t *number) {
    binarizer *b = self;
    const char *bytes;
    size_t n;
    RD_TRY(rd_corpus_next(b->corpus, &bytes, &n));
    if (!bytes) return RD_OK;
    *number = rd_corpus_line_number(b->corpus);
    line *l = &b->lines[i];
    l->at = b->chunk.text.length;
    l->length = (int64_t)n;
    l->ids.length = 0;
    return rd_text_append(&b->chunk.text, bytes, n);
}

static rd_status tokenize_line(void *self, int thread, int64_t i) {
    const binarizer *b = self;
    const rd_binarize_text_config *c = b->config;
    const char *text = b->chunk.text.data;
    line *l = &b->lines[i];
    (void)thread;
    l->words = rd_count_words(c->tokenizer, text + l->at, (size_t)l->length);
    RD_TRY(rd_line_encode(c->tokenizer, c->end, text + l->at, (size_t)l->length, &l->ids));
    return l->ids.length <= INT32_MAX ? RD_OK
                                      : rd_error(RD_ERR_FORMAT, "a line of too many tokens");
}

static rd_status write_line(void *self, int64_t i) {
    const binarizer *b = self;
    const line *l = &b->lines[i];
    return rd_stream_writer_add(b->writer, l->ids.data, (int32_t)l->ids.length, l->words,
                                rd_tokenizer_unk(b->config->tokenizer));
}

static rd_status binarize_file(binarizer *b, const char *path) {
    int64_t before = b->chunk.n_read;
    RD_TRY(rd_corpus_open(&b->corpus, path, RD_UTF8_STRICT));
    rd_corpus_stop_by(b->corpus, b->config->watch.stop_fd);
    b->chunk.path = rd_corpus_path(b->corpus);
    rd_status status = rd_chunks_run(&b->chunk);
    if (status == RD_OK && b->chunk.n_read == before)
        status =
            rd_error(RD_ERR_FORMAT, "%s: an empty file; expected lines of text", b->chunk.path);
    rd_corpus_close(b->corpus);
    return status;
}

static void release(binarizer *b) {
    for (int i = 0; b->lines && i < RD_CHUNK_ROWS; i++) free(b->lines[i].ids.data);
    free(b->lines);
    rd_text_free(&b->chunk.text);
}

rd_status rd_binarize_text(const rd_binarize_text_config *config, const char *dest,
                           rd_stream_counts *counts) {
    static const rd_row_work work = {read_line, tokenize_line, write_line};
    binarizer b = {.config = config};
    b.chunk = (rd_chunk){.work = &work, .self = &b, .watch = &config->watch};
    rd_identity identity = config->identity;
    identity.src_vocab = identity.tgt_vocab = rd_tokenizer_size(config->tokenizer);
    b.lines = rd_calloc(RD_CHUNK_ROWS, sizeof *b.lines);
    if (!b.lines) return RD_ERR_MEMORY;
    rd_status status = rd_stream_writer_open(&b.writer, dest, &identity);
    for (int i = 0; status == RD_OK && i < config->n_paths; i++)
        status = binarize_file(&b, config->paths[i]);
    if (status == RD_OK)
        status = rd_stream_writer_finish(b.writer, counts);
    else
        rd_stream_writer_abort(b.writer);
    release(&b);
    return status;
}
