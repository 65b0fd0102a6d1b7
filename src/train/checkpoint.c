#include "train/checkpoint.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/file.h"
#include "base/memory.h"
#include "io/magic.h"
#include "io/output.h"

typedef struct {
    char magic[8];
    int64_t n; /* floats in each block: weights, m, v and, with has_ema, the average */
    int64_t has_ema;
    rd_progress_state state;
    int64_t settings; /* bytes of text between the header and the blocks */
} header;

static const rd_magic MAGIC = {"RDCKPT03", "a checkpoint", ", or truncated",
                               "train in another --save-dir"};

static rd_status write_blocks(rd_atomic_file *file, const rd_checkpoint_blocks *blocks,
                              uint32_t crc) {
    for (int i = 0; i < blocks->count; i++) {
        const float *block;
        RD_TRY(blocks->get(blocks->self, i, &block));
        crc = rd_crc32(crc, block, sizeof *block * (size_t)blocks->n);
        fwrite(block, sizeof *block, (size_t)blocks->n, file->stream);
    }
    fwrite(&crc, sizeof crc, 1, file->stream);
    return RD_OK;
}

rd_status rd_checkpoint_save(const char *path, const char *previous, const char *settings,
                             const rd_progress_state *state, const rd_checkpoint_blocks *blocks) {
    size_t text = strlen(settings);
    header head = {
        .n = blocks->n, .has_ema = blocks->count == 4, .state = *state, .settings = (int64_t)text};
    memcpy(head.magic, MAGIC.bytes, sizeof head.magic);
    rd_atomic_file file;
    RD_TRY(rd_atomic_open(&file, path));
    uint32_t crc = rd_crc32(0, &head, sizeof head);
    fwrite(&head, sizeof head, 1, file.stream);
    crc = rd_crc32(crc, settings, text);
    fwrite(settings, 1, text, file.stream);
    rd_status status = write_blocks(&file, blocks, crc);
    if (status != RD_OK) {
        rd_atomic_abort(&file);
        return status;
    }
    return rd_atomic_commit_keeping(&file, previous);
}

/* A bound on every counter: sums of two counters do not overflow. */
static const int64_t MOST_COUNTED = (int64_t)1 << 48;

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

/* Whether a training can have reached this state: the counters, by which files are named and
 * removed, can be anything even if the checksum is right. */
static bool is_possible(const rd_progress_state *s) {
    return is_count(s->update, 0, MOST_COUNTED) && is_count(s->epoch, 1, MOST_COUNTED) &&
           is_count(s->next_batch, 0, MOST_COUNTED) &&
           is_count(s->skipped_updates, 0, MOST_COUNTED) &&
           is_count(s->skipped_in_a_row, 0, s->skipped_updates) &&
           is_count(s->validated_update, 0, s->update) &&
           is_count(s->validations_without_improvement, 0, MOST_COUNTED) &&
           is_count(s->best_update, 0, s->update) && s->best_metric != (double)INFINITY &&
           is_name(s->metric, sizeof s->metric) && isfinite(s->seconds) && s->seconds >= 0.0;
}

static rd_status check_state(const header *head, const char *path) {
    if (is_possible(&head->state) && (head->has_ema == 0 || head->has_ema == 1)) return RD_OK;
    return rd_error(RD_ERR_FORMAT, "%s: damaged: update %lld of epoch %lld cannot be", path,
                    (long long)head->state.update, (long long)head->state.epoch);
}

/* Header and settings, checked as far as possible without the checksum. */
static rd_status read_header(const rd_mapping *mapping, const char *path, header *head) {
    RD_TRY(rd_magic_check(&MAGIC, mapping->bytes, mapping->size, sizeof *head, path));
    memcpy(head, mapping->bytes, sizeof *head);
    size_t rest = mapping->size - sizeof *head, block = sizeof(float) * (head->has_ema ? 4 : 3);
    if (head->settings < 0 || rest < sizeof(uint32_t) ||
        (size_t)head->settings > rest - sizeof(uint32_t) || head->n < 0 ||
        (size_t)head->n != (rest - sizeof(uint32_t) - (size_t)head->settings) / block)
        return rd_error(RD_ERR_FORMAT, "%s: damaged: %zu bytes are not what %lld weights take",
                        path, mapping->size, (long long)head->n);
    return RD_OK;
}

static rd_status check_sum(const rd_mapping *mapping, const char *path) {
    uint32_t crc;
    memcpy(&crc, mapping->bytes + mapping->size - sizeof crc, sizeof crc);
    if (crc == rd_crc32(0, mapping->bytes, mapping->size - sizeof crc)) return RD_OK;
    return rd_error(RD_ERR_FORMAT, "%s: damaged (wrong checksum)", path);
}

static rd_status copy_settings(const rd_mapping *mapping, const header *head, char **settings) {
    size_t n = (size_t)head->settings;
    *settings = rd_malloc(n + 1, 1);
    if (!*settings) return RD_ERR_MEMORY;
    memcpy(*settings, mapping->bytes + sizeof *head, n);
    (*settings)[n] = '\0';
    return RD_OK;
}

rd_status rd_checkpoint_read_info(const char *path, rd_checkpoint_info *info) {
    rd_mapping mapping;
    header head;
    *info = (rd_checkpoint_info){0};
    RD_TRY(rd_map_file(&mapping, path));
    rd_status status = read_header(&mapping, path, &head);
    if (status == RD_OK) status = check_state(&head, path);
    if (status == RD_OK) {
        *info = (rd_checkpoint_info){head.n, head.has_ema != 0, head.state, NULL};
        status = copy_settings(&mapping, &head, &info->settings);
    }
    rd_unmap_file(&mapping);
    return status;
}

void rd_checkpoint_info_free(rd_checkpoint_info *info) {
    free(info->settings);
    *info = (rd_checkpoint_info){0};
}

static rd_status check_settings(const rd_mapping *mapping, const header *head, const char *path,
                                const rd_checkpoint_judge *judge) {
    char *settings;
    RD_TRY(copy_settings(mapping, head, &settings));
    rd_status status = judge->accept(judge->self, path, settings);
    free(settings);
    return status;
}

static rd_status load(const rd_mapping *mapping, const char *path, const rd_checkpoint_judge *judge,
                      rd_progress_state *state, float *blocks[4], int n_blocks, int64_t total,
                      bool with_optimizer) {
    header head;
    size_t block = sizeof(float) * (size_t)total;
    RD_TRY(read_header(mapping, path, &head));
    RD_TRY(check_sum(mapping, path));
    RD_TRY(check_state(&head, path));
    RD_TRY(check_settings(mapping, &head, path, judge));
    if (head.n != total)
        return rd_error(RD_ERR_ARGUMENT,
                        "%s: a model of %lld weights, but the recipe describes one of %lld", path,
                        (long long)head.n, (long long)total);
    const char *from = mapping->bytes + sizeof head + head.settings;
    if (head.has_ema != (n_blocks == 4) ||
        mapping->size != sizeof head + (size_t)head.settings + (size_t)n_blocks * block + 4)
        return rd_error(
            RD_ERR_ARGUMENT,
            "%s: made %s ema-decay, unlike the recipe; set it back, or choose another --save-dir",
            path, head.has_ema ? "with" : "without");
    *state = head.state;
    memcpy(blocks[0], from, block);
    for (int i = 1; with_optimizer && i < n_blocks; i++)
        memcpy(blocks[i], from + (size_t)i * block, block);
    return RD_OK;
}

rd_status rd_checkpoint_read_part(const char *path, int block, int64_t begin, int64_t n,
                                  float *values) {
    rd_mapping mapping;
    header head;
    RD_TRY(rd_map_file(&mapping, path));
    rd_status status = read_header(&mapping, path, &head);
    if (status == RD_OK && (block > 2 + head.has_ema || begin < 0 || n < 0 || n > head.n - begin))
        status = rd_error(RD_ERR_ARGUMENT, "%s: has no such part", path);
    if (status == RD_OK)
        memcpy(values,
               mapping.bytes + sizeof head + (size_t)head.settings +
                   sizeof(float) * (size_t)(block * head.n + begin),
               sizeof(float) * (size_t)n);
    rd_unmap_file(&mapping);
    return status;
}

rd_status rd_checkpoint_load(const char *path, const rd_checkpoint_judge *judge,
                             rd_progress_state *state, rd_parameters *parameters,
                             rd_optimizer *optimizer) {
    float *blocks[] = {parameters->values, optimizer->m, optimizer->v, optimizer->ema};
    int n_blocks = optimizer->ema ? 4 : 3;
    rd_mapping mapping;
    RD_TRY(rd_map_file(&mapping, path));
    rd_status status = load(&mapping, path, judge, state, blocks, n_blocks, parameters->total,
                            optimizer->n == parameters->total);
    rd_unmap_file(&mapping);
    return status;
}

rd_status rd_checkpoint_average(const rd_parameters *parameters, const rd_weights_owner *owner,
                                const char *const *paths, int n_paths, float *values) {
    size_t total = (size_t)parameters->total;
    double *sum = rd_calloc(total, sizeof *sum);
    rd_status status = sum ? RD_OK : RD_ERR_MEMORY;
    for (int i = 0; status == RD_OK && i < n_paths; i++) {
        status = rd_weights_check_owner(paths[i], owner);
        if (status == RD_OK) status = rd_parameters_load(parameters, values, paths[i]);
        for (size_t k = 0; status == RD_OK && k < total; k++) sum[k] += (double)values[k];
    }
    for (size_t k = 0; status == RD_OK && k < total; k++) values[k] = (float)(sum[k] / n_paths);
    free(sum);
    return status;
}
