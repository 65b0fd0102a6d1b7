/* Growing lists of names. */
#ifndef RD_BASE_NAMES_H
#define RD_BASE_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct {
    char **names; /* [n] each malloc'ed */
    int64_t n, capacity;
} rd_names; /* {0} is empty */

rd_status rd_names_add(rd_names *list, const char *name, size_t n); /* a copy */
void rd_names_sort(rd_names *list);                                 /* by their bytes */
void rd_names_free(rd_names *list);

#endif
