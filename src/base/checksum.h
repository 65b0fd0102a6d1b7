/* CRC-32 (zlib's): tells a damaged file from a sound one. */
#ifndef RD_BASE_CHECKSUM_H
#define RD_BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* The checksum after `n` more bytes, continuing from `crc`; start with 0. */
uint32_t rd_crc32(uint32_t crc, const void *bytes, size_t n);

#endif
