/* The operations of RandAugment (Cubuk et al. 2019), with torchvision's choice of them and of their
 * strengths, and Pillow's arithmetic. */
#ifndef RD_DATA_RAND_AUGMENT_H
#define RD_DATA_RAND_AUGMENT_H

#include "base/rng.h"
#include "data/picture.h"

typedef enum {
    RD_AUGMENT_IDENTITY,
    RD_AUGMENT_SHEAR_X,     /* by: pixels a row */
    RD_AUGMENT_SHEAR_Y,     /* pixels a column */
    RD_AUGMENT_TRANSLATE_X, /* pixels; whole ones count */
    RD_AUGMENT_TRANSLATE_Y,
    RD_AUGMENT_ROTATE,     /* degrees, against the clock */
    RD_AUGMENT_BRIGHTNESS, /* -1: black .. 0: as it is .. */
    RD_AUGMENT_COLOUR,     /* -1: grey */
    RD_AUGMENT_CONTRAST,   /* -1: its mean grey */
    RD_AUGMENT_SHARPNESS,  /* -1: smoothed */
    RD_AUGMENT_POSTERIZE,  /* bits kept */
    RD_AUGMENT_SOLARIZE,   /* samples from here on are inverted */
    RD_AUGMENT_AUTO_CONTRAST,
    RD_AUGMENT_EQUALIZE,
    RD_AUGMENT_OPERATIONS
} rd_augment_operation;

/* In place. scratch: overwritten. */
rd_status rd_picture_augment(rd_picture *picture, rd_picture *scratch,
                             rd_augment_operation operation, double by);

/* Applies one operation, drawn at random, with the strength of `magnitude` (0 to 30). */
rd_status rd_rand_augment(rd_picture *picture, rd_picture *scratch, int32_t magnitude, rd_rng *rng);

#endif
