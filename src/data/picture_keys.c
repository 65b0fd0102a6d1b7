/* Keys of pictures. */
#include <stddef.h>

#include "data/picture_input.h"

static const char *const resamplings[] = {"bilinear", "bicubic", NULL}; /* rd_resampling */

/* clang-format off: one row a key reads as the table it is */
#define RD_AT(field) offsetof(rd_picture_form, field)
const rd_key rd_picture_form_keys[] = {
    {"picture-resampling", RD_KEY_ENUM, RD_AT(resampling), 0, 0, "bilinear", resamplings,
     .help = "how pictures are resized, as Pillow does"},
    {"picture-resize", RD_KEY_INT32, RD_AT(resize), 0, 65535, "0",
     .help =
         "pixels of the shorter side, from whose middle the picture is cut; 0: the whole picture "
         "is resized to picture-size, both ways"},
    {"picture-stretch", RD_KEY_BOOL, RD_AT(stretch), 0, 0, "false",
     .help = "picture-resize is of both sides, whatever the proportions"},
    {"picture-crop-floor", RD_KEY_BOOL, RD_AT(crop_floor), 0, 0, "false",
     .help =
         "where half a pixel is left over, the middle is rounded down, as Hugging Face does, and "
         "not to even, as torchvision does"},
    {"picture-mean", RD_KEY_STRING, RD_AT(mean), 0, 0, "0.5", .separator = ",",
     .help =
         "subtracted from samples between 0 and 1: a number, or one a channel, comma-separated"},
    {"picture-std", RD_KEY_STRING, RD_AT(std), 0, 0, "0.5", .separator = ",",
     .help = "and then divided by"},
    {.name = NULL}};
#undef RD_AT
#define RD_AT(field) offsetof(rd_augmentation, field)
const rd_key rd_augmentation_keys[] = {
    {"random-resized-crop", RD_KEY_BOOL, RD_AT(random_resized_crop), 0, 0, "false",
     .help = "train on a random part of each picture, resized"},
    {"crop-scale", RD_KEY_PAIR, RD_AT(crop_scale), 1e-4, 1, "[0.05, 1]",
     .help = "its share of the picture's area"},
    {"crop-ratio", RD_KEY_PAIR, RD_AT(crop_ratio), 0.01, 100, "[0.75, 1.3333333333333333]",
     .help = "its width over its height"},
    {"crop-padding", RD_KEY_INT32, RD_AT(crop_padding), 0, 4096, "0",
     .help = "train on a random square of each picture with so many black pixels around"},
    {"horizontal-flip", RD_KEY_FLOAT, RD_AT(flip), 0, 1, "0",
     .help = "how often left and right change places"},
    {"rand-augment", RD_KEY_INT32, RD_AT(rand_augment_ops), 0, 16, "0",
     .help = "RandAugment: random operations on each picture; 0: none"},
    {"rand-augment-magnitude", RD_KEY_INT32, RD_AT(rand_augment_magnitude), 0, 30, "9",
     .help = "how strong they are"},
    {"mixup", RD_KEY_FLOAT, RD_AT(mixup), 0, 100, "0",
     .help =
         "mix each picture of a batch with the next one, and their classes; Beta's parameter of "
         "the share; 0: not"},
    {"cutmix", RD_KEY_FLOAT, RD_AT(cutmix), 0, 100, "0",
     .help = "the same with a box of the next one (with mixup: in half of the batches)"},
    {"random-erasing", RD_KEY_FLOAT, RD_AT(erasing), 0, 1, "0",
     .help = "how often a random part becomes zeros"},
    {.name = NULL}};
#undef RD_AT
/* clang-format on */
