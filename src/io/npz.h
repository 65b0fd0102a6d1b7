/* Reading .npz files: NumPy arrays ("NAME.npy", a header and the data) in a zip archive, as Marian
 * saves models. Every header field is checked before use, and its arrays
 * together are at most three times the file and 40 MiB. */
#ifndef RD_IO_NPZ_H
#define RD_IO_NPZ_H

#include "io/safetensors.h"

typedef struct {
    char *path;
    struct zip *archive;
    int64_t n, size;    /* arrays; bytes of the file */
    const char **names; /* [n] with their ".npy" */
} rd_npz;

rd_status rd_npz_open(rd_npz *npz, const char *path);
void rd_npz_close(rd_npz *npz); /* {0} is fine */

bool rd_npz_has(const rd_npz *npz, const char *name); /* without ".npy" */

/* The array as its header describes it: `bytes` is NULL. */
rd_status rd_npz_find(const rd_npz *npz, const char *name, rd_stored_tensor *array);

/* *bytes: [array->n_bytes], malloc'ed, which array->bytes then is. */
rd_status rd_npz_load(const rd_npz *npz, rd_stored_tensor *array, char **bytes);

/* The header of an array (numpy.lib.format, versions 1 to 3), which begins bytes[0..n): sets type,
 * shape and sizes of `array`, whose path and name are for messages, and *length of the header. */
rd_status rd_npy_header(rd_stored_tensor *array, const char *bytes, size_t n, size_t *length);

#endif
