#include "data/piece_ids.h"

#include <stdlib.h>

#include "base/file.h"
#include "io/json.h"
#include "base/memory.h"

/* MOST_GAPS: ids that the fewest pieces may have. */
enum { MAX_ID = 1 << 24, MOST_GAPS = 1 << 20, MAX_FILE = 1 << 28 };

int32_t rd_piece_ids_find(const rd_piece_ids *map, const char *piece) {
    const json_t *id = json_object_get(map->ids, piece);
    return id ? (int32_t)json_integer_value(id) : -1;
}

static rd_status check_ids(rd_piece_ids *map, const char *path) {
    const char *piece;
    json_t *id;
    if (!json_is_object(map->ids))
        return rd_error(RD_ERR_FORMAT, "%s: not a JSON object of pieces and ids", path);
    json_object_foreach(map->ids, piece, id) {
        if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) >= MAX_ID)
            return rd_error(RD_ERR_FORMAT, "%s: the id of \"%.60s\" is not a number from 0 to %d",
                            path, piece, MAX_ID - 1);
        if (json_integer_value(id) >= map->size) map->size = (int32_t)json_integer_value(id) + 1;
    }
    return RD_OK;
}

static rd_status index_pieces(rd_piece_ids *map, const char *path) {
    const char *piece;
    json_t *id;
    if (map->size > MOST_GAPS && (size_t)map->size / 4 > json_object_size(map->ids))
        return rd_error(RD_ERR_FORMAT, "%s: %zu pieces with ids up to %d: most ids have no piece",
                        path, json_object_size(map->ids), (int)map->size - 1);
    map->pieces = rd_calloc((size_t)map->size, sizeof *map->pieces);
    if (!map->pieces) return RD_ERR_MEMORY;
    json_object_foreach(map->ids, piece, id) {
        const char **place = &map->pieces[json_integer_value(id)];
        if (*place)
            return rd_error(RD_ERR_FORMAT, "%s: \"%.60s\" and \"%.60s\" have the same id", path,
                            *place, piece);
        *place = piece;
    }
    return RD_OK;
}

static rd_status add_pieces(rd_piece_ids *map, const char *path, const json_t *added) {
    for (size_t i = 0; json_is_object(map->ids) && i < json_array_size(added); i++) {
        const json_t *item = json_array_get(added, i);
        const char *piece = json_string_value(json_object_get(item, "content"));
        json_t *id = json_object_get(item, "id"), *known = json_object_get(map->ids, piece);
        if (known && json_integer_value(known) != json_integer_value(id))
            return rd_error(
                RD_ERR_FORMAT, "%s: \"%.60s\" is %lld there, but %lld as an added token", path,
                piece, (long long)json_integer_value(known), (long long)json_integer_value(id));
        if (!known && json_object_set(map->ids, piece, id) != 0)
            return rd_error(RD_ERR_MEMORY, "%s: out of memory", path);
    }
    return RD_OK;
}

static rd_status load(rd_piece_ids *map, const char *path, const json_t *added) {
    char *bytes;
    size_t n;
    RD_TRY(rd_read_file(path, MAX_FILE, &bytes, &n));
    rd_status status = rd_json_parse(&map->ids, path, bytes, n);
    free(bytes);
    RD_TRY(status);
    RD_TRY(add_pieces(map, path, added));
    RD_TRY(check_ids(map, path));
    RD_TRY(index_pieces(map, path));
    map->pad = rd_piece_ids_find(map, "<pad>");
    map->bos = rd_piece_ids_find(map, "<s>");
    map->eos = rd_piece_ids_find(map, "</s>");
    map->unk = rd_piece_ids_find(map, "<unk>");
    if (map->eos < 0 || map->unk < 0)
        return rd_error(RD_ERR_FORMAT, "%s: no piece %s", path, map->eos < 0 ? "</s>" : "<unk>");
    return RD_OK;
}

rd_status rd_piece_ids_open(rd_piece_ids *map, const char *path, const json_t *added) {
    *map = (rd_piece_ids){0};
    rd_status status = load(map, path, added);
    if (status != RD_OK) rd_piece_ids_close(map);
    return status;
}

void rd_piece_ids_close(rd_piece_ids *map) {
    json_decref(map->ids);
    free(map->pieces);
    *map = (rd_piece_ids){0};
}
