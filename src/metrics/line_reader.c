#include "metrics/line_reader.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "data/corpus.h"
#include "io/json.h"
#include "metrics/segment.h"

enum { BLOCK_BYTES = 16 << 20 }; /* long lines are fewer in a block */

typedef struct {
    rd_corpus *corpus;
    bool jsonl;
    const char *line; /* of the round being read; NULL at the end */
    size_t length;
} source;

struct rd_line_reader {
    int n_systems, n;
    int32_t refs_per_line;
    int64_t n_lines;
    source sources[]; /* systems, then references */
};

rd_status rd_line_reader_open(rd_line_reader **reader, const rd_scored_files *files,
                              bool keep_marks) {
    int n = files->n_systems + files->n_refs;
    *reader = rd_calloc(1, sizeof **reader + (size_t)n * sizeof(source));
    if (!*reader) return RD_ERR_MEMORY;
    (*reader)->n_systems = files->n_systems;
    (*reader)->n = n;
    (*reader)->refs_per_line = files->refs_per_line;
    for (int i = 0; i < n; i++) {
        const char *path =
            i < files->n_systems ? files->systems[i] : files->refs[i - files->n_systems];
        source *s = &(*reader)->sources[i];
        s->jsonl = rd_ends_with(path, ".jsonl") || rd_ends_with(path, ".jsonl.gz");
        rd_status status = rd_corpus_open(&s->corpus, path, RD_UTF8_STRICT);
        if (status != RD_OK) {
            rd_line_reader_close(*reader);
            *reader = NULL;
            return status;
        }
        if (keep_marks) rd_corpus_keep_mark(s->corpus);
    }
    return RD_OK;
}

void rd_line_reader_close(rd_line_reader *reader) {
    if (!reader) return;
    for (int i = 0; i < reader->n; i++) rd_corpus_close(reader->sources[i].corpus);
    free(reader);
}

void rd_line_block_free(rd_line_block *block) {
    free(block->first);
    free(block->texts);
    free(block->starts);
    rd_text_free(&block->bytes);
    *block = (rd_line_block){0};
}

static rd_status push_text(rd_line_block *block, const char *text, size_t length) {
    rd_line line = rd_line_rstrip((rd_line){text, length});
    RD_TRY(rd_reserve(&block->starts, &block->starts_capacity, block->n_texts + 1,
                      sizeof *block->starts));
    block->starts[block->n_texts++] = block->bytes.length;
    return rd_text_append(&block->bytes, line.data, line.length);
}

static rd_status line_error(const source *s, const char *found) {
    return rd_error(RD_ERR_FORMAT, "%s:%lld: %s", rd_corpus_path(s->corpus),
                    (long long)rd_corpus_line_number(s->corpus), found);
}

/* The references of one line, with tabs between; a tab too many is part of the last one, as in
 * sacreBLEU. */
static rd_status push_columns(rd_line_block *block, const source *s, int32_t n) {
    rd_line line = rd_line_rstrip((rd_line){s->line, s->length});
    const char *at = line.data, *end = line.data + line.length;
    for (int32_t i = 0; i + 1 < n; i++) {
        const char *tab = memchr(at, '\t', (size_t)(end - at));
        if (!tab) return line_error(s, "fewer references, with tabs between, than --num-refs says");
        RD_TRY(push_text(block, at, (size_t)(tab - at)));
        at = tab + 1;
    }
    return push_text(block, at, (size_t)(end - at));
}

/* The texts of one line of JSON. */
static rd_status push_json(rd_line_block *block, const source *s, bool reference) {
    json_error_t error;
    RD_TRY(rd_json_check(rd_corpus_path(s->corpus), rd_corpus_line_number(s->corpus), s->line,
                         s->length));
    json_t *value = json_loadb(s->line, s->length, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (!value && rd_json_no_memory(&error))
        return rd_error(RD_ERR_MEMORY, "%s: out of memory", rd_corpus_path(s->corpus));
    if (!value) return line_error(s, "not valid JSON: expected a string or a list of strings");
    rd_status status = RD_OK;
    if (json_is_string(value)) {
        status = push_text(block, json_string_value(value), json_string_length(value));
    } else if (!reference || !json_is_array(value)) {
        status = line_error(s, reference ? "expected a JSON string or a list of strings"
                                         : "expected a JSON string");
    } else if (json_array_size(value) == 0) {
        status = line_error(s, "no references: an empty list");
    } else {
        size_t i;
        json_t *item;
        json_array_foreach(value, i, item) {
            if (!json_is_string(item))
                status = line_error(s, "a reference that is not a string");
            else
                status = push_text(block, json_string_value(item), json_string_length(item));
            if (status != RD_OK) break;
        }
    }
    json_decref(value);
    return status;
}

/* Some files ended and some did not: reads those to their end to say how long they are. */
static rd_status unequal(rd_line_reader *reader) {
    const source *shorter = reader->sources, *longer = reader->sources;
    int64_t more = reader->n_lines;
    for (int i = 0; i < reader->n; i++) {
        source *s = &reader->sources[i];
        int64_t n = reader->n_lines;
        for (; s->line; n++) RD_TRY(rd_corpus_next(s->corpus, &s->line, &s->length));
        if (n == reader->n_lines) shorter = s;
        if (n > more) {
            longer = s;
            more = n;
        }
    }
    return rd_error(RD_ERR_FORMAT, "unequal line counts: %s has %lld, %s has %lld",
                    rd_corpus_path(shorter->corpus), (long long)reader->n_lines,
                    rd_corpus_path(longer->corpus), (long long)more);
}

static rd_status push_line(const rd_line_reader *reader, rd_line_block *block, const source *s,
                           bool reference) {
    if (s->jsonl) return push_json(block, s, reference);
    if (reference && reader->refs_per_line > 0)
        return push_columns(block, s, reader->refs_per_line);
    return push_text(block, s->line, s->length);
}

/* One line of every file into the block; *end when all are at their end. */
static rd_status read_line(rd_line_reader *reader, rd_line_block *block, bool *end) {
    int n_ended = 0;
    for (int i = 0; i < reader->n; i++) {
        source *s = &reader->sources[i];
        RD_TRY(rd_corpus_next(s->corpus, &s->line, &s->length));
        n_ended += s->line == NULL;
    }
    *end = n_ended == reader->n;
    if (*end) return RD_OK;
    if (n_ended > 0) return unequal(reader);
    reader->n_lines++;
    RD_TRY(rd_reserve(&block->first, &block->first_capacity, block->n + 2, sizeof *block->first));
    block->first[block->n++] = block->n_texts;
    for (int i = 0; i < reader->n; i++)
        RD_TRY(push_line(reader, block, &reader->sources[i], i >= reader->n_systems));
    return RD_OK;
}

rd_status rd_line_reader_next(rd_line_reader *reader, int64_t most, rd_line_block *block) {
    block->n = block->n_texts = 0;
    rd_text_clear(&block->bytes);
    for (bool end = false; block->n < most && block->bytes.length < BLOCK_BYTES && !end;)
        RD_TRY(read_line(reader, block, &end));
    if (block->n == 0) return RD_OK;
    block->first[block->n] = block->n_texts;
    RD_TRY(rd_reserve(&block->texts, &block->texts_capacity, block->n_texts, sizeof *block->texts));
    for (int64_t k = 0; k < block->n_texts; k++) {
        int64_t stop = k + 1 < block->n_texts ? block->starts[k + 1] : block->bytes.length;
        block->texts[k] =
            (rd_line){block->bytes.data + block->starts[k], (size_t)(stop - block->starts[k])};
    }
    return RD_OK;
}
