/* The input of an encoder that reads pictures. */
#ifndef RD_MODEL_PICTURES_H
#define RD_MODEL_PICTURES_H

#include "layers/patches.h"
#include "model/parameters.h"

/* Whether config->picture makes sense; RD_OK for a model of tokens. */
rd_status rd_pictures_check(const rd_model_config *config);

/* Registers the tensors that config->picture calls for. */
rd_status rd_pictures_register(rd_parameters *parameters, rd_patches *patches,
                               const rd_model_config *config, int32_t site);

#endif
