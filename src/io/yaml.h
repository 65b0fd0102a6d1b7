/* Checks YAML before it is parsed. */
#ifndef RD_IO_YAML_H
#define RD_IO_YAML_H

#include <stddef.h>

#include "base/error.h"

/* Refuses what parsing bytes[0..n) would cost too much for: collections more than 64 deep (libyaml
 * takes the square of the depth), more than 1,000 anchors, tags' directives, and more nodes than
 * three times the bytes and 40 MiB of memory hold. Linear in n; `path` for messages. What is no
 * YAML passes: the parser says so. */
rd_status rd_yaml_check(const char *path, const char *bytes, size_t n);

#endif
