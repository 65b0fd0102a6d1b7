#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#undef rd_error /* the functions themselves */
#undef rd_error_prefix

static _Thread_local char last_error[1024];

const char *rd_last_error(void) {
    return last_error;
}

rd_status rd_error(rd_status code, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(last_error, sizeof last_error, format, args);
    va_end(args);
    return code;
}

rd_status rd_error_prefix(rd_status code, const char *format, ...) {
    char message[sizeof last_error];
    memcpy(message, last_error, sizeof message);
    va_list args;
    va_start(args, format);
    int n = vsnprintf(last_error, sizeof last_error, format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof last_error)
        snprintf(last_error + n, sizeof last_error - (size_t)n, ": %s", message);
    return code;
}
