/* Pictures: JPEG, PNG and raw samples, and all that is made of them. The first byte says how. */
#include <stdlib.h>
#include <string.h>

#include "data/picture_input.h"
#include "fuzz.h"

enum { SIDE = 12 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char half[] = "0.5";
    if (size < 1) return 0;
    const rd_picture_form form = {.resampling = data[0] & 1 ? RD_BICUBIC : RD_BILINEAR,
                                  .resize = data[0] & 2 ? 16 : 0,
                                  .stretch = data[0] & 4,
                                  .mean = half,
                                  .std = half};
    const rd_augmentation augmentation = {.random_resized_crop = data[0] & 8,
                                          .crop_scale = {0.05, 1.0},
                                          .crop_ratio = {0.75, 1.33},
                                          .flip = 0.5f,
                                          .rand_augment_ops = 2,
                                          .rand_augment_magnitude = data[0] % 31,
                                          .erasing = 0.5f};
    int32_t channels = data[0] & 16 ? 1 : 3;
    float out[3 * SIDE * SIDE];
    rd_picture_input *input;
    rd_picture_scratch scratch = {0};
    FUZZ_CHECK(rd_picture_input_new(&input, &form, &augmentation, SIDE, channels) == RD_OK);
    for (int pass = 0; pass < 2; pass++) {
        rd_rng rng = rd_rng_make(1, data[0]);
        rd_status status =
            rd_picture_input_make(input, data + 1, size - 1, pass ? &rng : NULL, &scratch, out);
        FUZZ_CHECK(status == RD_OK || status == RD_ERR_FORMAT);
        for (int i = 0; status == RD_OK && i < channels * SIDE * SIDE; i++)
            FUZZ_CHECK(out[i] >= -1.0f && out[i] <= 1.0f);
    }
    rd_picture_scratch_free(&scratch);
    rd_picture_input_free(input);
    return 0;
}
