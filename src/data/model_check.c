#include "data/model_check.h"

#include <stdbool.h>
#include <stdint.h>

/* The file is a protocol buffer (sentencepiece_model.proto): a sequence of fields, each a number
 * with a wire type, then its content. */
enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };
enum { MODEL_TRAINER = 2, MODEL_NORMALIZER = 3, MODEL_DENORMALIZER = 5, NORMALIZER_CHARSMAP = 2 };

typedef struct {
    const unsigned char *at, *end;
} reader;

static bool read_varint(reader *r, uint64_t *value) {
    *value = 0;
    for (int shift = 0; shift < 64 && r->at < r->end; shift += 7) {
        unsigned char byte = *r->at++;
        *value |= (uint64_t)(byte & 0x7F) << shift;
        if (!(byte & 0x80)) return true;
    }
    return false;
}

/* Reads one field; *content is empty unless it holds bytes. */
static bool read_field(reader *r, uint64_t *number, reader *content) {
    uint64_t tag, length = 0;
    if (!read_varint(r, &tag)) return false;
    *number = tag >> 3;
    int type = (int)(tag & 7);
    if (type == VARINT) {
        if (!read_varint(r, &length)) return false;
        length = 0;
    } else if (type == BYTES) {
        if (!read_varint(r, &length)) return false;
    } else if (type == FIXED64 || type == FIXED32)
        length = type == FIXED64 ? 8 : 4;
    else
        return false;
    if (length > (uint64_t)(r->end - r->at)) return false;
    *content = (reader){r->at, type == BYTES ? r->at + length : r->at};
    r->at += length;
    return true;
}

static uint32_t read_u32(const unsigned char *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Normalization rules: the size of a double array (Darts-clone), the array, and the NUL-terminated
 * replacements its values point into. From unit i with byte c the search goes to unit
 * i ^ offset ^ c, whose label must be c; a unit with a leaf has a value at i ^ offset. A unit with
 * the top bit set is a value, which no byte matches; the root is entered without a match. */
static bool charsmap_is_safe(reader map) {
    size_t n = (size_t)(map.end - map.at);
    if (n == 0) return true; /* no rules */
    if (n < 4) return false;
    size_t array_bytes = read_u32(map.at);
    if (array_bytes % 4 || array_bytes == 0 || array_bytes >= n - 4 || map.end[-1] != '\0')
        return false;
    const unsigned char *units = map.at + 4;
    size_t n_units = array_bytes / 4, n_replacements = n - 4 - array_bytes;
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

static const char *normalizer_problem(reader spec) {
    uint64_t number;
    reader content;
    while (spec.at < spec.end) {
        if (!read_field(&spec, &number, &content)) return "damaged normalizer";
        if (number == NORMALIZER_CHARSMAP && !charsmap_is_safe(content))
            return "damaged normalization rules";
    }
    return NULL;
}

const char *rd_model_problem(const char *bytes, size_t n) {
    if (n == 0) return "it is empty";
    reader r = {(const unsigned char *)bytes, (const unsigned char *)bytes + n};
    bool trainer = false, normalizer = false;
    while (r.at < r.end) {
        uint64_t number;
        reader content;
        if (!read_field(&r, &number, &content)) return "truncated or damaged";
        trainer |= number == MODEL_TRAINER;
        normalizer |= number == MODEL_NORMALIZER;
        if (number != MODEL_NORMALIZER && number != MODEL_DENORMALIZER) continue;
        const char *problem = normalizer_problem(content);
        if (problem) return problem;
    }
    return trainer && normalizer ? NULL : "truncated: its last parts are missing";
}
