#include "tools/common/precision.h"

#include <stddef.h>

const char *const precision_names[] = {"auto", "fp32", "bf16", "int8", NULL};
