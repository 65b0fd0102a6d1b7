/* Where the values of our tensors lie in another program's files: the one type in which each family
 * of models names its tensors, for import and export. */
#ifndef RD_CONVERT_PLACES_H
#define RD_CONVERT_PLACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    RD_LAYOUT_OURS,       /* [outputs, inputs] */
    RD_LAYOUT_TRANSPOSED, /* [inputs, outputs] */
    RD_LAYOUT_PIXELS      /* of patches: [pixels, channels, outputs] */
} rd_layout;

typedef struct {
    char name[160];
    rd_layout layout;
    int32_t part, parts; /* of so many along the outputs, this one */
    int32_t channels;    /* of RD_LAYOUT_PIXELS */
} rd_place;

enum { RD_MOST_PLACES = 8 };

/* Start from {0}. */
typedef struct {
    rd_place items[RD_MOST_PLACES];
    int n;           /* places that it may have, best first */
    bool rows;       /* it has them all: a tensor for each row */
    bool optional;   /* where there is none, zeros */
    int64_t missing; /* rows at the end that they lack: zeros */
} rd_places;

/* Adds a place, whole and as ours. */
rd_place *rd_places_add(rd_places *places, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* "encoder.layers.N." of our name of a tensor: its length, 0 where it is none, and N. stack:
 * "encoder" or "decoder". */
size_t rd_layer_prefix(const char *ours, const char *stack, long *layer);

/* theirs: [2] = the shape there of our [rows, columns], columns 0 of a vector. */
void rd_place_shape(const rd_place *place, int64_t rows, int64_t columns, int64_t theirs[2]);

/* Copies the values of our tensor from theirs or, with `back`, there. */
void rd_place_copy(const rd_place *place, int64_t rows, int64_t columns, float *ours, float *theirs,
                   bool back);

#endif
