/* Events of TensorBoard, byte for byte: the record, and the fields of event.proto in it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "train/run.h"

enum { RECORD_HEAD = 12, RECORD_FOOT = 4, WALL_TIME = 9 };

/* Of one event, without its time: [*n]; malloc'ed in *record. */
static const char *fields_of(const rd_train_event *event, char **record, size_t *n) {
    rd_run run = {.save_dir = "nowhere"};
    uint64_t length;
    run.tensorboard = open_memstream(record, n);
    assert_non_null(run.tensorboard);
    assert_int_equal(rd_tensorboard_write(&run, event), RD_OK);
    fclose(run.tensorboard);
    if (*n == 0) return NULL;
    memcpy(&length, *record, sizeof length);
    assert_int_equal(length, *n - RECORD_HEAD - RECORD_FOOT);
    assert_int_equal((*record)[RECORD_HEAD], 1 << 3 | 1); /* the time, a double */
    *n = length - WALL_TIME;
    return *record + RECORD_HEAD + WALL_TIME;
}

/* The number that is not finite is left out. */
static void an_update_is_scalars(void **state) {
    (void)state;
    static const char expected[] = "\x10\xac\x02" /* step 300 */
                                   "\x2a\x55"
                                   "\x0a\x11\x0a\x0atrain/loss\x15\x00\x00\x00\x3f"
                                   "\x0a\x0f\x0a\x08train/kl\x15\x00\x00\x80\x3e"
                                   "\x0a\x0f\x0a\x08train/lr\x15\x00\x00\x00\x40"
                                   "\x0a\x1e\x0a\x17train/tokens_per_second\x15\x00\x00\x7a\x44";
    const rd_train_event event = {.kind = RD_TRAIN_UPDATE,
                                  .update = 300,
                                  .loss = 0.5,
                                  .nll = (double)NAN,
                                  .kl = 0.25,
                                  .lr = 2,
                                  .gnorm = (double)INFINITY,
                                  .tokens_per_second = 1000};
    char *record;
    size_t n;
    const char *fields = fields_of(&event, &record, &n);
    assert_int_equal(n, sizeof expected - 1);
    assert_memory_equal(fields, expected, n);
    free(record);
}

static void other_events_are_none(void **state) {
    (void)state;
    const rd_train_event event = {.kind = RD_TRAIN_STEP, .update = 3};
    char *record;
    size_t n;
    assert_null(fields_of(&event, &record, &n));
    free(record);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(an_update_is_scalars),
                                       cmocka_unit_test(other_events_are_none)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
