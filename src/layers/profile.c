#include "layers/profile.h"

#include <stddef.h>

#include "base/clock.h"

void rd_profile_start(rd_profile *profile) {
    if (profile) profile->last = rd_seconds();
}

void rd_profile_end(rd_profile *profile, rd_part part) {
    if (!profile) return;
    double now = rd_seconds();
    profile->seconds[part] += now - profile->last;
    profile->last = now;
}
