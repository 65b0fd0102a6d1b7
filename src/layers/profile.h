/* Time per part of an update: end(part) charges it the time since the last reading of the clock;
 * start discards that time. A few dozen readings an update. */
#ifndef RD_LAYERS_PROFILE_H
#define RD_LAYERS_PROFILE_H

typedef enum {
    RD_PART_DATA, /* waiting for the next batch */
    RD_PART_EMBEDDING,
    RD_PART_ATTENTION, /* this and the next with their residual connections and norms */
    RD_PART_FEED_FORWARD,
    RD_PART_CRITERION, /* with the output projection */
    RD_PART_OPTIMIZER, /* with the gradient's norm */
    RD_PART_WORKERS,   /* waiting for the others, adding, and messages between them */
    RD_PART_REST,
    RD_PARTS
} rd_part;

typedef struct {
    double seconds[RD_PARTS];
    double last; /* reading of the clock */
} rd_profile;

/* Both do nothing without a profile. */
void rd_profile_start(rd_profile *profile);
void rd_profile_end(rd_profile *profile, rd_part part);

#endif
