/* Properties of the processor that programs ask about. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <omp.h>

#include "base/cpu.h"

/* Not known to the compiler. */
static volatile float smallest = FLT_MIN, half = 0.5f;

static void test_denormals_are_ignored_by_all_threads(void **state) {
    (void)state;
    int n = 0;
    assert_true(smallest * half > 0.0f);
    rd_cpu_ignore_denormals();
#pragma omp parallel num_threads(3) reduction(+ : n)
    n += smallest * half > 0.0f;
    assert_int_equal(n, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_denormals_are_ignored_by_all_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
