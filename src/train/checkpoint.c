#include "train/checkpoint.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/file.h"

typedef struct {
    char magic[8];
    int64_t n; /* floats in each block: weights, m, v and, with has_ema, the average */
    int64_t has_ema;
    rd_progress_state state;
} header;

static const char MAGIC[8] = {'R', 'D', 'C', 'K', 'P', 'T', '0', '2'};

/* The blocks behind the header. */
static int blocks_of(const rd_parameters *parameters, const rd_optimizer *optimizer,
                     float *blocks[4]) {
    blocks[0] = parameters->values;
    blocks[1] = optimizer->m;
    blocks[2] = optimizer->v;
    blocks[3] = optimizer->ema;
    return optimizer->ema ? 4 : 3;
}

rd_status rd_checkpoint_save(const char *path, const char *previous, const rd_progress_state *state,
                             const rd_parameters *parameters, const rd_optimizer *optimizer) {
    float *blocks[4];
    int n_blocks = blocks_of(parameters, optimizer, blocks);
    header head = {.n = parameters->total, .has_ema = n_blocks == 4, .state = *state};
    memcpy(head.magic, MAGIC, sizeof MAGIC);
    rd_atomic_file file;
    RD_TRY(rd_atomic_open(&file, path));
    uint32_t crc = rd_crc32(0, &head, sizeof head);
    fwrite(&head, sizeof head, 1, file.stream);
    for (int i = 0; i < n_blocks; i++) {
        crc = rd_crc32(crc, blocks[i], sizeof(float) * (size_t)head.n);
        fwrite(blocks[i], sizeof(float), (size_t)head.n, file.stream);
    }
    fwrite(&crc, sizeof crc, 1, file.stream);
    return rd_atomic_commit_keeping(&file, previous);
}

static const int64_t MOST_COUNTED = (int64_t)1
                                    << 48; /* of anything: sums of two counters do not overflow */

static bool is_count(int64_t n, int64_t least, int64_t most) {
    return n >= least && n <= most;
}

/* A metric's name, padded with NUL. */
static bool is_name(const char *name, size_t room) {
    size_t n = strnlen(name, room);
    for (size_t i = 0; i < n; i++)
        if (name[i] <= ' ' || name[i] > '~') return false;
    for (size_t i = n; i < room; i++)
        if (name[i] != '\0') return false;
    return true;
}

/* Whether a training can have come to this state: a checksum can be right and the counters, which
 * files are named and removed by, still be anything. */
static bool is_possible(const rd_progress_state *s) {
    return is_count(s->update, 0, MOST_COUNTED) && is_count(s->epoch, 1, MOST_COUNTED) &&
           is_count(s->next_batch, 0, MOST_COUNTED) &&
           is_count(s->skipped_updates, 0, MOST_COUNTED) &&
           is_count(s->skipped_in_a_row, 0, s->skipped_updates) &&
           is_count(s->validated_update, 0, s->update) &&
           is_count(s->validations_without_improvement, 0, MOST_COUNTED) &&
           is_count(s->best_update, 0, s->update) && !isinf(s->best_metric) &&
           is_name(s->metric, sizeof s->metric) && isfinite(s->seconds) && s->seconds >= 0.0;
}

static rd_status check_state(const header *head, const char *path) {
    if (is_possible(&head->state) && (head->has_ema == 0 || head->has_ema == 1)) return RD_OK;
    return rd_error(RD_ERR_FORMAT, "%s: damaged: update %lld of epoch %lld cannot be", path,
                    (long long)head->state.update, (long long)head->state.epoch);
}

/* Whether it is what was written, whatever that was. */
static rd_status check(const rd_mapping *mapping, const char *path) {
    uint32_t crc = 0;
    if (mapping->size < sizeof(header) + sizeof crc ||
        memcmp(mapping->bytes, MAGIC, sizeof MAGIC) != 0)
        return rd_error(RD_ERR_FORMAT, "%s: not a checkpoint of this version, or truncated", path);
    memcpy(&crc, mapping->bytes + mapping->size - sizeof crc, sizeof crc);
    if (crc != rd_crc32(0, mapping->bytes, mapping->size - sizeof crc))
        return rd_error(RD_ERR_FORMAT, "%s: damaged (wrong checksum)", path);
    return RD_OK;
}

rd_status rd_checkpoint_read_info(const char *path, rd_checkpoint_info *info) {
    rd_mapping mapping;
    header head = {.n = -1};
    RD_TRY(rd_map_file(&mapping, path));
    size_t size = mapping.size;
    if (size >= sizeof head) memcpy(&head, mapping.bytes, sizeof head);
    rd_unmap_file(&mapping);
    if (memcmp(head.magic, MAGIC, sizeof MAGIC) != 0)
        return rd_error(RD_ERR_FORMAT, "%s: not a checkpoint of this version, or truncated", path);
    size_t rest = size - sizeof head, block = sizeof(float) * (head.has_ema ? 4 : 3);
    if (head.n < 0 || rest < sizeof(uint32_t) ||
        (size_t)head.n != (rest - sizeof(uint32_t)) / block)
        return rd_error(RD_ERR_FORMAT, "%s: damaged: %zu bytes are not what %lld weights take",
                        path, size, (long long)head.n);
    RD_TRY(check_state(&head, path));
    *info = (rd_checkpoint_info){head.n, head.has_ema != 0, head.state};
    return RD_OK;
}

rd_status rd_checkpoint_load(const char *path, rd_progress_state *state, rd_parameters *parameters,
                             rd_optimizer *optimizer) {
    float *blocks[4];
    int n_blocks = blocks_of(parameters, optimizer, blocks);
    size_t block = sizeof(float) * (size_t)parameters->total;
    size_t wanted = sizeof(header) + (size_t)n_blocks * block + sizeof(uint32_t);
    rd_mapping mapping;
    RD_TRY(rd_map_file(&mapping, path));
    header head;
    rd_status status = check(&mapping, path);
    if (status == RD_OK) {
        memcpy(&head, mapping.bytes, sizeof head);
        status = check_state(&head, path);
    }
    if (status == RD_OK) {
        if (head.n != parameters->total)
            status = rd_error(RD_ERR_ARGUMENT,
                              "%s: a model of %lld weights, but the recipe describes one of %lld",
                              path, (long long)head.n, (long long)parameters->total);
        else if (head.has_ema != (n_blocks == 4) || mapping.size != wanted)
            status = rd_error(RD_ERR_ARGUMENT, "%s: made %s ema-decay, unlike the recipe", path,
                              head.has_ema ? "with" : "without");
    }
    if (status == RD_OK) {
        *state = head.state;
        for (int i = 0; i < n_blocks; i++)
            memcpy(blocks[i], mapping.bytes + sizeof head + (size_t)i * block, block);
    }
    rd_unmap_file(&mapping);
    return status;
}

rd_status rd_checkpoint_average(const rd_parameters *parameters, const char *const *paths,
                                int n_paths, float *values) {
    size_t total = (size_t)parameters->total;
    double *sum = rd_calloc(total, sizeof *sum);
    rd_status status = sum ? RD_OK : RD_ERR_MEMORY;
    for (int i = 0; status == RD_OK && i < n_paths; i++) {
        status = rd_parameters_load(parameters, values, paths[i]);
        for (size_t k = 0; status == RD_OK && k < total; k++) sum[k] += (double)values[k];
    }
    for (size_t k = 0; status == RD_OK && k < total; k++) values[k] = (float)(sum[k] / n_paths);
    free(sum);
    return status;
}
