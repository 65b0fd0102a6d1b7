/* The recipe reader. What it accepts it can write, and reads back to the same. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "recipe/recipe.h"

static char *written(const rd_recipe *recipe, size_t *n) {
    rd_text text = {0};
    rd_status status = rd_recipe_write(recipe, NULL, &text);
    *n = (size_t)text.length;
    if (status == RD_OK) return text.data;
    rd_text_free(&text); /* a text too long to write is refused */
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    rd_recipe *recipe, *again;
    const char *settings[] = {"max-update=7"};
    if (rd_recipe_load(&recipe, fuzz_file(0, data, size), settings, 1) != RD_OK) {
        FUZZ_CHECK(*rd_last_error());
        return 0;
    }
    size_t n, n_again;
    char *text = written(recipe, &n);
    if (text && rd_recipe_load(&again, fuzz_file(1, text, n), NULL, 0) == RD_OK) {
        char *text_again = written(again, &n_again);
        FUZZ_CHECK(text_again && n == n_again && memcmp(text, text_again, n) == 0);
        free(text_again);
        rd_recipe_free(again);
    } else {
        FUZZ_CHECK(!text || n > 256 * 1024); /* only for its size */
    }
    free(text);
    rd_recipe_free(recipe);
    return 0;
}
