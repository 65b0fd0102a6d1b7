/* JSON and YAML that would take far more memory or time than their size: refused before they are
 * parsed, with the line; what real files hold passes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io/json.h"
#include "base/text.h"
#include "io/yaml.h"

/* `unit` n times, with `begin` and `end` around. */
static rd_text repeated(const char *begin, const char *unit, int n, const char *end) {
    rd_text text = {0};
    assert_int_equal(rd_text_append(&text, begin, strlen(begin)), RD_OK);
    for (int i = 0; i < n; i++) assert_int_equal(rd_text_append(&text, unit, strlen(unit)), RD_OK);
    assert_int_equal(rd_text_append(&text, end, strlen(end)), RD_OK);
    return text;
}

typedef rd_status (*checker)(const char *path, const char *bytes, size_t n);

static rd_status parse_json(const char *path, const char *bytes, size_t n) {
    json_t *root;
    rd_status status = rd_json_parse(&root, path, bytes, n);
    json_decref(root);
    return status;
}

static void refused(checker check, rd_text text, const char *part) {
    assert_int_equal(check("f", text.data, (size_t)text.length), RD_ERR_FORMAT);
    if (!strstr(rd_last_error(), part)) fail_msg("\"%s\" in: %s", part, rd_last_error());
    rd_text_free(&text);
}

static void passes(checker check, rd_text text) {
    if (check("f", text.data, (size_t)text.length) != RD_OK) fail_msg("%s", rd_last_error());
    rd_text_free(&text);
}

static void test_json_depth(void **state) {
    (void)state;
    rd_text closing = repeated("", "]", 64, "\n");
    passes(parse_json, repeated("\n", "[", 64, closing.data));
    rd_text_free(&closing);
    refused(parse_json, repeated("\n", "[", 65, ""), "f:2: ");
    refused(parse_json, repeated("", "{\"a\":\n", 100000, ""), "f:65: lists or objects");
    passes(parse_json, repeated("[\"", "[{\\\"", 1000, "\"]")); /* inside of a string */
    passes(parse_json, repeated("[", "[],", 1000, "{}]"));
}

static void test_json_values(void **state) {
    (void)state;
    static const char *const units[] = {"{},", "[],", "\"\",", "1,", "{\"\":1},"};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        refused(parse_json, repeated("[\n", units[i], 10000000, "0]"), "f:2: too many values");
    rd_text pieces = {0};
    for (int i = 0; i < 1000000; i++)
        assert_int_equal(rd_text_printf(&pieces, "%s\"piece%d\": %d", i ? ", " : "{", i, i), RD_OK);
    assert_int_equal(rd_text_append(&pieces, "}", 1), RD_OK);
    passes(parse_json, pieces);
    passes(parse_json, repeated("[\"", "a", 50000000, "\"]"));
}

static void test_yaml_depth(void **state) {
    (void)state;
    rd_text closing = repeated("", "]", 60, "\n");
    passes(rd_yaml_check, repeated("\na: ", "[", 60, closing.data));
    rd_text_free(&closing);
    refused(rd_yaml_check, repeated("\na: ", "[", 1 << 20, ""), "f:2: lists or mappings");
    refused(rd_yaml_check, repeated("", "{a: ", 1 << 20, ""), "f:1: lists or mappings");
    refused(rd_yaml_check, repeated("", "- ", 1 << 20, ""), "f:1: lists or mappings");
    refused(rd_yaml_check, repeated("", "? ", 1 << 20, ""), "f:1: lists or mappings");
}

static void test_yaml_values(void **state) {
    (void)state;
    refused(rd_yaml_check, repeated("x: [", "a,", 1 << 21, "a]"), "f:1: too many values");
    refused(rd_yaml_check, repeated("x:\n", "-\n", 1 << 22, ""), "too many values");
    refused(rd_yaml_check, repeated("x: [", "a: b,", 1 << 20, "]"), "too many values");
    refused(rd_yaml_check, repeated("", "- &a x\n", 2000, ""), "f:1001: more anchors than 1000");
    refused(rd_yaml_check, repeated("", "%TAG !a! x\n", 2, ""), "f:1: a %TAG directive");
    rd_text pieces = {0};
    for (int i = 0; i < 500000; i++)
        assert_int_equal(rd_text_printf(&pieces, "piece%d: %d\n", i, i), RD_OK);
    passes(rd_yaml_check, pieces);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_depth),
        cmocka_unit_test(test_json_values),
        cmocka_unit_test(test_yaml_depth),
        cmocka_unit_test(test_yaml_values),
    };
    return cmocka_run_group_tests_name("parse_limits", tests, NULL, NULL);
}
