#include "data/piece_ids.h"

#include <stdlib.h>

#include "base/memory.h"

/* MOST_GAPS: ids that the fewest pieces may have. */
enum { MAX_ID = 1 << 24, MOST_GAPS = 1 << 20 };

int32_t rd_piece_ids_find(const rd_piece_ids *map, const char *piece) {
    const json_t *id = json_object_get(map->ids, piece);
    return id ? (int32_t)json_integer_value(id) : -1;
}

/* Some may be there already. */
static rd_status add_pieces(rd_piece_ids *map, const char *path, const json_t *added) {
    size_t i;
    json_t *token;
    json_array_foreach(added, i, token) {
        const char *piece = json_string_value(json_object_get(token, "content"));
        json_t *id = json_object_get(token, "id"), *known = json_object_get(map->ids, piece);
        if (!piece || !json_is_integer(id))
            return rd_error(RD_ERR_FORMAT, "%s: added token %zu has no content or id", path, i);
        if (known && json_integer_value(known) != json_integer_value(id))
            return rd_error(
                RD_ERR_FORMAT, "%s: \"%.60s\" has id %lld, but id %lld as an added token", path,
                piece, (long long)json_integer_value(known), (long long)json_integer_value(id));
        if (!known && json_object_set(map->ids, piece, id) != 0)
            return rd_error(RD_ERR_MEMORY, "%s: out of memory", path);
    }
    return RD_OK;
}

static rd_status find_size(rd_piece_ids *map, const char *path) {
    const char *piece;
    json_t *id;
    json_object_foreach(map->ids, piece, id) {
        if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) >= MAX_ID)
            return rd_error(RD_ERR_FORMAT, "%s: the id of \"%.60s\" is no integer from 0 to %d",
                            path, piece, MAX_ID - 1);
        if (json_integer_value(id) >= map->size) map->size = (int32_t)json_integer_value(id) + 1;
    }
    if (map->size == 0) return rd_error(RD_ERR_FORMAT, "%s: it has no pieces", path);
    if (map->size > MOST_GAPS && (size_t)map->size / 4 > json_object_size(map->ids))
        return rd_error(RD_ERR_FORMAT, "%s: %zu pieces with ids up to %d: most ids have no piece",
                        path, json_object_size(map->ids), (int)map->size - 1);
    return RD_OK;
}

static rd_status index_pieces(rd_piece_ids *map, const char *path) {
    const char *piece;
    json_t *id;
    map->pieces = rd_calloc((size_t)map->size, sizeof *map->pieces);
    if (!map->pieces) return RD_ERR_MEMORY;
    json_object_foreach(map->ids, piece, id) {
        const char **place = &map->pieces[json_integer_value(id)];
        if (*place)
            return rd_error(RD_ERR_FORMAT, "%s: \"%.60s\" and \"%.60s\" have the same id %lld",
                            path, *place, piece, (long long)json_integer_value(id));
        *place = piece;
    }
    return RD_OK;
}

rd_status rd_piece_ids_take(rd_piece_ids *map, const char *path, json_t *json,
                            const json_t *added) {
    if (!json_is_object(json))
        return rd_error(RD_ERR_FORMAT, "%s: not a JSON object of pieces and ids", path);
    map->ids = json_incref(json);
    RD_TRY(add_pieces(map, path, added));
    RD_TRY(find_size(map, path));
    return index_pieces(map, path);
}

void rd_piece_ids_close(rd_piece_ids *map) {
    json_decref(map->ids);
    free(map->pieces);
    *map = (rd_piece_ids){0};
}
