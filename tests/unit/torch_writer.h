/* Files as PyTorch before 1.6 wrote them, made of pickles that a test gives or of a safetensors
 * file.
 */
#ifndef RD_TESTS_TORCH_WRITER_H
#define RD_TESTS_TORCH_WRITER_H

#include <stddef.h>

#include "base/text.h"

/* The bytes of a file whose object is body[0..n), a pickle, with one storage "0" of n_values
 * floats; values: NULL for none. */
rd_text torch_file_of(const char *body, size_t n, const float *values, int64_t n_values);

/* The tensors first, first + step, ... of a safetensors file, in the order of their names, as a
 * dict. */
void torch_write_tensors(const char *path, const char *safetensors, int first, int step);

#endif
