/* Text files of vocabularies: an entry a line. */
#ifndef RD_DATA_VOCAB_TEXT_H
#define RD_DATA_VOCAB_TEXT_H

#include "base/text.h"

/* RD_ERR_FORMAT, "PATH: WHAT: byte 7 is a NUL", unless all n bytes are UTF-8 and no NUL. */
rd_status rd_vocab_text_check(const char *path, const char *what, const char *bytes, size_t n);

/* The next line, cut off the text in place, without its "\n" or "\r\n"; the last one, which leaves
 * *rest NULL, is empty if the text ends with "\n". NULL: no more. */
char *rd_vocab_line(char **rest);

/* RD_ERR_FORMAT, "PATH:NUMBER: "LINE": WHY". */
rd_status rd_vocab_line_refuse(const char *path, int64_t number, const char *line, const char *why);

#endif
