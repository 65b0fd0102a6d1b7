/* Time that only goes forward. */
#ifndef RD_BASE_CLOCK_H
#define RD_BASE_CLOCK_H

/* Seconds since some fixed moment. */
double rd_seconds(void);

#endif
