/* The tensors of a Hugging Face directory: model.safetensors, or the shards that
 * model.safetensors.index.json lists. */
#ifndef RD_IO_TENSOR_SET_H
#define RD_IO_TENSOR_SET_H

#include "io/tensor_file.h"

typedef struct {
    char **names; /* [n] of the files, without their directory */
    rd_tensor_file *files;
    int64_t n, capacity;
    json_t *index; /* tensor -> name of its file; NULL: all are in the first */
} rd_tensor_set;

rd_status rd_tensor_set_open(rd_tensor_set *set, const char *directory);
void rd_tensor_set_close(rd_tensor_set *set); /* {0} is fine */

/* The file that holds the tensor, NULL if none does. */
const rd_tensor_file *rd_tensor_set_find(const rd_tensor_set *set, const char *tensor);

#endif
