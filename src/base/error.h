/* How library code reports failures; the public half is rdrop/status.h. */
#ifndef RD_BASE_ERROR_H
#define RD_BASE_ERROR_H

#include "rdrop/status.h"

/* Stores the formatted message for rd_last_error() and returns `code`, so that a failure is one
 * statement: return rd_error(RD_ERR_IO, "%s: cannot open: %s", path, strerror(errno)); */
__attribute__((format(printf, 2, 3))) rd_status rd_error(rd_status code, const char *format, ...);

/* Puts "context: " before the current message: the caller often knows the file or the line. */
__attribute__((format(printf, 2, 3))) rd_status rd_error_prefix(rd_status code, const char *format,
                                                                ...);

#ifdef __clang_analyzer__ /* cannot see that what comes back is what went in */
#define rd_error(code, ...)        ((rd_error)(code, __VA_ARGS__), (code))
#define rd_error_prefix(code, ...) ((rd_error_prefix)(code, __VA_ARGS__), (code))
#endif

/* Returns from the enclosing function when `call` fails. Only where nothing needs releasing. */
#define RD_TRY(call)                                                                               \
    do {                                                                                           \
        rd_status rd_try_status = (call);                                                          \
        if (rd_try_status != RD_OK) return rd_try_status;                                          \
    } while (0)

#endif
