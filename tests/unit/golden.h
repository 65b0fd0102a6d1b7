/* Golden files: JSON under tests/golden, made by the scripts of tests/oracles. Whatever is missing
 * or of the wrong type fails the test that asked for it. */
#ifndef RD_TESTS_GOLDEN_H
#define RD_TESTS_GOLDEN_H

#include <jansson.h>
#include <stdint.h>

#include "rdrop/status.h"

json_t *golden_load(const char *name); /* name: below tests/golden; release with json_decref */

double golden_number(const json_t *object, const char *key);

/* All numbers of a list of lists, in order; release with free(). *n: how many. */
double *golden_numbers(const json_t *object, const char *key, int64_t *n);
float *golden_floats(const json_t *object, const char *key, int64_t *n);
int32_t *golden_integers(const json_t *object, const char *key, int64_t *n);

/* Adds the tensor `name` to a safetensors file: one that it has, of float32, with `more` added to
 * each value. */
void golden_add_tensor(const char *path, const char *name, const char *like, float more);

/* Fails unless RD_OK, with what the library says. */
void must(rd_status status);

/* Fails unless |got - wanted| <= relative * |wanted| + absolute; `what` and `index` tell where. */
void assert_near(double got, double wanted, double relative, double absolute, const char *what,
                 int64_t index);

#endif
