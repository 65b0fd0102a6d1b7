/* Activations in float32 or bfloat16. */
#ifndef RD_OPS_ACTIVATIONS_H
#define RD_OPS_ACTIVATIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* A matrix, row-major: in float32 (bf16 NULL), in bfloat16 (f32 NULL), or in both, when matrix
 * products read the one and other operations the other. Both NULL: none. */
typedef struct {
    float *f32;
    uint16_t *bf16;
} rd_activations;

static inline bool rd_activations_exists(rd_activations x) {
    return x.f32 || x.bf16;
}

/* x from element `offset` on. */
static inline rd_activations rd_activations_at(rd_activations x, int64_t offset) {
    return (rd_activations){x.f32 ? x.f32 + offset : NULL, x.bf16 ? x.bf16 + offset : NULL};
}

static inline float rd_bf16_to_f32(uint16_t x) {
    uint32_t bits = (uint32_t)x << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline float rd_activation_at(rd_activations x, int64_t i) {
    if (x.f32) return x.f32[i];
    return x.bf16 ? rd_bf16_to_f32(x.bf16[i]) : 0.0f;
}

/* Rounds to the nearest, ties to even; NaN stays NaN. */
static inline uint16_t rd_f32_to_bf16(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    uint32_t rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
    bool nan = (bits & 0x7FFFFFFF) > 0x7F800000;
    return (uint16_t)(nan ? 0x7FC0 : rounded);
}

#endif
