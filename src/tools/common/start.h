/* The process around a program: called before all else by every main(). */
#ifndef RD_TOOLS_START_H
#define RD_TOOLS_START_H

#include <stdint.h>

/* Standard descriptors that are closed are taken by /dev/null, so that no file gets their numbers
 * and what is printed; reading the first and writing the others fails, as if they were closed. A
 * limit of file sizes (ulimit -f) is an error like a full disk, not a signal. A file in use that is
 * cut short ends the program with a line that names it. Signals of the first thread have a stack of
 * their own, which handlers must ask for (SA_ONSTACK). */
void start_program(void);

/* The same for a program that runs models: memory that was freed is kept for what comes next, and
 * denormal numbers are zeros. */
void start_model_program(void);

/* Before work that takes long and writes as it goes: a reader of the output that leaves is a failed
 * write, signals ask for an end (tools/common/stop.h), and errno is 0. threads: 0 for all cores. */
void start_work(int32_t threads);

#endif
