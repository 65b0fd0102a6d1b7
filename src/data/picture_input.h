/* From a decoded picture to a model's input: resized or cropped to a square of its size, changed at
 * random in training, and normalised. */
#ifndef RD_DATA_PICTURE_INPUT_H
#define RD_DATA_PICTURE_INPUT_H

#include <stdbool.h>

#include "base/key.h"
#include "base/rng.h"
#include "data/picture_resize.h"

/* The form of a model's pictures, from its config.yaml. */
typedef struct {
    rd_resampling resampling;
    int32_t resize; /* pixels of the shorter side, from whose middle the square is cut; 0: the whole
                     * picture becomes the square */
    bool stretch;   /* `resize` is of both sides, whatever the picture's proportions */
    bool crop_floor;  /* an odd rest around the square is rounded down, not to even, in halves */
    char *mean, *std; /* of samples between 0 and 1, subtracted and divided by: a number, or one for
                       * each channel with commas between */
} rd_picture_form;

/* Augmentation in training. */
typedef struct {
    bool random_resized_crop; /* a random part, resized (Szegedy et al. 2015) */
    double crop_scale[2];     /* its share of the picture's area */
    double crop_ratio[2];     /* its width over its height */
    int32_t crop_padding;     /* a random square out of the picture with so many zeros around */
    float flip;               /* how often left and right change places */
    int32_t rand_augment_ops; /* RandAugment (Cubuk et al. 2019): operations, 0: none */
    int32_t rand_augment_magnitude;
    float mixup, cutmix; /* rd_picture_batches_config */
    float erasing;       /* how often a random part becomes zeros (Zhong et al. 2017) */
} rd_augmentation;

extern const rd_key rd_picture_form_keys[]; /* of a rd_picture_form */
extern const rd_key rd_augmentation_keys[]; /* of a rd_augmentation */

/* Both checked and made ready; it does not depend on them afterwards. */
typedef struct rd_picture_input rd_picture_input;

/* augmentation NULL: none. RD_ERR_FORMAT names the key that is wrong. */
rd_status rd_picture_input_new(rd_picture_input **input, const rd_picture_form *form,
                               const rd_augmentation *augmentation, int32_t size, int32_t channels);
void rd_picture_input_free(rd_picture_input *input); /* NULL is fine */
int32_t rd_picture_input_size(const rd_picture_input *input);
int32_t rd_picture_input_channels(const rd_picture_input *input);

/* Pictures that are overwritten on the way; one of these a thread. */
typedef struct {
    rd_picture decoded, part, scratch;
} rd_picture_scratch;
void rd_picture_scratch_free(rd_picture_scratch *scratch);

/* out: [channels, size, size], of the bytes of a file. rng: for training; NULL: as in validation.
 * Thread-safe, with a scratch for each thread. */
rd_status rd_picture_input_make(const rd_picture_input *input, const void *bytes, size_t n,
                                rd_rng *rng, rd_picture_scratch *scratch, float *out);

#endif
