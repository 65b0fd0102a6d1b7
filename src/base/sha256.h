/* SHA-256 (FIPS 180-4): tells whether two files are the same without having both. */
#ifndef RD_BASE_SHA256_H
#define RD_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint32_t state[8];
    uint64_t length; /* bytes so far */
    uint8_t block[64];
} rd_sha256;

void rd_sha256_start(rd_sha256 *sha);
void rd_sha256_add(rd_sha256 *sha, const void *bytes, size_t n);

/* The hash in hexadecimal digits, as sha256sum prints it. */
enum { RD_SHA256_HEX = 65 };
void rd_sha256_end(rd_sha256 *sha, char hex[RD_SHA256_HEX]);

#endif
