#include "data/binarize.h"

#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/memory.h"
#include "data/corpus.h"
#include "data/dataset.h"
#include "data/ids.h"

/* One side of one pair: where its line lies in the chunk's text, and its ids. */
typedef struct {
    int64_t at, length;
    rd_ids ids;
} line;

typedef struct {
    line src, tgt;
    bool truncated;
} job;

typedef struct {
    const rd_binarize_config *config;
    rd_dataset_writer *writer;
    rd_binarize_statistics *statistics;
    rd_corpus *src, *tgt; /* open files */
    job *jobs;            /* [RD_CHUNK_ROWS] */
    rd_chunk chunk;
} binarizer;

static const rd_filter_config keep_all = {0};

rd_filter_result rd_filter_pair(const rd_filter_config *config, int64_t n_src, int64_t n_tgt) {
    if (n_src < config->min_src) return RD_FILTER_SRC_SHORT;
    if (config->max_src > 0 && n_src > config->max_src) return RD_FILTER_SRC_LONG;
    if (n_tgt < config->min_tgt) return RD_FILTER_TGT_SHORT;
    if (config->max_tgt > 0 && n_tgt > config->max_tgt) return RD_FILTER_TGT_LONG;
    int64_t longer = n_src > n_tgt ? n_src : n_tgt, shorter = n_src + n_tgt - longer;
    if (config->max_ratio > 0 && (double)longer > (double)config->max_ratio * (double)shorter)
        return RD_FILTER_RATIO;
    return RD_FILTER_KEPT;
}

int64_t rd_binarize_pairs_read(const rd_binarize_statistics *statistics) {
    int64_t sum = 0;
    for (int i = 0; i < RD_FILTER_RESULTS; i++) sum += statistics->pairs[i];
    return sum;
}

void rd_side_add(rd_side_statistics *side, int64_t tokens, int64_t unknown) {
    side->tokens += tokens;
    side->unknown += unknown;
    if (tokens > side->longest) side->longest = tokens;
    side->lengths[tokens < RD_LENGTH_BINS ? tokens : RD_LENGTH_BINS - 1]++;
}

int64_t rd_length_quantile(const rd_side_statistics *side, double share) {
    int64_t sentences = 0, seen = 0;
    for (int i = 0; i < RD_LENGTH_BINS; i++) sentences += side->lengths[i];
    for (int i = 0; i < RD_LENGTH_BINS - 1; i++) {
        seen += side->lengths[i];
        if (seen > 0 && (double)seen >= share * (double)sentences) return i;
    }
    return side->longest;
}

static rd_status keep_line(rd_text *text, line *to, const char *bytes, size_t n,
                           const rd_corpus *corpus) {
    if (n >= INT32_MAX / 2) /* the dataset counts bytes and ids of a line in 32 bits */
        return rd_error(RD_ERR_FORMAT, "%s:%lld: a line of %zu bytes is too long to be a sentence",
                        rd_corpus_path(corpus), (long long)rd_corpus_line_number(corpus), n);
    to->at = text->length;
    to->length = (int64_t)n;
    to->ids.length = 0;
    return rd_text_append(text, bytes, n);
}

static rd_status read_pair(void *self, int64_t i, int64_t *number) {
    binarizer *b = self;
    const char *s, *t;
    size_t n_s, n_t;
    RD_TRY(rd_corpus_next_pair(b->src, b->tgt, &s, &n_s, &t, &n_t));
    if (!s) return RD_OK;
    *number = rd_corpus_line_number(b->src);
    RD_TRY(keep_line(&b->chunk.text, &b->jobs[i].src, s, n_s, b->src));
    return keep_line(&b->chunk.text, &b->jobs[i].tgt, t, n_t, b->tgt);
}

/* bos (-1: none), ids and eos of one line; of the ids at most `longest` are kept unless that is 0.
 */
static rd_status tokenize(const rd_tokenizer *tokenizer, const char *text, int32_t bos,
                          int32_t longest, line *l, bool *truncated) {
    int32_t first = bos >= 0 ? 1 : 0;
    if (first) RD_TRY(rd_ids_push(&l->ids, bos));
    RD_TRY(rd_tokenizer_encode(tokenizer, text + l->at, (size_t)l->length, &l->ids));
    *truncated = longest > 0 && l->ids.length - first > longest;
    if (*truncated) l->ids.length = longest + first;
    return rd_ids_push(&l->ids, rd_tokenizer_eos(tokenizer));
}

static int32_t first_id(const rd_binarize_config *config, const rd_tokenizer *tokenizer) {
    return config->prepend_bos ? rd_tokenizer_bos(tokenizer) : -1;
}

static rd_status tokenize_pair(void *self, int thread, int64_t i) {
    const binarizer *b = self;
    const rd_binarize_config *c = b->config;
    const char *text = b->chunk.text.data;
    job *j = &b->jobs[i];
    bool cut; /* with the source */
    (void)thread;
    RD_TRY(tokenize(c->src_tokenizer, text, first_id(c, c->src_tokenizer), c->longest_src, &j->src,
                    &j->truncated));
    return tokenize(c->tgt_tokenizer, text, first_id(c, c->tgt_tokenizer), c->longest_tgt, &j->tgt,
                    &cut);
}

static void count(rd_side_statistics *side, const line *l, int32_t specials, int32_t unk) {
    int64_t unknown = 0;
    for (int64_t i = 0; i < l->ids.length; i++) unknown += l->ids.data[i] == unk;
    rd_side_add(side, l->ids.length - specials, unknown);
}

static rd_status write_pair(void *self, int64_t i) {
    const binarizer *b = self;
    const rd_binarize_config *c = b->config;
    const line *s = &b->jobs[i].src, *t = &b->jobs[i].tgt;
    int32_t specials = c->prepend_bos ? 2 : 1;
    rd_filter_result result = rd_filter_pair(c->filter ? c->filter : &keep_all,
                                             s->ids.length - specials, t->ids.length - specials);
    b->statistics->pairs[result]++;
    if (result != RD_FILTER_KEPT) return RD_OK;
    b->statistics->truncated += b->jobs[i].truncated;
    count(&b->statistics->src, s, specials, rd_tokenizer_unk(c->src_tokenizer));
    count(&b->statistics->tgt, t, specials, rd_tokenizer_unk(c->tgt_tokenizer));
    rd_pair pair = {.src = s->ids.data,
                    .tgt = t->ids.data,
                    .n_src = (int32_t)s->ids.length,
                    .n_tgt = (int32_t)t->ids.length,
                    .src_text = b->chunk.text.data + s->at,
                    .tgt_text = b->chunk.text.data + t->at,
                    .src_text_length = (int32_t)s->length,
                    .tgt_text_length = (int32_t)t->length};
    return rd_dataset_writer_add(b->writer, &pair);
}

/* A side of a pair as it travels between workers: its numbers, ids and text. */
typedef struct {
    int64_t length, n_ids;
    bool truncated;
} travelling;

static rd_status pack_side(const binarizer *b, const line *l, bool truncated, rd_text *out) {
    travelling head = {.length = l->length, .n_ids = l->ids.length, .truncated = truncated};
    RD_TRY(rd_text_append(out, (const char *)&head, sizeof head));
    RD_TRY(rd_text_append(out, (const char *)l->ids.data, sizeof(int32_t) * (size_t)l->ids.length));
    return rd_text_append(out, b->chunk.text.data + l->at, (size_t)l->length);
}

static rd_status pack_chunk(const binarizer *b, rd_text *out) {
    for (int i = 0; i < b->chunk.n; i++) {
        RD_TRY(pack_side(b, &b->jobs[i].src, b->jobs[i].truncated, out));
        RD_TRY(pack_side(b, &b->jobs[i].tgt, false, out));
    }
    return RD_OK;
}

static rd_status unpack_side(binarizer *b, line *l, bool *truncated, const char **at) {
    travelling head;
    memcpy(&head, *at, sizeof head);
    *at += sizeof head;
    RD_TRY(rd_reserve(&l->ids.data, &l->ids.capacity, head.n_ids, sizeof(int32_t)));
    memcpy(l->ids.data, *at, sizeof(int32_t) * (size_t)head.n_ids);
    *at += sizeof(int32_t) * (size_t)head.n_ids;
    l->ids.length = head.n_ids;
    *l = (line){b->chunk.text.length, head.length, l->ids};
    *truncated = head.truncated;
    RD_TRY(rd_text_append(&b->chunk.text, *at, (size_t)head.length));
    *at += head.length;
    return RD_OK;
}

static rd_status unpack_chunk(binarizer *b, const char *at, const char *end) {
    bool whole;
    b->chunk.n = 0;
    rd_text_clear(&b->chunk.text);
    while (at < end) {
        job *j = &b->jobs[b->chunk.n++];
        RD_TRY(unpack_side(b, &j->src, &j->truncated, &at));
        RD_TRY(unpack_side(b, &j->tgt, &whole, &at));
    }
    return RD_OK;
}

/* What a worker has read in a round, and how it tokenizes: the same for all. */
typedef struct {
    int64_t last_line;
    uint32_t crc; /* of the lines and their lengths */
    int32_t longest_src, longest_tgt;
    int32_t ended;
} round_read;

static void add_chunk(const binarizer *b, round_read *read) {
    read->crc = rd_crc32(read->crc, b->chunk.text.data, (size_t)b->chunk.text.length);
    for (int i = 0; i < b->chunk.n; i++) {
        const int64_t lengths[] = {b->jobs[i].src.length, b->jobs[i].tgt.length};
        read->crc = rd_crc32(read->crc, lengths, sizeof lengths);
    }
}

/* The chunks of a round, one for each worker: all are read, the worker's own is tokenized. */
static rd_status tokenize_round(binarizer *b, round_read *read, rd_text *mine) {
    const rd_comm *comm = b->config->comm;
    bool ended = false;
    for (int i = 0; i < comm->size && !ended; i++) {
        RD_TRY(rd_chunk_read(&b->chunk, &ended));
        add_chunk(b, read);
        if (i != comm->rank) continue;
        RD_TRY(rd_chunk_tokenize(&b->chunk));
        RD_TRY(pack_chunk(b, mine));
    }
    read->last_line = rd_corpus_line_number(b->src);
    read->ended = ended;
    return rd_watch_check(b->chunk.watch);
}

/* Workers whose files differ would lose and repeat pairs where their chunks meet. */
static rd_status check_same(const binarizer *b, const round_read *mine) {
    rd_comm *comm = b->config->comm;
    round_read *all = rd_malloc((size_t)comm->size, sizeof *all);
    rd_status status = rd_comm_agree(comm, all ? RD_OK : RD_ERR_MEMORY);
    if (status == RD_OK) status = rd_comm_gather(comm, mine, sizeof *mine, all);
    for (int i = 1; all && status == RD_OK && i < comm->size; i++)
        if (memcmp(&all[i], &all[0], sizeof *all) != 0)
            status = rd_error(RD_ERR_FORMAT,
                              "%s: up to line %lld %s %d reads other pairs than the first, or with "
                              "other settings; all need the same corpora and the same recipe",
                              b->chunk.path, (long long)all[0].last_line, comm->names, i);
    free(all);
    return rd_comm_agree(comm, status);
}

/* The first worker receives one chunk at a time and writes it. */
static rd_status write_round(binarizer *b, const rd_text *mine) {
    rd_comm *comm = b->config->comm;
    for (int i = 0; i < comm->size; i++) {
        char *chunk;
        size_t bytes;
        RD_TRY(rd_comm_join(comm, mine->data, i == comm->rank ? (size_t)mine->length : 0, &chunk,
                            &bytes));
        if (!chunk) continue;
        rd_status status = unpack_chunk(b, chunk, chunk + bytes);
        if (status == RD_OK) status = rd_chunk_write(&b->chunk);
        free(chunk);
        RD_TRY(status);
    }
    return RD_OK;
}

static rd_status binarize_round(binarizer *b, bool *ended) {
    rd_text mine = {0};
    round_read read = {.longest_src = b->config->longest_src,
                       .longest_tgt = b->config->longest_tgt};
    rd_status status = rd_comm_agree(b->config->comm, tokenize_round(b, &read, &mine));
    if (status == RD_OK) status = check_same(b, &read);
    if (status == RD_OK) status = write_round(b, &mine);
    rd_text_free(&mine);
    *ended = read.ended;
    return status;
}

static rd_status binarize_open_files(binarizer *b) {
    b->chunk.path = rd_corpus_path(b->src);
    if (!b->config->comm || b->config->comm->size <= 1) return rd_chunks_run(&b->chunk);
    for (bool ended = false; !ended;) RD_TRY(binarize_round(b, &ended));
    return RD_OK;
}

static rd_status binarize_files(binarizer *b, const char *src_path, const char *tgt_path) {
    int stop_fd = b->config->watch.stop_fd;
    b->src = b->tgt = NULL;
    rd_status status = rd_corpus_open(&b->src, src_path, RD_UTF8_STRICT);
    if (status == RD_OK) rd_corpus_stop_by(b->src, stop_fd);
    if (status == RD_OK) status = rd_corpus_open(&b->tgt, tgt_path, RD_UTF8_STRICT);
    if (status == RD_OK) rd_corpus_stop_by(b->tgt, stop_fd);
    if (status == RD_OK) status = binarize_open_files(b);
    rd_corpus_close(b->src);
    rd_corpus_close(b->tgt);
    return status;
}

static void release(binarizer *b) {
    for (int i = 0; b->jobs && i < RD_CHUNK_ROWS; i++) {
        free(b->jobs[i].src.ids.data);
        free(b->jobs[i].tgt.ids.data);
    }
    free(b->jobs);
    rd_text_free(&b->chunk.text);
}

rd_status rd_binarize(const rd_binarize_config *config, const char *dest,
                      rd_binarize_statistics *statistics) {
    static const rd_row_work work = {read_pair, tokenize_pair, write_pair};
    *statistics = (rd_binarize_statistics){0};
    if (rd_tokenizer_eos(config->src_tokenizer) < 0 || rd_tokenizer_eos(config->tgt_tokenizer) < 0)
        return rd_error(RD_ERR_FORMAT,
                        "%s: the vocabulary has no end-of-sentence piece; train it "
                        "with rdrop-preprocess or with SentencePiece's --eos_id",
                        dest);
    if (config->prepend_bos && (rd_tokenizer_bos(config->src_tokenizer) < 0 ||
                                rd_tokenizer_bos(config->tgt_tokenizer) < 0))
        return rd_error(RD_ERR_FORMAT,
                        "%s: prepend-bos, but the vocabulary has no begin of sentence", dest);
    binarizer b = {.config = config, .statistics = statistics};
    b.chunk = (rd_chunk){.work = &work, .self = &b, .watch = &config->watch};
    b.jobs = rd_calloc(RD_CHUNK_ROWS, sizeof *b.jobs);
    if (!b.jobs) return RD_ERR_MEMORY;
    rd_identity identity = config->identity;
    identity.src_vocab = rd_tokenizer_size(config->src_tokenizer);
    identity.tgt_vocab = rd_tokenizer_size(config->tgt_tokenizer);
    identity.prepend_bos = config->prepend_bos;
    bool writes = !config->comm || config->comm->rank == 0;
    rd_status status =
        writes ? rd_dataset_writer_open(&b.writer, dest, &identity, config->keep_text) : RD_OK;
    for (int i = 0; status == RD_OK && i < config->n_paths; i++)
        status = binarize_files(&b, config->src_paths[i], config->tgt_paths[i]);
    statistics->complete = status == RD_OK;
    if (status == RD_OK && writes && !config->may_be_empty &&
        statistics->pairs[RD_FILTER_KEPT] == 0)
        status = rd_error(RD_ERR_FORMAT, "%s: no pair is left", dest);
    if (status == RD_OK && writes)
        status = rd_dataset_writer_finish(b.writer);
    else if (writes)
        rd_dataset_writer_abort(b.writer);
    release(&b);
    return status;
}
