#include "data/ids.h"

#include <string.h>

#include "base/memory.h"

rd_status rd_ids_push(rd_ids *ids, int32_t id) {
    return rd_ids_fill(ids, id, 1);
}

rd_status rd_ids_add(rd_ids *ids, const int32_t *items, int64_t n) {
    if (n == 0) return RD_OK;
    RD_TRY(rd_reserve(&ids->data, &ids->capacity, ids->length + n, sizeof *ids->data));
    memcpy(ids->data + ids->length, items, sizeof *items * (size_t)n);
    ids->length += n;
    return RD_OK;
}

rd_status rd_ids_fill(rd_ids *ids, int32_t id, int64_t n) {
    RD_TRY(rd_reserve(&ids->data, &ids->capacity, ids->length + n, sizeof *ids->data));
    for (int64_t i = 0; i < n; i++) ids->data[ids->length++] = id;
    return RD_OK;
}
