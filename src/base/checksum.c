#include "base/checksum.h"

#include <zlib.h>

uint32_t rd_crc32(uint32_t crc, const void *bytes, size_t n) {
    for (const Bytef *at = bytes; n > 0;) {
        uInt part = n > (1u << 30) ? 1u << 30 : (uInt)n; /* zlib counts in 32 bits */
        crc = (uint32_t)crc32(crc, at, part);
        at += part;
        n -= part;
    }
    return crc;
}
