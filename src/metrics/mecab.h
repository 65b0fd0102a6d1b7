/* Words of Japanese and Korean by MeCab, as in sacreBLEU with mecab-python3 and mecab-ko. */
#ifndef RD_METRICS_MECAB_H
#define RD_METRICS_MECAB_H

#include "base/text.h"
#include "rdrop/metrics.h"

typedef enum { RD_MECAB_JAPANESE, RD_MECAB_KOREAN } rd_mecab_language;

typedef struct rd_mecab rd_mecab;

/* folder: of a compiled dictionary; "": where the system has it. signature: [room], sacreBLEU's. */
rd_status rd_mecab_open(rd_mecab **mecab, rd_mecab_language language, const char *folder,
                        char *signature, size_t room);
void rd_mecab_close(rd_mecab *mecab);

/* The words of a line, each with a blank after it, to the end of `out`. Threads may share a mecab.
 */
rd_status rd_mecab_words(const rd_mecab *mecab, rd_line line, rd_text *out);

#endif
