#include "io/zip_file.h"

rd_status rd_zip_open(zip_t **archive, const char *path) {
    int code = 0;
    *archive = zip_open(path, ZIP_RDONLY, &code);
    if (*archive) return RD_OK;
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    rd_status status = rd_zip_failed(path, &error);
    zip_error_fini(&error);
    return status;
}

rd_status rd_zip_read(zip_file_t *entry, const char *path, char *bytes, size_t n, bool *ended) {
    zip_int64_t got = 1;
    char more;
    size_t at = 0;
    for (; at < n && got > 0; at += got > 0 ? (size_t)got : 0)
        got = zip_fread(entry, bytes + at, n - at);
    if (got > 0) got = zip_fread(entry, &more, 1);
    if (got < 0) return rd_zip_failed(path, zip_file_get_error(entry));
    *ended = got == 0;
    if (at == n) return RD_OK;
    return rd_error(RD_ERR_FORMAT, "%s: ends early", path);
}
