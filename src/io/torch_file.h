/* Files that torch.save wrote: a zip archive of a pickle and the storages that it refers to (since
 * PyTorch 1.6), or pickles one after the other and then the storages (before). Nothing in them is
 * executed (io/pickle.h). Names that a pickle may have are those of tensors, of containers, of
 * argparse's Namespace, and of the other objects in fairseq's checkpoints, those of numpy,
 * omegaconf and fairseq, which are opaque and useful only as settings. All other names are refused.
 *
 * The tensors are those of the outermost dict, or of its entry "model", where fairseq has them.
 * Storages are read when they are asked for. Memory is at most four times the file and 80 MiB. */
#ifndef RD_IO_TORCH_FILE_H
#define RD_IO_TORCH_FILE_H

#include "base/string_table.h"
#include "io/pickle.h"
#include "io/safetensors.h"

/* Where the values of a tensor lie in a storage. For more than RD_TENSOR_RANK dimensions only the
 * rank is kept. */
struct rd_torch_tensor {
    rd_torch_file *file;
    const char *name, *dtype;
    int32_t storage, rank;
    int64_t shape[RD_TENSOR_RANK], strides[RD_TENSOR_RANK]; /* strides and offset: elements */
    int64_t offset, n;
    size_t element; /* bytes */
};

typedef struct {
    const char *key; /* its name */
    size_t n_bytes, element;
    size_t at;         /* of a file without zip: where in it the bytes are */
    bool found;        /* likewise: whether they are there */
    int64_t zip_index; /* of a zip archive: its entry */
    char *bytes;       /* [n_bytes] read and kept, as others need them; or NULL */
    int32_t uses;      /* tensors in it */
} rd_torch_storage;

struct rd_torch_file {
    char *path;
    rd_mapping mapping; /* of a file without zip */
    struct zip *archive;
    char *root; /* of a zip archive: the folder in it, "archive/" */
    rd_pickle pickle;
    const rd_pickle_value *value; /* the object that was saved */
    size_t most, left;            /* bytes that all storages may have, and those not yet seen */
    rd_string_table keys;         /* of storages; the ids are places in `storages` */
    rd_torch_storage *storages;   /* [n_storages] */
    rd_torch_tensor *tensors;     /* [n_tensors] */
    int64_t n_storages, storages_capacity, n_tensors, tensors_capacity;
};

/* *header: an object, from the name of a tensor to its place in `tensors`; released with
 * json_decref. */
rd_status rd_torch_file_open(rd_torch_file **file, const char *path, json_t **header);
void rd_torch_file_close(rd_torch_file *file); /* NULL is fine */

/* *tensor describes tensors[index]; its values are read by rd_stored_tensor_read. */
rd_status rd_torch_file_find(const rd_torch_file *file, int64_t index, rd_stored_tensor *tensor);

/* *bytes: the storage that a tensor is in, until _release. */
rd_status rd_torch_storage_get(const rd_torch_tensor *tensor, const char **bytes);
void rd_torch_storage_release(const rd_torch_tensor *tensor);

/* For the two parts of this reader: all storages that the pickle refers to, all tensors of a dict
 * (torch_tensors.c), and the storage `key` of n elements, whose place *index is. */
rd_status rd_torch_list_storages(rd_torch_file *file);
rd_status rd_torch_list_tensors(rd_torch_file *file, json_t *header);
rd_status rd_torch_storage_add(rd_torch_file *file, const rd_pickle_value *key, int64_t n,
                               size_t element, int32_t *index);
/* Whether a pickle may have this name. */
bool rd_torch_knows(const char *name);

#endif
