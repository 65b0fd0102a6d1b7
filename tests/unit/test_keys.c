/* Keys of recipes, their kinds, ranges and defaults, and what an `arch` sets, are what they were:
 * golden/keys.txt. Where a change is meant, `build/test_keys print > tests/golden/keys.txt`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/text.h"
#include "recipe/recipe_keys.h"

static void add_key(rd_text *out, const rd_key *key) {
    assert_int_equal(rd_text_printf(out, "%s: %s %.9g..%.9g", key->name, rd_key_type_name(key),
                                    key->low, key->high),
                     RD_OK);
    for (const char *const *name = key->names; name && *name; name++)
        assert_int_equal(rd_text_printf(out, " %s", *name), RD_OK);
    static const char *const effects[] = {"", " [model]", " [updates]", " [course]", " [none]"};
    assert_int_equal(rd_text_put(out, effects[key->effect]), RD_OK);
    if (key->aliases) assert_int_equal(rd_text_printf(out, " (%s)", key->aliases), RD_OK);
    assert_int_equal(rd_text_printf(out, " = %s\n", key->default_value ? key->default_value : ""),
                     RD_OK);
}

static rd_text listed(void) {
    rd_text out = {0};
    const rd_key *key;
    for (int i = 0; (key = rd_recipe_key(i)); i++) add_key(&out, key);
    for (const rd_key *k = rd_directive_keys; k->name; k++) add_key(&out, k);
    for (int i = 0; i < rd_recipe_n_archs; i++) {
        assert_int_equal(rd_text_printf(&out, "arch %s\n", rd_recipe_archs[i].name), RD_OK);
        for (const rd_arch_value *v = rd_recipe_archs[i].values; v->key; v++)
            assert_int_equal(rd_text_printf(&out, "  %s = %s\n", v->key, v->value), RD_OK);
    }
    return out;
}

static void keys_are_what_they_were(void **state) {
    (void)state;
    char *golden;
    size_t n;
    rd_text now = listed();
    assert_int_equal(rd_read_file(TEST_DATA "/keys.txt", (size_t)1 << 20, &golden, &n), RD_OK);
    const char *was = golden, *is = now.data;
    while (*was && *is) {
        int n_was = (int)strcspn(was, "\n"), n_is = (int)strcspn(is, "\n");
        if (n_was != n_is || memcmp(was, is, (size_t)n_was) != 0)
            fail_msg("\"%.*s\" was \"%.*s\"", n_is, is, n_was, was);
        was += n_was + 1;
        is += n_is + 1;
    }
    assert_true(!*was && !*is);
    free(golden);
    rd_text_free(&now);
}

static size_t place_of(const rd_key *key) {
    return rd_recipe_group_of(key)->offset + key->offset;
}

/* A key that had another one's field would do nothing of its own. */
static void each_key_has_its_field(void **state) {
    const rd_key *key;
    (void)state;
    for (int i = 0; (key = rd_recipe_key(i)); i++)
        for (int k = 0; k < i; k++)
            if (place_of(key) == place_of(rd_recipe_key(k)))
                fail_msg("%s and %s have one field", key->name, rd_recipe_key(k)->name);
}

/* Both ends of a range are in it, also after rounding to float. */
static void ends_of_ranges_are_taken(void **state) {
    const rd_key *key;
    (void)state;
    for (int i = 0; (key = rd_recipe_key(i)); i++) {
        const double ends[] = {key->low, key->high};
        for (int e = 0; e < 2 && (key->type == RD_KEY_FLOAT || key->type == RD_KEY_DOUBLE); e++) {
            union {
                float f;
                double d;
            } value = {.d = 0};
            char text[32];
            rd_key alone = *key;
            alone.offset = 0;
            rd_shortest_double(ends[e], text);
            if (rd_key_set(&value, &alone, text) != RD_OK || rd_key_check(&value, &alone) != RD_OK)
                fail_msg("%s", rd_last_error());
        }
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(keys_are_what_they_were),
                                       cmocka_unit_test(each_key_has_its_field),
                                       cmocka_unit_test(ends_of_ranges_are_taken)};
    if (argc == 1) return cmocka_run_group_tests(tests, NULL, NULL);
    if (strcmp(argv[1], "print") != 0) return 2;
    rd_text now = listed();
    fputs(now.data, stdout);
    rd_text_free(&now);
    return 0;
}
