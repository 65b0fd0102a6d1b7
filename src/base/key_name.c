/* Names of keys: exact, by an alias, or nearly. */
#include "base/key.h"

#include <string.h>

#include "base/text.h"

static bool is_alias(const rd_key *key, const char *name) {
    return key->aliases && rd_is_listed(key->aliases, name);
}

bool rd_key_is(const rd_key *key, const char *name) {
    return strcmp(key->name, name) == 0 || is_alias(key, name);
}

const rd_key *rd_key_find(const rd_key *keys, const char *name) {
    for (const rd_key *key = keys; key->name; key++)
        if (strcmp(key->name, name) == 0) return key;
    for (const rd_key *key = keys; key->name; key++)
        if (is_alias(key, name)) return key;
    return NULL;
}

enum { LONGEST_NAME = 64 };

/* Levenshtein distance, one row at a time. */
static int edit_distance(const char *a, const char *b, int n) {
    int row[LONGEST_NAME + 1];
    for (int j = 0; j <= n; j++) row[j] = j;
    for (int i = 0; a[i]; i++) {
        int diagonal = row[0];
        row[0] = i + 1;
        for (int j = 0; j < n; j++) {
            int replace = diagonal + (a[i] != b[j]);
            int step = (row[j] < row[j + 1] ? row[j] : row[j + 1]) + 1;
            diagonal = row[j + 1];
            row[j + 1] = replace < step ? replace : step;
        }
    }
    return row[n];
}

rd_nearest_name rd_nearest_start(const char *typed) {
    /* A greater distance is not a typing error. */
    return (rd_nearest_name){.typed = typed, .distance = (int)strlen(typed) / 3 + 2};
}

/* Suggests `name` if the `n` bytes of `spelling` are the nearest so far. */
static void try_spelling(rd_nearest_name *nearest, const char *spelling, size_t n,
                         const char *name) {
    if (n > LONGEST_NAME || strlen(nearest->typed) > LONGEST_NAME) return;
    int distance = edit_distance(nearest->typed, spelling, (int)n);
    if (distance >= nearest->distance) return;
    nearest->name = name;
    nearest->distance = distance;
}

void rd_nearest_try(rd_nearest_name *nearest, const char *name) {
    try_spelling(nearest, name, strlen(name), name);
}

void rd_nearest_try_keys(rd_nearest_name *nearest, const rd_key *keys) {
    for (const rd_key *key = keys; key->name; key++) {
        rd_nearest_try(nearest, key->name);
        const char *at = key->aliases, *alias;
        size_t n;
        while (at && (alias = rd_next_name(&at, &n)))
            if (n > 2) try_spelling(nearest, alias, n, key->name);
    }
}
