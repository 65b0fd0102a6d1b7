#include "data/sentencepiece_check.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "data/ids.h"
#include "io/protobuf.h"

/* The fields of sentencepiece_model.proto that are used. */
enum { MODEL_PIECE = 1, MODEL_TRAINER, MODEL_NORMALIZER, MODEL_SELF_TEST, MODEL_DENORMALIZER };
enum { PIECE_TEXT = 1, PIECE_SCORE, PIECE_TYPE };
enum { TRAINER_TYPE = 3, TRAINER_COVERAGE = 10, TRAINER_SYMBOL = 31, TRAINER_BYTES = 35 };
enum { NORMALIZER_NAME = 1, NORMALIZER_CHARSMAP };
enum { USER_DEFINED = 4, LAST_PIECE_TYPE = 6, LONGEST_REPLACEMENT = 1024 };

/* Bytes of memory that the library takes for a piece and for any other part, and how many it may
 * take: three times the file (a fourth is the file itself) and some of the 64 MiB. */
enum { PIECE_COST = 200, PART_COST = 64, FREE_COST = 40 << 20 };

/* A field that must come once, as `type`, and is marked in *seen. */
static bool is_first(const rd_proto_field *f, rd_wire_type type, unsigned *seen) {
    unsigned bit = 1U << f->number;
    bool first = f->type == type && !(*seen & bit);
    *seen |= bit;
    return first;
}

static uint32_t read_u32(const unsigned char *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* A text grows by normalization no more than this lets it. */
static bool replacements_are_short(const unsigned char *at, const unsigned char *end) {
    while (at < end) {
        const unsigned char *stop = memchr(at, '\0', (size_t)(end - at));
        if (!stop || stop - at > LONGEST_REPLACEMENT) return false;
        at = stop + 1;
    }
    return true;
}

/* Normalization rules: the size of a double array (Darts-clone), the array, and the NUL-terminated
 * replacements its values point into. From unit i with byte c the search goes to unit
 * i ^ offset ^ c, whose label must be c; a unit with a leaf has a value at i ^ offset. A unit with
 * the top bit set is a value, which no byte matches; the root is entered without a match. */
static bool charsmap_is_safe(rd_proto_reader map) {
    size_t n = (size_t)(map.end - map.at);
    if (n == 0) return true; /* no rules */
    if (n < 4) return false;
    size_t array_bytes = read_u32(map.at);
    if (array_bytes % 4 || array_bytes == 0 || array_bytes >= n - 4) return false;
    const unsigned char *units = map.at + 4;
    size_t n_units = array_bytes / 4, n_replacements = n - 4 - array_bytes;
    if (!replacements_are_short(units + array_bytes, map.end)) return false;
    for (size_t i = 0; i < n_units; i++) {
        uint32_t unit = read_u32(units + 4 * i);
        if (i > 0 && unit >> 31) continue;
        size_t offset = (size_t)(unit >> 10) << ((unit & 1U << 9) >> 6), child = i ^ offset;
        if ((child | 0xFF) >= n_units) return false;
        bool has_leaf = unit >> 8 & 1;
        if (has_leaf && (read_u32(units + 4 * child) & 0x7FFFFFFF) >= n_replacements) return false;
    }
    return true;
}

static const char *normalizer_problem(rd_proto_reader spec) {
    unsigned seen = 0;
    rd_proto_field f;
    while (spec.at < spec.end) {
        if (!rd_proto_read(&spec, &f)) return "damaged normalizer";
        if (f.number != NORMALIZER_CHARSMAP) continue;
        if (!is_first(&f, RD_WIRE_BYTES, &seen) || !charsmap_is_safe(f.content))
            return "damaged normalization rules";
    }
    return NULL;
}

static const char *piece_problem(rd_proto_reader piece) {
    unsigned seen = 0;
    rd_proto_field f;
    while (piece.at < piece.end) {
        if (!rd_proto_read(&piece, &f)) return "a damaged piece";
        const char *text = (const char *)f.content.at;
        size_t n = (size_t)(f.content.end - f.content.at);
        if (f.number == PIECE_TEXT) {
            if (!is_first(&f, RD_WIRE_BYTES, &seen) || n == 0 || memchr(text, '\0', n))
                return "a piece of no text";
            if (rd_utf8_invalid_at(text, n) >= 0) return "a piece that is not UTF-8";
        } else if (f.number == PIECE_SCORE) {
            float score;
            if (!is_first(&f, RD_WIRE_32, &seen)) return "a piece of two scores";
            memcpy(&score, text, sizeof score);
            if (!isfinite(score)) return "a piece whose score is no number";
        } else if (f.number == PIECE_TYPE) {
            if (!is_first(&f, RD_WIRE_VARINT, &seen) || f.value < 1 || f.value > LAST_PIECE_TYPE)
                return "a piece of an unknown type";
        }
    }
    return seen & 1U << PIECE_TEXT ? NULL : "a piece of no text";
}

/* Counts the parts of a message of texts, or of messages that hold no more than texts. */
static const char *count_parts(rd_proto_reader message, size_t *cost) {
    rd_proto_field f;
    for (; message.at < message.end; *cost += PART_COST)
        if (!rd_proto_read(&message, &f)) return "truncated or damaged";
    return NULL;
}

static const char *part_problem(const rd_proto_field *f, unsigned *seen, size_t *cost) {
    if (f->number > MODEL_DENORMALIZER) return NULL;
    *cost += f->number == MODEL_PIECE ? PIECE_COST : PART_COST;
    if (f->number == MODEL_PIECE)
        return f->type == RD_WIRE_BYTES ? piece_problem(f->content) : "a damaged piece";
    if (!is_first(f, RD_WIRE_BYTES, seen)) return "a part that comes twice";
    if (f->number == MODEL_TRAINER) return count_parts(f->content, cost);
    if (f->number != MODEL_SELF_TEST) return normalizer_problem(f->content);
    rd_proto_reader samples = f->content;
    for (rd_proto_field sample; samples.at < samples.end; *cost += PART_COST) {
        if (!rd_proto_read(&samples, &sample)) return "truncated or damaged";
        const char *problem = count_parts(sample.content, cost);
        if (problem) return problem;
    }
    return NULL;
}

const char *rd_spm_problem(const char *bytes, size_t n) {
    if (n == 0) return "it is empty";
    rd_proto_reader r = {(const unsigned char *)bytes, (const unsigned char *)bytes + n};
    unsigned seen = 0, needed = 1U << MODEL_TRAINER | 1U << MODEL_NORMALIZER;
    size_t cost = 0;
    while (r.at < r.end) {
        rd_proto_field f;
        if (!rd_proto_read(&r, &f)) return "truncated or damaged";
        const char *problem = part_problem(&f, &seen, &cost);
        if (problem) return problem;
        if (cost > FREE_COST + 3 * n) return "it would take too much memory for its size";
    }
    return (seen & needed) == needed ? NULL : "truncated: its last parts are missing";
}

static rd_status read_trainer(rd_proto_reader spec, rd_spm_settings *settings) {
    static const char *const types[] = {"unigram", "unigram", "bpe", "word", "char"};
    rd_proto_field f;
    while (spec.at < spec.end && rd_proto_read(&spec, &f)) {
        if (f.number == TRAINER_TYPE && f.value < sizeof types / sizeof *types)
            settings->type = types[f.value];
        if (f.number == TRAINER_COVERAGE && f.type == RD_WIRE_32)
            memcpy(&settings->coverage, f.content.at, sizeof settings->coverage);
        if (f.number == TRAINER_BYTES) settings->bytes = f.value != 0;
        if (f.number != TRAINER_SYMBOL) continue;
        if (settings->symbols.length > 0) RD_TRY(rd_text_append(&settings->symbols, ",", 1));
        RD_TRY(rd_text_append(&settings->symbols, (const char *)f.content.at,
                              (size_t)(f.content.end - f.content.at)));
    }
    return RD_OK;
}

static void read_normalizer(rd_proto_reader spec, rd_spm_settings *settings) {
    rd_proto_field f;
    while (spec.at < spec.end && rd_proto_read(&spec, &f))
        if (f.number == NORMALIZER_NAME)
            snprintf(settings->normalization, sizeof settings->normalization, "%.*s",
                     (int)(f.content.end - f.content.at), (const char *)f.content.at);
}

rd_status rd_spm_read_settings(const char *bytes, size_t n, rd_spm_settings *settings) {
    *settings = (rd_spm_settings){.type = "unigram", .normalization = "nmt_nfkc"};
    rd_proto_reader r = {(const unsigned char *)bytes, (const unsigned char *)bytes + n};
    rd_proto_field f;
    while (r.at < r.end && rd_proto_read(&r, &f)) {
        if (f.number == MODEL_NORMALIZER) read_normalizer(f.content, settings);
        if (f.number == MODEL_TRAINER) RD_TRY(read_trainer(f.content, settings));
    }
    return RD_OK;
}

static bool is_symbol(rd_proto_reader piece) {
    rd_proto_field f;
    while (piece.at < piece.end && rd_proto_read(&piece, &f))
        if (f.number == PIECE_TYPE) return f.value == USER_DEFINED;
    return false;
}

rd_status rd_spm_read_symbols(const char *bytes, size_t n, rd_ids *ids) {
    rd_proto_reader r = {(const unsigned char *)bytes, (const unsigned char *)bytes + n};
    int32_t id = 0;
    rd_proto_field f;
    while (r.at < r.end && rd_proto_read(&r, &f)) {
        if (f.number != MODEL_PIECE) continue;
        if (is_symbol(f.content)) RD_TRY(rd_ids_add(ids, &id, 1));
        id++;
    }
    return RD_OK;
}
