#include "metrics/segment.h"

#include <string.h>

#include <unicode/ucasemap.h>

rd_line rd_line_rstrip(rd_line line) {
    while (line.length > 0) {
        const char *end = line.data + line.length, *last = end - 1;
        while (last > line.data && ((unsigned char)*last & 0xC0) == 0x80) last--;
        if (rd_space_at(last, end) == 0) break;
        line.length = (size_t)(last - line.data);
    }
    return line;
}

rd_line rd_line_strip(rd_line line) {
    line = rd_line_rstrip(line);
    for (int space;
         line.length > 0 && (space = rd_space_at(line.data, line.data + line.length)) > 0;) {
        line.data += space;
        line.length -= (size_t)space;
    }
    return line;
}

/* Lowercases ASCII into `out`; false at the first other byte. */
static bool lower_ascii(rd_line line, char *out) {
    for (size_t i = 0; i < line.length; i++) {
        unsigned char c = (unsigned char)line.data[i];
        if (c >= 0x80) return false;
        out[i] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    return true;
}

rd_status rd_line_lower(rd_line line, void **casemap, rd_text *out) {
    rd_text_clear(out);
    RD_TRY(rd_text_reserve(out, 3 * line.length));
    if (lower_ascii(line, out->data)) {
        out->length = (int64_t)line.length;
        out->data[out->length] = '\0';
        return RD_OK;
    }
    UErrorCode error = U_ZERO_ERROR;
    if (!*casemap) *casemap = ucasemap_open("", 0, &error); /* "": no language's special rules */
    if (U_FAILURE(error))
        return rd_error(RD_ERR_MEMORY, "out of memory for ICU's rules of case (%s)",
                        u_errorName(error));
    /* No lower-case form is longer than three times its original (U+0130 has three bytes for two).
     */
    int32_t n = ucasemap_utf8ToLower(*casemap, out->data, (int32_t)(3 * line.length + 1), line.data,
                                     (int32_t)line.length, &error);
    if (U_FAILURE(error))
        return rd_error(RD_ERR_FORMAT, "cannot lowercase a line: %s", u_errorName(error));
    out->length = n;
    out->data[n] = '\0';
    return RD_OK;
}

void rd_casemap_free(void *casemap) {
    if (casemap) ucasemap_close(casemap);
}

rd_status rd_line_replace(rd_line line, const char *from, const char *to, rd_text *out) {
    rd_text_clear(out);
    size_t length = strlen(from);
    const char *s = line.data, *end = line.data + line.length;
    while (s < end) {
        const char *hit = memmem(s, (size_t)(end - s), from, length);
        RD_TRY(rd_text_append(out, s, (size_t)((hit ? hit : end) - s)));
        if (!hit) break;
        RD_TRY(rd_text_append(out, to, strlen(to)));
        s = hit + length;
    }
    return RD_OK;
}
