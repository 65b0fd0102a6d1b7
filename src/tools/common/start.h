/* The process around a program: every main() calls this first. */
#ifndef RD_TOOLS_START_H
#define RD_TOOLS_START_H

#include <stdint.h>

/* Closed standard descriptors are replaced by /dev/null, so that no file gets their numbers and the
 * printed text; reading the first and writing the others fails, as if they were closed. A limit of
 * file sizes (ulimit -f) is an error like a full disk, not a signal. A file in use that is cut
 * short ends the program with a line that names it. Signals of the first thread have a stack of
 * their own, which handlers must ask for (SA_ONSTACK). */
void start_program(void);

/* The same for a program that runs models: freed memory is kept for later use, and denormal numbers
 * are zeros. */
void start_model_program(void);

/* Call before long work that writes as it goes: if the output's reader leaves, writes fail; signals
 * request an end (tools/common/stop.h); and errno is 0. threads: 0 for all cores. */
void start_work(int32_t threads);

#endif
