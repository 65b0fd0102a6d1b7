#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

const char *fuzz_file(int slot, const void *bytes, size_t n) {
    static int descriptors[FUZZ_SLOTS];
    static char paths[FUZZ_SLOTS][64];
    if (!descriptors[slot]) {
        descriptors[slot] = memfd_create("fuzz", 0);
        snprintf(paths[slot], sizeof paths[slot], "/proc/self/fd/%d", descriptors[slot]);
    }
    FUZZ_CHECK(descriptors[slot] > 0);
    FUZZ_CHECK(ftruncate(descriptors[slot], 0) == 0);
    FUZZ_CHECK(pwrite(descriptors[slot], bytes, n, 0) == (ssize_t)n);
    return paths[slot];
}

void fuzz_failed(const char *file, int line, const char *condition) {
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, condition);
    abort();
}

fuzz_part fuzz_cut(const uint8_t *data, size_t size, int index) {
    const uint8_t *end = data + size;
    for (; index > 0; index--) {
        const uint8_t *cut = size ? memchr(data, '\f', (size_t)(end - data)) : NULL;
        if (!cut) return (fuzz_part){"", 0};
        data = cut + 1;
    }
    const uint8_t *cut = data < end ? memchr(data, '\f', (size_t)(end - data)) : NULL;
    return (fuzz_part){(const char *)data, (size_t)((cut ? cut : end) - data)};
}
