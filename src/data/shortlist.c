#include "data/shortlist.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/checksum.h"
#include "base/file.h"
#include "base/memory.h"
#include "data/shortlist_file.h"
#include "io/magic.h"

enum { LARGEST_FILE = 1 << 30 };

static const rd_magic MAGIC = {RD_SHORTLIST_MAGIC, "a shortlist",
                               "; make it with rdrop-preprocess --shortlist",
                               "run rdrop-preprocess --only shortlist again"};

struct rd_shortlist {
    char *bytes; /* of the file, in memory: another program could write to a mapped one */
    size_t size;
    const rd_shortlist_header *head;
    const int32_t *starts, *ids;
};

/* Everything rd_shortlist_choose relies on, so that a damaged or hostile file cannot lead it
 * astray. */
static rd_status check(rd_shortlist *s, const char *path) {
    const rd_shortlist_header *head = (const void *)s->bytes;
    size_t size = s->size;
    RD_TRY(rd_magic_check(&MAGIC, s->bytes, size, sizeof *head, path));
    const rd_identity *identity = &head->identity;
    if (identity->src_vocab < 1 || identity->tgt_vocab < 1 || head->n_ids < 0 ||
        size - sizeof *head !=
            sizeof(int32_t) * ((size_t)identity->src_vocab + 2 + (size_t)head->n_ids))
        return rd_error(RD_ERR_FORMAT, "%s: truncated; run rdrop-preprocess --shortlist again",
                        path);
    s->head = head;
    s->starts = (const void *)(head + 1);
    s->ids = s->starts + identity->src_vocab + 2;
    uint32_t crc = rd_crc32(0, head, offsetof(rd_shortlist_header, crc));
    bool sound = head->crc == rd_crc32(crc, s->starts, size - sizeof *head) && s->starts[0] == 0 &&
                 s->starts[identity->src_vocab + 1] == head->n_ids &&
                 rd_identity_is_sound(identity);
    for (int32_t i = 0; sound && i <= identity->src_vocab; i++)
        sound = s->starts[i] <= s->starts[i + 1];
    for (int32_t i = 0; sound && i < head->n_ids; i++)
        sound = s->ids[i] >= 0 && s->ids[i] < identity->tgt_vocab;
    return sound ? RD_OK
                 : rd_error(RD_ERR_FORMAT, "%s: damaged; run rdrop-preprocess --shortlist again",
                            path);
}

rd_status rd_shortlist_open(rd_shortlist **shortlist, const char *path) {
    *shortlist = NULL;
    rd_shortlist *s = rd_calloc(1, sizeof *s);
    if (!s) return RD_ERR_MEMORY;
    rd_status status = rd_read_file(path, LARGEST_FILE, &s->bytes, &s->size);
    if (status == RD_OK) status = check(s, path);
    if (status == RD_OK)
        *shortlist = s;
    else
        rd_shortlist_close(s);
    return status;
}

void rd_shortlist_close(rd_shortlist *s) {
    if (!s) return;
    free(s->bytes);
    free(s);
}

const rd_identity *rd_shortlist_identity(const rd_shortlist *s) {
    return &s->head->identity;
}

static void choose_list(const rd_shortlist *s, int32_t list, bool *chosen) {
    for (int32_t i = s->starts[list]; i < s->starts[list + 1]; i++) chosen[s->ids[i]] = true;
}

void rd_shortlist_choose(const rd_shortlist *s, const int32_t *src, int64_t n, bool *chosen) {
    choose_list(s, s->head->identity.src_vocab, chosen);
    for (int64_t i = 0; i < n; i++) choose_list(s, src[i], chosen);
}
