#include "metrics/tokenize.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/file.h"
#include "base/memory.h"
#include "data/sentencepiece.h"
#include "metrics/mecab.h"
#include "metrics/segment.h"

struct rd_metric_tokenizer {
    char signature[64];
    char *path;            /* the file or folder it was read from; NULL: none was named */
    rd_tokenize_rule rule; /* or else one of these */
    spm_processor *pieces;
    rd_mecab *mecab;
};

typedef struct {
    rd_text *out;
    rd_status status;
} piece_sink;

static void add_piece(void *self, const char *piece, size_t n) {
    piece_sink *sink = self;
    if (sink->status == RD_OK) sink->status = rd_text_append(sink->out, piece, n);
    if (sink->status == RD_OK) sink->status = rd_text_append(sink->out, " ", 1);
}

static rd_status cut_into_pieces(const spm_processor *processor, rd_line line, rd_text *out) {
    piece_sink sink = {.out = out};
    for (size_t part; sink.status == RD_OK && line.length > 0;
         line.data += part, line.length -= part) {
        char *message = NULL;
        part = rd_sentencepiece_part(line.data, line.length);
        if (spm_encode_pieces(processor, line.data, part, add_piece, &sink, &message))
            return rd_sentencepiece_error(RD_ERR_FORMAT, "cannot tokenize", message);
    }
    return sink.status;
}

rd_status rd_tokenize(const rd_metric_tokenizer *tokenizer, rd_line line, rd_text *a, rd_text *b,
                      rd_line *out) {
    if (!tokenizer) return rd_tokenize_13a(line, a, b, out);
    if (tokenizer->rule) return tokenizer->rule(line, a, b, out);
    rd_text_clear(a);
    RD_TRY(rd_text_append(a, "", 0));
    if (tokenizer->pieces)
        RD_TRY(cut_into_pieces(tokenizer->pieces, line, a));
    else
        RD_TRY(rd_mecab_words(tokenizer->mecab, rd_line_strip(line), a));
    *out = (rd_line){a->data, (size_t)a->length};
    return RD_OK;
}

const char *rd_tokenizer_path(const rd_metric_tokenizer *tokenizer) {
    return tokenizer ? tokenizer->path : NULL;
}

const char *rd_tokenizer_signature(const rd_metric_tokenizer *tokenizer) {
    return tokenizer ? tokenizer->signature : "13a";
}

/* FILE, or where sacreBLEU keeps the model of that name. */
static rd_status find_model(const char *name, const char *file, const char *cached, char **path) {
    if (*file) return (*path = rd_strdup(file)) ? RD_OK : RD_ERR_MEMORY;
    const char *folder = getenv("SACREBLEU"), *home = getenv("HOME");
    rd_text text = {0};
    rd_status status = folder && *folder ? rd_text_printf(&text, "%s/models/%s", folder, cached)
                                         : rd_text_printf(&text, "%s/.sacrebleu/models/%s",
                                                          home ? home : "", cached);
    if (status == RD_OK && !rd_file_exists(text.data))
        status =
            rd_error(RD_ERR_IO,
                     "tokenizer %s: its model is not at %s, where sacreBLEU keeps it; give the "
                     "file: %s:FILE",
                     name, text.data, name);
    if (status == RD_OK)
        *path = text.data;
    else
        rd_text_free(&text);
    return status;
}

static rd_status load_pieces(rd_metric_tokenizer *tokenizer, const char *path) {
    rd_mapping file;
    RD_TRY(rd_map_file(&file, path));
    rd_status status = rd_sentencepiece_load(&tokenizer->pieces, path, file.bytes, file.size);
    if (!*tokenizer->signature) /* a model without a name is known by its bytes */
        snprintf(tokenizer->signature, sizeof tokenizer->signature, "spm-%08x",
                 (unsigned)rd_crc32(0, file.bytes, file.size));
    rd_unmap_file(&file);
    return status;
}

static rd_status open_pieces(rd_metric_tokenizer *tokenizer, const char *name, const char *file) {
    static const char *const models[][2] = {
        {"flores101", "sacrebleu_tokenizer_spm.model"},
        {"flores200", "flores200sacrebleuspm"},
        {"spBLEU-1K", "spbleu-1k_tokenizer_spm.model"},
    };
    const char *cached = NULL;
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        if (strcmp(name, models[i][0]) == 0) cached = models[i][1];
    if (cached)
        strcpy(tokenizer->signature, name);
    else if (strcmp(name, "spm") != 0)
        return rd_error(RD_ERR_ARGUMENT,
                        "no such tokenizer: %.60s; there are 13a, intl, zh, char, none, spm:FILE, "
                        "flores101, flores200, spBLEU-1K, ja-mecab and ko-mecab",
                        name);
    else if (!*file)
        return rd_error(RD_ERR_ARGUMENT, "tokenizer spm needs a model: spm:FILE");
    RD_TRY(find_model(name, file, cached, &tokenizer->path));
    return load_pieces(tokenizer, tokenizer->path);
}

/* name: without the part after a colon, which is `file`. */
static rd_status open_by_name(rd_metric_tokenizer *tokenizer, const char *name, const char *file) {
    static const struct {
        const char *name;
        rd_tokenize_rule rule;
    } rules[] = {{"13a", rd_tokenize_13a},
                 {"intl", rd_tokenize_intl},
                 {"zh", rd_tokenize_zh},
                 {"char", rd_tokenize_char},
                 {"none", rd_tokenize_none}};
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (strcmp(name, rules[i].name) == 0) {
            if (*file) return rd_error(RD_ERR_ARGUMENT, "tokenizer %s takes no file", name);
            strcpy(tokenizer->signature, name);
            tokenizer->rule = rules[i].rule;
            return RD_OK;
        }
    bool japanese = strcmp(name, "ja-mecab") == 0;
    if (!japanese && strcmp(name, "ko-mecab") != 0) return open_pieces(tokenizer, name, file);
    if (*file && !(tokenizer->path = rd_strdup(file))) return RD_ERR_MEMORY;
    return rd_mecab_open(&tokenizer->mecab, japanese ? RD_MECAB_JAPANESE : RD_MECAB_KOREAN, file,
                         tokenizer->signature, sizeof tokenizer->signature);
}

rd_status rd_metric_tokenizer_open(const char *name, rd_metric_tokenizer **out) {
    rd_metric_tokenizer *tokenizer = rd_calloc(1, sizeof *tokenizer);
    char *copy = rd_strdup(name), *colon = copy ? strchr(copy, ':') : NULL;
    *out = NULL;
    if (colon) *colon++ = '\0';
    rd_status status =
        tokenizer && copy ? open_by_name(tokenizer, copy, colon ? colon : "") : RD_ERR_MEMORY;
    free(copy);
    if (status == RD_OK)
        *out = tokenizer;
    else
        rd_metric_tokenizer_close(tokenizer);
    return status;
}

void rd_metric_tokenizer_close(rd_metric_tokenizer *tokenizer) {
    if (!tokenizer) return;
    spm_free(tokenizer->pieces);
    rd_mecab_close(tokenizer->mecab);
    free(tokenizer->path);
    free(tokenizer);
}

/* Languages by ISO 639-1 and 639-3. Korean has blanks, but words with endings, which 13a takes for
 * others; Tibetan, Burmese, Khmer, Lao and Thai have none between words. */
const char *rd_metric_tokenizer_for(const char *language) {
    static const char chinese[] = " zh zho chi cmn yue wuu lzh ";
    static const char others[] = " ja jpn ko kor th tha km khm lo lao my mya bo bod dz dzo ";
    size_t n = strcspn(language, "-_.@");
    char code[8];
    if (n < 2 || n > 3) return "13a";
    snprintf(code, sizeof code, " %.*s ", (int)n, language);
    return strstr(chinese, code) ? "zh" : strstr(others, code) ? "char" : "13a";
}
