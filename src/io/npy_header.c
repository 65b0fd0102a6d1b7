#include <string.h>

#include "io/npz.h"

/* The header is a literal of Python: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), } */
typedef struct {
    rd_stored_tensor *array;
    const char *at, *end;
    bool has_type, has_order, has_shape;
} reader;

static rd_status malformed(const reader *r) {
    return rd_error(RD_ERR_FORMAT, "%s: array %.100s has no header of a NumPy array",
                    r->array->path, r->array->name);
}

static void skip_blanks(reader *r) {
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n')) r->at++;
}

/* Takes `text` if it is what comes next. */
static bool take(reader *r, const char *text) {
    size_t n = strlen(text);
    skip_blanks(r);
    if ((size_t)(r->end - r->at) < n || memcmp(r->at, text, n) != 0) return false;
    r->at += n;
    return true;
}

/* A text in quotes; NULL: none. */
static const char *take_text(reader *r, char room[16]) {
    if (!take(r, "'")) return NULL;
    const char *end = memchr(r->at, '\'', (size_t)(r->end - r->at));
    if (!end || end - r->at > 15) return NULL;
    memcpy(room, r->at, (size_t)(end - r->at));
    room[end - r->at] = '\0';
    r->at = end + 1;
    return room;
}

/* Types by the names of safetensors; one byte may be of any order. */
static rd_status read_type(reader *r) {
    static const struct {
        const char *descr, *dtype;
        size_t size;
    } types[] = {{"<f4", "F32", 4}, {"<f8", "F64", 8}, {"<f2", "F16", 2}, {"|i1", "I8", 1},
                 {"<i1", "I8", 1},  {"|u1", "U8", 1},  {"<u1", "U8", 1}};
    char room[16];
    const char *descr = take_text(r, room);
    if (!descr) return malformed(r);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(descr, types[i].descr) != 0) continue;
        r->array->dtype = types[i].dtype;
        r->array->n_bytes = types[i].size;
        return RD_OK;
    }
    return rd_error(RD_ERR_UNSUPPORTED, "%s: array %.100s has type %s", r->array->path,
                    r->array->name, descr);
}

static rd_status read_shape(reader *r) {
    rd_stored_tensor *a = r->array;
    if (!take(r, "(")) return malformed(r);
    a->rank = 0;
    a->n = 1;
    while (!take(r, ")")) {
        int64_t size = 0;
        const char *first = r->at;
        for (; r->at < r->end && *r->at >= '0' && *r->at <= '9' && size < INT64_MAX / 16; r->at++)
            size = size * 10 + (*r->at - '0');
        if (r->at == first || a->rank == RD_TENSOR_RANK || !rd_shape_grow(&a->n, size))
            return rd_error(RD_ERR_FORMAT, "%s: array %.100s has an impossible shape", a->path,
                            a->name);
        a->shape[a->rank++] = size;
        if (!take(r, ",") && (skip_blanks(r), r->at >= r->end || *r->at != ')'))
            return malformed(r);
    }
    return RD_OK;
}

/* One of the three entries, each once. */
static rd_status read_entry(reader *r) {
    char room[16];
    const char *key = take_text(r, room);
    if (!key || !take(r, ":")) return malformed(r);
    bool *seen = strcmp(key, "descr") == 0           ? &r->has_type
                 : strcmp(key, "fortran_order") == 0 ? &r->has_order
                 : strcmp(key, "shape") == 0         ? &r->has_shape
                                                     : NULL;
    if (!seen || *seen) return malformed(r);
    *seen = true;
    if (seen == &r->has_type) return read_type(r);
    if (seen == &r->has_shape) return read_shape(r);
    if (take(r, "False")) return RD_OK;
    return take(r, "True") ? rd_error(RD_ERR_UNSUPPORTED,
                                      "%s: array %.100s is stored by columns (Fortran order)",
                                      r->array->path, r->array->name)
                           : malformed(r);
}

static rd_status read_dictionary(reader *r) {
    if (!take(r, "{")) return malformed(r);
    while (!take(r, "}")) {
        RD_TRY(read_entry(r));
        skip_blanks(r);
        if (!take(r, ",") && (r->at >= r->end || *r->at != '}')) return malformed(r);
    }
    skip_blanks(r);
    bool whole = r->at == r->end && r->has_type && r->has_order && r->has_shape;
    if (!whole) return malformed(r);
    r->array->n_bytes *= (size_t)r->array->n;
    return RD_OK;
}

/* Magic, two bytes of version, the length of what follows in 2 bytes, or in 4 from version 2 on. */
rd_status rd_npy_header(rd_stored_tensor *array, const char *bytes, size_t n, size_t *length) {
    static const char magic[6] = {'\x93', 'N', 'U', 'M', 'P', 'Y'};
    reader r = {.array = array};
    uint32_t size = 0;
    if (n < 12 || memcmp(bytes, magic, sizeof magic) != 0 || bytes[6] < 1 || bytes[6] > 3)
        return malformed(&r);
    size_t start = bytes[6] == 1 ? 10 : 12;
    memcpy(&size, bytes + 8, start - 8); /* little-endian, as all our targets */
    if (size > n - start) return malformed(&r);
    r.at = bytes + start;
    r.end = r.at + size;
    *length = start + size;
    return read_dictionary(&r);
}
