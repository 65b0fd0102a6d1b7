#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/c_locale.h"
#include "base/text.h"

#undef rd_error /* the functions themselves */
#undef rd_error_prefix
#undef rd_error_suffix

static _Thread_local char last_error[sizeof((rd_failure *)0)->message];

const char *rd_last_error(void) {
    return last_error;
}

/* Messages quote files and their names; escaped, a message is one line. */
rd_status rd_error(rd_status code, const char *format, ...) {
    char message[sizeof last_error];
    va_list args;
    va_start(args, format);
    rd_vsnprintf(message, sizeof message, format, args);
    va_end(args);
    rd_escape(last_error, sizeof last_error, message);
    return code;
}

rd_status rd_error_prefix(rd_status code, const char *format, ...) {
    char context[sizeof last_error], message[sizeof last_error];
    memcpy(message, last_error, sizeof message);
    va_list args;
    va_start(args, format);
    rd_vsnprintf(context, sizeof context, format, args);
    va_end(args);
    rd_escape(last_error, sizeof last_error, context);
    size_t n = strlen(last_error);
    snprintf(last_error + n, sizeof last_error - n, ": %s", message);
    return code;
}

rd_status rd_error_suffix(rd_status code, const char *format, ...) {
    char advice[sizeof last_error];
    size_t n = strlen(last_error);
    va_list args;
    va_start(args, format);
    rd_vsnprintf(advice, sizeof advice, format, args);
    va_end(args);
    snprintf(last_error + n, sizeof last_error - n, "; ");
    n = strlen(last_error);
    rd_escape(last_error + n, sizeof last_error - n, advice);
    return code;
}

rd_status rd_check_stop(const volatile sig_atomic_t *stop) {
    return stop && *stop ? rd_error(RD_ERR_INTERRUPTED, "stopped by a signal") : RD_OK;
}

void rd_failure_keep(rd_failure *failure, int64_t job, rd_status status) {
    if (status == RD_OK) return;
#pragma omp critical(rd_failure)
    if (failure->status == RD_OK || job < failure->job) {
        failure->status = status;
        failure->job = job;
        memcpy(failure->message, last_error, sizeof last_error);
    }
}

rd_status rd_failure_report(const rd_failure *failure) {
    if (failure->status != RD_OK) memcpy(last_error, failure->message, sizeof last_error);
    return failure->status;
}
