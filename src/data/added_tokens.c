#include "data/added_tokens.h"

#include <stdlib.h>
#include <string.h>

#include <unicode/uchar.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "io/json.h"

typedef struct {
    char *text;
    size_t length;
    int32_t id;
    bool special;
    bool left, right; /* takes the blanks on that side */
    bool whole;       /* is none within a word */
    bool late;        /* looked for in the text that the others leave */
} token;

struct rd_added_tokens {
    token *items; /* [n] */
    int64_t n, capacity;
    bool begins[256]; /* a byte that one begins with */
};

enum { MOST_TOKENS = 100000 };

static rd_status bad_token(const char *directory, const char *file) {
    return rd_error(RD_ERR_FORMAT, "%s/%s: an added token without a text or an id", directory,
                    file);
}

static const json_t *find_text(const json_t *list, const char *text) {
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        const char *there = json_string_value(json_object_get(item, "content"));
        if (there && strcmp(there, text) == 0) return item;
    }
    return NULL;
}

static rd_status append(json_t *list, json_t *item) {
    return item && json_array_append_new(list, item) == 0
               ? RD_OK
               : rd_error(RD_ERR_MEMORY, "out of memory for added tokens");
}

/* {"912": {"content": "<ent>", ...}, ...} */
static rd_status add_decoder(json_t *list, json_t *decoder, const char *directory) {
    const char *number;
    json_t *item;
    json_object_foreach(decoder, number, item) {
        char *end;
        long id = strtol(number, &end, 10);
        if (end == number || *end || id < 0 || id > INT32_MAX ||
            !json_string_value(json_object_get(item, "content")))
            return bad_token(directory, "tokenizer_config.json");
        json_t *copy = json_copy(item);
        if (copy && json_object_set_new(copy, "id", json_integer(id)) != 0) {
            json_decref(copy);
            copy = NULL;
        }
        RD_TRY(append(list, copy));
    }
    return RD_OK;
}

/* {"<ent>": 912, ...}; those that the settings have are there already. */
static rd_status add_map(json_t *list, json_t *map, const char *directory) {
    const char *text;
    json_t *id;
    json_object_foreach(map, text, id) {
        if (!json_is_integer(id)) return bad_token(directory, "added_tokens.json");
        if (!find_text(list, text))
            RD_TRY(append(list,
                          json_pack("{s:s, s:I}", "content", text, "id", json_integer_value(id))));
    }
    return RD_OK;
}

static rd_status read_beside(json_t *list, const char *directory) {
    json_t *config = NULL, *map = NULL;
    rd_status status = rd_json_read_optional(directory, "tokenizer_config.json", &config);
    if (status == RD_OK) status = rd_json_read_optional(directory, "added_tokens.json", &map);
    if (status == RD_OK)
        status = add_decoder(list, json_object_get(config, "added_tokens_decoder"), directory);
    if (status == RD_OK) status = add_map(list, map, directory);
    json_decref(config);
    json_decref(map);
    return status;
}

rd_status rd_added_tokens_beside(json_t **list, const char *vocab_path) {
    char *directory = rd_path_parent(vocab_path);
    *list = json_array();
    rd_status status = *list && directory ? read_beside(*list, directory)
                                          : rd_error(RD_ERR_MEMORY, "out of memory");
    free(directory);
    if (status == RD_OK) return RD_OK;
    json_decref(*list);
    *list = NULL;
    return status;
}

static rd_status add(rd_added_tokens *tokens, const char *text, const token *like) {
    token item = *like;
    if (!*text) return RD_OK;
    if (tokens->n == MOST_TOKENS)
        return rd_error(RD_ERR_FORMAT, "more than %d added tokens", MOST_TOKENS);
    RD_TRY(rd_reserve(&tokens->items, &tokens->capacity, tokens->n + 1, sizeof *tokens->items));
    item.text = rd_strdup(text);
    if (!item.text) return RD_ERR_MEMORY;
    item.length = strlen(text);
    tokens->items[tokens->n++] = item;
    tokens->begins[(unsigned char)*text] = true;
    return RD_OK;
}

static bool is_own(const int32_t *own, int n_own, int32_t id) {
    for (int i = 0; i < n_own; i++)
        if (own[i] == id) return true;
    return false;
}

/* A token is normalized, as the text is, unless it says otherwise or is special. */
static bool is_normalized(const json_t *item) {
    const json_t *said = json_object_get(item, "normalized");
    return json_is_boolean(said) ? json_is_true(said)
                                 : !json_is_true(json_object_get(item, "special"));
}

rd_status rd_added_tokens_open(rd_added_tokens **out, const json_t *list, const int32_t *own,
                               int n_own, bool passes) {
    rd_added_tokens *tokens = *out = rd_calloc(1, sizeof *tokens);
    rd_status status = tokens ? RD_OK : RD_ERR_MEMORY;
    for (size_t i = 0; status == RD_OK && i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        const char *text = json_string_value(json_object_get(item, "content"));
        token like = {.id = (int32_t)json_integer_value(json_object_get(item, "id")),
                      .special = json_is_true(json_object_get(item, "special")),
                      .left = json_is_true(json_object_get(item, "lstrip")),
                      .right = json_is_true(json_object_get(item, "rstrip")),
                      .whole = json_is_true(json_object_get(item, "single_word")),
                      .late = passes && is_normalized(item)};
        if (text && !is_own(own, n_own, like.id)) status = add(tokens, text, &like);
    }
    if (status == RD_OK && tokens->n > 0) return RD_OK;
    rd_added_tokens_close(tokens);
    *out = NULL;
    return status;
}

void rd_added_tokens_close(rd_added_tokens *tokens) {
    if (!tokens) return;
    for (int64_t i = 0; i < tokens->n; i++) free(tokens->items[i].text);
    free(tokens->items);
    free(tokens);
}

bool rd_added_tokens_is_special(const rd_added_tokens *tokens, int32_t id) {
    for (int64_t i = 0; tokens && i < tokens->n; i++)
        if (tokens->items[i].id == id) return tokens->items[i].special;
    return false;
}

static bool is_of_word(uint32_t c) {
    return c == '_' || u_isalnum((UChar32)c) || (U_GET_GC_MASK((UChar32)c) & U_GC_M_MASK) != 0;
}

static bool is_alone(const char *text, size_t n, size_t begin, size_t end) {
    const char *after = text + end;
    if (begin > 0 && is_of_word(rd_utf8_last(text, begin))) return false;
    return end >= n || !is_of_word(rd_utf8_next(&after, text + n));
}

/* The longest that begins at text[at]. */
static const token *longest_at(const rd_added_tokens *tokens, bool late, const char *text, size_t n,
                               size_t at) {
    const token *longest = NULL;
    for (int64_t i = 0; i < tokens->n; i++) {
        const token *t = &tokens->items[i];
        if (t->late == late && t->length <= n - at && (!longest || t->length > longest->length) &&
            memcmp(t->text, text + at, t->length) == 0)
            longest = t;
    }
    return longest;
}

/* With the blanks next to it that it takes, after text[first]. */
static rd_added_place place_of(const token *found, const char *text, size_t n, size_t first,
                               size_t at) {
    rd_added_place place = {at, at + found->length, found->id};
    while (found->left && place.begin > first) {
        size_t before = place.begin - first;
        if (!u_isUWhiteSpace((UChar32)rd_utf8_before(text + first, &before))) break;
        place.begin = first + before;
    }
    while (found->right && place.end < n) {
        const char *next = text + place.end;
        if (!u_isUWhiteSpace((UChar32)rd_utf8_next(&next, text + n))) break;
        place.end = (size_t)(next - text);
    }
    return place;
}

/* The first one from text[first] on. Within one that would have to be a word, and is not, nothing
 * begins. */
static bool find(const rd_added_tokens *tokens, bool late, const char *text, size_t n, size_t first,
                 rd_added_place *place) {
    for (size_t at = first, length; at < n; at += length) {
        bool begins = tokens->begins[(unsigned char)text[at]];
        const token *found = begins ? longest_at(tokens, late, text, n, at) : NULL;
        length = found ? found->length : 1;
        if (!found || (found->whole && !is_alone(text, n, at, at + length))) continue;
        *place = place_of(found, text, n, first, at);
        return true;
    }
    return false;
}

bool rd_added_tokens_next(const rd_added_tokens *tokens, rd_added_walk *walk) {
    rd_added_place late;
    size_t part = walk->part;
    if (!walk->looked && !find(tokens, false, walk->text, walk->n, walk->found.end, &walk->next))
        walk->next = (rd_added_place){walk->n, walk->n, 0};
    walk->looked = true;
    if (find(tokens, true, walk->text + part, walk->next.begin - part, walk->found.end - part,
             &late)) {
        walk->found = (rd_added_place){part + late.begin, part + late.end, late.id};
        return true;
    }
    if (walk->next.begin == walk->n) return false;
    walk->found = walk->next;
    walk->part = walk->found.end;
    walk->looked = false;
    return true;
}
