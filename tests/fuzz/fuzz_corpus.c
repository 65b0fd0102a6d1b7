/* Corpora, gzipped or plain: strict reading accepts what is valid, repairing makes everything so.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "data/corpus.h"
#include "fuzz.h"

/* Lines read, or -1 for an error. */
static int64_t read_all(const char *path, rd_utf8_policy policy) {
    rd_corpus *corpus;
    const char *line;
    size_t n;
    FUZZ_CHECK(rd_corpus_open(&corpus, path, policy) == RD_OK);
    rd_status status;
    while ((status = rd_corpus_next(corpus, &line, &n)) == RD_OK && line) {
        FUZZ_CHECK(rd_utf8_invalid_at(line, n) < 0);
        FUZZ_CHECK(line[n] == '\0' && !memchr(line, '\n', n));
        const char *end = line + n;
        for (const char *c = line; c < end;) { /* decoding and encoding are inverse */
            char back[4];
            const char *start = c;
            uint32_t code = rd_utf8_next(&c, end);
            int length = rd_utf8_put(code, back);
            FUZZ_CHECK(length == c - start && memcmp(start, back, (size_t)length) == 0);
        }
    }
    int64_t lines = rd_corpus_line_number(corpus);
    if (status != RD_OK) FUZZ_CHECK(strstr(rd_last_error(), "/proc/self/fd/"));
    rd_corpus_close(corpus);
    return status == RD_OK ? lines : -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *path = fuzz_file(0, data, size);
    int64_t strict = read_all(path, RD_UTF8_STRICT), repaired = read_all(path, RD_UTF8_REPAIR);
    FUZZ_CHECK(strict < 0 || strict == repaired);
    return 0;
}
