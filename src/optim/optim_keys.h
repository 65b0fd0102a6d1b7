/* The keys of the optimizer. */
#ifndef RD_OPTIM_OPTIM_KEYS_H
#define RD_OPTIM_OPTIM_KEYS_H

#include "base/key.h"

extern const rd_key rd_optim_keys[]; /* of a rd_optim_config */

#endif
