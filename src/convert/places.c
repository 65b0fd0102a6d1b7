#include "convert/places.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

rd_place *rd_places_add(rd_places *places, const char *format, ...) {
    if (places->n < RD_MOST_PLACES) places->n++;
    rd_place *place = &places->items[places->n - 1];
    *place = (rd_place){.parts = 1};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(place->name, sizeof place->name, format, arguments);
    va_end(arguments);
    return place;
}

size_t rd_layer_prefix(const char *ours, const char *stack, long *layer) {
    size_t n = strlen(stack);
    if (strncmp(ours, stack, n) != 0 || strncmp(ours + n, ".layers.", 8) != 0) return 0;
    char *end;
    *layer = strtol(ours + n + 8, &end, 10);
    return *end == '.' ? (size_t)(end + 1 - ours) : 0;
}

void rd_place_shape(const rd_place *place, int64_t rows, int64_t columns, int64_t theirs[2]) {
    bool turned = place->layout == RD_LAYOUT_TRANSPOSED;
    theirs[turned] = rows * place->parts;
    theirs[!turned] = columns;
}

/* Element [r, k] of ours in theirs. */
static int64_t element(const rd_place *place, int64_t rows, int64_t columns, int64_t r, int64_t k) {
    int64_t pixels = place->layout == RD_LAYOUT_PIXELS ? columns / place->channels : 1;
    switch (place->layout) {
    case RD_LAYOUT_TRANSPOSED:
        return (k * place->parts + place->part) * rows + r;
    case RD_LAYOUT_PIXELS: /* ours are [channels, pixels] */
        return (k % pixels * place->channels + k / pixels) * rows + r;
    default:
        return (place->part * rows + r) * columns + k;
    }
}

void rd_place_copy(const rd_place *place, int64_t rows, int64_t columns, float *ours, float *theirs,
                   bool back) {
    if (columns == 0) columns = 1;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t k = 0; k < columns; k++) {
            float *a = ours + r * columns + k;
            float *b = theirs + element(place, rows, columns, r, k);
            *(back ? b : a) = *(back ? a : b);
        }
}
