#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "data/sentencepiece_check.h"
#include "data/sentencepiece.h"
#include "data/tokenizer_kind.h"

typedef struct {
    rd_tokenizer base;
    spm_processor *processor;
} sentencepiece;

static const spm_processor *processor_of(const rd_tokenizer *tokenizer) {
    return ((const sentencepiece *)tokenizer)->processor;
}

rd_status rd_sentencepiece_error(rd_status code, const char *what, char *message) {
    rd_error(code, "%s: %s", what, message ? message : "out of memory");
    free(message);
    return code;
}

static void close_model(rd_tokenizer *tokenizer) {
    sentencepiece *self = (sentencepiece *)tokenizer;
    spm_free(self->processor);
    free(self);
}

static const char *piece(const rd_tokenizer *tokenizer, int32_t id) {
    return spm_piece(processor_of(tokenizer), id);
}

/* Appends the shim's ids and releases them. */
static rd_status append(rd_ids *ids, int32_t *from, size_t n) {
    rd_status status = rd_ids_add(ids, from, (int64_t)n);
    free(from);
    return status;
}

/* SentencePiece takes the square of the length of a run of unknown characters, and more for the
 * best of many segmentations, so lines longer than any sentence are processed in parts, which end
 * at a blank if there is one, else between characters. */
enum { LONGEST_PART = 1 << 16, LONGEST_SAMPLED_PART = 2048 };

static size_t part_of(const char *text, size_t n, size_t longest) {
    if (n <= longest) return n;
    const char *blank = memrchr(text, ' ', longest);
    if (blank && blank > text) return (size_t)(blank - text);
    size_t part = longest;
    while (part > longest - 4 && ((unsigned char)text[part] & 0xC0) == 0x80) part--;
    return part;
}

size_t rd_sentencepiece_part(const char *text, size_t n) {
    return part_of(text, n, LONGEST_PART);
}

static rd_status encode(const rd_tokenizer *tokenizer, const char *text, size_t n, rd_ids *ids) {
    do {
        size_t n_found = 0, part = rd_sentencepiece_part(text, n);
        int32_t *found = NULL;
        char *message = NULL;
        if (spm_encode(processor_of(tokenizer), text, part, &found, &n_found, &message))
            return rd_sentencepiece_error(RD_ERR_FORMAT, "cannot tokenize", message);
        RD_TRY(append(ids, found, n_found));
        text += part;
        n -= part;
    } while (n > 0);
    return RD_OK;
}

rd_status rd_sentencepiece_sample(const spm_processor *processor, const char *text, size_t n,
                                  float alpha, int32_t nbest, uint64_t seed, spm_visit_drawn visit,
                                  void *self) {
    uint32_t folded = (uint32_t)(seed ^ seed >> 32);
    do {
        size_t part = part_of(text, n, LONGEST_SAMPLED_PART);
        char *message = NULL;
        /* All ones would mean "keep the seed there is" to SentencePiece. */
        if (folded == UINT32_MAX) folded = 0;
        if (spm_sample(processor, text, part, alpha, nbest, folded++, visit, self, &message))
            return rd_sentencepiece_error(RD_ERR_FORMAT, "cannot sample a tokenization", message);
        text += part;
        n -= part;
    } while (n > 0);
    return RD_OK;
}

typedef struct {
    rd_ids *ids;
    rd_status status;
} id_sink;

static void add_id(void *self, int32_t id, const char *piece, size_t n) {
    id_sink *sink = self;
    (void)piece, (void)n;
    if (sink->status == RD_OK) sink->status = rd_ids_push(sink->ids, id);
}

static rd_status sample(const rd_tokenizer *tokenizer, const char *text, size_t n, float alpha,
                        int32_t nbest, uint64_t seed, rd_ids *ids) {
    id_sink sink = {.ids = ids};
    RD_TRY(rd_sentencepiece_sample(processor_of(tokenizer), text, n, alpha, nbest, seed, add_id,
                                   &sink));
    return sink.status;
}

static rd_status decode(const rd_tokenizer *tokenizer, const int32_t *ids, int64_t n, char **text,
                        size_t *length) {
    char *message = NULL;
    if (spm_decode(processor_of(tokenizer), ids, (size_t)n, text, length, &message))
        return rd_sentencepiece_error(RD_ERR_FORMAT, "cannot detokenize", message);
    return RD_OK;
}

/* Sampling does not cut user-defined pieces either. */
static rd_status set_symbols(spm_processor **processor, const char *bytes, size_t n) {
    rd_ids symbols = {0};
    rd_status status = rd_spm_read_symbols(bytes, n, &symbols);
    if (status == RD_OK && spm_set_symbols(*processor, symbols.data, (size_t)symbols.length))
        status = rd_error(RD_ERR_MEMORY, "out of memory");
    free(symbols.data);
    if (status == RD_OK) return RD_OK;
    spm_free(*processor);
    *processor = NULL;
    return status;
}

rd_status rd_sentencepiece_load(spm_processor **processor, const char *path, const char *bytes,
                                size_t n) {
    char *message = NULL;
    const char *problem = rd_spm_problem(bytes, n);
    *processor = problem ? NULL : spm_load(bytes, n, &message);
    if (*processor) return set_symbols(processor, bytes, n);
    if (!problem && !message) return rd_error(RD_ERR_MEMORY, "%s: out of memory", path);
    rd_error(RD_ERR_FORMAT, "%s: not a SentencePiece model (%s)", path,
             problem ? problem : message);
    free(message);
    return RD_ERR_FORMAT;
}

rd_status rd_sentencepiece_open(rd_tokenizer **tokenizer, const char *path, const char *bytes,
                                size_t n) {
    static const rd_tokenizer_kind kind = {.type = RD_TOKENIZER_SENTENCEPIECE,
                                           .close = close_model,
                                           .encode = encode,
                                           .sample = sample,
                                           .decode = decode,
                                           .piece = piece,
                                           .space = "▁"};
    sentencepiece *self = rd_calloc(1, sizeof *self);
    if (!self) return RD_ERR_MEMORY;
    rd_status status = rd_sentencepiece_load(&self->processor, path, bytes, n);
    if (status != RD_OK) {
        free(self);
        return status;
    }
    const spm_processor *p = self->processor;
    self->base = (rd_tokenizer){.kind = &kind,
                                .size = spm_size(p),
                                .pad = spm_pad(p),
                                .bos = spm_bos(p),
                                .eos = spm_eos(p),
                                .unk = spm_unk(p),
                                .mask = spm_mask(p)};
    *tokenizer = &self->base;
    return RD_OK;
}
