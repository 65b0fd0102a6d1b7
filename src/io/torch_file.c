#include "io/torch_file.h"

#include <stdlib.h>
#include <string.h>

#include "io/zip_file.h"

enum { MOST_TIMES = 2, FREE_BYTES = 40 << 20 };

/* The index and size of entry NAME of the archive's folder; *index -1: there is none. */
static rd_status find_entry(const rd_torch_file *file, const char *name, int64_t *index,
                            uint64_t *size) {
    char path[512];
    zip_stat_t info;
    *index = -1;
    *size = 0;
    int n = snprintf(path, sizeof path, "%s%s", file->root, name);
    if (n < 0 || n >= (int)sizeof path) return RD_OK;
    *index = zip_name_locate(file->archive, path, 0);
    if (*index < 0) return RD_OK;
    if (zip_stat_index(file->archive, (zip_uint64_t)*index, 0, &info) != 0)
        return rd_zip_failed(file->path, zip_get_error(file->archive));
    *size = info.valid & ZIP_STAT_SIZE ? info.size : 0;
    return RD_OK;
}

/* bytes: [n], the first of an entry. */
static rd_status read_entry(const rd_torch_file *file, int64_t index, char *bytes, size_t n) {
    zip_file_t *entry = zip_fopen_index(file->archive, (zip_uint64_t)index, 0);
    if (!entry) return rd_zip_failed(file->path, zip_get_error(file->archive));
    bool ended; /* two storages may be parts of one entry */
    rd_status status = rd_zip_read(entry, file->path, bytes, n, &ended);
    zip_fclose(entry);
    return status;
}

/* All is in one folder of the archive, whose name is the file's. */
static rd_status find_root(rd_torch_file *file) {
    static const char name[] = "data.pkl";
    int64_t n = zip_get_num_entries(file->archive, 0);
    for (int64_t i = 0; i < n; i++) {
        const char *path = zip_get_name(file->archive, (zip_uint64_t)i, 0);
        if (!path) return rd_zip_failed(file->path, zip_get_error(file->archive));
        const char *slash = strrchr(path, '/');
        if (!slash || strcmp(slash + 1, name) != 0) continue;
        file->root = rd_strdup(path);
        if (!file->root) return RD_ERR_MEMORY;
        file->root[slash + 1 - path] = '\0';
        return RD_OK;
    }
    return rd_error(RD_ERR_FORMAT, "%s: a zip archive without data.pkl, not a file of PyTorch",
                    file->path);
}

/* Models that are programs, and numbers whose highest byte comes first. */
static rd_status check_archive(const rd_torch_file *file) {
    int64_t index;
    uint64_t size;
    char order[8] = "";
    RD_TRY(find_entry(file, "constants.pkl", &index, &size));
    if (index >= 0)
        return rd_error(RD_ERR_UNSUPPORTED,
                        "%s: a TorchScript model, a program; expected weights alone (a state_dict)",
                        file->path);
    RD_TRY(find_entry(file, "byteorder", &index, &size));
    if (index < 0) return RD_OK;
    if (size < sizeof order) RD_TRY(read_entry(file, index, order, (size_t)size));
    if (strcmp(order, "little") == 0) return RD_OK;
    return rd_error(RD_ERR_UNSUPPORTED, "%s: its byte order is not little-endian", file->path);
}

static rd_status read_root_pickle(rd_torch_file *file, int64_t index, uint64_t size) {
    size_t used;
    RD_TRY(rd_pickle_charge(&file->pickle, size < SIZE_MAX ? (size_t)size : SIZE_MAX));
    char *bytes = rd_malloc((size_t)size, 1);
    if (!bytes) return RD_ERR_MEMORY;
    rd_status status = read_entry(file, index, bytes, (size_t)size);
    if (status == RD_OK)
        status = rd_pickle_read(&file->pickle, bytes, (size_t)size, &used, &file->value);
    free(bytes);
    file->pickle.most += (size_t)size;
    return status;
}

static rd_status read_zip(rd_torch_file *file) {
    int64_t index;
    uint64_t size;
    RD_TRY(rd_zip_open(&file->archive, file->path));
    RD_TRY(find_root(file));
    RD_TRY(check_archive(file));
    RD_TRY(find_entry(file, "data.pkl", &index, &size));
    if (index < 0) return rd_error(RD_ERR_FORMAT, "%s: no data.pkl", file->path);
    return read_root_pickle(file, index, size);
}

static rd_status check_system(const rd_torch_file *file, const rd_pickle_value *info) {
    const rd_pickle_value *little = rd_pickle_get(info, "little_endian");
    if (!little || little->kind != RD_PICKLE_BOOL)
        return rd_error(RD_ERR_FORMAT, "%s: a pickle, but not as PyTorch writes them", file->path);
    if (little->integer) return RD_OK;
    return rd_error(RD_ERR_UNSUPPORTED, "%s: its byte order is not little-endian", file->path);
}

/* A magic number, a version, a description of the machine, the object, the keys of the storages;
 * and after that the storages. *at: where those begin. */
static rd_status read_pickles(rd_torch_file *file, const rd_pickle_value **keys, size_t *at) {
    static const unsigned char magic[] = {0x6c, 0xfc, 0x9c, 0x46, 0xf9,
                                          0x20, 0x6a, 0xa8, 0x50, 0x19};
    const rd_pickle_value *values[5];
    *at = 0;
    for (int i = 0; i < 5; i++) {
        size_t used;
        RD_TRY(rd_pickle_read(&file->pickle, file->mapping.bytes + *at, file->mapping.size - *at,
                              &used, &values[i]));
        *at += used;
        if (i == 0 && (values[0]->kind != RD_PICKLE_LONG || values[0]->n != sizeof magic ||
                       memcmp(values[0]->text, magic, sizeof magic) != 0))
            return rd_error(RD_ERR_FORMAT, "%s: a pickle, but not as PyTorch writes them",
                            file->path);
        if (i == 2) RD_TRY(check_system(file, values[2]));
    }
    file->value = values[3];
    *keys = values[4];
    if ((*keys)->kind == RD_PICKLE_LIST) return RD_OK;
    return rd_error(RD_ERR_FORMAT, "%s: no list of storages", file->path);
}

/* Each storage: its number of elements, its bytes. Those that nobody refers to have no type, and
 * nothing can come after one. */
static rd_status place_storages(rd_torch_file *file, const rd_pickle_value *keys, size_t at) {
    for (int64_t i = 0; i < keys->n; i++) {
        const rd_pickle_value *key = keys->items[i];
        int32_t id = key->kind == RD_PICKLE_TEXT
                         ? rd_string_find(&file->keys, key->text, (size_t)key->n)
                         : -1;
        uint64_t n = 0;
        if (id < 0 || file->mapping.size - at < sizeof n) break;
        memcpy(&n, file->mapping.bytes + at, sizeof n);
        at += sizeof n;
        rd_torch_storage *storage = &file->storages[id];
        if (n > (file->mapping.size - at) / storage->element) break;
        storage->found = n * storage->element >= storage->n_bytes;
        storage->at = at;
        at += n * storage->element;
    }
    for (int64_t i = 0; i < file->n_storages; i++)
        if (!file->storages[i].found)
            return rd_error(RD_ERR_FORMAT, "%s: storage %.60s is missing; the file is truncated",
                            file->path, file->storages[i].key);
    return RD_OK;
}

/* Files that are often in the place of one of PyTorch's. */
static rd_status not_torch(const rd_torch_file *file) {
    static const char pointer[] = "version https://git-lfs";
    const rd_mapping *mapping = &file->mapping;
    bool lfs =
        mapping->size > sizeof pointer && memcmp(mapping->bytes, pointer, sizeof pointer - 1) == 0;
    bool tar = mapping->size > 262 && memcmp(mapping->bytes + 257, "ustar", 5) == 0;
    return rd_error(tar ? RD_ERR_UNSUPPORTED : RD_ERR_FORMAT, "%s: %s", file->path,
                    lfs   ? "a pointer of Git LFS, not the file itself; get it with git lfs pull"
                    : tar ? "a tar archive, as PyTorch wrote before 0.1.10, which is not read"
                          : "neither a zip archive nor a pickle: not a file of PyTorch");
}

static bool begins_with(const rd_mapping *mapping, const char *text) {
    return mapping->size >= strlen(text) && memcmp(mapping->bytes, text, strlen(text)) == 0;
}

static rd_status read_file(rd_torch_file *file, json_t *header) {
    const rd_pickle_value *keys = NULL;
    size_t at;
    RD_TRY(rd_map_file(&file->mapping, file->path));
    file->most = file->left = file->pickle.most = MOST_TIMES * file->mapping.size + FREE_BYTES;
    if (begins_with(&file->mapping, "PK\3\4")) {
        rd_unmap_file(&file->mapping);
        RD_TRY(read_zip(file));
    } else if (begins_with(&file->mapping, "\x80")) {
        RD_TRY(read_pickles(file, &keys, &at));
    } else {
        return not_torch(file);
    }
    RD_TRY(rd_torch_list_storages(file));
    RD_TRY(rd_torch_list_tensors(file, header));
    return keys ? place_storages(file, keys, at) : RD_OK;
}

rd_status rd_torch_file_open(rd_torch_file **file, const char *path, json_t **header) {
    rd_torch_file *f = rd_calloc(1, sizeof *f);
    *file = NULL;
    *header = NULL;
    if (!f) return RD_ERR_MEMORY;
    f->path = rd_strdup(path);
    f->pickle = (rd_pickle){.path = f->path, .known = rd_torch_knows};
    json_t *names = json_object();
    rd_status status = !f->path ? RD_ERR_MEMORY
                       : names  ? read_file(f, names)
                                : rd_error(RD_ERR_MEMORY, "%s: out of memory", path);
    if (status == RD_OK) {
        *file = f;
        *header = names;
        return RD_OK;
    }
    json_decref(names);
    rd_torch_file_close(f);
    return status;
}

void rd_torch_file_close(rd_torch_file *file) {
    if (!file) return;
    for (int64_t i = 0; i < file->n_storages; i++) free(file->storages[i].bytes);
    if (file->archive) zip_discard(file->archive);
    rd_unmap_file(&file->mapping);
    rd_pickle_free(&file->pickle);
    rd_string_table_free(&file->keys);
    free(file->storages);
    free(file->tensors);
    free(file->root);
    free(file->path);
    free(file);
}

/* A storage's entry of the archive must have the bytes: sizes are believed before they are read. */
static rd_status find_storage(const rd_torch_file *file, rd_torch_storage *storage) {
    char name[128];
    uint64_t size;
    snprintf(name, sizeof name, "data/%.100s", storage->key);
    RD_TRY(find_entry(file, name, &storage->zip_index, &size));
    if (storage->zip_index >= 0 && size >= storage->n_bytes) return RD_OK;
    return rd_error(RD_ERR_FORMAT, "%s: storage %.60s is %s", file->path, storage->key,
                    storage->zip_index < 0 ? "missing" : "smaller than the tensors in it");
}

/* Tensors of two types may see one storage, whose bytes are then no whole number of elements. */
static rd_status size_storage(rd_torch_file *file, rd_torch_storage *storage, size_t n_bytes) {
    if (n_bytes <= storage->n_bytes) return RD_OK;
    if (n_bytes - storage->n_bytes > file->left)
        return rd_error(RD_ERR_FORMAT,
                        "%s: storages of more bytes than the file has; is it truncated?",
                        file->path);
    file->left -= n_bytes - storage->n_bytes;
    storage->n_bytes = n_bytes;
    return RD_OK;
}

rd_status rd_torch_storage_add(rd_torch_file *file, const rd_pickle_value *key, int64_t n,
                               size_t element, int32_t *index) {
    enum { COST = 2 * sizeof(rd_torch_storage) + 128 };
    RD_TRY(rd_string_add(&file->keys, key->text, (size_t)key->n, index));
    if (*index == file->n_storages) {
        RD_TRY(rd_pickle_charge(&file->pickle, COST + 2 * (size_t)key->n));
        RD_TRY(rd_reserve(&file->storages, &file->storages_capacity, file->n_storages + 1,
                          sizeof *file->storages));
        file->storages[file->n_storages++] =
            (rd_torch_storage){.key = key->text, .element = element};
    }
    rd_torch_storage *storage = &file->storages[*index];
    RD_TRY(size_storage(file, storage, (size_t)n * element));
    return file->archive ? find_storage(file, storage) : RD_OK;
}

rd_status rd_torch_storage_get(const rd_torch_tensor *tensor, const char **bytes) {
    rd_torch_file *file = tensor->file;
    rd_torch_storage *storage = &file->storages[tensor->storage];
    if (!file->archive) {
        *bytes = file->mapping.bytes + storage->at;
        return RD_OK;
    }
    if (!storage->bytes) {
        char *read = rd_malloc(storage->n_bytes, 1);
        if (!read) return RD_ERR_MEMORY;
        rd_status status = read_entry(file, storage->zip_index, read, storage->n_bytes);
        if (status != RD_OK) {
            free(read);
            return rd_error_prefix(status, "tensor %.100s", tensor->name);
        }
        storage->bytes = read;
    }
    *bytes = storage->bytes;
    return RD_OK;
}

void rd_torch_storage_release(const rd_torch_tensor *tensor) {
    rd_torch_storage *storage = &tensor->file->storages[tensor->storage];
    if (storage->uses > 1) return; /* so many views of one storage take linear time */
    free(storage->bytes);
    storage->bytes = NULL;
}
