/* How library code reports failures; the public half is rdrop/status.h. */
#ifndef RD_BASE_ERROR_H
#define RD_BASE_ERROR_H

#include <signal.h>
#include <stdint.h>

#include "rdrop/status.h"

/* Stores the formatted message for rd_last_error() and returns `code`, so that a failure is one
 * statement: return rd_error(RD_ERR_IO, "%s: cannot open: %s", path, strerror(errno)); */
__attribute__((format(printf, 2, 3))) rd_status rd_error(rd_status code, const char *format, ...);

/* Puts "context: " before the current message: the caller often knows the file or the line. */
__attribute__((format(printf, 2, 3))) rd_status rd_error_prefix(rd_status code, const char *format,
                                                                ...);
/* Puts "; advice" after it. */
__attribute__((format(printf, 2, 3))) rd_status rd_error_suffix(rd_status code, const char *format,
                                                                ...);

/* RD_ERR_INTERRUPTED once *stop, which a signal's handler sets, is not 0; NULL: never. */
rd_status rd_check_stop(const volatile sig_atomic_t *stop);

/* The failure of the earliest job of a parallel loop. Messages are each thread's own; this one goes
 * to the thread that waits for the others. Start from {0}. */
typedef struct {
    rd_status status;
    int64_t job;
    char message[1024];
} rd_failure;

/* Keeps the calling thread's error of `job`, unless status is RD_OK or an earlier job failed. */
void rd_failure_keep(rd_failure *failure, int64_t job, rd_status status);
/* Makes the kept error the calling thread's; RD_OK: nothing failed. */
rd_status rd_failure_report(const rd_failure *failure);

#ifdef __clang_analyzer__ /* cannot see that what comes back is what went in */
#define rd_error(code, ...)        ((rd_error)(code, __VA_ARGS__), (code))
#define rd_error_prefix(code, ...) ((rd_error_prefix)(code, __VA_ARGS__), (code))
#define rd_error_suffix(code, ...) ((rd_error_suffix)(code, __VA_ARGS__), (code))
#endif

/* Returns from the enclosing function when `call` fails. Only where nothing needs releasing. */
#define RD_TRY(call)                                                                               \
    do {                                                                                           \
        rd_status rd_try_status = (call);                                                          \
        if (rd_try_status != RD_OK) return rd_try_status;                                          \
    } while (0)

#endif
