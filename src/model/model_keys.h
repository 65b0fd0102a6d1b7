/* The keys of a model's shape. */
#ifndef RD_MODEL_MODEL_KEYS_H
#define RD_MODEL_MODEL_KEYS_H

#include "base/key.h"

enum { RD_WIDEST = 16384 }; /* of a model, and of its feed-forward layers */

extern const rd_key rd_model_keys[]; /* of a rd_model_config */

/* By rd_activation; a NULL ends them. */
extern const char *const rd_activation_names[];

#endif
