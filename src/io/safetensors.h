/* Files of tensors. Safetensors files (Hugging Face): 8 bytes of header length, a JSON
 * header that names each tensor with its type, shape and place, then the data. The file is mapped
 * and read lazily; every header field is checked before use. And those of PyTorch, by
 * io/torch_file.h. */
#ifndef RD_IO_SAFETENSORS_H
#define RD_IO_SAFETENSORS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/file.h"

enum { RD_TENSOR_RANK = 4 };

typedef struct rd_torch_file rd_torch_file;
typedef struct rd_torch_tensor rd_torch_tensor;

typedef struct {
    char *path;
    rd_mapping mapping;
    json_t *header; /* an object; "__metadata__" is not a tensor */
    const char *data;
    size_t data_size;
    rd_torch_file *torch; /* a file of PyTorch, whose names the header has; else NULL */
} rd_tensor_file;

/* One tensor of an open file, checked: its bytes lie in the file and fill its shape. */
typedef struct {
    const char *path, *name, *dtype;
    int64_t shape[RD_TENSOR_RANK];
    int32_t rank;
    int64_t n; /* elements */
    const char *bytes;
    size_t n_bytes;
    const rd_torch_tensor *torch; /* of a file of PyTorch, whose `bytes` is NULL */
} rd_stored_tensor;

rd_status rd_tensor_file_open(rd_tensor_file *file, const char *path);
/* A file of PyTorch. */
rd_status rd_tensor_file_open_torch(rd_tensor_file *file, const char *path);
void rd_tensor_file_close(rd_tensor_file *file); /* {0} is fine */

/* The model that weights belong to. The file of the weights names it too, because weights of the
 * same shape would load into another model and translate nonsense. */
typedef struct {
    const char *task, *vocabulary; /* rd_vocabularies_fingerprint; "": unknown */
} rd_weights_owner;

/* The header of a file that is to be written: rd_tensor_header_new gives it without tensors (NULL
 * without memory, which the others take; no owner: NULL), rd_tensor_header_add puts one, of [rows,
 * columns], or [rows] with columns 0, at offset *at of the data and moves *at past it; false: no
 * memory. The checksum is over all values as float32, in the order of the model; one flipped bit
 * anywhere in header or data changes it. */
#define RD_CHECKSUM "rdrop_crc32" /* its name in the metadata */
json_t *rd_tensor_header_new(uint32_t checksum, const rd_weights_owner *owner);
bool rd_tensor_header_add(json_t *header, const char *name, const char *dtype, int64_t rows,
                          int64_t columns, int64_t *at);
/* Writes a file in a directory of the program's: the header, which it takes (NULL: RD_ERR_MEMORY),
 * padded so that the data are aligned, and the data. Errors of `write` show when all is written. */
rd_status rd_tensor_file_save(const char *path, json_t *header,
                              void (*write)(const void *self, FILE *out), const void *self);

bool rd_tensor_file_has(const rd_tensor_file *file, const char *name);
rd_status rd_tensor_file_find(const rd_tensor_file *file, const char *name,
                              rd_stored_tensor *tensor);

/* RD_ERR_FORMAT if the file says that its weights belong to another model. Files of other programs,
 * or of older versions, do not say it. */
rd_status rd_weights_check_owner(const char *path, const rd_weights_owner *owner);

/* *n *= size, one more dimension; false: it is negative, or too many elements to be counted. */
bool rd_shape_grow(int64_t *n, int64_t size);

/* Whether its shape is [rows, columns], or [rows] with columns 0; leading ones do not count. */
bool rd_stored_tensor_fits(const rd_stored_tensor *tensor, int64_t rows, int64_t columns);

/* values: [n] = the tensor as float32. F64, F32, F16 and BF16 can be read; NaN and infinity are
 * refused. */
rd_status rd_stored_tensor_read(const rd_stored_tensor *tensor, float *values);

/* The tensors of a Hugging Face directory (tensor_set.c): model.safetensors, or the shards that
 * model.safetensors.index.json lists, or else pytorch_model.bin, or the shards that
 * pytorch_model.bin.index.json lists. */
typedef struct {
    char **names; /* [n] of the files, without their directory */
    rd_tensor_file *files;
    int64_t n, capacity;
    json_t *index; /* tensor -> name of its file; NULL: all are in the first */
    bool torch;    /* files of PyTorch */
} rd_tensor_set;

rd_status rd_tensor_set_open(rd_tensor_set *set, const char *directory);
void rd_tensor_set_close(rd_tensor_set *set); /* {0} is fine */

/* The file that holds the tensor, NULL if none does. */
const rd_tensor_file *rd_tensor_set_find(const rd_tensor_set *set, const char *tensor);

#endif
