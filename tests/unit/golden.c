#include "golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <math.h>

#include "io/safetensors.h"

json_t *golden_load(const char *name) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", TEST_DATA, name);
    json_error_t error;
    json_t *root = json_load_file(path, 0, &error);
    if (!root) fail_msg("%s:%d: %s", path, error.line, error.text);
    return root;
}

static json_t *member(const json_t *object, const char *key) {
    json_t *value = json_object_get(object, key);
    if (!value) fail_msg("golden file without \"%s\"", key);
    return value;
}

double golden_number(const json_t *object, const char *key) {
    json_t *value = member(object, key);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

static int64_t count(const json_t *value) {
    if (!json_is_array(value)) return 1;
    int64_t n = 0;
    for (size_t i = 0; i < json_array_size(value); i++) n += count(json_array_get(value, i));
    return n;
}

static double *flatten(const json_t *value, double *next) {
    if (!json_is_array(value)) {
        assert_true(json_is_number(value));
        *next = json_number_value(value);
        return next + 1;
    }
    for (size_t i = 0; i < json_array_size(value); i++)
        next = flatten(json_array_get(value, i), next);
    return next;
}

double *golden_numbers(const json_t *object, const char *key, int64_t *n) {
    const json_t *value = member(object, key);
    *n = count(value);
    double *numbers = malloc(sizeof *numbers * (size_t)*n);
    assert_non_null(numbers);
    flatten(value, numbers);
    return numbers;
}

float *golden_floats(const json_t *object, const char *key, int64_t *n) {
    double *numbers = golden_numbers(object, key, n);
    float *floats = malloc(sizeof *floats * (size_t)*n);
    assert_non_null(floats);
    for (int64_t i = 0; i < *n; i++) floats[i] = (float)numbers[i];
    free(numbers);
    return floats;
}

int32_t *golden_integers(const json_t *object, const char *key, int64_t *n) {
    double *numbers = golden_numbers(object, key, n);
    int32_t *integers = malloc(sizeof *integers * (size_t)*n);
    assert_non_null(integers);
    for (int64_t i = 0; i < *n; i++) integers[i] = (int32_t)numbers[i];
    free(numbers);
    return integers;
}

/* A file's data, and a tensor after them. */
typedef struct {
    const rd_tensor_file *old;
    const float *values;
    size_t n_bytes;
} added_data;

static void write_added(const void *self, FILE *out) {
    const added_data *data = self;
    fwrite(data->old->data, 1, data->old->data_size, out);
    fwrite(data->values, 1, data->n_bytes, out);
}

void golden_add_tensor(const char *path, const char *name, const char *like, float more) {
    rd_tensor_file old;
    rd_stored_tensor tensor;
    must(rd_tensor_file_open(&old, path));
    must(rd_tensor_file_find(&old, like, &tensor));
    float *values = malloc(tensor.n_bytes);
    assert_non_null(values);
    must(rd_stored_tensor_read(&tensor, values));
    for (int64_t i = 0; i < tensor.n; i++) values[i] += more;
    json_t *entry = json_deep_copy(json_object_get(old.header, like));
    json_object_set_new(entry, "data_offsets",
                        json_pack("[I,I]", (json_int_t)old.data_size,
                                  (json_int_t)(old.data_size + tensor.n_bytes)));
    json_object_set_new(old.header, name, entry);
    const added_data data = {&old, values, tensor.n_bytes};
    must(rd_tensor_file_save(path, json_incref(old.header), write_added, &data));
    free(values);
    rd_tensor_file_close(&old);
}

void must(rd_status status) {
    if (status != RD_OK) fail_msg("%s", rd_last_error());
}

void assert_near(double got, double wanted, double relative, double absolute, const char *what,
                 int64_t index) {
    if (!(fabs(got - wanted) <= relative * fabs(wanted) + absolute))
        fail_msg("%s, element %lld: %.9g, expected %.9g", what, (long long)index, got, wanted);
}
