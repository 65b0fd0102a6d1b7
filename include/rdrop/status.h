/* Status codes and their error message; the version.
 *
 * Every function that can fail returns rd_status (or NULL for constructors). On failure it leaves
 * one line for the user in a thread-local buffer: what was found, what was expected, what to do.
 * The library never prints and never exits. */
#ifndef RDROP_STATUS_H
#define RDROP_STATUS_H

#ifdef __GNUC__
#define RD_API __attribute__((visibility("default"))) /* librdrop.so exports it */
#else
#define RD_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    RD_OK = 0,
    RD_ERR_ARGUMENT,    /* the caller passed something out of range */
    RD_ERR_IO,          /* the operating system refused (open, read, write, rename, ...) */
    RD_ERR_FORMAT,      /* a file has the wrong content */
    RD_ERR_MEMORY,      /* an allocation failed */
    RD_ERR_UNSUPPORTED, /* valid, but not something this build can do */
    RD_ERR_NUMERIC,     /* NaN or infinity where a number is needed */
    RD_ERR_INTERRUPTED  /* stopped on request (SIGINT, SIGTERM) */
} rd_status;

/* The message of the last failure on this thread; "" if there was none. Valid until the next
 * failing call on the same thread. */
RD_API const char *rd_last_error(void);

/* The version of the library that runs: "MAJOR.MINOR.PATCH". */
RD_API const char *rd_version(void);

#ifdef __cplusplus
}
#endif
#endif
