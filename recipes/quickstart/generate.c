/* Writes the quick-start corpora: train, valid and test as gzipped English and German lines.
 *
 *   quickstart-corpus DIRECTORY [SEED [TRAIN [VALID [TEST]]]]
 *
 * No English sentence occurs twice, so none of valid or test is in training. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>

#include "base/file.h"
#include "base/memory.h"
#include "io/output.h"
#include "quickstart/sentences.h"
#include "tools/common/start.h"

enum { SLOTS = 1 << 20 }; /* of the hash table; argument parsing keeps it at most half full */

typedef struct {
    char **en, **de; /* [SLOTS], NULL where empty */
} pair_set;

static int fail(const char *what, const char *path) {
    fprintf(stderr, "quickstart-corpus: %s: %s\n", path, what);
    return 1;
}

/* FNV-1a */
static uint64_t hash(const char *text) {
    uint64_t h = 0xCBF29CE484222325u;
    for (; *text != '\0'; text++) h = (h ^ (unsigned char)*text) * 0x100000001B3u;
    return h;
}

/* 1: added; 0: the sentence was there; -1: out of memory, or there with another translation, which
 * would be a mistake in the grammar. */
static int add_pair(pair_set *set, const qs_pair *pair) {
    size_t slot = hash(pair->en.text) % SLOTS;
    for (; set->en[slot] != NULL; slot = (slot + 1) % SLOTS) {
        if (strcmp(set->en[slot], pair->en.text) != 0) continue;
        if (strcmp(set->de[slot], pair->de.text) == 0) return 0;
        fprintf(stderr, "quickstart-corpus: \"%s\" has two translations, \"%s\" and \"%s\"\n",
                pair->en.text, set->de[slot], pair->de.text);
        return -1;
    }
    set->en[slot] = rd_strdup(pair->en.text);
    set->de[slot] = rd_strdup(pair->de.text);
    return set->en[slot] != NULL && set->de[slot] != NULL ? 1 : -1;
}

static void free_set(pair_set *set) {
    for (size_t i = 0; i < SLOTS; i++) {
        if (set->en != NULL) free(set->en[i]);
        if (set->de != NULL) free(set->de[i]);
    }
    free(set->en);
    free(set->de);
}

/* A file of lines, gzipped. */
typedef struct {
    rd_atomic_file file;
    gzFile lines; /* NULL: it could not be opened */
} part;

static void open_part(part *p, const char *directory, const char *name, const char *language) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.%s.gz", directory, name, language);
    *p = (part){.lines = NULL};
    if (rd_atomic_open(&p->file, path) == RD_OK)
        p->lines = gzdopen(dup(fileno(p->file.stream)), "wb6");
    else
        fail(rd_last_error(), directory);
}

/* Puts the file in place if every byte was written, else removes it and returns false. */
static bool close_part(part *p, bool ok) {
    ok = p->lines != NULL && gzclose(p->lines) == Z_OK && ok;
    if (ok) return rd_atomic_commit(&p->file) == RD_OK;
    rd_atomic_abort(&p->file);
    return false;
}

static int write_part(rd_rng *rng, pair_set *set, const char *directory, const char *name,
                      int64_t n_pairs) {
    part en, de;
    open_part(&en, directory, name, "en");
    open_part(&de, directory, name, "de");
    bool ok = en.lines != NULL && de.lines != NULL;
    for (int64_t n = 0; ok && n < n_pairs;) {
        qs_pair pair = qs_random_pair(rng);
        int added = add_pair(set, &pair);
        ok = added >= 0;
        if (added != 1) continue;
        ok = gzprintf(en.lines, "%s\n", pair.en.text) > 0 &&
             gzprintf(de.lines, "%s\n", pair.de.text) > 0;
        n++;
    }
    ok = close_part(&en, ok);
    ok = close_part(&de, ok) && ok;
    return ok ? 0 : fail("could not write all pairs", directory);
}

/* A count of at least 1; the sum of all counts must leave the table half empty. */
static bool parse_count(const char *text, int64_t *value) {
    char *end;
    errno = 0;
    long long parsed = strtoll(text, &end, 10);
    if (errno != 0 || *end != '\0' || end == text || parsed < 1 || parsed > SLOTS / 8) return false;
    *value = parsed;
    return true;
}

int main(int argc, char **argv) {
    start_program();
    int64_t numbers[4] = {1, 24000, 500, 1000}; /* seed, train, valid, test */
    static const char usage[] =
        "usage: quickstart-corpus DIRECTORY [SEED [TRAIN [VALID [TEST]]]]\n";
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
        return fputs(usage, stdout) < 0;
    if (argc < 2 || argc > 6 || *argv[1] == '-') {
        fputs(usage, stderr);
        return 2;
    }
    for (int i = 2; i < argc; i++) {
        if (parse_count(argv[i], &numbers[i - 2])) continue;
        fprintf(stderr, "quickstart-corpus: '%s' is not a number from 1 to %d\n", argv[i],
                SLOTS / 8);
        return 2;
    }
    if (rd_make_directories(argv[1]) != RD_OK) return fail(rd_last_error(), argv[1]);

    pair_set set = {rd_calloc(SLOTS, sizeof(char *)), rd_calloc(SLOTS, sizeof(char *))};
    rd_rng rng = rd_rng_make((uint64_t)numbers[0], 0);
    int status = set.en == NULL || set.de == NULL ? fail(rd_last_error(), argv[1]) : 0;
    static const char *const parts[] = {"train", "valid", "test"};
    for (int i = 0; i < 3 && status == 0; i++)
        status = write_part(&rng, &set, argv[1], parts[i], numbers[i + 1]);
    free_set(&set);
    return status;
}
