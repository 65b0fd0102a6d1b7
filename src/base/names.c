#include "base/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

rd_status rd_names_add(rd_names *list, const char *name, size_t n) {
    RD_TRY(rd_reserve(&list->names, &list->capacity, list->n + 1, sizeof *list->names));
    char *copy = rd_malloc(n + 1, 1);
    if (!copy) return RD_ERR_MEMORY;
    memcpy(copy, name, n);
    copy[n] = '\0';
    list->names[list->n++] = copy;
    return RD_OK;
}

static int by_bytes(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void rd_names_sort(rd_names *list) {
    if (list->n > 1) qsort(list->names, (size_t)list->n, sizeof *list->names, by_bytes);
}

void rd_names_free(rd_names *list) {
    for (int64_t i = 0; i < list->n; i++) free(list->names[i]);
    free(list->names);
    *list = (rd_names){0};
}
