#include "io/magic.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

static const char DIGITS[] = "0123456789";

/* `found`: [8] */
static bool is_another_version(const rd_magic *magic, const char *found) {
    size_t letters = strcspn(magic->bytes, DIGITS), n = strlen(magic->bytes);
    for (size_t i = letters; i < n; i++)
        if (!isdigit((unsigned char)found[i])) return false;
    return memcmp(found, magic->bytes, letters) == 0 && memcmp(found, magic->bytes, n) != 0;
}

rd_status rd_magic_check(const rd_magic *magic, const char *bytes, size_t size, size_t header,
                         const char *path) {
    size_t letters = strcspn(magic->bytes, DIGITS), n = strlen(magic->bytes);
    if (size >= n && is_another_version(magic, bytes))
        return rd_error(RD_ERR_UNSUPPORTED,
                        "%s: %s of another version of this program (%.*s, expected %s); %s", path,
                        magic->what, (int)(n - letters), bytes + letters, magic->bytes + letters,
                        magic->renew);
    if (size < header || memcmp(bytes, magic->bytes, n) != 0)
        return rd_error(RD_ERR_FORMAT, "%s: not %s%s", path, magic->what, magic->remade);
    return RD_OK;
}
