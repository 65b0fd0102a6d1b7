#include "data/noise.h"

/* clang-format off: one row a key reads as the table it is */
#define RD_AT(field) offsetof(rd_noise_config, field)
const rd_key rd_noise_keys[] = {
    {"mask", RD_KEY_FLOAT, RD_AT(mask), 0, 1, "0",
     .help = "noise: share of each source's tokens that is masked, in spans; 0: none. BART: 0.3"},
    {"poisson-lambda", RD_KEY_FLOAT, RD_AT(poisson_lambda), 0.5, 30, "3",
     .help = "mask: mean length of a span, Poisson-distributed; one of length 0 inserts a mask "
             "with replace-length: 1"},
    {"replace-length", RD_KEY_INT32, RD_AT(replace_length), -1, 1, "1",
     .help = "mask: a span becomes 1 mask, 0: none, -1: one for each token"},
    {"mask-random", RD_KEY_FLOAT, RD_AT(mask_random), 0, 1, "0",
     .help = "mask: share of the masks that is a random piece instead"},
    {"permute-sentences", RD_KEY_FLOAT, RD_AT(permute_sentences), 0, 1, "0",
     .help = "noise: share of each source's sentences that is shuffled. BART: 1"},
    {.name = NULL}};
#undef RD_AT
/* clang-format on */
