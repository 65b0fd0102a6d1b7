#include "io/npz.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "base/text.h"
#include "io/zip_file.h"

enum { LARGEST_HEADER = 4096, MOST_TIMES = 3, FREE_BYTES = 40 << 20 };

/* Not of a folder or a pipe, which libzip would try to read. */
static rd_status check_file(rd_npz *npz) {
    rd_mapping mapping;
    RD_TRY(rd_map_file(&mapping, npz->path));
    npz->size = (int64_t)mapping.size;
    rd_unmap_file(&mapping);
    return RD_OK;
}

/* The size of an entry by the archive's directory; *left is the size left for all that follow. */
static rd_status check_size(const rd_npz *npz, int64_t index, uint64_t *left) {
    zip_stat_t info;
    if (zip_stat_index(npz->archive, (zip_uint64_t)index, 0, &info) != 0)
        return rd_zip_failed(npz->path, zip_get_error(npz->archive));
    if (!(info.valid & ZIP_STAT_SIZE) || info.size > *left)
        return rd_error(RD_ERR_FORMAT,
                        "%s: array %.100s is said to have %llu bytes, which a file "
                        "of %lld cannot hold",
                        npz->path, npz->names[index],
                        info.valid & ZIP_STAT_SIZE ? (unsigned long long)info.size : 0,
                        (long long)npz->size);
    *left -= info.size;
    return RD_OK;
}

static rd_status list_arrays(rd_npz *npz) {
    uint64_t left = MOST_TIMES * (uint64_t)npz->size + FREE_BYTES;
    npz->n = zip_get_num_entries(npz->archive, 0);
    npz->names = rd_calloc((size_t)npz->n, sizeof *npz->names);
    if (!npz->names) return RD_ERR_MEMORY;
    for (int64_t i = 0; i < npz->n; i++) {
        npz->names[i] = zip_get_name(npz->archive, (zip_uint64_t)i, 0);
        if (!npz->names[i]) return rd_zip_failed(npz->path, zip_get_error(npz->archive));
        if (!rd_ends_with(npz->names[i], ".npy"))
            return rd_error(RD_ERR_FORMAT, "%s: %.100s is not an array (.npy)", npz->path,
                            npz->names[i]);
        if (zip_name_locate(npz->archive, npz->names[i], 0) != i)
            return rd_error(RD_ERR_FORMAT, "%s: there are two arrays %.100s", npz->path,
                            npz->names[i]);
        RD_TRY(check_size(npz, i, &left));
    }
    return RD_OK;
}

rd_status rd_npz_open(rd_npz *npz, const char *path) {
    *npz = (rd_npz){.path = rd_strdup(path)};
    rd_status status = npz->path ? check_file(npz) : RD_ERR_MEMORY;
    if (status == RD_OK) status = rd_zip_open(&npz->archive, npz->path);
    if (status == RD_OK) status = list_arrays(npz);
    if (status != RD_OK) rd_npz_close(npz);
    return status;
}

void rd_npz_close(rd_npz *npz) {
    if (npz->archive) zip_discard(npz->archive);
    free(npz->names);
    free(npz->path);
    *npz = (rd_npz){0};
}

/* -1: there is none. */
static int64_t find_entry(const rd_npz *npz, const char *name) {
    char full[160];
    int n = snprintf(full, sizeof full, "%s.npy", name);
    return n < (int)sizeof full ? zip_name_locate(npz->archive, full, 0) : -1;
}

bool rd_npz_has(const rd_npz *npz, const char *name) {
    return find_entry(npz, name) >= 0;
}

static rd_status entry_failed(const rd_npz *npz, const char *name, zip_error_t *error) {
    rd_status status = rd_zip_failed(npz->path, error);
    return rd_error_prefix(status, "array %.100s", name);
}

/* An array being read, and its first bytes. */
typedef struct {
    zip_file_t *file;
    uint64_t size;
    char header[LARGEST_HEADER];
    size_t n_header;
} entry;

static rd_status open_entry(const rd_npz *npz, const char *name, entry *e) {
    int64_t index = find_entry(npz, name);
    zip_stat_t info;
    if (index < 0) return rd_error(RD_ERR_FORMAT, "%s: array %.100s is missing", npz->path, name);
    if (zip_stat_index(npz->archive, (zip_uint64_t)index, 0, &info) != 0)
        return entry_failed(npz, name, zip_get_error(npz->archive));
    e->size = info.size;
    e->file = zip_fopen_index(npz->archive, (zip_uint64_t)index, 0);
    if (!e->file) return entry_failed(npz, name, zip_get_error(npz->archive));
    zip_int64_t n = zip_fread(e->file, e->header, sizeof e->header);
    if (n < 0) {
        rd_status status = entry_failed(npz, name, zip_file_get_error(e->file));
        zip_fclose(e->file);
        return status;
    }
    e->n_header = (size_t)n;
    return RD_OK;
}

static rd_status read_header(const entry *e, rd_stored_tensor *array, size_t *length) {
    RD_TRY(rd_npy_header(array, e->header, e->n_header, length));
    if (e->size - *length == array->n_bytes) return RD_OK;
    return rd_error(RD_ERR_FORMAT, "%s: array %.100s has %llu bytes of data, but its shape %zu",
                    array->path, array->name, (unsigned long long)(e->size - *length),
                    array->n_bytes);
}

rd_status rd_npz_find(const rd_npz *npz, const char *name, rd_stored_tensor *array) {
    entry e;
    size_t length;
    *array = (rd_stored_tensor){.path = npz->path, .name = name};
    RD_TRY(open_entry(npz, name, &e));
    rd_status status = read_header(&e, array, &length);
    zip_fclose(e.file);
    return status;
}

/* Up to the end, where libzip compares the checksum. */
static rd_status read_data(const rd_npz *npz, const entry *e, size_t length,
                           const rd_stored_tensor *array, char *bytes) {
    size_t n = e->n_header - length;
    bool ended = false;
    if (n <= array->n_bytes) {
        memcpy(bytes, e->header + length, n);
        rd_status status = rd_zip_read(e->file, npz->path, bytes + n, array->n_bytes - n, &ended);
        if (status != RD_OK) return rd_error_prefix(status, "array %.100s", array->name);
    }
    if (ended) return RD_OK;
    return rd_error(RD_ERR_FORMAT, "%s: array %.100s has another size than was said", npz->path,
                    array->name);
}

rd_status rd_npz_load(const rd_npz *npz, rd_stored_tensor *array, char **bytes) {
    entry e;
    size_t length;
    *bytes = NULL;
    RD_TRY(open_entry(npz, array->name, &e));
    rd_status status = read_header(&e, array, &length);
    if (status == RD_OK && !(*bytes = rd_malloc(array->n_bytes, 1))) status = RD_ERR_MEMORY;
    if (status == RD_OK) status = read_data(npz, &e, length, array, *bytes);
    zip_fclose(e.file);
    if (status != RD_OK) {
        free(*bytes);
        *bytes = NULL;
    }
    array->bytes = *bytes;
    return status;
}
