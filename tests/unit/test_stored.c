/* Tensors as files have them: the values of every type, and data that were damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zip.h>

#include "base/file.h"
#include "base/text.h"
#include "golden.h"
#include "io/npz.h"
#include "io/output.h"
#include "io/safetensors.h"

static char path[] = "/tmp/rdrop-stored-XXXXXX";

/* A file of the tensor "t" of n values, each of `size` bytes. */
static void write_tensor(const char *dtype, const void *bytes, int n, int size) {
    char header[128];
    rd_text file = {0};
    uint64_t length = (uint64_t)snprintf(
        header, sizeof header, "{\"t\":{\"dtype\":\"%s\",\"shape\":[%d],\"data_offsets\":[0,%d]}}",
        dtype, n, n * size);
    must(rd_text_append(&file, (const char *)&length, sizeof length));
    must(rd_text_append(&file, header, length));
    must(rd_text_append(&file, bytes, (size_t)(n * size)));
    must(rd_write_file(path, file.data, (size_t)file.length));
    rd_text_free(&file);
}

/* Reads what write_tensor() wrote. values: [n] */
static rd_status read_tensor(float *values) {
    rd_tensor_file file;
    rd_stored_tensor tensor;
    must(rd_tensor_file_open(&file, path));
    must(rd_tensor_file_find(&file, "t", &tensor));
    rd_status status = rd_stored_tensor_read(&tensor, values);
    rd_tensor_file_close(&file);
    return status;
}

static void test_halves(void **state) {
    (void)state;
    /* Zeros, the smallest, the largest below the normal ones, the smallest normal one, others. */
    const uint16_t bits[] = {0x0000, 0x8000, 0x0001, 0x8001, 0x03FF, 0x0400,
                             0x3C00, 0x3C01, 0xC000, 0x3555, 0x7BFF, 0xFBFF};
    const float wanted[] = {0, -0.0f,       0x1p-24f, -0x1p-24f,   0x1.FF8p-15f, 0x1p-14f,
                            1, 0x1.004p+0f, -2,       0x1.554p-2f, 65504,        -65504};
    enum { N = sizeof bits / sizeof *bits };
    float values[N];
    write_tensor("F16", bits, N, 2);
    must(read_tensor(values));
    for (int i = 0; i < N; i++) {
        assert_true(values[i] == wanted[i]);
        assert_int_equal(signbit(values[i]) != 0, signbit(wanted[i]) != 0);
    }
}

static void test_other_types(void **state) {
    (void)state;
    const uint16_t upper[] = {0x3F80, 0xC049, 0x0001};
    const double wide[] = {1.0 / 3, -0x1p-149, 3e38};
    const float usual[] = {1.0f / 3, -0x1p-149f, 3e38f};
    float values[3];
    write_tensor("BF16", upper, 3, 2);
    must(read_tensor(values));
    assert_true(values[0] == 1 && values[1] == -0x1.92p+1f && values[2] == 0x1p-133f);
    write_tensor("F64", wide, 3, 8);
    must(read_tensor(values));
    assert_memory_equal(values, usual, sizeof usual);
    write_tensor("F32", usual, 3, 4);
    must(read_tensor(values));
    assert_memory_equal(values, usual, sizeof usual);
    write_tensor("I32", usual, 3, 4);
    assert_int_equal(read_tensor(values), RD_ERR_UNSUPPORTED);
}

/* Wherever it is. */
static void test_what_is_no_number(void **state) {
    (void)state;
    const uint16_t halves[] = {0x7C00, 0xFC00, 0x7E00, 0x7C01}, upper[] = {0x7F80, 0x7FC0};
    const float usual[] = {INFINITY, NAN};
    const double wide[] = {-INFINITY, NAN, 1e300};
    float values[3];
    for (size_t i = 0; i < 4; i++) {
        write_tensor("F16", (uint16_t[]){0, 0x3C00, halves[i]}, 3, 2);
        assert_int_equal(read_tensor(values), RD_ERR_NUMERIC);
    }
    for (size_t i = 0; i < 2; i++) {
        write_tensor("BF16", (uint16_t[]){upper[i], 0}, 2, 2);
        assert_int_equal(read_tensor(values), RD_ERR_NUMERIC);
        write_tensor("F32", (float[]){0, usual[i]}, 2, 4);
        assert_int_equal(read_tensor(values), RD_ERR_NUMERIC);
    }
    for (size_t i = 0; i < 3; i++) {
        write_tensor("F64", wide + i, 1, 8);
        assert_int_equal(read_tensor(values), RD_ERR_NUMERIC);
    }
}

/* An array of NumPy of n floats in a zip archive that does not compress; n small: it all is in the
 * first bytes that are read. */
static void write_array(int n) {
    char header[128];
    rd_text array = {0};
    uint16_t length = (uint16_t)snprintf(
        header, sizeof header, "{'descr': '<f4', 'fortran_order': False, 'shape': (%d,), }\n", n);
    must(rd_text_append(&array, "\x93NUMPY\x01\x00", 8));
    must(rd_text_append(&array, (const char *)&length, 2));
    must(rd_text_append(&array, header, length));
    for (int i = 0; i < n; i++) must(rd_text_append(&array, (const char *)&(float){(float)i}, 4));
    unlink(path);
    zip_t *archive = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, NULL);
    assert_non_null(archive);
    zip_source_t *source = zip_source_buffer(archive, array.data, (zip_uint64_t)array.length, 0);
    zip_int64_t index = zip_file_add(archive, "t.npy", source, 0);
    assert_int_equal(index, 0);
    assert_int_equal(zip_set_file_compression(archive, 0, ZIP_CM_STORE, 0), 0);
    assert_int_equal(zip_close(archive), 0);
    rd_text_free(&array);
}

static rd_status load_array(float *last) {
    rd_npz npz;
    rd_stored_tensor array;
    char *bytes = NULL;
    must(rd_npz_open(&npz, path));
    must(rd_npz_find(&npz, "t", &array));
    rd_status status = rd_npz_load(&npz, &array, &bytes);
    if (status == RD_OK) memcpy(last, bytes + array.n_bytes - sizeof *last, sizeof *last);
    free(bytes);
    rd_npz_close(&npz);
    return status;
}

static void test_checksums_of_arrays(void **state) {
    (void)state;
    static const int sizes[] = {1, 10, 1000, 5000};
    for (size_t i = 0; i < 4; i++) {
        float last;
        write_array(sizes[i]);
        must(load_array(&last));
        assert_true(last == (float)(sizes[i] - 1));
        /* The last byte of the data comes before the archive's directory ("PK\1\2"). */
        char *file = NULL;
        size_t n;
        must(rd_read_file(path, 1 << 20, &file, &n));
        char *directory = memmem(file, n, "PK\1\2", 4);
        assert_non_null(directory);
        directory[-1] ^= 1;
        must(rd_write_file(path, file, n));
        assert_int_equal(load_array(&last), RD_ERR_FORMAT);
        assert_non_null(strstr(rd_last_error(), "array t"));
        free(file);
    }
}

static int make(void **state) {
    (void)state;
    int fd = mkstemp(path);
    return fd >= 0 ? close(fd) : -1;
}

static int delete (void **state) {
    (void)state;
    return unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_halves), cmocka_unit_test(test_other_types),
        cmocka_unit_test(test_what_is_no_number), cmocka_unit_test(test_checksums_of_arrays)};
    return cmocka_run_group_tests_name("stored", tests, make, delete);
}
