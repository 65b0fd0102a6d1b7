/* What training draws for its pictures: how often, how far, and between which bounds. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "data/picture_batches.h"
#include "data/rand_augment.h"
#include "golden.h"

enum { DRAWS = 2000 };

/* The smallest and the largest of what is drawn. */
typedef struct {
    double least, most;
} extent;

static const extent nothing = {INFINITY, -INFINITY};

static void widen(extent *e, double value) {
    e->least = fmin(e->least, value);
    e->most = fmax(e->most, value);
}

/* Within the bounds, by `slack` for what is rounded, and close to both. */
static void assert_extent(extent e, double least, double most, double slack, const char *what) {
    double close = 0.1 * (most - least);
    if (e.least < least - slack || e.most > most + slack || e.least > least + close ||
        e.most < most - close)
        fail_msg("%s: from %g to %g, expected %g to %g", what, e.least, e.most, least, most);
}

/* Makes inputs of [1, SIZE, SIZE] of the grey picture, [side, side], with other draws each time. */
enum { SIZE = 16 };
static void each_input(const rd_augmentation *augmentation, const uint8_t *samples, int32_t side,
                       void (*look)(const float *input, void *self), void *self) {
    char zero[] = "0", one[] = "1";
    const rd_picture_form form = {.mean = zero, .std = one};
    size_t n = (size_t)side * (size_t)side, size = RD_RAW_PICTURE_HEADER + n;
    uint8_t *bytes = malloc(size);
    float input[SIZE * SIZE];
    rd_picture_input *maker;
    rd_picture_scratch scratch = {0};
    rd_raw_picture_header(bytes, side, side, 1);
    memcpy(bytes + RD_RAW_PICTURE_HEADER, samples, n);
    must(rd_picture_input_new(&maker, &form, augmentation, SIZE, 1));
    for (uint64_t i = 0; i < DRAWS; i++) {
        rd_rng rng = rd_rng_make(5, i);
        must(rd_picture_input_make(maker, bytes, size, &rng, &scratch, input));
        look(input, self);
    }
    rd_picture_scratch_free(&scratch);
    rd_picture_input_free(maker);
    free(bytes);
}

enum { SIDE = 120 };

/* Widths or heights, one a draw. */
typedef struct {
    double sizes[DRAWS];
    int n;
} drawn;

/* From one column, or row, inside to another, where no border is near: of a ramp of 2 a pixel. */
static double stretch_of(const float *input, int step) {
    return (double)(input[(SIZE - 4) * step] - input[3 * step]) * 255 / 2 * SIZE / (SIZE - 7);
}

static void measure_width(const float *input, void *self) {
    drawn *d = self;
    d->sizes[d->n++] = stretch_of(input + 8 * SIZE, 1);
}

static void measure_height(const float *input, void *self) {
    drawn *d = self;
    d->sizes[d->n++] = stretch_of(input + 8, SIZE);
}

/* A tenth to two fifths of the area, between twice as high as wide and twice as wide as high. */
static void parts_have_the_areas_and_the_shapes_asked_for(void **state) {
    const rd_augmentation augmentation = {
        .random_resized_crop = true, .crop_scale = {0.1, 0.4}, .crop_ratio = {0.5, 2}};
    uint8_t across[SIDE * SIDE], down[SIDE * SIDE];
    drawn widths = {.n = 0}, heights = {.n = 0};
    extent areas = nothing, ratios = nothing;
    (void)state;
    for (int i = 0; i < SIDE * SIDE; i++) {
        across[i] = (uint8_t)(2 * (i % SIDE));
        down[i] = (uint8_t)(2 * (i / SIDE));
    }
    each_input(&augmentation, across, SIDE, measure_width, &widths);
    each_input(&augmentation, down, SIDE, measure_height, &heights);
    for (int i = 0; i < DRAWS; i++) {
        widen(&areas, widths.sizes[i] * heights.sizes[i] / (SIDE * SIDE));
        widen(&ratios, log(widths.sizes[i] / heights.sizes[i]));
    }
    assert_extent(areas, 0.1, 0.4, 0.02, "area");
    assert_extent(ratios, log(0.5), log(2), 0.1, "logarithm of the ratio");
}

static void count_flipped(const float *input, void *self) {
    *(int *)self += input[0] > 0.5f;
}

/* One in four, of a picture that is light on the right. */
static void pictures_are_flipped_as_often_as_asked_for(void **state) {
    const rd_augmentation augmentation = {.flip = 0.25f};
    uint8_t samples[SIZE * SIZE];
    int flipped = 0;
    (void)state;
    for (int i = 0; i < SIZE * SIZE; i++) samples[i] = i % SIZE < SIZE / 2 ? 0 : 255;
    each_input(&augmentation, samples, SIZE, count_flipped, &flipped);
    assert_near((double)flipped / DRAWS, 0.25, 0, 0.04, "flipped", 0);
}

typedef struct {
    extent area, ratio;
    int n;
} erased;

static void measure_erased(const float *input, void *self) {
    erased *e = self;
    int top = SIZE, left = SIZE, bottom = -1, right = -1, zeros = 0;
    for (int i = 0; i < SIZE * SIZE; i++) {
        if (input[i] != 0.0f) continue;
        int y = i / SIZE, x = i % SIZE;
        top = y < top ? y : top, left = x < left ? x : left;
        bottom = y > bottom ? y : bottom, right = x > right ? x : right;
        zeros++;
    }
    if (zeros == 0) return;
    int height = bottom - top + 1, width = right - left + 1;
    assert_int_equal(zeros, height * width);
    widen(&e->area, (double)zeros / (SIZE * SIZE));
    widen(&e->ratio, log((double)height / width));
    e->n++;
}

/* A rectangle of 2 to 33 percent of the area, up to 3.3 times as long as wide. */
static void rectangles_are_erased_as_torchvision_does(void **state) {
    rd_augmentation augmentation = {.erasing = 1.0f};
    uint8_t white[SIZE * SIZE];
    erased all = {nothing, nothing, 0}, some = all;
    (void)state;
    memset(white, 255, sizeof white);
    each_input(&augmentation, white, SIZE, measure_erased, &all);
    assert_int_equal(all.n, DRAWS);
    assert_extent(all.area, 0.02, 0.33, 0.05, "area");
    assert_extent(all.ratio, log(0.3), log(3.3), 0.3, "logarithm of the ratio");
    augmentation.erasing = 0.3f;
    each_input(&augmentation, white, SIZE, measure_erased, &some);
    assert_near((double)some.n / DRAWS, 0.3, 0, 0.04, "erased", 0);
}

enum {
    WIDTH = 40,
    HEIGHT = 30,
    SAMPLES = WIDTH * HEIGHT * 3,
    MOST_WAYS = 2 * RD_AUGMENT_OPERATIONS
};

static const uint8_t *original(void) {
    static uint8_t samples[SAMPLES];
    rd_rng rng = rd_rng_make(3, 3);
    for (int i = 0; i < SAMPLES; i++) samples[i] = (uint8_t)rd_rng_below(&rng, 200);
    return samples;
}

static void begin(rd_picture *picture) {
    must(rd_picture_reshape(picture, WIDTH, HEIGHT, 3));
    memcpy(picture->samples, original(), SAMPLES);
}

/* Half of the largest magnitude: each operation, and where it has a direction both, as
 * torchvision's table has it. */
static void operations_are_drawn_with_the_strength_of_the_magnitude(void **state) {
    static const struct {
        rd_augment_operation operation;
        double by;
        bool both;
    } table[] = {{RD_AUGMENT_IDENTITY, 0, false},
                 {RD_AUGMENT_SHEAR_X, 0.15, true},
                 {RD_AUGMENT_SHEAR_Y, 0.15, true},
                 {RD_AUGMENT_TRANSLATE_X, 150.0 / 331 * WIDTH / 2, true},
                 {RD_AUGMENT_TRANSLATE_Y, 150.0 / 331 * HEIGHT / 2, true},
                 {RD_AUGMENT_ROTATE, 15, true},
                 {RD_AUGMENT_BRIGHTNESS, 0.45, true},
                 {RD_AUGMENT_COLOUR, 0.45, true},
                 {RD_AUGMENT_CONTRAST, 0.45, true},
                 {RD_AUGMENT_SHARPNESS, 0.45, true},
                 {RD_AUGMENT_POSTERIZE, 6, false},
                 {RD_AUGMENT_SOLARIZE, 127.5, false},
                 {RD_AUGMENT_AUTO_CONTRAST, 0, false},
                 {RD_AUGMENT_EQUALIZE, 0, false}};
    rd_picture ways[MOST_WAYS] = {{0}}, picture = {0}, scratch = {0};
    int n = 0, times[MOST_WAYS] = {0};
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        for (int sign = 1; sign >= (table[i].both ? -1 : 1); sign -= 2, n++) {
            begin(&ways[n]);
            must(rd_picture_augment(&ways[n], &scratch, table[i].operation, sign * table[i].by));
        }
    for (uint64_t i = 0; i < DRAWS; i++) {
        rd_rng rng = rd_rng_make(5, i);
        int way = 0;
        begin(&picture);
        must(rd_rand_augment(&picture, &scratch, 15, &rng));
        while (way < n && memcmp(picture.samples, ways[way].samples, SAMPLES) != 0) way++;
        if (way == n) fail_msg("draw %d is no operation of half the strength", (int)i);
        times[way]++;
    }
    for (int way = 0; way < n; way++) assert_in_range(times[way], DRAWS / 28 / 2, DRAWS / 14 * 2);
    for (int way = 0; way < n; way++) rd_picture_free(&ways[way]);
    rd_picture_free(&picture);
    rd_picture_free(&scratch);
}

enum { MIXED = 4, CORNER = 2 };

/* Batches of one grey a picture, 0 and 255 in turn. */
static rd_dataset *make_dataset(const char *path) {
    const rd_identity identity = {.src_vocab = 1, .tgt_vocab = 2};
    rd_dataset_writer *writer;
    rd_dataset *dataset;
    must(rd_dataset_writer_open(&writer, path, &identity, 1));
    for (int32_t i = 0; i < MIXED; i++) {
        uint8_t bytes[RD_RAW_PICTURE_HEADER + CORNER * CORNER];
        const int32_t source = 0, label = i % 2;
        rd_raw_picture_header(bytes, CORNER, CORNER, 1);
        memset(bytes + RD_RAW_PICTURE_HEADER, 255 * label, CORNER * CORNER);
        const rd_pair pair = {.src = &source,
                              .n_src = 1,
                              .tgt = &label,
                              .n_tgt = 1,
                              .src_text = (const char *)bytes,
                              .src_text_length = sizeof bytes,
                              .tgt_text = "x",
                              .tgt_text_length = 1};
        must(rd_dataset_writer_add(writer, &pair));
    }
    must(rd_dataset_writer_finish(writer));
    must(rd_dataset_open(&dataset, path));
    return dataset;
}

/* The mean of the shares that a batch is mixed by, and their variance, over many epochs. */
static void shares_of(const rd_dataset *dataset, const rd_picture_input *input, float mixup,
                      double *mean, double *variance) {
    const rd_picture_batches_config config = {
        .input = input, .max_sentences = MIXED, .seed = 1, .mixup = mixup};
    double sum = 0, squares = 0;
    rd_picture_batches *batches;
    rd_batch batch = {0};
    must(rd_picture_batches_new(&batches, dataset, &config));
    rd_batch_source source = rd_picture_batches_source(batches);
    for (int64_t epoch = 1; epoch <= DRAWS; epoch++) {
        must(source.set_epoch(source.self, epoch));
        must(source.get(source.self, 0, &batch));
        double share = (double)batch.shares.data[0];
        sum += share;
        squares += share * share;
    }
    *mean = sum / DRAWS;
    *variance = squares / DRAWS - *mean * *mean;
    rd_batch_free(&batch);
    rd_picture_batches_free(batches);
}

/* Beta(a, a) has the mean 1 / 2 and the variance 1 / (8 a + 4). */
static void shares_of_mixup_are_of_its_distribution(void **state) {
    const float parameters[] = {0.2f, 1.0f, 3.0f};
    char zero[] = "0", one[] = "1", path[] = "/tmp/rdrop-mixup-XXXXXX";
    const rd_picture_form form = {.mean = zero, .std = one};
    rd_picture_input *input;
    (void)state;
    close(mkstemp(path));
    rd_dataset *dataset = make_dataset(path);
    must(rd_picture_input_new(&input, &form, NULL, CORNER, 1));
    for (int i = 0; i < 3; i++) {
        double mean, variance;
        shares_of(dataset, input, parameters[i], &mean, &variance);
        assert_near(mean, 0.5, 0, 0.04, "mean", i);
        assert_near(variance, 1 / (8 * (double)parameters[i] + 4), 0.1, 0, "variance", i);
    }
    rd_picture_input_free(input);
    rd_dataset_close(dataset);
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_have_the_areas_and_the_shapes_asked_for),
        cmocka_unit_test(pictures_are_flipped_as_often_as_asked_for),
        cmocka_unit_test(rectangles_are_erased_as_torchvision_does),
        cmocka_unit_test(operations_are_drawn_with_the_strength_of_the_magnitude),
        cmocka_unit_test(shares_of_mixup_are_of_its_distribution),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
