#include "data/vocab_text.h"

#include <string.h>

rd_status rd_vocab_text_check(const char *path, const char *what, const char *bytes, size_t n) {
    int64_t bad = rd_utf8_invalid_at(bytes, n);
    const char *nul = memchr(bytes, '\0', n);
    if (bad < 0 && !nul) return RD_OK;
    return rd_error(RD_ERR_FORMAT, "%s: %s: byte %lld is %s", path, what,
                    (long long)(bad >= 0 ? bad : nul - bytes) + 1, bad >= 0 ? "no UTF-8" : "a NUL");
}

char *rd_vocab_line(char **rest) {
    char *line = strsep(rest, "\n");
    size_t n = line ? strlen(line) : 0;
    if (n && line[n - 1] == '\r') line[n - 1] = '\0';
    return line;
}

rd_status rd_vocab_line_refuse(const char *path, int64_t number, const char *line,
                               const char *why) {
    char shown[160];
    rd_escape(shown, sizeof shown, line);
    return rd_error(RD_ERR_FORMAT, "%s:%lld: \"%s\": %s", path, (long long)number, shown, why);
}
