/* Pictures as the world keeps them: folders, tar archives, lists, MNIST's and CIFAR's files; and
 * the batches that are made of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/text.h"
#include "data/picture.h"
#include "data/picture_batches.h"
#include "data/picture_source.h"
#include "data/tar.h"
#include "golden.h"
#include "io/output.h"

static char directory[] = "/tmp/rdrop-pictures-XXXXXX";

static int setup(void **state) {
    (void)state;
    return mkdtemp(directory) ? 0 : -1;
}

static int teardown(void **state) {
    char command[64];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", directory);
    return system(command);
}

static const char *in_directory(const char *name) {
    static char paths[4][256];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, 256, "%s/%s", directory, name);
    return path;
}

static void write_file(const char *name, const void *bytes, size_t n) {
    char *parent = rd_path_parent(in_directory(name));
    must(rd_make_directories(parent));
    must(rd_write_file(in_directory(name), bytes, n));
    free(parent);
}

/* "label=bytes label=bytes": all of a source; bytes of raw pictures as their samples in hex. */
static void expect_all(const char *path, const char *wanted) {
    rd_picture_source *source;
    rd_labelled_picture picture = {0};
    rd_text found = {0};
    bool more = true;
    must(rd_picture_source_open(&source, path));
    for (;;) {
        must(rd_picture_source_next(source, true, &picture, &more));
        if (!more) break;
        const char *bytes = picture.bytes.data;
        int64_t n = picture.bytes.length;
        must(rd_text_printf(&found, "%s%s=", found.length ? " " : "", picture.label.data));
        bool raw = n > RD_RAW_PICTURE_HEADER && memcmp(bytes, "RDPX", 4) == 0;
        for (int64_t i = raw ? RD_RAW_PICTURE_HEADER : 0; i < n; i++)
            must(rd_text_printf(&found, raw ? "%02x" : "%c", (unsigned char)bytes[i]));
    }
    assert_string_equal(found.data, wanted);
    rd_text_free(&found);
    rd_labelled_picture_free(&picture);
    rd_picture_source_close(source);
}

static void expect_failure(const char *path, const char *message) {
    rd_picture_source *source = NULL;
    rd_labelled_picture picture = {0};
    bool more = true;
    rd_status status = rd_picture_source_open(&source, path);
    while (status == RD_OK && more) status = rd_picture_source_next(source, true, &picture, &more);
    if (status == RD_OK) fail_msg("%s is accepted", path);
    if (!strstr(rd_last_error(), message)) fail_msg("%s", rd_last_error());
    rd_labelled_picture_free(&picture);
    rd_picture_source_close(source);
}

static void test_folder(void **state) {
    (void)state;
    write_file("folder/cat/2.jpg", "two", 3);
    write_file("folder/cat/1.jpg", "one", 3);
    write_file("folder/cat/.DS_Store", "x", 1);
    write_file("folder/ape/3.png", "three", 5);
    expect_all(in_directory("folder"), "ape=three cat=one cat=two");
    write_file("folder/readme.txt", "x", 1);
    expect_failure(in_directory("folder"), "readme.txt: a file; expected a folder for each class");
    expect_failure(in_directory("nothing"), "nothing: cannot open");
    write_file("other.zip", "x", 1);
    expect_failure(in_directory("other.zip"), "no pictures known by this name");
}

static void test_list(void **state) {
    (void)state;
    static const char good[] = "a.jpg\tcat\nsub/b.jpg\tblack dog\n";
    static const char bad[] = "a.jpg\tcat\nb.jpg\n";
    write_file("list/a.jpg", "A", 1);
    write_file("list/sub/b.jpg", "B", 1);
    write_file("list/good.tsv", good, sizeof good - 1);
    write_file("list/bad.tsv", bad, sizeof bad - 1);
    expect_all(in_directory("list/good.tsv"), "cat=A black dog=B");
    expect_failure(in_directory("list/bad.tsv"), "bad.tsv:2: expected a path, a tab and a label");
}

/* ---- tar ---- */

static void put_octal(char *field, int room, unsigned long value) {
    field[room - 1] = '\0';
    for (int i = room - 2; i >= 0; i--, value /= 8) field[i] = (char)('0' + value % 8);
}

/* One header and its data. */
static void add_member(rd_text *tar, const char *name, char type, const char *data, size_t n) {
    char header[512] = "";
    unsigned long sum = 0;
    memcpy(header, name, strlen(name));
    put_octal(header + 100, 8, 0644);
    put_octal(header + 124, 12, n);
    header[156] = type;
    memcpy(header + 257, "ustar\00000", 8);
    memset(header + 148, ' ', 8);
    for (size_t i = 0; i < sizeof header; i++) sum += (unsigned char)header[i];
    put_octal(header + 148, 7, sum);
    must(rd_text_append(tar, header, sizeof header));
    must(rd_text_append(tar, data, n));
    static const char zeros[512];
    must(rd_text_append(tar, zeros, -n & 511));
}

static void end_archive(rd_text *tar, const char *name) {
    static const char zeros[1024];
    must(rd_text_append(tar, zeros, sizeof zeros));
    write_file(name, tar->data, (size_t)tar->length);
    rd_text_free(tar);
}

static void test_archive(void **state) {
    (void)state;
    rd_text tar = {0};
    char long_name[140];
    memset(long_name, 'n', sizeof long_name);
    memcpy(long_name, "set/cat/", 8);
    long_name[139] = '\0';
    add_member(&tar, "README", '0', "text", 4);
    add_member(&tar, "./set/", '5', "", 0);
    add_member(&tar, "./set/dog/1.jpg", '0', "one", 3);
    add_member(&tar, "set/cat/2.jpg", '\0', "two", 3);
    add_member(&tar, "././@LongLink", 'L', long_name, sizeof long_name);
    add_member(&tar, "set/cat/cut", '0', "long", 4);
    add_member(&tar, "pax", 'x', "25 path=set/cat/other.jpg\n", 26);
    add_member(&tar, "set/cat/x", '0', "pax", 3);
    add_member(&tar, "settle/cat/3.jpg", '0', "no", 2);
    end_archive(&tar, "good.tar");
    expect_failure(in_directory("good.tar:set"), "damaged extended header"); /* 25 is one too few */
    tar = (rd_text){0};
    add_member(&tar, "set/dog/1.jpg", '0', "one", 3);
    add_member(&tar, "pax", 'x', "26 path=set/cat/other.jpg\n", 26);
    add_member(&tar, "set/cat/x", '0', "pax", 3);
    add_member(&tar, "././@LongLink", 'L', long_name, sizeof long_name);
    add_member(&tar, "set/cat/cut", '0', "long", 4);
    add_member(&tar, "settle/cat/3.jpg", '0', "no", 2);
    end_archive(&tar, "good.tar");
    expect_all(in_directory("good.tar:set"), "dog=one cat=pax cat=long");
    expect_all(in_directory("good.tar:settle/"), "cat=no");
    expect_failure(in_directory("good.tar"), "set/dog/1.jpg: expected CLASS/FILE");
    expect_failure(in_directory("folder:set"), "chooses a part of an archive");
}

static void refuse_member(const char *name, char type, const char *message) {
    rd_text tar = {0};
    add_member(&tar, name, type, "x", type == '0');
    end_archive(&tar, "odd.tar");
    expect_failure(in_directory("odd.tar"), message);
}

static void test_odd_archives(void **state) {
    (void)state;
    refuse_member("cat/1.jpg", '2', "member cat/1.jpg: a link");
    refuse_member("cat/1.jpg", '3', "member cat/1.jpg: expected a regular file");
    refuse_member("../cat/1.jpg", '0', "a name that leads outside");
    refuse_member("cat/../../1.jpg", '0', "a name that leads outside");
    refuse_member("/cat/1.jpg", '0', "a name that leads outside");
    rd_text tar = {0};
    add_member(&tar, "cat/1.jpg", '0', "one", 3);
    write_file("cut.tar", tar.data, 514);
    expect_failure(in_directory("cut.tar"), "cut short");
    tar.data[0] = 'k';
    write_file("damaged.tar", tar.data, 1024);
    expect_failure(in_directory("damaged.tar"), "a header's checksum");
    rd_text_free(&tar);
}

/* ---- MNIST and CIFAR ---- */

static void test_idx(void **state) {
    (void)state;
    static const uint8_t pictures[] = {0, 0, 8, 3, 0, 0, 0, 2, 0,   0,
                                       0, 1, 0, 0, 0, 2, 1, 2, 254, 255};
    static const uint8_t labels[] = {0, 0, 8, 1, 0, 0, 0, 2, 7, 0},
                         one[] = {0, 0, 8, 1, 0, 0, 0, 1, 7};
    write_file("t-images-idx3-ubyte", pictures, sizeof pictures);
    write_file("t-labels-idx1-ubyte", labels, sizeof labels);
    expect_all(in_directory("t-images-idx3-ubyte"), "7=0102 0=feff");
    write_file("t-labels-idx1-ubyte", one, sizeof one);
    expect_failure(in_directory("t-images-idx3-ubyte"), "has 2 pictures");
    write_file("t-labels-idx1-ubyte", labels, sizeof labels);
    write_file("t-images-idx3-ubyte", pictures, sizeof pictures - 1);
    expect_failure(in_directory("t-images-idx3-ubyte"), "cut short");
    write_file("t-images-idx3-ubyte", labels, sizeof labels);
    expect_failure(in_directory("t-images-idx3-ubyte"), "cut short");
}

/* Two pictures of one label, or of two; the same in an archive. */
static void check_cifar(const char *name, int n_labels) {
    size_t size = 3072 + (size_t)n_labels;
    uint8_t *records = calloc(2, size);
    rd_text tar = {0};
    rd_picture_source *source;
    rd_labelled_picture picture = {0};
    char spec[256];
    bool more;
    records[n_labels - 1] = 9;
    records[n_labels] = 10;                /* red of the first pixel */
    records[n_labels + 1024] = 20;         /* green */
    records[n_labels + 2 * 1024 + 1] = 30; /* blue of the second */
    records[size + (size_t)n_labels - 1] = 99;
    write_file(name, records, 2 * size);
    add_member(&tar, "batches/train_1.bin", '0', (const char *)records, 2 * size);
    add_member(&tar, "batches/test.bin", '0', (const char *)records, 2 * size);
    end_archive(&tar, "cifar.tar");
    snprintf(spec, sizeof spec, "%s/cifar.tar:train", directory);
    for (int archive = 0; archive < 2; archive++) {
        must(rd_picture_source_open(&source, archive ? spec : in_directory(name)));
        must(rd_picture_source_next(source, true, &picture, &more));
        assert_string_equal(picture.label.data, "9");
        const uint8_t *samples = (const uint8_t *)picture.bytes.data + RD_RAW_PICTURE_HEADER;
        assert_int_equal(picture.bytes.length, RD_RAW_PICTURE_HEADER + 3072);
        assert_int_equal(samples[0] + samples[1] * 256 + samples[5] * 65536,
                         10 + 20 * 256 + 30 * 65536);
        must(rd_picture_source_next(source, false, &picture, &more));
        assert_string_equal(picture.label.data, "99");
        must(rd_picture_source_next(source, true, &picture, &more));
        assert_false(more);
        rd_picture_source_close(source);
    }
    rd_labelled_picture_free(&picture);
    write_file(name, records, 2 * size - 1);
    expect_failure(in_directory(name), "no whole number of CIFAR's records");
    free(records);
}

static void test_cifar(void **state) {
    (void)state;
    check_cifar("ten.bin", 1);
    check_cifar("hundred.bin", 2);
}

/* ---- Batches ---- */

enum { PICTURES = 23, SIDE = 6 };

/* Each picture is of one grey, its number; its class too, modulo 5. */
static rd_dataset *make_dataset(void) {
    rd_dataset_writer *writer;
    rd_dataset *dataset;
    const rd_identity identity = {.src_vocab = 1, .tgt_vocab = 5};
    must(rd_dataset_writer_open(&writer, in_directory("train.bin"), &identity, 1));
    for (int i = 0; i < PICTURES; i++) {
        uint8_t bytes[RD_RAW_PICTURE_HEADER + SIDE * SIDE];
        const int32_t source = 0, label = i % 5;
        rd_raw_picture_header(bytes, SIDE, SIDE, 1);
        memset(bytes + RD_RAW_PICTURE_HEADER, i, SIDE * SIDE);
        bytes[RD_RAW_PICTURE_HEADER] = 255; /* a corner that tells a flip */
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
    must(rd_dataset_open(&dataset, in_directory("train.bin")));
    return dataset;
}

typedef struct {
    rd_dataset *dataset;
    rd_picture_input *input;
    rd_picture_batches *batches;
    rd_batch_source source;
} fixture;

static fixture open_fixture(const rd_augmentation *augmentation, uint64_t seed) {
    char zero[] = "0", one[] = "1";
    const rd_picture_form form = {.mean = zero, .std = one};
    fixture f = {.dataset = make_dataset()};
    must(rd_picture_input_new(&f.input, &form, augmentation, SIDE, 1));
    const rd_picture_batches_config config = {.input = f.input,
                                              .max_sentences = 5,
                                              .seed = seed,
                                              .mixup = augmentation ? augmentation->mixup : 0,
                                              .cutmix = augmentation ? augmentation->cutmix : 0};
    must(rd_picture_batches_new(&f.batches, f.dataset, &config));
    f.source = rd_picture_batches_source(f.batches);
    return f;
}

static void close_fixture(fixture *f) {
    rd_picture_batches_free(f->batches);
    rd_picture_input_free(f->input);
    rd_dataset_close(f->dataset);
}

/* The grey that a picture's last sample is of. */
static int grey_of(const rd_batch *batch, int64_t i) {
    return (int)(batch->pictures.data[(i + 1) * SIDE * SIDE - 1] * 255.0f + 0.5f);
}

static void test_batches_are_a_permutation(void **state) {
    (void)state;
    fixture f = open_fixture(NULL, 3);
    rd_batch batch = {0};
    for (int64_t epoch = 0; epoch < 3; epoch++) {
        bool seen[PICTURES] = {false}, in_order = true;
        must(f.source.set_epoch(f.source.self, epoch));
        assert_int_equal(f.source.size(f.source.self), 5);
        for (int64_t b = 4; b >= 0; b--) {
            must(f.source.get(f.source.self, b, &batch));
            assert_int_equal(batch.n, b < 4 ? 5 : 3);
            assert_int_equal(batch.pictures.length, batch.n * SIDE * SIDE);
            for (int64_t i = 0; i < batch.n; i++) {
                int grey = grey_of(&batch, i);
                assert_in_range(grey, 0, PICTURES - 1);
                assert_false(seen[grey]);
                seen[grey] = true;
                assert_int_equal(batch.labels.data[i], grey % 5);
                assert_int_equal(batch.ids[i], grey);
                in_order = in_order && grey == b * 5 + i;
            }
        }
        assert_int_equal(in_order, epoch == 0);
    }
    rd_batch_free(&batch);
    close_fixture(&f);
}

/* The same of the same (seed, epoch, picture), in whatever order; another one of another. */
static void test_augmentation_is_a_pure_function(void **state) {
    (void)state;
    const rd_augmentation all = {.random_resized_crop = true,
                                 .crop_scale = {0.2, 1.0},
                                 .crop_ratio = {0.75, 1.33},
                                 .flip = 0.5f,
                                 .rand_augment_ops = 2,
                                 .rand_augment_magnitude = 9,
                                 .mixup = 0.4f,
                                 .cutmix = 1.0f,
                                 .erasing = 0.5f};
    fixture f = open_fixture(&all, 3), other = open_fixture(&all, 3), third = open_fixture(&all, 4);
    rd_batch a = {0}, b = {0};
    must(f.source.set_epoch(f.source.self, 2));
    must(other.source.set_epoch(other.source.self, 2));
    must(third.source.set_epoch(third.source.self, 2));
    must(f.source.get(f.source.self, 4, &a));
    for (int64_t i = 0; i < 5; i++) {
        must(f.source.get(f.source.self, i, &a));
        must(other.source.get(other.source.self, 4 - i, &b));
        must(other.source.get(other.source.self, i, &b));
        size_t bytes = sizeof(float) * (size_t)a.pictures.length;
        assert_int_equal(a.pictures.length, b.pictures.length);
        assert_memory_equal(a.pictures.data, b.pictures.data, bytes);
        assert_int_equal(a.shares.length, a.n);
        assert_memory_equal(a.shares.data, b.shares.data, sizeof(float) * (size_t)a.n);
        must(third.source.get(third.source.self, i, &b));
        if (memcmp(a.pictures.data, b.pictures.data, bytes) == 0) fail_msg("the seed is of no use");
    }
    rd_batch_free(&a);
    rd_batch_free(&b);
    close_fixture(&f);
    close_fixture(&other);
    close_fixture(&third);
}

/* Batches of one epoch with the augmentation next to those without any. */
static void compare_with_plain(const rd_augmentation *augmentation,
                               void (*check)(const rd_batch *got, const rd_batch *plain)) {
    fixture f = open_fixture(augmentation, 3), plain = open_fixture(NULL, 3);
    rd_batch a = {0}, b = {0};
    must(f.source.set_epoch(f.source.self, 1));
    must(plain.source.set_epoch(plain.source.self, 1));
    for (int64_t i = 0; i < 5; i++) {
        must(f.source.get(f.source.self, i, &a));
        must(plain.source.get(plain.source.self, i, &b));
        check(&a, &b);
    }
    rd_batch_free(&a);
    rd_batch_free(&b);
    close_fixture(&f);
    close_fixture(&plain);
}

static void check_same(const rd_batch *got, const rd_batch *plain) {
    assert_int_equal(got->pictures.length, plain->pictures.length);
    assert_memory_equal(got->pictures.data, plain->pictures.data,
                        sizeof(float) * (size_t)got->pictures.length);
}

/* An augmentation that never comes changes nothing. */
static void test_only_what_is_asked_for(void **state) {
    (void)state;
    const rd_augmentation rare = {
        .crop_scale = {0.2, 0.3}, .crop_ratio = {0.75, 1.33}, .erasing = 1e-30f};
    compare_with_plain(&rare, check_same);
}

static bool is_shifted(const float *got, const float *plain, int dy, int dx) {
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            int from_y = y + dy, from_x = x + dx;
            bool inside = from_y >= 0 && from_y < SIDE && from_x >= 0 && from_x < SIDE;
            if (got[y * SIDE + x] != (inside ? plain[from_y * SIDE + from_x] : 0.0f)) return false;
        }
    return true;
}

static void check_shifted_by_one(const rd_batch *got, const rd_batch *plain) {
    for (int64_t k = 0; k < got->n; k++) {
        bool found = false;
        for (int shift = 0; shift < 9; shift++)
            found |=
                is_shifted(got->pictures.data + k * SIDE * SIDE,
                           plain->pictures.data + k * SIDE * SIDE, shift / 3 - 1, shift % 3 - 1);
        assert_true(found);
    }
}

/* With a border of one pixel a picture moves by one at most, each way. */
static void test_padded_crops(void **state) {
    (void)state;
    const rd_augmentation padded = {.crop_padding = 1};
    compare_with_plain(&padded, check_shifted_by_one);
}

static rd_batch two_pictures(void) {
    rd_batch batch = {.n = 2};
    for (int i = 0; i < 2; i++) {
        float samples[SIDE * SIDE];
        for (int k = 0; k < SIDE * SIDE; k++) samples[k] = (float)i;
        must(rd_floats_add(&batch.pictures, samples, SIDE * SIDE));
    }
    batch.labels = (rd_ids){malloc(2 * sizeof(int32_t)), 2, 2};
    batch.labels.data[0] = 7;
    batch.labels.data[1] = 9;
    return batch;
}

static void test_mixing(void **state) {
    (void)state;
    rd_rng rng = rd_rng_make(1, 1);
    rd_batch batch = two_pictures();
    must(rd_mix_pictures(&batch, 1, SIDE, 0.75, false, &rng));
    for (int k = 0; k < SIDE * SIDE; k++) {
        assert_near((double)batch.pictures.data[k], 0.25, 1e-6, 0, "first", k);
        assert_near((double)batch.pictures.data[SIDE * SIDE + k], 0.75, 1e-6, 0, "second", k);
    }
    assert_int_equal(batch.other_labels.data[0], 9);
    assert_int_equal(batch.other_labels.data[1], 7);
    assert_near((double)batch.shares.data[0], 0.75, 1e-6, 0, "share", 0);
    rd_batch_free(&batch);
    for (int trial = 0; trial < 20; trial++) {
        batch = two_pictures();
        must(rd_mix_pictures(&batch, 1, SIDE, 0.5, true, &rng));
        double of_other = 0.0;
        for (int k = 0; k < SIDE * SIDE; k++) of_other += (double)batch.pictures.data[k];
        assert_near((double)batch.shares.data[0], 1.0 - of_other / (SIDE * SIDE), 1e-6, 1e-6,
                    "share of a box", trial);
        rd_batch_free(&batch);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folder),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_archive),
        cmocka_unit_test(test_odd_archives),
        cmocka_unit_test(test_idx),
        cmocka_unit_test(test_cifar),
        cmocka_unit_test(test_batches_are_a_permutation),
        cmocka_unit_test(test_augmentation_is_a_pure_function),
        cmocka_unit_test(test_only_what_is_asked_for),
        cmocka_unit_test(test_padded_crops),
        cmocka_unit_test(test_mixing),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
