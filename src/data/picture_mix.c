/* Mixup and cutmix: each picture of a batch with the next one, the last with the first. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "data/picture_batches.h"

/* Where the other picture's samples go: [y, y + height) x [x, x + width). */
typedef struct {
    int64_t y, x, height, width;
} box;

/* A box of (1 - share) of the area around a random middle, cut where it leaves the picture. */
static box draw_box(int64_t size, double share, rd_rng *rng) {
    int64_t side = (int64_t)((double)size * sqrt(1.0 - share)), half = side / 2;
    int64_t y = (int64_t)rd_rng_below(rng, (uint64_t)size),
            x = (int64_t)rd_rng_below(rng, (uint64_t)size);
    int64_t top = y - half > 0 ? y - half : 0, left = x - half > 0 ? x - half : 0;
    int64_t bottom = y + half < size ? y + half : size, right = x + half < size ? x + half : size;
    return (box){top, left, bottom - top, right - left};
}

static void mix(float *to, const float *other, int64_t n, float share) {
    for (int64_t i = 0; i < n; i++) to[i] = share * to[i] + (1.0f - share) * other[i];
}

static void paste(float *to, const float *other, int64_t channels, int64_t size, box b) {
    for (int64_t c = 0; c < channels; c++)
        for (int64_t y = b.y; y < b.y + b.height; y++) {
            int64_t at = (c * size + y) * size + b.x;
            memcpy(to + at, other + at, sizeof *to * (size_t)b.width);
        }
}

static rd_status add_labels(rd_batch *batch, float share) {
    int64_t n = batch->n;
    RD_TRY(rd_reserve(&batch->other_labels.data, &batch->other_labels.capacity, n,
                      sizeof *batch->other_labels.data));
    batch->other_labels.length = n;
    for (int64_t i = 0; i < n; i++) batch->other_labels.data[i] = batch->labels.data[(i + 1) % n];
    batch->shares.length = 0;
    for (int64_t i = 0; i < n; i++) RD_TRY(rd_floats_add(&batch->shares, &share, 1));
    return RD_OK;
}

rd_status rd_mix_pictures(rd_batch *batch, int64_t channels, int64_t size, double share,
                          bool as_boxes, rd_rng *rng) {
    int64_t samples = channels * size * size;
    float *first = rd_malloc((size_t)samples, sizeof *first), *pictures = batch->pictures.data;
    box b = {0};
    if (!first) return RD_ERR_MEMORY;
    if (as_boxes) {
        b = draw_box(size, share, rng);
        share = 1.0 - (double)(b.width * b.height) / (double)(size * size);
    }
    memcpy(first, pictures, sizeof *first * (size_t)samples);
    for (int64_t i = 0; i < batch->n; i++) {
        const float *other = i + 1 < batch->n ? pictures + (i + 1) * samples : first;
        if (as_boxes)
            paste(pictures + i * samples, other, channels, size, b);
        else
            mix(pictures + i * samples, other, samples, (float)share);
    }
    free(first);
    return add_labels(batch, (float)share);
}
