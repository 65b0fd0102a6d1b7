/* TFRecord framing, as TensorFlow writes it: length, its checksum, bytes, their checksum. */
#ifndef RD_IO_TFRECORD_H
#define RD_IO_TFRECORD_H

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/* CRC-32C (Castagnoli), which is not zlib's. */
uint32_t rd_crc32c(const void *bytes, size_t n);

/* Appends one record of the n bytes. */
rd_status rd_tfrecord_append(rd_text *out, const void *bytes, size_t n);

#endif
