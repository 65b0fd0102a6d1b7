#include "metrics/mecab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/memory.h"

#ifdef RD_HAVE_MECAB
#include <mecab.h>

enum { MAX_PENALTIES = 64 };

struct rd_mecab {
    mecab_model_t *model;
    mecab_t *tagger;
    /* mecab-ko's addition to MeCab: words of these parts of speech cost more after a blank. */
    int n_penalties;
    struct {
        int part_of_speech, cost;
    } penalties[MAX_PENALTIES];
};

static rd_status find_folder(rd_mecab_language language, const char **folder) {
    static const char *const folders[2][6] = {
        {"/var/lib/mecab/dic/ipadic-utf8", "/usr/local/lib/mecab/dic/ipadic-utf8",
         "/usr/local/lib/mecab/dic/ipadic", "/usr/lib/mecab/dic/ipadic", NULL},
        {"/var/lib/mecab/dic/mecab-ko-dic", "/usr/local/lib/mecab/dic/mecab-ko-dic",
         "/usr/lib/mecab/dic/mecab-ko-dic", "/usr/share/mecab/dic/mecab-ko-dic", NULL}};
    if (**folder) return RD_OK;
    char path[256];
    for (const char *const *at = folders[language]; *at; at++) {
        snprintf(path, sizeof path, "%s/sys.dic", *at);
        if (!rd_file_exists(path)) continue;
        *folder = *at;
        return RD_OK;
    }
    if (language == RD_MECAB_JAPANESE)
        return rd_error(RD_ERR_UNSUPPORTED,
                        "ja-mecab: IPADIC is not installed; install it (Debian: "
                        "mecab-ipadic-utf8) or give its folder: ja-mecab:FOLDER");
    return rd_error(RD_ERR_UNSUPPORTED, "ko-mecab: mecab-ko-dic is not installed; install it or "
                                        "give its folder: ko-mecab:FOLDER");
}

/* The line "left-space-penalty-factor = POS,COST,POS,COST,..." of the dictionary's dicrc. */
static rd_status read_penalties(rd_mecab *mecab, const char *folder) {
    static const char key[] = "\nleft-space-penalty-factor";
    char *path = rd_path_join(folder, "dicrc"), *bytes = NULL;
    size_t n;
    rd_status status = path ? rd_read_file(path, 1 << 20, &bytes, &n) : RD_ERR_MEMORY;
    free(path);
    if (status != RD_OK) return status;
    const char *line = strstr(bytes, key), *at = line ? strchr(line, '=') : NULL;
    while (at && (*at == '=' || *at == ',') && mecab->n_penalties < MAX_PENALTIES) {
        char *comma, *end;
        int part_of_speech = (int)strtol(at + 1, &comma, 10);
        if (*comma != ',') break;
        int cost = (int)strtol(comma + 1, &end, 10);
        mecab->penalties[mecab->n_penalties].part_of_speech = part_of_speech;
        mecab->penalties[mecab->n_penalties++].cost = cost;
        at = end;
    }
    free(bytes);
    return RD_OK;
}

static rd_status open_dictionary(rd_mecab *mecab, rd_mecab_language language, const char *folder,
                                 char *signature, size_t room) {
    enum { MEMORY = 16 << 20 }; /* except the dictionary, which is mapped */
    static const char *const names[] = {"ja-mecab", "ko-mecab"}, *const marks[] = {"IPA", "KO"};
    static const unsigned sizes[] = {392126, 811795}; /* of sacreBLEU's dictionaries */
    RD_TRY(find_folder(language, &folder));
    if (rd_memory_is_short(MEMORY)) return rd_error(RD_ERR_MEMORY, "out of memory for MeCab");
    char *arguments[] = {"mecab", "-r", "/dev/null", "-d", (char *)(uintptr_t)folder};
    mecab->model = mecab_model_new(5, arguments);
    mecab->tagger = mecab->model ? mecab_model_new_tagger(mecab->model) : NULL;
    if (!mecab->tagger)
        return rd_error(RD_ERR_FORMAT, "%s: not a dictionary of MeCab (%.200s)", folder,
                        mecab_strerror(NULL));
    const mecab_dictionary_info_t *info = mecab_model_dictionary_info(mecab->model);
    if (strcasecmp(info->charset, "UTF-8") != 0 && strcasecmp(info->charset, "UTF8") != 0)
        return rd_error(RD_ERR_FORMAT, "%s: a dictionary in %.20s, not in UTF-8", folder,
                        info->charset);
    const char *version = mecab_version();
    bool has_penalties = strstr(version, "ko-") != NULL; /* it is mecab-ko itself */
    if (language == RD_MECAB_KOREAN && !has_penalties) {
        RD_TRY(read_penalties(mecab, folder));
        version = "0.996/ko-0.9.2"; /* whose words these are */
    }
    int used = snprintf(signature, room, "%s-%.20s-%s", names[language], version, marks[language]);
    if (info->size != sizes[language]) /* other words than sacreBLEU's */
        snprintf(signature + used, room - (size_t)used, "-%u", info->size);
    return RD_OK;
}

rd_status rd_mecab_open(rd_mecab **out, rd_mecab_language language, const char *folder,
                        char *signature, size_t room) {
    rd_mecab *mecab = rd_calloc(1, sizeof *mecab);
    if (!mecab) return RD_ERR_MEMORY;
    rd_status status = open_dictionary(mecab, language, folder, signature, room);
    if (status == RD_OK)
        *out = mecab;
    else
        rd_mecab_close(mecab);
    return status;
}

void rd_mecab_close(rd_mecab *mecab) {
    if (!mecab) return;
    if (mecab->tagger) mecab_destroy(mecab->tagger);
    if (mecab->model) mecab_model_destroy(mecab->model);
    free(mecab);
}

static long penalty_of(const rd_mecab *mecab, const mecab_node_t *node) {
    if (node->rlength == node->length) return 0; /* no blank before it */
    for (int i = 0; i < mecab->n_penalties; i++)
        if (node->posid == mecab->penalties[i].part_of_speech) return mecab->penalties[i].cost;
    return 0;
}

/* Finds the cheapest path anew, with penalties, and links it by `next`. Of equal ones MeCab's: its
 * lists of paths are in the opposite order of its search. */
static void search_again(const rd_mecab *mecab, mecab_lattice_t *lattice) {
    size_t size = mecab_lattice_get_size(lattice);
    for (size_t at = 0; at <= size; at++)
        for (mecab_node_t *node = mecab_lattice_get_begin_nodes(lattice, at); node;
             node = node->bnext) {
            mecab_node_t *best = NULL;
            long cost = 0, penalty = penalty_of(mecab, node);
            for (const mecab_path_t *path = node->lpath; path; path = path->lnext) {
                long whole = path->lnode->cost + path->cost + penalty;
                if (best && whole > cost) continue;
                best = path->lnode;
                cost = whole;
            }
            if (!best) continue;
            node->prev = best;
            node->cost = cost;
        }
    mecab_node_t *node = mecab_lattice_get_eos_node(lattice);
    for (node->next = NULL; node->prev; node = node->prev) node->prev->next = node;
}

/* A node's length must fit 16 bits, blanks before it included: of long runs of blanks one is left,
 * in `copy`. */
static rd_status shorten_blanks(rd_line *line, rd_text *copy) {
    if (line->length <= UINT16_MAX / 2) return RD_OK;
    RD_TRY(rd_text_append(copy, line->data, line->length));
    int64_t n = 0;
    for (int64_t i = 0; i < copy->length; i++) {
        char c = copy->data[i];
        bool blank = c == ' ' || (c >= '\t' && c <= '\r');
        if (blank && n > 0 && copy->data[n - 1] == ' ') continue;
        copy->data[n++] = (char)(blank ? ' ' : c);
    }
    *line = (rd_line){copy->data, (size_t)n};
    return RD_OK;
}

static rd_status parse(const rd_mecab *mecab, mecab_lattice_t *lattice, rd_line line,
                       rd_text *out) {
    mecab_lattice_set_request_type(lattice, mecab->n_penalties ? MECAB_NBEST : MECAB_ONE_BEST);
    mecab_lattice_set_sentence2(lattice, line.data, line.length);
    if (!mecab_parse_lattice(mecab->tagger, lattice))
        return rd_error(RD_ERR_FORMAT, "MeCab cannot split a line: %.200s",
                        mecab_lattice_strerror(lattice));
    if (mecab->n_penalties) search_again(mecab, lattice);
    const mecab_node_t *node = mecab_lattice_get_bos_node(lattice)->next;
    for (; node && node->stat != MECAB_EOS_NODE; node = node->next) {
        RD_TRY(rd_text_append(out, node->surface, node->length));
        RD_TRY(rd_text_append(out, " ", 1));
    }
    return RD_OK;
}

rd_status rd_mecab_words(const rd_mecab *mecab, rd_line line, rd_text *out) {
    enum { MEMORY_PER_BYTE = 4096 }; /* nodes and paths at every position */
    rd_text copy = {0};
    if (rd_memory_is_short((line.length + 256) * MEMORY_PER_BYTE))
        return rd_error(RD_ERR_MEMORY, "out of memory for MeCab");
    mecab_lattice_t *lattice = mecab_model_new_lattice(mecab->model);
    if (!lattice) return rd_error(RD_ERR_MEMORY, "out of memory for MeCab");
    rd_status status = shorten_blanks(&line, &copy);
    if (status == RD_OK) status = parse(mecab, lattice, line, out);
    mecab_lattice_destroy(lattice);
    rd_text_free(&copy);
    return status;
}

#else

rd_status rd_mecab_open(rd_mecab **mecab, rd_mecab_language language, const char *folder,
                        char *signature, size_t room) {
    (void)mecab, (void)folder, (void)signature, (void)room;
    return rd_error(RD_ERR_UNSUPPORTED,
                    "%s: this program was built without libmecab; install it (Debian: "
                    "libmecab-dev) and build again",
                    language == RD_MECAB_JAPANESE ? "ja-mecab" : "ko-mecab");
}

void rd_mecab_close(rd_mecab *mecab) {
    (void)mecab;
}

rd_status rd_mecab_words(const rd_mecab *mecab, rd_line line, rd_text *out) {
    (void)mecab, (void)line, (void)out;
    return rd_error(RD_ERR_UNSUPPORTED, "built without libmecab");
}

#endif
