/* Vision transformers of Hugging Face, timm and Google: imported, they give transformers' logits
 * for the same pictures; exported and imported again, the same weights. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/text.h"
#include "convert/convert.h"
#include "data/labels.h"
#include "golden.h"
#include "io/output.h"
#include "model/network.h"
#include "recipe/model_dir.h"

static char directory[] = "/tmp/rdrop-vit-XXXXXX";

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

static void make_path(char path[256], const char *name) {
    snprintf(path, 256, "%s/%s", directory, name);
}

static void golden_path(char path[512], const char *name) {
    snprintf(path, 512, "%s/vit/%s", TEST_DATA, name);
}

/* The logits of one picture's file. */
static void logits_of(const rd_model_dir *d, const rd_model *model, const char *picture,
                      float *logits) {
    char path[512], *bytes;
    size_t n;
    const rd_picture_shape *shape = &d->recipe->model.picture;
    int64_t samples = (int64_t)shape->channels * shape->size * shape->size;
    rd_picture_input *input;
    rd_picture_scratch scratch = {0};
    rd_batch batch = {.n = 1};
    rd_arena arena = {0};
    float *values = malloc(sizeof *values * (size_t)samples);
    snprintf(path, sizeof path, "%s/pictures/%s", TEST_DATA, picture);
    must(rd_read_file(path, 1 << 20, &bytes, &n));
    must(rd_picture_input_new(&input, &d->recipe->pictures, NULL, shape->size, shape->channels));
    must(rd_picture_input_make(input, bytes, n, NULL, &scratch, values));
    must(rd_floats_add(&batch.pictures, values, samples));
    must(rd_network_logits(model, &arena, &batch, logits));
    rd_batch_free(&batch);
    rd_arena_free(&arena);
    rd_picture_scratch_free(&scratch);
    rd_picture_input_free(input);
    free(values);
    free(bytes);
}

static void check_logits(const char *path, const char *name) {
    json_t *expected = golden_load("vit/expected.json");
    const json_t *pictures = json_object_get(expected, "pictures");
    const json_t *of_model = json_object_get(json_object_get(expected, "logits"), name);
    rd_model_dir d;
    rd_model *model;
    must(rd_model_dir_open(&d, path));
    must(rd_model_dir_load(&d, &model));
    assert_int_equal(d.recipe->model.num_classes, 4);
    for (size_t i = 0; i < json_array_size(pictures); i++) {
        float logits[4];
        const json_t *wanted = json_array_get(of_model, i);
        logits_of(&d, model, json_string_value(json_array_get(pictures, i)), logits);
        for (size_t k = 0; k < 4; k++)
            assert_near((double)logits[k], json_number_value(json_array_get(wanted, k)), 1e-5, 1e-5,
                        name, (int64_t)k);
    }
    rd_model_free(model);
    rd_model_dir_close(&d);
    json_decref(expected);
}

static void import_and_check(const char *name) {
    char from[512], to[256];
    golden_path(from, name);
    make_path(to, name);
    must(rd_import(from, to, NULL));
    check_logits(to, name);
}

static void check_labels(const char *name, const char *const *wanted) {
    char path[256];
    rd_labels labels = {0};
    make_path(path, name);
    must(rd_labels_read(&labels, path));
    assert_int_equal(labels.n, 4);
    for (int i = 0; i < 4; i++) assert_string_equal(labels.names[i], wanted[i]);
    rd_labels_free(&labels);
}

static void test_hugging_face(void **state) {
    (void)state;
    static const char *const labels[] = {"cat", "dog", "a bird, or two", "3"};
    import_and_check("hf");
    import_and_check("deit");
    check_labels("hf", labels); /* the name of two classes is the first one's */
}

static void test_timm(void **state) {
    (void)state;
    import_and_check("timm");
}

static void test_google(void **state) {
    (void)state;
    static const char *const labels[] = {"0", "1", "2", "3"};
    import_and_check("google.npz");
    check_labels("google.npz", labels);
}

static void test_export(void **state) {
    (void)state;
    static const char *const names[] = {"hf", "deit", "timm", "google.npz"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char from[256], to[256], again[256];
        make_path(from, names[i]);
        snprintf(to, sizeof to, "%s/export-%zu", directory, i);
        snprintf(again, sizeof again, "%s/again-%zu", directory, i);
        rd_text warnings = {0};
        must(rd_export(from, to, &warnings));
        must(rd_import(to, again, NULL));
        bool rounds = strcmp(names[i], "timm") == 0; /* the middle, as transformers does not */
        assert_int_equal(warnings.length > 0, rounds);
        if (rounds) {
            char command[400];
            snprintf(command, sizeof command,
                     "sed -i 's/^picture-crop-floor: true/picture-crop-floor: false/' "
                     "%s/config.yaml",
                     again);
            assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
        }
        rd_text_free(&warnings);
        check_logits(again, names[i]);
    }
}

/* `from` with one change in a file of it, in `to`. */
static void copy_with(const char *from, const char *to, const char *file, const char *old,
                      const char *new) {
    static const char *const files[] = {"config.json", "preprocessor_config.json",
                                        "model.safetensors"};
    must(rd_make_directories(to));
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char *path = rd_path_join(from, files[i]), *copy = rd_path_join(to, files[i]), *bytes;
        size_t n;
        if (!rd_file_exists(path)) {
            free(path);
            free(copy);
            continue;
        }
        must(rd_read_file(path, 1 << 20, &bytes, &n));
        char *at = strcmp(files[i], file) == 0 ? memmem(bytes, n, old, strlen(old)) : NULL;
        rd_text text = {0};
        must(rd_text_append(&text, bytes, at ? (size_t)(at - bytes) : n));
        if (at) {
            must(rd_text_printf(&text, "%s", new));
            must(rd_text_append(&text, at + strlen(old), n - (size_t)(at - bytes) - strlen(old)));
        }
        if (strcmp(files[i], file) == 0) assert_non_null(at);
        must(rd_write_file(copy, text.data, (size_t)text.length));
        rd_text_free(&text);
        free(bytes);
        free(path);
        free(copy);
    }
}

static void refused_of(const char *golden, const char *file, const char *old, const char *new,
                       const char *message) {
    static int number;
    char from[512], changed[256], to[256];
    golden_path(from, golden);
    snprintf(changed, sizeof changed, "%s/changed-%d", directory, ++number);
    snprintf(to, sizeof to, "%s/refused-%d", directory, number);
    copy_with(from, changed, file, old, new);
    if (rd_import(changed, to, NULL) == RD_OK) fail_msg("%s is accepted", new);
    if (!strstr(rd_last_error(), message)) fail_msg("%s", rd_last_error());
    assert_int_equal(access(to, F_OK), -1);
}

static void refused(const char *file, const char *old, const char *new, const char *message) {
    refused_of("hf", file, old, new, message);
}

/* Shapes are looked at before there is memory for what config.json says, here 24 GiB. */
static void test_large_sizes(void **state) {
    (void)state;
    struct rusage usage;
    refused("config.json", "\"hidden_size\": 16", "\"hidden_size\": 16384", "another shape");
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    assert_true(usage.ru_maxrss < 4L << 20); /* KiB */
}

static void test_refusals(void **state) {
    (void)state;
    refused("config.json", "\"qkv_bias\": true", "\"qkv_bias\": false", "qkv_bias: false");
    refused("config.json", "\"hidden_act\": \"gelu\"", "\"hidden_act\": \"mish\"",
            "hidden_act: mish");
    refused("config.json", "\"hidden_size\": 16", "\"hidden_size\": 32", "another shape");
    refused("config.json", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3", "layer.2.");
    refused("config.json", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1",
            "is no part of a vision transformer that can be computed here");
    refused("preprocessor_config.json", "0.00392156862745098", "0.00784", "rescale_factor");
    refused("preprocessor_config.json", "\"image_mean\": [", "\"image_mean\": [0.5,",
            "picture-mean are not one for each of 3 channels");
    refused("config.json", "\"patch_size\": 4", "\"patch_size\": 5", "patches of 5 pixels");
    refused("preprocessor_config.json", "\"height\": 16", "\"height\": 20",
            "makes pictures of 0 pixels");
    refused("preprocessor_config.json", "\"resample\": 2", "\"resample\": 0", "resample 0");
    refused("config.json", "\"qkv_bias\"",
            "\"problem_type\": \"multi_label_classification\", \"qkv_bias\"",
            "problem_type multi_label_classification is not supported");
    refused_of("timm", "config.json", "bicubic", "lanczos", "an interpolation other than");
    refused_of("timm", "config.json", "bicubic", "random", "an interpolation other than");
    refused_of("timm", "config.json", "0.9", "1.2", "a crop_pct above 1");
    refused("model.safetensors", "\"shape\":[16,24]", "\"shape\":[24,16]", "another shape");
}

/* An import of timm's with one change in its config.json. */
static void open_timm(rd_model_dir *d, const char *old, const char *new) {
    static int number;
    char from[512], changed[256], to[256];
    golden_path(from, "timm");
    snprintf(changed, sizeof changed, "%s/timm-changed-%d", directory, ++number);
    snprintf(to, sizeof to, "%s/timm-to-%d", directory, number);
    copy_with(from, changed, "config.json", old, new);
    must(rd_import(changed, to, NULL));
    must(rd_model_dir_open(d, to));
}

/* What older files of timm's do not say, or say elsewhere. */
static void test_timm_forms(void **state) {
    (void)state;
    rd_model_dir d;
    rd_labels labels = {0};
    open_timm(
        &d, "\"pretrained_cfg\": {",
        "\"other\": {}, \"labels\": [\"cat\", \"dog\", \"owl\"],"
        " \"mean\": [0.1, 0.2, 0.3], \"std\": [0.5, 0.6, 0.7], \"interpolation\": \"bilinear\","
        " \"crop_pct\": 1.0, \"unread\": {");
    assert_string_equal(d.recipe->pictures.mean, "0.1,0.2,0.3");
    assert_string_equal(d.recipe->pictures.std, "0.5,0.6,0.7");
    assert_int_equal(d.recipe->pictures.resampling, RD_BILINEAR);
    assert_int_equal(d.recipe->pictures.resize, 16);
    must(rd_labels_read(&labels, d.path));
    assert_string_equal(labels.names[2], "owl");
    assert_string_equal(labels.names[3], "3");
    rd_labels_free(&labels);
    rd_model_dir_close(&d);
    open_timm(&d, "\"mean\": [\n   ", "\"mien\": [\n   ");
    assert_string_equal(d.recipe->pictures.mean, "0.485,0.456,0.406");
    rd_model_dir_close(&d);
    open_timm(&d, "\"crop_pct\": 0.9", "\"label_names\": {\"1\": \"dog\"}");
    assert_int_equal(d.recipe->pictures.resize, 18); /* 16 / 0.875 */
    must(rd_labels_read(&labels, d.path));
    assert_string_equal(labels.names[1], "dog");
    rd_labels_free(&labels);
    rd_model_dir_close(&d);
    open_timm(&d, "vit_tiny_patch4_16", "vit_base_patch16_gap_16");
    assert_int_equal(d.recipe->model.encoder.heads, 16);
    rd_model_dir_close(&d);
}

/* A processor without `resample` has its class's; of another class it is not known. */
static void test_usual_resampling(void **state) {
    (void)state;
    static const struct {
        const char *type;
        int resampling; /* -1: refused */
    } cases[] = {{"\"image_processor_type\": \"CLIPImageProcessor\"", RD_BICUBIC},
                 {"\"feature_extractor_type\": \"DeiTFeatureExtractor\"", RD_BICUBIC},
                 {"\"image_processor_type\": \"ViTImageProcessorFast\"", RD_BILINEAR},
                 {"\"_\": 0", RD_BILINEAR},
                 {"\"image_processor_type\": \"BlipImageProcessor\"", -1}};
    char from[512], typed[256], changed[256], to[256];
    golden_path(from, "hf");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rd_model_dir d;
        snprintf(typed, sizeof typed, "%s/typed-%zu", directory, i);
        snprintf(changed, sizeof changed, "%s/usual-%zu", directory, i);
        snprintf(to, sizeof to, "%s/usual-to-%zu", directory, i);
        copy_with(from, typed, "preprocessor_config.json",
                  "\"image_processor_type\": \"ViTImageProcessor\"", cases[i].type);
        copy_with(typed, changed, "preprocessor_config.json", "\"resample\": 2", "\"-\": 2");
        rd_status status = rd_import(changed, to, NULL);
        if (cases[i].resampling < 0) {
            assert_int_equal(status, RD_ERR_UNSUPPORTED);
            assert_non_null(strstr(rd_last_error(), "resample is missing"));
            continue;
        }
        must(status);
        must(rd_model_dir_open(&d, to));
        assert_int_equal(d.recipe->pictures.resampling, cases[i].resampling);
        rd_model_dir_close(&d);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hugging_face), cmocka_unit_test(test_timm),
        cmocka_unit_test(test_google),       cmocka_unit_test(test_export),
        cmocka_unit_test(test_refusals),     cmocka_unit_test(test_large_sizes),
        cmocka_unit_test(test_timm_forms),   cmocka_unit_test(test_usual_resampling),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
