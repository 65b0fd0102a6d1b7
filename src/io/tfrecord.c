#include "io/tfrecord.h"

static const uint32_t polynomial = 0x82f63b78u; /* Castagnoli's, bits reversed */

uint32_t rd_crc32c(const void *bytes, size_t n) {
    const uint8_t *at = bytes;
    uint32_t crc = ~0u;
    for (size_t i = 0; i < n; i++) {
        crc ^= at[i];
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? polynomial : 0u);
    }
    return ~crc;
}

static rd_status append_little_endian(rd_text *out, uint64_t value, int n) {
    char bytes[8];
    for (int i = 0; i < n; i++) bytes[i] = (char)(value >> (8 * i) & 0xff);
    return rd_text_append(out, bytes, (size_t)n);
}

/* The checksum of bytes that hold checksums themselves would be weak: TensorFlow masks it. */
static rd_status append_checksum(rd_text *out, const void *bytes, size_t n) {
    uint32_t crc = rd_crc32c(bytes, n);
    return append_little_endian(out, (uint32_t)((crc >> 15 | crc << 17) + 0xa282ead8u), 4);
}

rd_status rd_tfrecord_append(rd_text *out, const void *bytes, size_t n) {
    int64_t start = out->length;
    RD_TRY(append_little_endian(out, n, 8));
    RD_TRY(append_checksum(out, out->data + start, 8));
    RD_TRY(rd_text_append(out, bytes, n));
    return append_checksum(out, bytes, n);
}
