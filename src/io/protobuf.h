/* Protocol buffers: messages are sequences of fields, each a number with a wire type, then its
 * content. Writers have one way to write a number, readers take many: only that one way is read, so
 * that no other reader can see something else in the same bytes. */
#ifndef RD_IO_PROTOBUF_H
#define RD_IO_PROTOBUF_H

#include "base/text.h"

typedef enum { RD_WIRE_VARINT = 0, RD_WIRE_64 = 1, RD_WIRE_BYTES = 2, RD_WIRE_32 = 5 } rd_wire_type;

/* Each appends a field. */
rd_status rd_proto_put_integer(rd_text *out, int number, int64_t value);
rd_status rd_proto_put_bytes(rd_text *out, int number, const char *bytes, size_t n);
rd_status rd_proto_put_double(rd_text *out, int number, double value);
rd_status rd_proto_put_float(rd_text *out, int number, float value);

/* What is left of a message. */
typedef struct {
    const unsigned char *at, *end;
} rd_proto_reader;

typedef struct {
    uint64_t number, value; /* value: of a VARINT */
    rd_wire_type type;
    rd_proto_reader content; /* of BYTES, 64 and 32 */
} rd_proto_field;

/* The next field; false if it is damaged or a group. Call while at < end. */
bool rd_proto_read(rd_proto_reader *reader, rd_proto_field *field);

#endif
