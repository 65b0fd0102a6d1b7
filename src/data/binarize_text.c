#include "data/binarize_text.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/parallel.h"
#include "base/text.h"
#include "data/binarize.h"
#include "data/corpus.h"
#include "data/dictionary.h"
#include "data/ids.h"
#include "data/subword.h"
#include "data/tokenizer_kind.h"

/* Read and tokenized at a time: enough to keep the threads busy between two reads. */
enum { CHUNK_LINES = 8192, CHUNK_BYTES = 8 << 20 };

typedef struct {
    int64_t at, length; /* in the chunk's text */
    int64_t words;
    rd_ids ids;
} line;

typedef struct {
    const rd_binarize_text_config *config;
    rd_stream_writer *writer;
    line *lines; /* [CHUNK_LINES] */
    int n;
    rd_text text;
    int64_t n_read;
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

/* The next lines of a file; *ended at its end. */
static rd_status read_chunk(binarizer *b, rd_corpus *corpus, bool *ended) {
    b->n = 0;
    rd_text_clear(&b->text);
    while (b->n < CHUNK_LINES && b->text.length < CHUNK_BYTES) {
        const char *bytes;
        size_t n;
        RD_TRY(rd_corpus_next(corpus, &bytes, &n));
        *ended = !bytes;
        if (*ended) break;
        line *l = &b->lines[b->n++];
        l->at = b->text.length;
        l->length = (int64_t)n;
        l->ids.length = 0;
        RD_TRY(rd_text_append(&b->text, bytes, n));
    }
    return RD_OK;
}

static rd_status tokenize(void *self, int thread, int64_t i) {
    const binarizer *b = self;
    const rd_binarize_text_config *c = b->config;
    const char *text = b->text.data;
    line *l = &b->lines[i];
    (void)thread;
    l->words = rd_count_words(c->tokenizer, text + l->at, (size_t)l->length);
    RD_TRY(rd_line_encode(c->tokenizer, c->end, text + l->at, (size_t)l->length, &l->ids));
    return l->ids.length <= INT32_MAX ? RD_OK
                                      : rd_error(RD_ERR_FORMAT, "a line of too many tokens");
}

static rd_status tokenize_chunk(binarizer *b, const rd_corpus *corpus) {
    int64_t failed;
    rd_status status = rd_over_jobs(0, b->n, 16, tokenize, b, &failed);
    if (status == RD_OK) return RD_OK;
    int64_t first = rd_corpus_line_number(corpus) - b->n;
    return rd_error_prefix(status, "%s:%lld", rd_corpus_path(corpus),
                           (long long)(first + failed + 1));
}

static rd_status write_chunk(binarizer *b) {
    int32_t unk = rd_tokenizer_unk(b->config->tokenizer);
    for (int i = 0; i < b->n; i++)
        RD_TRY(rd_stream_writer_add(b->writer, b->lines[i].ids.data,
                                    (int32_t)b->lines[i].ids.length, b->lines[i].words, unk));
    return RD_OK;
}

static rd_status binarize_corpus(binarizer *b, rd_corpus *corpus) {
    int64_t before = b->n_read;
    for (bool ended = false; !ended;) {
        RD_TRY(read_chunk(b, corpus, &ended));
        RD_TRY(tokenize_chunk(b, corpus));
        RD_TRY(write_chunk(b));
        b->n_read += b->n;
        if (b->config->progress) b->config->progress(b->config->self, b->n_read);
        RD_TRY(rd_binarize_check_stop(b->config->stop));
    }
    if (b->n_read > before) return RD_OK;
    return rd_error(RD_ERR_FORMAT, "%s: an empty file; expected lines of text",
                    rd_corpus_path(corpus));
}

static rd_status binarize_file(binarizer *b, const char *path) {
    rd_corpus *corpus = NULL;
    RD_TRY(rd_corpus_open(&corpus, path, RD_UTF8_STRICT));
    rd_corpus_stop_by(corpus, b->config->stop_fd);
    rd_status status = binarize_corpus(b, corpus);
    rd_corpus_close(corpus);
    return status;
}

static void release(binarizer *b) {
    for (int i = 0; b->lines && i < CHUNK_LINES; i++) free(b->lines[i].ids.data);
    free(b->lines);
    rd_text_free(&b->text);
}

rd_status rd_binarize_text(const rd_binarize_text_config *config, const char *dest,
                           rd_stream_counts *counts) {
    binarizer b = {.config = config};
    rd_identity identity = config->identity;
    identity.src_vocab = identity.tgt_vocab = rd_tokenizer_size(config->tokenizer);
    b.lines = rd_calloc(CHUNK_LINES, sizeof *b.lines);
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
