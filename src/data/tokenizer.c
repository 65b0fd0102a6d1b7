#include "rdrop/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "data/model_check.h"
#include "sentencepiece_shim.h"

struct rd_tokenizer {
    spm_processor *processor;
};

/* Takes the shim's message over. */
static rd_status shim_error(rd_status code, const char *what, char *message) {
    rd_error(code, "%s: %s", what, message ? message : "out of memory");
    free(message);
    return code;
}

rd_status rd_tokenizer_open(rd_tokenizer **out, const char *path) {
    *out = NULL;
    rd_mapping mapping;
    RD_TRY(rd_map_file(&mapping, path));
    rd_tokenizer *tokenizer = calloc(1, sizeof *tokenizer);
    char *message = NULL;
    const char *problem = rd_model_problem(mapping.bytes, mapping.size);
    if (tokenizer && !problem)
        tokenizer->processor = spm_load(mapping.bytes, mapping.size, &message);
    rd_status status = RD_OK;
    if (!tokenizer)
        status = rd_error(RD_ERR_MEMORY, "%s: out of memory", path);
    else if (!tokenizer->processor) {
        if (!problem) problem = message ? message : "out of memory";
        status = rd_error(RD_ERR_FORMAT, "%s: not a SentencePiece model (%s)", path, problem);
        free(message);
    }
    rd_unmap_file(&mapping);
    if (status != RD_OK)
        free(tokenizer);
    else
        *out = tokenizer;
    return status;
}

void rd_tokenizer_close(rd_tokenizer *tokenizer) {
    if (!tokenizer) return;
    spm_free(tokenizer->processor);
    free(tokenizer);
}

int32_t rd_tokenizer_size(const rd_tokenizer *tokenizer) {
    return spm_size(tokenizer->processor);
}

int32_t rd_tokenizer_pad(const rd_tokenizer *tokenizer) {
    return spm_pad(tokenizer->processor);
}

int32_t rd_tokenizer_bos(const rd_tokenizer *tokenizer) {
    return spm_bos(tokenizer->processor);
}

int32_t rd_tokenizer_eos(const rd_tokenizer *tokenizer) {
    return spm_eos(tokenizer->processor);
}

int32_t rd_tokenizer_unk(const rd_tokenizer *tokenizer) {
    return spm_unk(tokenizer->processor);
}

const char *rd_tokenizer_piece(const rd_tokenizer *tokenizer, int32_t id) {
    return id >= 0 && id < spm_size(tokenizer->processor) ? spm_piece(tokenizer->processor, id)
                                                          : NULL;
}

/* Appends the shim's ids and releases them. */
static rd_status append(rd_ids *ids, int32_t *from, size_t n) {
    rd_status status =
        rd_reserve(&ids->data, &ids->capacity, ids->length + (int64_t)n, sizeof(int32_t));
    if (status == RD_OK) {
        if (n) memcpy(ids->data + ids->length, from, sizeof(int32_t) * n);
        ids->length += (int64_t)n;
    }
    free(from);
    return status;
}

/* SentencePiece takes the square of the length of a run of unknown characters, so that lines longer
 * than any sentence are encoded in parts: ended by a blank where there is one, else between
 * characters. */
enum { LONGEST_PART = 1 << 16 };

static size_t part_of(const char *text, size_t n) {
    if (n <= LONGEST_PART) return n;
    const char *blank = memrchr(text, ' ', LONGEST_PART);
    if (blank && blank > text) return (size_t)(blank - text);
    size_t part = LONGEST_PART;
    while (part > LONGEST_PART - 4 && ((unsigned char)text[part] & 0xC0) == 0x80) part--;
    return part;
}

rd_status rd_tokenizer_encode(const rd_tokenizer *tokenizer, const char *text, size_t n,
                              rd_ids *ids) {
    do {
        size_t n_found = 0, part = part_of(text, n);
        int32_t *found = NULL;
        char *message = NULL;
        if (spm_encode(tokenizer->processor, text, part, &found, &n_found, &message))
            return shim_error(RD_ERR_FORMAT, "cannot tokenize", message);
        RD_TRY(append(ids, found, n_found));
        text += part;
        n -= part;
    } while (n > 0);
    return RD_OK;
}

rd_status rd_tokenizer_sample(const rd_tokenizer *tokenizer, const char *text, size_t n,
                              float alpha, int32_t nbest, uint64_t seed, rd_ids *ids) {
    int32_t *found = NULL;
    size_t n_found = 0;
    char *message = NULL;
    /* All ones would mean "keep the seed there is" to SentencePiece. */
    uint32_t folded = (uint32_t)(seed ^ seed >> 32);
    if (folded == UINT32_MAX) folded = 0;
    if (spm_sample(tokenizer->processor, text, n, alpha, nbest, folded, &found, &n_found, &message))
        return shim_error(RD_ERR_FORMAT, "cannot sample a tokenization", message);
    return append(ids, found, n_found);
}

rd_status rd_tokenizer_decode(const rd_tokenizer *tokenizer, const int32_t *ids, int64_t n,
                              char **text, size_t *length) {
    for (int64_t i = 0; i < n; i++)
        if (ids[i] < 0 || ids[i] >= spm_size(tokenizer->processor))
            return rd_error(RD_ERR_ARGUMENT,
                            "cannot detokenize id %d: the vocabulary has %d pieces", (int)ids[i],
                            (int)spm_size(tokenizer->processor));
    size_t found = 0;
    char *message = NULL;
    if (spm_decode(tokenizer->processor, ids, (size_t)n, text, &found, &message))
        return shim_error(RD_ERR_FORMAT, "cannot detokenize", message);
    if (length) *length = found;
    return RD_OK;
}
