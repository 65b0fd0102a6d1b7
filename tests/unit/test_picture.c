/* Pictures: decoded and resized as Pillow does, byte for byte; broken ones refused with the reason.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checksum.h"
#include "base/file.h"
#include "base/memory.h"
#include "data/picture.h"
#include "data/picture_input.h"
#include "data/picture_resize.h"
#include "data/rand_augment.h"
#include "golden.h"

static void read_golden(const char *name, char **bytes, size_t *n) {
    char path[512];
    snprintf(path, sizeof path, "%s/pictures/%s", TEST_DATA, name);
    must(rd_read_file(path, 1 << 20, bytes, n));
}

static uint32_t checksum(const rd_picture *p) {
    return rd_crc32(0, p->samples, (size_t)p->width * (size_t)p->height * (size_t)p->channels);
}

static void test_decodes_as_pillow(void **state) {
    (void)state;
    json_t *expected = golden_load("pictures/expected.json"), *item;
    size_t i;
    json_array_foreach(json_object_get(expected, "decoded"), i, item) {
        const char *name = json_string_value(json_object_get(item, "file"));
        rd_picture picture = {0};
        char *bytes;
        size_t n;
        read_golden(name, &bytes, &n);
        for (int32_t channels = 1; channels <= 3; channels += 2) {
            must(rd_picture_decode(&picture, bytes, n, channels));
            assert_int_equal(picture.width, golden_number(item, "width"));
            assert_int_equal(picture.height, golden_number(item, "height"));
            assert_int_equal(picture.channels, channels);
            uint32_t wanted = (uint32_t)golden_number(item, channels == 3 ? "rgb" : "grey");
            if (checksum(&picture) != wanted) fail_msg("%s: %d channels differ", name, channels);
        }
        rd_picture_free(&picture);
        free(bytes);
    }
    json_decref(expected);
}

/* A part of the result is what is cut out of all of it. */
static void check_part(const rd_picture *from, rd_box box, const rd_picture *all,
                       rd_resampling resampling) {
    rd_resized_part part = {all->width / 3, all->height / 4, all->width - all->width / 3,
                            all->height - all->height / 4};
    if (part.width > 1) part.width--;
    if (part.height > 1) part.height--;
    rd_picture to = {0}, scratch = {0};
    must(rd_picture_resize(&to, &scratch, from, box, all->width, all->height, &part, resampling));
    assert_int_equal(to.width, part.width);
    assert_int_equal(to.height, part.height);
    size_t stride = (size_t)(all->width * all->channels), n = (size_t)(to.width * to.channels);
    for (int64_t y = 0; y < to.height; y++)
        assert_memory_equal(to.samples + (size_t)y * n,
                            all->samples + (size_t)(part.y + y) * stride + part.x * all->channels,
                            n);
    rd_picture_free(&to);
    rd_picture_free(&scratch);
}

static void test_resizes_as_pillow(void **state) {
    (void)state;
    json_t *expected = golden_load("pictures/expected.json"), *item;
    rd_picture colour = {0}, grey = {0}, to = {0}, scratch = {0};
    char *bytes;
    size_t n, i;
    read_golden("colour.png", &bytes, &n);
    must(rd_picture_decode(&colour, bytes, n, 3));
    must(rd_picture_decode(&grey, bytes, n, 1));
    free(bytes);
    json_array_foreach(json_object_get(expected, "resized"), i, item) {
        int64_t n_box, n_size;
        int32_t *box = golden_integers(item, "box", &n_box);
        int32_t *size = golden_integers(item, "size", &n_size);
        const char *name = json_string_value(json_object_get(item, "resampling"));
        rd_resampling resampling = strcmp(name, "bilinear") == 0 ? RD_BILINEAR : RD_BICUBIC;
        bool is_colour = golden_number(item, "channels") > 2;
        must(rd_picture_resize(&to, &scratch, is_colour ? &colour : &grey,
                               (rd_box){box[0], box[1], box[2], box[3]}, size[0], size[1],
                               &(rd_resized_part){0, 0, size[0], size[1]}, resampling));
        assert_int_equal(to.width, size[0]);
        assert_int_equal(to.height, size[1]);
        if (checksum(&to) != (uint32_t)golden_number(item, "crc"))
            fail_msg("case %zu: %s to %d x %d differs", i, name, size[0], size[1]);
        check_part(is_colour ? &colour : &grey, (rd_box){box[0], box[1], box[2], box[3]}, &to,
                   resampling);
        free(box);
        free(size);
    }
    rd_picture_free(&colour);
    rd_picture_free(&grey);
    rd_picture_free(&to);
    rd_picture_free(&scratch);
    json_decref(expected);
}

static void test_augments_as_torchvision(void **state) {
    (void)state;
    json_t *expected = golden_load("pictures/expected.json"), *item;
    char *bytes;
    size_t n, i;
    read_golden("colour.png", &bytes, &n);
    json_array_foreach(json_object_get(expected, "augmented"), i, item) {
        rd_picture picture = {0}, scratch = {0};
        must(rd_picture_decode(&picture, bytes, n, golden_number(item, "channels") > 2 ? 3 : 1));
        int operation = (int)golden_number(item, "operation");
        must(rd_picture_augment(&picture, &scratch, (rd_augment_operation)operation,
                                golden_number(item, "by")));
        if (checksum(&picture) != (uint32_t)golden_number(item, "crc"))
            fail_msg("operation %d by %f, %d channels: differs", operation,
                     golden_number(item, "by"), picture.channels);
        rd_picture_free(&picture);
        rd_picture_free(&scratch);
    }
    free(bytes);
    json_decref(expected);
}

static void test_makes_inputs_as_torchvision(void **state) {
    (void)state;
    json_t *expected = golden_load("pictures/expected.json"), *item;
    char *bytes;
    size_t n, i;
    read_golden("colour.jpg", &bytes, &n);
    json_array_foreach(json_object_get(expected, "inputs"), i, item) {
        char mean[64], std[64];
        snprintf(mean, sizeof mean, "%s", json_string_value(json_object_get(item, "mean")));
        snprintf(std, sizeof std, "%s", json_string_value(json_object_get(item, "std")));
        bool cubic = strcmp(json_string_value(json_object_get(item, "resampling")), "bicubic") == 0;
        const rd_picture_form form = {.resampling = cubic ? RD_BICUBIC : RD_BILINEAR,
                                      .resize = (int32_t)golden_number(item, "resize"),
                                      .mean = mean,
                                      .std = std};
        int32_t size = (int32_t)golden_number(item, "size");
        int64_t n_values;
        float *wanted = golden_floats(item, "values", &n_values);
        float *out = malloc(sizeof *out * (size_t)(3 * size * size));
        rd_picture_input *input;
        rd_picture_scratch scratch = {0};
        must(rd_picture_input_new(&input, &form, NULL, size, 3));
        must(rd_picture_input_make(input, bytes, n, NULL, &scratch, out));
        for (int64_t k = 0; k < n_values; k++)
            assert_near((double)out[k * 37], (double)wanted[k], 1e-6, 1e-6, "sample", k);
        rd_picture_scratch_free(&scratch);
        rd_picture_input_free(input);
        free(wanted);
        free(out);
    }
    free(bytes);
    json_decref(expected);
}

static void assert_refused(const void *bytes, size_t n, const char *reason) {
    rd_picture picture = {0};
    assert_int_equal(rd_picture_decode(&picture, bytes, n, 3), RD_ERR_FORMAT);
    if (!strstr(rd_last_error(), reason)) fail_msg("%s: expected %s", rd_last_error(), reason);
    rd_picture_free(&picture);
}

static void test_refuses(void **state) {
    (void)state;
    char *jpeg, *png;
    size_t n_jpeg, n_png;
    read_golden("colour.jpg", &jpeg, &n_jpeg);
    read_golden("colour.png", &png, &n_png);
    assert_refused("", 0, "empty");
    assert_refused("hello, world", 12, "neither a JPEG nor a PNG");
    assert_refused("GIF89a......", 12, "a GIF picture, which is not read here");
    assert_refused("RIFF....WEBPVP8 ", 16, "a WebP picture");
    assert_refused("BM......", 8, "a BMP picture");
    assert_refused("II*\0....", 8, "a TIFF picture");
    assert_refused("MM\0*....", 8, "a TIFF picture");
    assert_refused("....ftypavif", 12, "a AVIF picture");
    assert_refused("....ftypheic", 12, "a HEIF picture");
    for (size_t n = 3; n < n_jpeg; n += 97) assert_refused(jpeg, n, "JPEG: ");
    assert_refused(jpeg, n_jpeg - 40, "JPEG: cut short");
    for (size_t n = 8; n < n_png - 12; n += 97) assert_refused(png, n, "PNG: cut short");
    /* All pixels are there, and only the mark of the end is not; of several scans one may be
     * missing. */
    rd_picture picture = {0};
    must(rd_picture_decode(&picture, jpeg, n_jpeg - 2, 3));
    must(rd_picture_decode(&picture, png, n_png - 12, 3));
    rd_picture_free(&picture);
    char *scans;
    size_t n_scans;
    read_golden("progressive.jpg", &scans, &n_scans);
    assert_refused(scans, n_scans - 2, "JPEG: cut short");
    free(scans);
    png[20] = 0x7F; /* the height's first byte: its checksum is wrong now */
    assert_refused(png, n_png, "PNG: broken");
    free(jpeg);
    free(png);
}

/* Refuses a few bytes that claim to be a huge picture. */
static void test_refuses_bombs(void **state) {
    (void)state;
    uint8_t raw[RD_RAW_PICTURE_HEADER];
    rd_raw_picture_header(raw, 60000, 60000, 3);
    assert_refused(raw, sizeof raw, "60000 x 60000 pixels; at most 89478485, and 65535 a side");
    rd_raw_picture_header(raw, 65536, 1, 3);
    assert_refused(raw, sizeof raw, "65536 x 1 pixels");
    rd_raw_picture_header(raw, 4, 4, 3);
    assert_refused(raw, sizeof raw, "0 samples, expected 48");
    rd_raw_picture_header(raw, 4, 4, 2);
    assert_refused(raw, sizeof raw, "samples of 2 channels");
    static const uint8_t png[] = {0x89, 'P',  'N', 'G', '\r', '\n', 0x1A, '\n', 0,    0,    0,
                                  13,   'I',  'H', 'D', 'R',  0,    0,    0xFF, 0xFF, 0,    0,
                                  0xFF, 0xFF, 8,   2,   0,    0,    0,    0xB5, 0xBF, 0xD1, 0x36};
    uint8_t bomb[sizeof png];
    memcpy(bomb, png, sizeof png);
    uint32_t crc = rd_crc32(0, bomb + 12, 17);
    for (int i = 0; i < 4; i++) bomb[29 + i] = (uint8_t)(crc >> (24 - 8 * i));
    assert_refused(bomb, sizeof bomb, "PNG: cut short"); /* before anything is allocated */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decodes_as_pillow),
        cmocka_unit_test(test_resizes_as_pillow),
        cmocka_unit_test(test_augments_as_torchvision),
        cmocka_unit_test(test_makes_inputs_as_torchvision),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_refuses_bombs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
