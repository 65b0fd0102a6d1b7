/* TFRecord's checksum and framing, against published vectors and a record of TensorFlow's own
 * making. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "io/tfrecord.h"

/* RFC 3720, B.4, and the usual check value. */
static void the_checksum_is_castagnolis(void **state) {
    (void)state;
    uint8_t bytes[32] = {0};
    assert_int_equal(rd_crc32c("123456789", 9), 0xe3069283u);
    assert_int_equal(rd_crc32c("", 0), 0);
    assert_int_equal(rd_crc32c(bytes, 32), 0x8a9136aau);
    memset(bytes, 0xff, sizeof bytes);
    assert_int_equal(rd_crc32c(bytes, 32), 0x62a8ab43u);
    for (int i = 0; i < 32; i++) bytes[i] = (uint8_t)i;
    assert_int_equal(rd_crc32c(bytes, 32), 0x46dd794eu);
}

static void a_record_is_framed(void **state) {
    (void)state;
    /* the first record of every event file: wall time 0, "brain.Event:2"
     */
    static const uint8_t event[] = "\x09\0\0\0\0\0\0\0\0\x1a\x0d"
                                   "brain.Event:2";
    rd_text out = {0};
    assert_int_equal(rd_text_append(&out, "x", 1), RD_OK); /* appended, not written over */
    assert_int_equal(rd_tfrecord_append(&out, event, sizeof event - 1), RD_OK);
    assert_int_equal(out.length, 1 + 8 + 4 + 24 + 4);
    static const uint8_t length[] = {24, 0, 0, 0, 0, 0, 0, 0, 0xa3, 0x7f, 0x4b, 0x22};
    static const uint8_t checksum[] = {0xee, 0xdf, 0x28, 0xa3};
    assert_memory_equal(out.data + 1, length, sizeof length);
    assert_memory_equal(out.data + 13, event, 24);
    assert_memory_equal(out.data + 37, checksum, sizeof checksum);
    rd_text_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_checksum_is_castagnolis),
                                       cmocka_unit_test(a_record_is_framed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
