/* Files of PyTorch: tensors of every type and layout as several versions of it saved them
 * (tests/oracles/torch_golden.py), settings of checkpoints; then files that are wrong. */
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
#include "io/output.h"
#include "base/text.h"
#include "convert/convert.h"
#include "convert/info.h"
#include "golden.h"
#include "io/json.h"
#include "io/torch_file.h"
#include "torch_writer.h"

static char directory[] = "/tmp/rdrop-torch-XXXXXX";

static int setup(void **state) {
    (void)state;
    return mkdtemp(directory) ? 0 : 1;
}

static int teardown(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", directory);
    return system(command);
}

static void check_tensor(const rd_tensor_file *file, const char *name, json_t *wanted) {
    rd_stored_tensor t;
    int64_t n, n_shape;
    int32_t *shape = golden_integers(wanted, "shape", &n_shape);
    float *values = golden_floats(wanted, "values", &n);
    const char *dtype = json_string_value(json_object_get(wanted, "dtype"));
    must(rd_tensor_file_find(file, name, &t));
    assert_string_equal(t.dtype, dtype);
    assert_int_equal(t.rank, n_shape);
    for (int32_t i = 0; i < t.rank; i++) assert_int_equal(t.shape[i], shape[i]);
    assert_int_equal(t.n, n);
    float *got = rd_calloc((size_t)n, sizeof *got);
    bool is_float = strchr(dtype, 'F') != NULL;
    assert_int_equal(rd_stored_tensor_read(&t, got), is_float ? RD_OK : RD_ERR_UNSUPPORTED);
    for (int64_t i = 0; is_float && i < n; i++)
        assert_near((double)got[i], (double)values[i], 0, 0, name, i);
    free(got);
    free(values);
    free(shape);
}

/* Of each version its own form, and of newer ones the old form too. */
static void test_versions(void **state) {
    static const char *const names[] = {"1.4",      "1.6",  "1.6-old", "1.12",
                                        "1.12-old", "2.15", "2.15-old"};
    (void)state;
    json_t *wanted = golden_load("torch/values.json"), *value;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[512];
        rd_tensor_file file;
        rd_stored_tensor t;
        const char *name;
        snprintf(path, sizeof path, "%s/torch/%s.bin", TEST_DATA, names[i]);
        must(rd_tensor_file_open_torch(&file, path));
        assert_int_equal(json_object_size(file.header), json_object_size(wanted));
        json_object_foreach(wanted, name, value) {
            if (strcmp(name, "five") != 0) check_tensor(&file, name, value);
        }
        assert_int_equal(rd_tensor_file_find(&file, "five", &t), RD_ERR_FORMAT);
        rd_tensor_file_close(&file);
    }
    json_decref(wanted);
}

static void check_settings(rd_torch_file *file, const rd_pickle_value *value) {
    json_t *settings;
    must(rd_pickle_settings(&file->pickle, value, &settings));
    assert_string_equal(json_string_value(json_object_get(settings, "arch")),
                        "transformer_iwslt_de_en");
    assert_near(golden_number(settings, "dropout"), 0.3, 0, 0, "dropout", 0);
    assert_int_equal(json_integer_value(json_object_get(settings, "layers")), 6);
    assert_true(json_is_true(json_object_get(settings, "share_all_embeddings")));
    assert_true(json_is_null(json_object_get(settings, "adaptive_softmax_cutoff")));
    assert_null(json_object_get(settings, "betas"));
    json_decref(settings);
}

/* A checkpoint: its tensors are those of the model; settings in a Namespace and in omegaconf. */
static void test_checkpoint(void **state) {
    char path[512];
    rd_tensor_file file;
    rd_stored_tensor t;
    float values[6];
    (void)state;
    snprintf(path, sizeof path, "%s/torch/1.12.pt", TEST_DATA);
    must(rd_tensor_file_open_torch(&file, path));
    assert_int_equal(json_object_size(file.header), 2);
    must(rd_tensor_file_find(&file, "encoder.fc1.weight", &t));
    must(rd_stored_tensor_read(&t, values));
    for (int i = 0; i < 6; i++) assert_near((double)values[i], i, 0, 0, "fc1", i);
    const rd_pickle_value *root = file.torch->value;
    check_settings(file.torch, rd_pickle_get(root, "args"));
    check_settings(file.torch, rd_pickle_get(rd_pickle_get(root, "cfg"), "model"));
    assert_null(rd_pickle_get(root, "no such key"));
    rd_tensor_file_close(&file);
}

static void check_open(const void *bytes, size_t n, rd_status expected, const char *part) {
    char path[128];
    rd_tensor_file file;
    snprintf(path, sizeof path, "%s/f.bin", directory);
    must(rd_write_file(path, bytes, n));
    rd_status status = rd_tensor_file_open_torch(&file, path);
    if (status != expected || (status != RD_OK && !strstr(rd_last_error(), part)))
        fail_msg("%d, not %d: \"%s\" in: %s", (int)status, (int)expected, part, rd_last_error());
    if (status == RD_OK) rd_tensor_file_close(&file);
}

#define STORAGE                                                                                    \
    "((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0"                                        \
    "0X\x03\0\0\0cpuK\x06tQ"
#define REBUILD "ctorch._utils\n_rebuild_tensor_v2\n"
#define NAME    "}X\x01\0\0\0w"

/* A body of a pickle, as literal text. */
typedef struct {
    const char *bytes;
    size_t n;
    rd_status status;
    const char *part;
} body;
#define BODY(text) text, sizeof(text) - 1

/* A tensor of 2 x 3 in a storage of 6, and others that lie about it. */
static void test_places(void **state) {
    static const body bodies[] = {
        {BODY("\x80\x02" NAME REBUILD STORAGE "K\0K\x02K\x03\x86K\x03K\x01\x86\x89NtRs."), RD_OK,
         ""},
        {BODY("\x80\x02" NAME REBUILD STORAGE "\x8a\0K\x02K\x03\x86K\x03K\x01\x86\x89NtRs."), RD_OK,
         ""}, /* zero as a number of no bytes */
        {BODY("\x80\x02" NAME REBUILD STORAGE "K\x01K\x02K\x03\x86K\x03K\x01\x86\x89NtRs."),
         RD_ERR_FORMAT, "lies outside"},
        {BODY("\x80\x02" NAME REBUILD STORAGE "K\0K\x02K\x03\x86K\x03K\x02\x86\x89NtRs."),
         RD_ERR_FORMAT, "lies outside"},
        {BODY("\x80\x02" NAME REBUILD STORAGE "K\0K\x02K\x03\x86K\x03K\x01\x85\x89NtRs."),
         RD_ERR_FORMAT, "has no shape"},
        {BODY("\x80\x02" NAME REBUILD STORAGE
              "K\0K\x02J\xff\xff\xff\xff\x86K\x03K\x01\x86\x89NtRs."),
         RD_ERR_FORMAT, "impossible shape"},
        {BODY("\x80\x02" NAME REBUILD STORAGE
              "K\0K\x02K\x03\x86\x8a\x08\xf0\xff\xff\xff\xff\xff\xff\x7fK\x01\x86\x89NtRs."),
         RD_ERR_FORMAT, "lies outside"},
        {BODY("\x80\x02" NAME REBUILD STORAGE
              "K\0K\x03K\x03\x86\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7fK\x01\x86\x89NtRs."),
         RD_ERR_FORMAT, "impossible strides"},
        {BODY("\x80\x02" NAME REBUILD STORAGE
              "K\0\x8a\x06\xff\xff\xff\xff\xff\x7fK\x03\x86K\0K\0\x86\x89NtRs."),
         RD_ERR_FORMAT, "larger than the file"},
        {BODY("\x80\x02" NAME REBUILD "(NK\0K\x02\x85K\x01\x85\x89NtRs."), RD_ERR_FORMAT,
         "no storage"},
        {BODY("\x80\x02" NAME "K\x01s."), RD_ERR_FORMAT, "no tensors by name"},
        {BODY("\x80\x02]."), RD_ERR_FORMAT, "no tensors by name"}};
    static const float values[6] = {1, 2, 3, 4, 5, 6};
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        rd_text file = torch_file_of(bodies[i].bytes, bodies[i].n, values, 6);
        check_open(file.data, (size_t)file.length, bodies[i].status, bodies[i].part);
        if (bodies[i].status == RD_OK) {
            check_open(file.data, (size_t)file.length - 1, RD_ERR_FORMAT, "truncated");
            check_open(file.data, 100, RD_ERR_FORMAT, "it ends early");
        }
        rd_text_free(&file);
    }
}

/* Programs, and pickles that are none. */
static void test_refused(void **state) {
    static const body bodies[] = {
        {BODY("\x80\x02"
              "cposix\nsystem\nX\x02\0\0\0ls\x85R."),
         RD_ERR_UNSUPPORTED, "posix.system"},
        {BODY("\x80\x02"
              "cbuiltins\neval\n."),
         RD_ERR_UNSUPPORTED, "builtins.eval"},
        {BODY("\x80\x04\x8c\x02os\x8c\x06system\x93."), RD_ERR_UNSUPPORTED, "os.system"},
        {BODY("\x80\x02"
              "ctorch\nload\n."),
         RD_ERR_UNSUPPORTED, "torch.load"},
        {BODY("\x80\x02"
              "c\x1b[31m\n\n."),
         RD_ERR_UNSUPPORTED, "\\x1b[31m."},
        {BODY("\x80\x02(X\x06\0\0\0modulectorch\nTensor\nNNtQ."), RD_ERR_UNSUPPORTED, "no storage"},
        {BODY("\x80\x01N."), RD_ERR_UNSUPPORTED, "protocol 1"},
        {BODY("\x80\x02(i."), RD_ERR_FORMAT, "operation 0x69"},
        {BODY("\x80\x02."), RD_ERR_FORMAT, "a value is missing"},
        {BODY("\x80\x02N(\x85."), RD_ERR_FORMAT, "a value is missing"},
        {BODY("\x80\x02Nt."), RD_ERR_FORMAT, "a mark is missing"},
        {BODY("\x80\x02Na."), RD_ERR_FORMAT, "a container is missing"},
        {BODY("\x80\x02NNa."), RD_ERR_FORMAT, "items of something"},
        {BODY("\x80\x02}(Nu."), RD_ERR_FORMAT, "a key without a value"},
        {BODY("\x80\x02h\0."), RD_ERR_FORMAT, "not yet there"},
        {BODY("\x80\x02Nr\xf0\xff\xff\x7f."), RD_ERR_FORMAT, "more memory"},
        {BODY("\x80\x02N)R."), RD_ERR_FORMAT, "no function"},
        {BODY("\x80\x02"
              "ctorch\nTensor\nNR."),
         RD_ERR_FORMAT, "no function"},
        {BODY("\x80\x02X\xff\xff\xff\x7fx."), RD_ERR_FORMAT, "ends early"},
        {BODY("\x80\x02\x8b\xff\xff\xff\xffx."), RD_ERR_FORMAT, "ends early"}};
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        rd_text file = torch_file_of(bodies[i].bytes, bodies[i].n, NULL, 0);
        check_open(file.data, (size_t)file.length, bodies[i].status, bodies[i].part);
        rd_text_free(&file);
    }
    static const char lfs[] = "version https://git-lfs.github.com/spec/v1\n";
    check_open(lfs, sizeof lfs - 1, RD_ERR_FORMAT, "git lfs pull");
    check_open("<html>", 6, RD_ERR_FORMAT, "not a file of PyTorch");
    check_open("", 0, RD_ERR_FORMAT, "not a file of PyTorch");
    check_open("\x80\x02N.", 4, RD_ERR_FORMAT, "not as PyTorch writes");
    check_open("PK\3\4", 4, RD_ERR_FORMAT, "zip archive");
}

/* `unit` n times after two bytes, and `end`. */
static void check_repeated(const char *unit, size_t n_unit, int n, const char *end,
                           const char *part) {
    rd_text text = {0};
    must(rd_text_append(&text, "\x80\x02", 2));
    for (int i = 0; i < n; i++) must(rd_text_append(&text, unit, n_unit));
    must(rd_text_append(&text, end, strlen(end)));
    rd_text file = torch_file_of(text.data, (size_t)text.length, NULL, 0);
    check_open(file.data, (size_t)file.length, RD_ERR_FORMAT, part);
    rd_text_free(&file);
    rd_text_free(&text);
}

/* Values that would take far more memory than the bytes that ask for them, and marks in marks. */
static void test_limits(void **state) {
    (void)state;
    check_repeated("(", 1, 64, "N.", "no tensors");
    check_repeated("(", 1, 65, "N.", "64 deep");
    check_repeated("N", 1, 2000000, ".", "more memory");
    check_repeated("]", 1, 2000000, ".", "more memory");
    check_repeated("N2222222222222222", 17, 600000, ".", "more memory");
    check_repeated("X\0\0\0\0", 5, 1000000, ".", "more memory");
}

/* A dict that is in itself, a list too, and what holds what it is held by. */
static void test_cycles(void **state) {
    static const char bytes[] = "\x80\x02}q\0X\x05\0\0\0modelh\0s]q\1h\1a0.";
    static const char node[] =
        "\x80\x02}X\x05\0\0\0model"
        "comegaconf.dictconfig\nDictConfig\n)\x81q\1}X\x08\0\0\0_contenth\1sbs.";
    (void)state;
    rd_text file = torch_file_of(bytes, sizeof bytes - 1, NULL, 0);
    check_open(file.data, (size_t)file.length, RD_ERR_FORMAT, "no tensors");
    rd_text_free(&file);
    file = torch_file_of(node, sizeof node - 1, NULL, 0);
    check_open(file.data, (size_t)file.length, RD_ERR_FORMAT, "no tensors");
    rd_text_free(&file);
}

static void same_files(const char *a, const char *b) {
    char *bytes[2];
    size_t sizes[2];
    must(rd_read_file(a, SIZE_MAX / 2, &bytes[0], &sizes[0]));
    must(rd_read_file(b, SIZE_MAX / 2, &bytes[1], &sizes[1]));
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(bytes[0], bytes[1], sizes[0]);
    free(bytes[0]);
    free(bytes[1]);
}

static void check_import(const char *name) {
    char from[160], to[160], wanted[192], got[192];
    rd_text info = {0};
    snprintf(from, sizeof from, "%s/theirs", directory);
    snprintf(to, sizeof to, "%s/%s", directory, name);
    must(rd_import(from, to, NULL));
    snprintf(wanted, sizeof wanted, "%s/safetensors/model.safetensors", directory);
    snprintf(got, sizeof got, "%s/model.safetensors", to);
    same_files(wanted, got);
    must(rd_info(from, &info));
    assert_non_null(strstr(info.data, "parameters: 7837 in 60 tensors"));
    rd_text_free(&info);
}

/* A directory imports to the same model whatever its weights are stored in. */
static void test_import(void **state) {
    char command[640], path[192], shards[2][192];
    (void)state;
    snprintf(command, sizeof command, "cp -r %s/marian/tied %s/theirs && chmod -R u+w %s/theirs",
             TEST_DATA, directory, directory);
    assert_int_equal(system(command), 0);
    check_import("safetensors");
    snprintf(path, sizeof path, "%s/theirs/model.safetensors", directory);
    snprintf(shards[0], sizeof shards[0], "%s/theirs/pytorch_model.bin", directory);
    torch_write_tensors(shards[0], path, 0, 1);
    assert_int_equal(unlink(path), 0);
    check_import("bin");
    json_t *map = json_object();
    snprintf(path, sizeof path, "%s/marian/tied/model.safetensors", TEST_DATA);
    for (int i = 0; i < 2; i++) {
        rd_tensor_file file;
        const char *tensor;
        json_t *value;
        snprintf(shards[i], sizeof shards[i], "%s/theirs/shard-%d.bin", directory, i);
        torch_write_tensors(shards[i], path, i, 2);
        must(rd_tensor_file_open_torch(&file, shards[i]));
        json_object_foreach(file.header, tensor, value)
            json_object_set_new(map, tensor, json_string(i ? "shard-1.bin" : "shard-0.bin"));
        rd_tensor_file_close(&file);
    }
    snprintf(path, sizeof path, "%s/theirs", directory);
    snprintf(shards[0], sizeof shards[0], "%s/theirs/pytorch_model.bin", directory);
    assert_int_equal(unlink(shards[0]), 0);
    must(
        rd_json_write(path, "pytorch_model.bin.index.json", json_pack("{s:o}", "weight_map", map)));
    check_import("shards");
}

/* Whatever is imported: the same model as of model.safetensors. */
static void test_other_importers(void **state) {
    static const char *const names[] = {"bart", "bert/bert", "gpt2", "vit/hf"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char command[700], from[192], theirs[600], ours[2][200], path[256];
        snprintf(from, sizeof from, "%s/other-%d", directory, (int)i);
        snprintf(command, sizeof command,
                 "cp -r %s/%s %s && chmod -R u+w %s && rm %s/model.safetensors", TEST_DATA,
                 names[i], from, from, from);
        assert_int_equal(system(command), 0);
        snprintf(theirs, sizeof theirs, "%s/%s", TEST_DATA, names[i]);
        snprintf(ours[0], sizeof ours[0], "%s-wanted", from);
        snprintf(ours[1], sizeof ours[1], "%s-got", from);
        must(rd_import(theirs, ours[0], NULL));
        snprintf(path, sizeof path, "%s/pytorch_model.bin", from);
        snprintf(command, sizeof command, "%s/model.safetensors", theirs);
        torch_write_tensors(path, command, 0, 1);
        must(rd_import(from, ours[1], NULL));
        for (int k = 0; k < 2; k++) strcat(ours[k], "/model.safetensors");
        same_files(ours[0], ours[1]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_versions), cmocka_unit_test(test_checkpoint),
        cmocka_unit_test(test_places),   cmocka_unit_test(test_refused),
        cmocka_unit_test(test_limits),   cmocka_unit_test(test_cycles),
        cmocka_unit_test(test_import),   cmocka_unit_test(test_other_importers)};
    return cmocka_run_group_tests_name("torch_file", tests, setup, teardown);
}
