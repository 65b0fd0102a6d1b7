#include "rdrop/status.h"

const char *rd_version(void) {
    return RD_VERSION;
}
