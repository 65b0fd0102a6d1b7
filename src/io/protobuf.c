#include "io/protobuf.h"

#include <string.h>

static rd_status put_varint(rd_text *out, uint64_t value) {
    char bytes[10];
    size_t n = 0;
    for (; value > 0x7f; value >>= 7) bytes[n++] = (char)(value | 0x80);
    bytes[n++] = (char)value;
    return rd_text_append(out, bytes, n);
}

static rd_status put_tag(rd_text *out, int number, rd_wire_type type) {
    return put_varint(out, (uint64_t)number << 3 | type);
}

rd_status rd_proto_put_integer(rd_text *out, int number, int64_t value) {
    RD_TRY(put_tag(out, number, RD_WIRE_VARINT));
    return put_varint(out, (uint64_t)value);
}

rd_status rd_proto_put_bytes(rd_text *out, int number, const char *bytes, size_t n) {
    RD_TRY(put_tag(out, number, RD_WIRE_BYTES));
    RD_TRY(put_varint(out, n));
    return rd_text_append(out, bytes, n);
}

/* bits: of a float or a double */
static rd_status put_bits(rd_text *out, int number, uint64_t bits, int n) {
    char bytes[8];
    RD_TRY(put_tag(out, number, n == 8 ? RD_WIRE_64 : RD_WIRE_32));
    for (int i = 0; i < n; i++) bytes[i] = (char)(bits >> (8 * i) & 0xff);
    return rd_text_append(out, bytes, (size_t)n);
}

rd_status rd_proto_put_double(rd_text *out, int number, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return put_bits(out, number, bits, 8);
}

rd_status rd_proto_put_float(rd_text *out, int number, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return put_bits(out, number, bits, 4);
}

/* Only the shortest form: a last byte of zero adds nothing to a number except length. */
static bool read_varint(rd_proto_reader *r, uint64_t largest, uint64_t *value) {
    *value = 0;
    for (int shift = 0; shift < 64 && r->at < r->end; shift += 7) {
        unsigned char byte = *r->at++;
        if (shift == 63 && byte > 1) return false;
        *value |= (uint64_t)(byte & 0x7F) << shift;
        if (!(byte & 0x80)) return (byte != 0 || shift == 0) && *value <= largest;
    }
    return false;
}

bool rd_proto_read(rd_proto_reader *r, rd_proto_field *f) {
    uint64_t tag, length = 0;
    if (!read_varint(r, UINT32_MAX, &tag)) return false;
    *f = (rd_proto_field){.number = tag >> 3, .type = (rd_wire_type)(tag & 7)};
    if (f->number == 0) return false;
    if (f->type == RD_WIRE_VARINT) return read_varint(r, UINT64_MAX, &f->value);
    if (f->type == RD_WIRE_BYTES) {
        if (!read_varint(r, INT32_MAX, &length)) return false;
    } else if (f->type == RD_WIRE_64 || f->type == RD_WIRE_32)
        length = f->type == RD_WIRE_64 ? 8 : 4;
    else
        return false; /* a group */
    if (length > (uint64_t)(r->end - r->at)) return false;
    f->content = (rd_proto_reader){r->at, r->at + length};
    r->at += length;
    return true;
}
