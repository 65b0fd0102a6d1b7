#include "data/picture_input.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "data/rand_augment.h"

enum { CHANNELS = 3 };

struct rd_picture_input {
    int32_t size, channels, resize;
    bool stretch, crop_floor;
    rd_resampling resampling;
    bool augments;
    rd_augmentation augmentation;
    float normalised[CHANNELS][256]; /* of each sample */
};

/* One number for all channels, or one each. */
static rd_status parse_numbers(const char *key, const char *text, int32_t channels,
                               double numbers[CHANNELS]) {
    int32_t n = rd_parse_numbers(text, channels, numbers);
    if (n != 1 && n != channels)
        return rd_error(RD_ERR_FORMAT, "%s is '%.60s'; expected a number, or %d with commas", key,
                        text, (int)channels);
    for (; n < channels; n++) numbers[n] = numbers[0];
    return RD_OK;
}

static rd_status set_form(rd_picture_input *input, const rd_picture_form *form) {
    double mean[CHANNELS], std[CHANNELS];
    RD_TRY(parse_numbers("picture-mean", form->mean, input->channels, mean));
    RD_TRY(parse_numbers("picture-std", form->std, input->channels, std));
    input->resampling = form->resampling;
    input->resize = form->resize;
    input->stretch = form->stretch;
    input->crop_floor = form->crop_floor;
    if (input->resize > 0 && input->resize < input->size)
        return rd_error(RD_ERR_FORMAT,
                        "picture-resize %d is less than picture-size %d, which is cut out of it",
                        (int)input->resize, (int)input->size);
    for (int32_t c = 0; c < input->channels; c++) {
        if ((float)std[c] <= 0.0f || !isfinite(1.0f / (float)std[c]))
            return rd_error(RD_ERR_FORMAT, "picture-std is not above 0");
        for (int i = 0; i < 256; i++)
            input->normalised[c][i] = ((float)i / 255.0f - (float)mean[c]) / (float)std[c];
    }
    return RD_OK;
}

static rd_status set_augmentation(rd_picture_input *input, const rd_augmentation *a) {
    input->augments = a;
    if (!a) return RD_OK;
    input->augmentation = *a;
    if (a->crop_scale[0] > a->crop_scale[1] || a->crop_ratio[0] > a->crop_ratio[1])
        return rd_error(RD_ERR_FORMAT, "crop-scale and crop-ratio: expected [least, most]");
    if (a->random_resized_crop && a->crop_padding > 0)
        return rd_error(RD_ERR_FORMAT, "random-resized-crop and crop-padding exclude each other");
    return RD_OK;
}

rd_status rd_picture_input_new(rd_picture_input **out, const rd_picture_form *form,
                               const rd_augmentation *augmentation, int32_t size,
                               int32_t channels) {
    rd_picture_input *input = *out = rd_calloc(1, sizeof *input);
    if (!input) return RD_ERR_MEMORY;
    input->size = size;
    input->channels = channels;
    rd_status status = set_form(input, form);
    if (status == RD_OK) status = set_augmentation(input, augmentation);
    if (status == RD_OK) return RD_OK;
    rd_picture_input_free(input);
    *out = NULL;
    return status;
}

void rd_picture_input_free(rd_picture_input *input) {
    free(input);
}

int32_t rd_picture_input_size(const rd_picture_input *input) {
    return input->size;
}

int32_t rd_picture_input_channels(const rd_picture_input *input) {
    return input->channels;
}

void rd_picture_scratch_free(rd_picture_scratch *s) {
    rd_picture_free(&s->decoded);
    rd_picture_free(&s->part);
    rd_picture_free(&s->scratch);
}

static rd_box whole(const rd_picture *p) {
    return (rd_box){0, 0, p->width, p->height};
}

static void swap(rd_picture *a, rd_picture *b) {
    rd_picture kept = *a;
    *a = *b;
    *b = kept;
}

/* Where `size` in the middle of `n` begins. */
static int64_t middle_of(const rd_picture_input *input, int64_t n) {
    return input->crop_floor ? (n - input->size) / 2 : llrint((double)(n - input->size) / 2.0);
}

/* `part` = the middle of what the shorter side's resizing gives, or all of it. */
static rd_status resize_to_middle(const rd_picture_input *input, rd_picture_scratch *s) {
    const rd_picture *from = &s->decoded;
    bool keeps_shape = input->resize > 0 && !input->stretch, wide = from->width > from->height;
    int64_t side = input->resize > 0 ? input->resize : input->size;
    int64_t width = keeps_shape && wide ? side * from->width / from->height : side;
    int64_t height = keeps_shape && !wide ? side * from->height / from->width : side;
    const rd_resized_part middle = {middle_of(input, width), middle_of(input, height), input->size,
                                    input->size};
    return rd_picture_resize(&s->part, &s->scratch, from, whole(from), width, height, &middle,
                             input->resampling);
}

static double between(rd_rng *rng, const double range[2]) {
    return range[0] + rd_rng_uniform(rng) * (range[1] - range[0]);
}

/* A random part; the middle where ten tries give none that fits. */
static rd_box random_part(const rd_augmentation *a, const rd_picture *p, rd_rng *rng) {
    double area = (double)p->width * p->height;
    const double logs[2] = {log(a->crop_ratio[0]), log(a->crop_ratio[1])};
    for (int i = 0; i < 10; i++) {
        double target = area * between(rng, a->crop_scale), ratio = exp(between(rng, logs));
        double width = rint(sqrt(target * ratio)), height = rint(sqrt(target / ratio));
        if (width < 1 || width > p->width || height < 1 || height > p->height) continue;
        rd_box box = {.width = (int32_t)width, .height = (int32_t)height};
        box.y = (int32_t)rd_rng_below(rng, (uint64_t)p->height - (uint64_t)box.height + 1);
        box.x = (int32_t)rd_rng_below(rng, (uint64_t)p->width - (uint64_t)box.width + 1);
        return box;
    }
    double ratio = (double)p->width / p->height;
    rd_box box = whole(p);
    if (ratio < a->crop_ratio[0]) box.height = (int32_t)rint(p->width / a->crop_ratio[0]);
    if (ratio > a->crop_ratio[1]) box.width = (int32_t)rint(p->height * a->crop_ratio[1]);
    if (box.height < 1) box.height = 1;
    if (box.width < 1) box.width = 1;
    box.x = (p->width - box.width) / 2;
    box.y = (p->height - box.height) / 2;
    return box;
}

/* The square moves by (dx, dy), and zeros come in. */
static rd_status shift(rd_picture_scratch *s, int32_t dx, int32_t dy) {
    const rd_picture *from = &s->part;
    rd_picture *to = &s->scratch;
    int32_t size = from->width, first = dx < 0 ? -dx : 0, last = dx > 0 ? size - dx : size;
    int64_t channels = from->channels, stride = size * channels;
    RD_TRY(rd_picture_reshape(to, size, size, from->channels));
    memset(to->samples, 0, (size_t)(size * stride));
    for (int32_t y = 0; y < size && first < last; y++)
        if (y + dy >= 0 && y + dy < size)
            memcpy(to->samples + y * stride + first * channels,
                   from->samples + (y + dy) * stride + (first + dx) * channels,
                   (size_t)((last - first) * channels));
    swap(&s->part, &s->scratch);
    return RD_OK;
}

/* A square of random place in the picture with zeros around. */
static rd_status padded_part(int32_t padding, rd_picture_scratch *s, rd_rng *rng) {
    uint64_t places = 2 * (uint64_t)padding + 1;
    int32_t dy = (int32_t)rd_rng_below(rng, places) - padding;
    int32_t dx = (int32_t)rd_rng_below(rng, places) - padding;
    return shift(s, dx, dy);
}

static void flip(rd_picture *p) {
    int64_t channels = p->channels;
    for (int64_t y = 0; y < p->height; y++) {
        uint8_t *row = p->samples + y * p->width * channels;
        for (int64_t a = 0, b = p->width - 1; a < b; a++, b--)
            for (int64_t c = 0; c < channels; c++) {
                uint8_t kept = row[a * channels + c];
                row[a * channels + c] = row[b * channels + c];
                row[b * channels + c] = kept;
            }
    }
}

/* `part` = the square of the model's size. */
static rd_status augment(const rd_picture_input *input, rd_picture_scratch *s, rd_rng *rng) {
    const rd_augmentation *a = &input->augmentation;
    if (a->random_resized_crop)
        RD_TRY(rd_picture_resize(
            &s->part, &s->scratch, &s->decoded, random_part(a, &s->decoded, rng), input->size,
            input->size, &(rd_resized_part){0, 0, input->size, input->size}, input->resampling));
    else
        RD_TRY(resize_to_middle(input, s));
    if (a->crop_padding > 0) RD_TRY(padded_part(a->crop_padding, s, rng));
    if (a->flip > 0.0f && rd_rng_uniform(rng) < (double)a->flip) flip(&s->part);
    for (int32_t i = 0; i < a->rand_augment_ops; i++)
        RD_TRY(rd_rand_augment(&s->part, &s->scratch, a->rand_augment_magnitude, rng));
    return RD_OK;
}

/* torchvision's RandomErasing with its defaults: of 2 to 33 percent of the area, to zeros. */
static void erase(const rd_picture_input *input, rd_rng *rng, float *out) {
    const double share[2] = {0.02, 0.33}, ratios[2] = {log(0.3), log(3.3)};
    int64_t size = input->size;
    for (int i = 0; i < 10; i++) {
        double area = (double)(size * size) * between(rng, share),
               ratio = exp(between(rng, ratios));
        int64_t height = (int64_t)rint(sqrt(area * ratio)),
                width = (int64_t)rint(sqrt(area / ratio));
        if (height < 1 || width < 1 || height >= size || width >= size) continue;
        int64_t top = (int64_t)rd_rng_below(rng, (uint64_t)(size - height + 1));
        int64_t left = (int64_t)rd_rng_below(rng, (uint64_t)(size - width + 1));
        for (int64_t c = 0; c < input->channels; c++)
            for (int64_t y = top; y < top + height; y++)
                memset(out + (c * size + y) * size + left, 0, sizeof *out * (size_t)width);
        return;
    }
}

static void normalise(const rd_picture_input *input, const rd_picture *p, float *out) {
    int64_t pixels = (int64_t)input->size * input->size, channels = input->channels;
    for (int64_t c = 0; c < channels; c++)
        for (int64_t i = 0; i < pixels; i++)
            out[c * pixels + i] = input->normalised[c][p->samples[i * channels + c]];
}

rd_status rd_picture_input_make(const rd_picture_input *input, const void *bytes, size_t n,
                                rd_rng *rng, rd_picture_scratch *s, float *out) {
    bool random = rng && input->augments;
    RD_TRY(rd_picture_decode(&s->decoded, bytes, n, input->channels));
    RD_TRY(random ? augment(input, s, rng) : resize_to_middle(input, s));
    normalise(input, &s->part, out);
    float erasing = input->augmentation.erasing;
    if (random && erasing > 0.0f && rd_rng_uniform(rng) < (double)erasing) erase(input, rng, out);
    return RD_OK;
}
