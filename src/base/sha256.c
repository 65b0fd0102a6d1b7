#include "base/sha256.h"

#include <stdio.h>
#include <string.h>

enum { BLOCK = 64, LENGTH_AT = 56 };

/* The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
static const uint32_t ROUND[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotate(uint32_t x, int n) {
    return x >> n | x << (32 - n);
}

/* Round `turn` modulo 8: instead of moving the words a ... h by one place, it finds a at v[-turn].
 */
static inline void add_round(uint32_t *v, int turn, uint32_t constant) {
    uint32_t a = v[-turn & 7], b = v[(1 - turn) & 7], c = v[(2 - turn) & 7];
    uint32_t e = v[(4 - turn) & 7], f = v[(5 - turn) & 7], g = v[(6 - turn) & 7];
    uint32_t t1 = v[(7 - turn) & 7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) +
                  ((e & f) ^ (~e & g)) + constant;
    v[(3 - turn) & 7] += t1;
    v[(7 - turn) & 7] =
        t1 + (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
}

static void add_block(rd_sha256 *sha, const uint8_t *block) {
    uint32_t w[64], v[8];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
               (uint32_t)block[4 * i + 2] << 8 | (uint32_t)block[4 * i + 3];
    for (int i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) + w[i - 7] +
               (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
    }
    memcpy(v, sha->state, sizeof v);
    for (int i = 0; i < 64; i += 8) { /* written out, for the compiler to keep v in registers */
        add_round(v, 0, ROUND[i] + w[i]);
        add_round(v, 1, ROUND[i + 1] + w[i + 1]);
        add_round(v, 2, ROUND[i + 2] + w[i + 2]);
        add_round(v, 3, ROUND[i + 3] + w[i + 3]);
        add_round(v, 4, ROUND[i + 4] + w[i + 4]);
        add_round(v, 5, ROUND[i + 5] + w[i + 5]);
        add_round(v, 6, ROUND[i + 6] + w[i + 6]);
        add_round(v, 7, ROUND[i + 7] + w[i + 7]);
    }
    for (int i = 0; i < 8; i++) sha->state[i] += v[i];
}

void rd_sha256_start(rd_sha256 *sha) {
    *sha = (rd_sha256){.state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
                                 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

void rd_sha256_add(rd_sha256 *sha, const void *bytes, size_t n) {
    const uint8_t *at = bytes;
    while (n > 0) {
        size_t used = (size_t)(sha->length % BLOCK), part = BLOCK - used < n ? BLOCK - used : n;
        if (part == BLOCK) {
            add_block(sha, at);
        } else {
            memcpy(sha->block + used, at, part);
            if (used + part == BLOCK) add_block(sha, sha->block);
        }
        sha->length += part;
        at += part;
        n -= part;
    }
}

void rd_sha256_end(rd_sha256 *sha, char hex[RD_SHA256_HEX]) {
    static const uint8_t padding[BLOCK] = {0x80};
    uint64_t bits = sha->length * 8;
    uint8_t length[8];
    size_t used = (size_t)(sha->length % BLOCK);
    for (int i = 0; i < 8; i++) length[i] = (uint8_t)(bits >> (56 - 8 * i));
    rd_sha256_add(sha, padding, (used < LENGTH_AT ? LENGTH_AT : BLOCK + LENGTH_AT) - used);
    rd_sha256_add(sha, length, sizeof length);
    for (int i = 0; i < 8; i++) snprintf(hex + 8 * i, 9, "%08x", (unsigned)sha->state[i]);
}
