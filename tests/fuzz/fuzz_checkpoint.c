/* checkpoint_last, as it is and with its checksum put right, which only a hostile file has. The
 * file is that of a model of a few weights. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "fuzz.h"
#include "train/checkpoint.h"

enum { WEIGHTS = 3, MAGIC = 8 };

static void check_state(const rd_progress_state *s) {
    FUZZ_CHECK(s->update >= 0 && s->epoch >= 1 && s->next_batch >= 0 && s->skipped_updates >= 0);
    FUZZ_CHECK(s->validated_update <= s->update && s->best_update <= s->update);
    FUZZ_CHECK(s->update < INT64_MAX / 2 && s->epoch < INT64_MAX / 2);
    for (size_t i = 0; i < sizeof s->metric; i++) FUZZ_CHECK(!s->metric[i] || s->metric[i] > ' ');
}

static rd_status accept(void *self, const char *path, const char *settings) {
    (void)self;
    (void)path;
    FUZZ_CHECK(strlen(settings) < SIZE_MAX / 2);
    return RD_OK;
}

static void load(const uint8_t *data, size_t size, bool with_ema) {
    float weights[WEIGHTS], m[WEIGHTS], v[WEIGHTS], ema[WEIGHTS];
    rd_parameters parameters = {.total = WEIGHTS, .values = weights};
    rd_optimizer optimizer = {.m = m, .v = v, .ema = with_ema ? ema : NULL, .n = WEIGHTS};
    rd_progress_state state;
    rd_checkpoint_info info;
    const char *path = fuzz_file(0, data, size);
    if (rd_checkpoint_load(path, &(rd_checkpoint_judge){accept, NULL}, &state, &parameters,
                           &optimizer) == RD_OK)
        check_state(&state);
    else
        FUZZ_CHECK(*rd_last_error());
    if (rd_checkpoint_read_info(path, &info) == RD_OK)
        check_state(&info.state);
    else
        FUZZ_CHECK(*rd_last_error());
    rd_checkpoint_info_free(&info);
}

static void load_both(const uint8_t *data, size_t size) {
    load(data, size, false);
    load(data, size, true);
}

static rd_status block_of(void *self, int i, const float **block) {
    (void)i;
    *block = self;
    return RD_OK;
}

/* The magic of the checkpoints of this version. */
static const uint8_t *magic(void) {
    static char path[96], bytes[MAGIC];
    float zeros[WEIGHTS] = {0};
    const rd_checkpoint_blocks blocks = {3, WEIGHTS, block_of, zeros};
    rd_progress_state state = {.epoch = 1};
    if (*path) return (const uint8_t *)bytes;
    snprintf(path, sizeof path, "%s/checkpoint", fuzz_folder());
    FUZZ_CHECK(rd_checkpoint_save(path, path, "", &state, &blocks) == RD_OK);
    FILE *file = fopen(path, "rb");
    FUZZ_CHECK(file && fread(bytes, sizeof bytes, 1, file) == 1 && fclose(file) == 0);
    return (const uint8_t *)bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint32_t crc;
    load_both(data, size);
    if (size < MAGIC + sizeof crc) return 0;
    uint8_t *bytes = malloc(size);
    FUZZ_CHECK(bytes);
    memcpy(bytes, data, size);
    memcpy(bytes, magic(), MAGIC);
    crc = rd_crc32(0, bytes, size - sizeof crc);
    memcpy(bytes + size - sizeof crc, &crc, sizeof crc);
    load_both(bytes, size);
    free(bytes);
    return 0;
}
