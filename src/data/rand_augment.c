#include "data/rand_augment.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { STEPS = 30 /* of magnitude */, LEVELS = 256 };

static const double pi = 3.14159265358979323846;

static int64_t n_pixels(const rd_picture *p) {
    return (int64_t)p->width * p->height;
}

static int64_t n_samples(const rd_picture *p) {
    return n_pixels(p) * p->channels;
}

/* ---- Places: output (x, y) is input (m[0] x + m[1] y + m[2], m[3] x + m[4] y + m[5]), to the
 * nearest pixel, in 16 bits of fixed point ---- */

static int64_t fixed(double value) {
    return (int64_t)floor(value * 65536.0 + 0.5);
}

static rd_status transform(rd_picture *p, rd_picture *scratch, const double m[6]) {
    int64_t channels = p->channels, width = p->width, height = p->height;
    int64_t dx = fixed(m[0]), dy = fixed(m[3]);
    int64_t row_x = fixed(m[2] + m[0] * 0.5 + m[1] * 0.5);
    int64_t row_y = fixed(m[5] + m[3] * 0.5 + m[4] * 0.5);
    RD_TRY(rd_picture_reshape(scratch, width, height, p->channels));
    for (int64_t y = 0; y < height; y++, row_x += fixed(m[1]), row_y += fixed(m[4])) {
        int64_t at_x = row_x, at_y = row_y;
        uint8_t *to = scratch->samples + y * width * channels;
        for (int64_t x = 0; x < width; x++, to += channels, at_x += dx, at_y += dy) {
            int64_t from_x = at_x >> 16, from_y = at_y >> 16;
            if (from_x >= 0 && from_x < width && from_y >= 0 && from_y < height)
                memcpy(to, p->samples + (from_y * width + from_x) * channels, (size_t)channels);
            else
                memset(to, 0, (size_t)channels);
        }
    }
    rd_picture kept = *p;
    *p = *scratch;
    *scratch = kept;
    return RD_OK;
}

static double rounded15(double x) {
    return rint(x * 1e15) / 1e15;
}

/* Around the middle. */
static rd_status rotate(rd_picture *p, rd_picture *scratch, double degrees) {
    double angle = -degrees * pi / 180.0, x = p->width / 2.0, y = p->height / 2.0;
    double c = rounded15(cos(angle)), s = rounded15(sin(angle));
    const double m[6] = {c, s, c * -x + s * -y + x, -s, c, -s * -x + c * -y + y};
    return transform(p, scratch, m);
}

/* ---- Blending: other + factor * (picture - other), clipped to the range of a sample ---- */

static uint8_t blended(uint8_t other, uint8_t own, float factor) {
    float value = (float)other + factor * (float)((int)own - (int)other);
    return value <= 0.0f ? 0 : value >= 255.0f ? 255 : (uint8_t)value;
}

static void blend_with_level(rd_picture *p, uint8_t level, float factor) {
    for (int64_t i = 0; i < n_samples(p); i++)
        p->samples[i] = blended(level, p->samples[i], factor);
}

static void change_colour(rd_picture *p, float factor) {
    if (p->channels != 3) return;
    for (int64_t i = 0; i < n_pixels(p); i++) {
        uint8_t *rgb = p->samples + 3 * i, grey = rd_luma(rgb);
        for (int c = 0; c < 3; c++) rgb[c] = blended(grey, rgb[c], factor);
    }
}

static void change_contrast(rd_picture *p, float factor) {
    int64_t sum = 0, n = n_pixels(p);
    for (int64_t i = 0; i < n; i++)
        sum += p->channels == 3 ? rd_luma(p->samples + 3 * i) : p->samples[i];
    blend_with_level(p, (uint8_t)((double)sum / (double)n + 0.5), factor);
}

/* The mean of a pixel, counted 5 times, and its 8 neighbours. The border stays. */
static uint8_t smoothed(const uint8_t *at, int64_t stride, int64_t channels) {
    int sum = 4 * at[0];
    for (int64_t dy = -1; dy <= 1; dy++)
        for (int64_t dx = -1; dx <= 1; dx++) sum += at[dy * stride + dx * channels];
    return (uint8_t)((2 * sum + 13) / 26);
}

static rd_status change_sharpness(rd_picture *p, rd_picture *scratch, float factor) {
    int64_t channels = p->channels, stride = p->width * channels;
    RD_TRY(rd_picture_reshape(scratch, p->width, p->height, p->channels));
    memcpy(scratch->samples, p->samples, (size_t)n_samples(p));
    for (int64_t y = 1; y + 1 < p->height; y++)
        for (int64_t i = y * stride + channels; i < (y + 1) * stride - channels; i++)
            p->samples[i] = blended(smoothed(scratch->samples + i, stride, channels),
                                    scratch->samples[i], factor);
    return RD_OK;
}

/* ---- Tables: each sample becomes another, channel by channel ---- */

static void apply_table(rd_picture *p, int64_t channel, const uint8_t table[LEVELS]) {
    for (int64_t i = channel; i < n_samples(p); i += p->channels)
        p->samples[i] = table[p->samples[i]];
}

static void count_levels(const rd_picture *p, int64_t channel, int64_t counts[LEVELS]) {
    memset(counts, 0, sizeof *counts * LEVELS);
    for (int64_t i = channel; i < n_samples(p); i += p->channels) counts[p->samples[i]]++;
}

static void auto_contrast(rd_picture *p) {
    for (int64_t c = 0; c < p->channels; c++) {
        int64_t counts[LEVELS];
        uint8_t table[LEVELS];
        int low = 0, high = LEVELS - 1;
        count_levels(p, c, counts);
        while (low < high && counts[low] == 0) low++;
        while (high > low && counts[high] == 0) high--;
        if (high <= low) continue;
        double scale = 255.0 / (high - low), offset = -low * scale;
        for (int i = 0; i < LEVELS; i++) {
            int value = (int)(i * scale + offset);
            table[i] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
        }
        apply_table(p, c, table);
    }
}

static void equalize(rd_picture *p) {
    for (int64_t c = 0; c < p->channels; c++) {
        int64_t counts[LEVELS], total = n_pixels(p);
        uint8_t table[LEVELS];
        int last = LEVELS - 1;
        count_levels(p, c, counts);
        while (last > 0 && counts[last] == 0) last--;
        int64_t step = (total - counts[last]) / 255, sum = step / 2;
        if (step == 0) continue;
        for (int i = 0; i < LEVELS; i++) {
            int64_t value = sum / step;
            table[i] = (uint8_t)(value > 255 ? 255 : value);
            sum += counts[i];
        }
        apply_table(p, c, table);
    }
}

static void posterize(rd_picture *p, int bits) {
    uint8_t mask = (uint8_t)(0xFF << (8 - bits));
    for (int64_t i = 0; i < n_samples(p); i++) p->samples[i] &= mask;
}

static void solarize(rd_picture *p, double from) {
    for (int64_t i = 0; i < n_samples(p); i++)
        if (p->samples[i] >= from) p->samples[i] = (uint8_t)(255 - p->samples[i]);
}

rd_status rd_picture_augment(rd_picture *p, rd_picture *scratch, rd_augment_operation operation,
                             double by) {
    float factor = (float)(1.0 + by);
    switch (operation) {
    case RD_AUGMENT_SHEAR_X:
        return transform(p, scratch, (const double[6]){1, by, 0, 0, 1, 0});
    case RD_AUGMENT_SHEAR_Y:
        return transform(p, scratch, (const double[6]){1, 0, 0, by, 1, 0});
    case RD_AUGMENT_TRANSLATE_X:
        return transform(p, scratch, (const double[6]){1, 0, -trunc(by), 0, 1, 0});
    case RD_AUGMENT_TRANSLATE_Y:
        return transform(p, scratch, (const double[6]){1, 0, 0, 0, 1, -trunc(by)});
    case RD_AUGMENT_ROTATE:
        return rotate(p, scratch, by);
    case RD_AUGMENT_SHARPNESS:
        return change_sharpness(p, scratch, factor);
    case RD_AUGMENT_BRIGHTNESS:
        blend_with_level(p, 0, factor);
        break;
    case RD_AUGMENT_COLOUR:
        change_colour(p, factor);
        break;
    case RD_AUGMENT_CONTRAST:
        change_contrast(p, factor);
        break;
    case RD_AUGMENT_POSTERIZE:
        posterize(p, (int)by);
        break;
    case RD_AUGMENT_SOLARIZE:
        solarize(p, by);
        break;
    case RD_AUGMENT_AUTO_CONTRAST:
        auto_contrast(p);
        break;
    case RD_AUGMENT_EQUALIZE:
        equalize(p);
        break;
    case RD_AUGMENT_IDENTITY:
    case RD_AUGMENT_OPERATIONS:
        break;
    }
    return RD_OK;
}

/* The strength of this magnitude, and whether a sign is drawn. */
static double strength(rd_augment_operation operation, const rd_picture *p, int32_t magnitude,
                       bool *is_signed) {
    double share = (double)magnitude / STEPS;
    *is_signed = true;
    switch (operation) {
    case RD_AUGMENT_SHEAR_X:
    case RD_AUGMENT_SHEAR_Y:
        return 0.3 * share;
    case RD_AUGMENT_TRANSLATE_X:
        return 150.0 / 331.0 * p->width * share;
    case RD_AUGMENT_TRANSLATE_Y:
        return 150.0 / 331.0 * p->height * share;
    case RD_AUGMENT_ROTATE:
        return 30.0 * share;
    case RD_AUGMENT_BRIGHTNESS:
    case RD_AUGMENT_COLOUR:
    case RD_AUGMENT_CONTRAST:
    case RD_AUGMENT_SHARPNESS:
        return 0.9 * share;
    default:
        *is_signed = false;
        return operation == RD_AUGMENT_POSTERIZE  ? 8.0 - rint(4.0 * share)
               : operation == RD_AUGMENT_SOLARIZE ? 255.0 - 255.0 * share
                                                  : 0.0;
    }
}

rd_status rd_rand_augment(rd_picture *picture, rd_picture *scratch, int32_t magnitude,
                          rd_rng *rng) {
    rd_augment_operation operation = (rd_augment_operation)rd_rng_below(rng, RD_AUGMENT_OPERATIONS);
    bool is_signed;
    double by = strength(operation, picture, magnitude, &is_signed);
    if (is_signed && rd_rng_below(rng, 2) == 1) by = -by;
    return rd_picture_augment(picture, scratch, operation, by);
}
